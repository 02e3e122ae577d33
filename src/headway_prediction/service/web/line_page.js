// One line on the page: what is published of it now or at a replayed moment, and again whenever there is something new.

import { Refused } from "./api.js";
import { byId, element, say, sayOrHide } from "./dom.js";
import { listen } from "./events.js";
import { mapPanel } from "./map_panel.js";
import { readMoment } from "./moment.js";
import { replaySlider } from "./replay.js";
import { showScores } from "./scores.js";
import { showStation } from "./station.js";
import { drawStrings } from "./strings.js";
import { instant, zoneWriter } from "./times.js";
import { Trust } from "./trust.js";
import { showWarnings } from "./warnings.js";
import { WhatIf } from "./what_if.js";

/** Shows a line (the answer of /lines/{line_id}) until the page is left. */
export class LinePage {
  #asking = new AbortController();
  #at = null;
  #station = null;
  #moment = null;
  #told = null;

  constructor(api, line) {
    this.api = api;
    this.line = line;
    this.zone = zoneWriter(line.time_zone);
    this.trust = new Trust(this.zone);
    this.maps = mapPanel(line, this.zone, (station) => this.#chooseStation(station));
    this.question = line.what_if ? new WhatIf(api, line, this.zone) : null;
    this.slider = replaySlider(api, this.zone, (at) => this.#chooseMoment(at), (does) => this.#attempt(does));
    this.#writeOnce();
  }

  /** Follow what is published. */
  follow() {
    this.question?.show(true);
    listen(
      this.api.eventsAddress,
      () => this.#attempt(() => this.#refreshLive()),
      (connected) => this.trust.connectionIs(connected),
    );
  }

  /** Draw everything again, such as in other colours. */
  async redraw() {
    if (!this.#moment) return;
    const { state, warnings } = this.#moment;
    this.#showClock();
    showWarnings(this.line, warnings, this.zone, (station) => this.#chooseStation(station));
    await this.maps.show(this.#moment, this.#nowWords());
    await drawStrings(this.line, state, this.zone, this.#nowWords());
    if (this.#told) await showStation(this.line, this.#told, this.zone, this.#nowWords());
    await this.question?.redrawAnswer();
  }

  #nowWords() {
    return `${this.#moment.at === null ? "now" : "then"} ${this.zone.clock(instant(this.#moment.state.time))}`;
  }

  #showClock() {
    const time = instant(this.#moment.state.time);
    const clock = this.zone.clock(time);
    say(byId("clock"), clock);
    sayOrHide(byId("replaying"), this.#moment.at && `Replay, not live: ${this.zone.day(time)}, ${clock}`);
    document.title = `${clock} ${this.line.name}`;
  }

  async #refreshLive() {
    if (this.#at === null) {
      await this.#refreshMoment();
      await this.question?.refresh(this.#moment.state.usual);
    }
    showScores(await this.api.scores(), this.zone);
    await this.slider.refresh(); // last, for it alone needs the store
  }

  async #refreshMoment() {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const station = this.#station;
    const moment = await readMoment(this.api, this.#at, signal);
    const told = station === null ? null : await this.api.station(station, this.#at, signal);
    signal.throwIfAborted();
    this.#moment = moment;
    if (this.#station === station) this.#told = told; // else another was chosen meanwhile
    this.trust.set(moment);
    await this.redraw();
  }

  #chooseMoment(at) {
    this.#at = at;
    this.question?.show(at === null);
    return this.#attempt(() => (at === null ? this.#refreshLive() : this.#refreshMoment()));
  }

  #chooseStation(station) {
    this.#station = station;
    byId("station-choice").value = station;
    return this.#attempt(async () => {
      const at = this.#at;
      const focused = document.activeElement;
      const told = await this.api.station(station, at);
      if (this.#station !== station || this.#at !== at) return; // something else was chosen meanwhile
      this.#told = told;
      await showStation(this.line, this.#told, this.zone, this.#nowWords());
      if (![focused, document.body].includes(document.activeElement)) return; // the reader has gone on elsewhere
      byId("station-heading").focus();
      byId("station").scrollIntoView({ block: "nearest" });
    });
  }

  #closeStation() {
    this.#station = this.#told = null;
    byId("station").hidden = true;
    byId("station-choice").value = "";
    byId("station-choice").focus();
  }

  /** Do something that needs the service; when it refuses or cannot be reached, say so, and go on with the next event. */
  async #attempt(does) {
    try {
      await does();
      this.trust.refused(null);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error instanceof Refused) this.trust.refused(error.message);
      else if (error instanceof TypeError && !(await reachable())) this.trust.connectionIs(false);
      else throw error;
    }
  }

  #writeOnce() {
    say(byId("line-name"), this.line.name);
    const { training_dates: dates, methods, code_version: version } = this.line.bundle;
    say(byId("bundle"), `Bundle ${version}, trained on ${dates.days} days (${dates.first} to ${dates.last}); methods: ${methods.join(", ")}`);
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
