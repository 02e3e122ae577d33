// The page: reads a line, shows what is published of it, and again whenever there is something new.

import { lineApi, readLines, Refused } from "./api.js";
import { byId, element, say, sayOrHide } from "./dom.js";
import { listen } from "./events.js";
import { mapPanel } from "./map_panel.js";
import { readMoment } from "./moment.js";
import { replaySlider } from "./replay.js";
import { showScores } from "./scores.js";
import { showStation } from "./station.js";
import { ageClock, showConnection, showLevel } from "./status.js";
import { drawStrings } from "./strings.js";
import { switchTheme } from "./theme.js";
import { instant, zoneWriter } from "./times.js";
import { showWarnings } from "./warnings.js";
import { whatIf } from "./what_if.js";

const AGAIN = 2000;

/** Show one line until the page is left. */
async function showLine(lineId) {
  const api = lineApi(lineId);
  const line = await api.line();
  const zone = zoneWriter(line.time_zone);
  const shown = { at: null, station: null, moment: null, told: null };
  const age = ageClock();
  const maps = mapPanel(line, zone, (station) => chooseStation(station));
  const question = line.what_if ? whatIf(api, line, zone) : null;
  const slider = replaySlider(api, zone, (at) => {
    shown.at = at;
    question?.show(at === null);
    attempt(refreshMoment);
  });
  let asking, lostAt;

  const nowWords = () => `${shown.at === null ? "now" : "then"} ${zone.clock(instant(shown.moment.state.time))}`;

  async function refreshMoment() {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const moment = await readMoment(api, shown.at, signal);
    const told = shown.station === null ? null : await api.station(shown.station, shown.at, signal);
    if (signal.aborted) return;
    Object.assign(shown, { moment, told });
    await redraw();
  }

  async function redraw() {
    const { moment, told } = shown;
    showLevel(moment.state.status);
    age.set(moment.state.status, moment.issuedAt, moment.servedAt);
    showClock();
    showWarnings(line, moment.warnings, zone, chooseStation);
    await maps.show(moment, nowWords());
    await drawStrings(line, moment.state, zone, nowWords());
    if (told) await showStation(line, told, zone, nowWords());
  }

  function showClock() {
    const time = instant(shown.moment.state.time);
    say(byId("clock"), zone.clock(time));
    sayOrHide(byId("replaying"), shown.at && `Replay, not live: ${zone.day(time)}, ${zone.clock(time)}`);
    document.title = `${zone.clock(time)} ${line.name}`;
  }

  async function chooseStation(station) {
    shown.station = station;
    byId("station-choice").value = station;
    await attempt(async () => {
      shown.told = await api.station(station, shown.at);
      await showStation(line, shown.told, zone, nowWords());
      byId("station-heading").focus();
      byId("station").scrollIntoView({ block: "nearest" });
    });
  }

  async function refreshLive() {
    await slider.refresh();
    showScores(await api.scores(), zone);
    if (shown.at !== null) return;
    await refreshMoment();
    await question?.refresh(shown.moment.state.usual);
  }

  /** Do something that needs the service; when that cannot be reached, say so, and leave it to the next event. */
  async function attempt(does) {
    try {
      await does();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error instanceof Refused) sayOrHide(byId("connection"), `The service refused: ${error.message}`);
      else if (error instanceof TypeError && !(await reachable())) lose();
      else throw error;
    }
  }

  const lose = () => showConnection((lostAt ??= Date.now()), zone);

  prepare(line, chooseStation, () => {
    shown.station = shown.told = null;
  });
  question?.show(true);
  switchTheme(byId("theme"), () => shown.moment && redraw().then(() => question?.redrawAnswer()));
  listen(
    api.eventsAddress,
    () => attempt(refreshLive),
    (connected) => {
      if (!connected) return lose();
      lostAt = null;
      return showConnection(null, zone);
    },
  );
}

const reachable = () => fetch("/healthz").then(() => true, () => false);

/** Write what does not change while a line is shown. */
function prepare(line, chooseStation, onClose) {
  say(byId("line-name"), line.name);
  const { training_dates: dates, methods, code_version: version } = line.bundle;
  say(byId("bundle"), `Bundle ${version}, trained on ${dates.days} days (${dates.first} to ${dates.last}); methods: ${methods.join(", ")}`);
  const choice = byId("station-choice");
  choice.replaceChildren(
    element("option", { value: "", text: "choose …" }),
    ...line.stations.map(({ station, name }) => element("option", { value: station, text: name })),
  );
  choice.onchange = () => choice.value !== "" && chooseStation(Number(choice.value));
  byId("station-close").onclick = () => {
    byId("station").hidden = true;
    choice.value = "";
    onClose();
    choice.focus();
  };
}

/** Offer the lines of the service where there are several; ?line= names the one shown. */
function offerLines(lines, lineId) {
  byId("line-choice-label").hidden = lines.length < 2;
  const options = lines.map(({ line_id: id, name }) => element("option", { value: id, text: name, selected: id === lineId }));
  byId("line-choice").replaceChildren(...options);
  byId("line-choice").onchange = ({ target }) => {
    location.search = new URLSearchParams({ line: target.value });
  };
}

async function start() {
  try {
    const lines = await readLines();
    const asked = new URLSearchParams(location.search).get("line");
    const lineId = lines.find((line) => line.line_id === asked)?.line_id ?? lines[0].line_id;
    offerLines(lines, lineId);
    await showLine(lineId);
  } catch (error) {
    sayOrHide(byId("connection"), `The service does not answer yet (${error.message}); trying again.`);
    setTimeout(start, AGAIN);
  }
}

start();
