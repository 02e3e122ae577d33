// One line on the page: its latest forecast or a replayed moment, updated with each published forecast.

import { showAlerts } from "./alerts.js";
import { ApiError } from "./api.js";
import { DataStatus } from "./data_status.js";
import { byId, element, setText, showText } from "./dom.js";
import { listen } from "./events.js";
import { mapPanel } from "./map_panel.js";
import { readMoment } from "./moment.js";
import { replaySlider } from "./replay.js";
import { showScores } from "./scores.js";
import { showStation } from "./station.js";
import { drawTimeSpace } from "./time_space.js";
import { instant, zoneFormats } from "./times.js";
import { WhatIf } from "./what_if.js";

/** Shows a line (the response of /lines/{line_id}) until the page is left. */
export class LinePage {
  #request = new AbortController();
  #at = null;
  #station = null;
  #moment = null;
  #stationState = null;

  constructor(api, line) {
    this.api = api;
    this.line = line;
    this.zone = zoneFormats(line.time_zone);
    this.status = new DataStatus(this.zone);
    this.maps = mapPanel(line, this.zone, (station) => this.#chooseStation(station));
    this.whatIf = line.what_if ? new WhatIf(api, line, this.zone) : null;
    this.slider = replaySlider(api, this.zone, (at) => this.#chooseMoment(at), (task) => this.#attempt(task));
    this.#showLine();
  }

  /** Follow the published forecasts. */
  follow() {
    this.whatIf?.show(true);
    listen(
      this.api.eventsAddress,
      () => this.#attempt(() => this.#refreshLive()),
      (connected) => this.status.setConnected(connected),
    );
  }

  /** Draw everything again, such as in another theme. */
  async redraw() {
    if (!this.#moment) return;
    const { state, alerts } = this.#moment;
    this.#showClock();
    showAlerts(this.line, alerts, this.zone, (station) => this.#chooseStation(station));
    await this.maps.show(this.#moment, this.#nowText());
    await drawTimeSpace(this.line, state, this.zone, this.#nowText());
    if (this.#stationState) await showStation(this.line, this.#stationState, this.zone, this.#nowText());
    await this.whatIf?.redrawResult();
  }

  #nowText() {
    return `${this.#moment.at === null ? "now" : "then"} ${this.zone.clock(instant(this.#moment.state.time))}`;
  }

  #showClock() {
    const time = instant(this.#moment.state.time);
    const clock = this.zone.clock(time);
    setText(byId("clock"), clock);
    showText(byId("replaying"), this.#moment.at && `Replay, not live: ${this.zone.day(time)}, ${clock}`);
    document.title = `${clock} ${this.line.name}`;
  }

  async #refreshLive() {
    if (this.#at === null) {
      await this.#refreshMoment();
      await this.whatIf?.refresh(this.#moment.state.typical);
    }
    showScores(await this.api.scores(), this.zone);
    await this.slider.refresh(); // last, for only this one needs the store
  }

  async #refreshMoment() {
    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    const station = this.#station;
    const moment = await readMoment(this.api, this.#at, signal);
    const stationState = station === null ? null : await this.api.station(station, this.#at, signal);
    signal.throwIfAborted();
    this.#moment = moment;
    if (this.#station === station) this.#stationState = stationState; // else another was chosen meanwhile
    this.status.setMoment(moment);
    await this.redraw();
  }

  #chooseMoment(at) {
    this.#at = at;
    this.whatIf?.show(at === null);
    return this.#attempt(() => (at === null ? this.#refreshLive() : this.#refreshMoment()));
  }

  #chooseStation(station) {
    this.#station = station;
    byId("station-choice").value = station;
    return this.#attempt(async () => {
      const at = this.#at;
      const focused = document.activeElement;
      const stationState = await this.api.station(station, at);
      if (this.#station !== station || this.#at !== at) return; // something else was chosen meanwhile
      this.#stationState = stationState;
      await showStation(this.line, stationState, this.zone, this.#nowText());
      if (![focused, document.body].includes(document.activeElement)) return; // the reader has moved on
      byId("station-heading").focus();
      byId("station").scrollIntoView({ block: "nearest" });
    });
  }

  #closeStation() {
    this.#station = this.#stationState = null;
    byId("station").hidden = true;
    byId("station-choice").value = "";
    byId("station-choice").focus();
  }

  /** Run a task that needs the service; show an error response or a lost connection, and go on with the next event. */
  async #attempt(task) {
    try {
      await task();
      this.status.setError(null);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error instanceof ApiError) this.status.setError(error.message);
      else if (error instanceof TypeError && !(await reachable())) this.status.setConnected(false);
      else throw error;
    }
  }

  #showLine() {
    setText(byId("line-name"), this.line.name);
    const { training_dates: dates, methods, code_version: version } = this.line.bundle;
    setText(byId("bundle"), `Bundle ${version}, trained on ${dates.days} days (${dates.first} to ${dates.last}); methods: ${methods.join(", ")}`);
    const choice = byId("station-choice");
    choice.replaceChildren(
      element("option", { value: "", text: "choose …" }),
      ...this.line.stations.map(({ station, name }) => element("option", { value: station, text: name })),
    );
    choice.onchange = () => choice.value !== "" && this.#chooseStation(Number(choice.value));
    byId("station-close").onclick = () => this.#closeStation();
  }
}

const reachable = () => fetch("/healthz").then(() => true, () => false);
