// What-if: a plan that may be changed, asked about as soon as it rests, and the answer.

import { Refused } from "./api.js";
import { byId, say } from "./dom.js";
import { showAnswer } from "./answer.js";
import { drawLanes } from "./departure_lanes.js";
import { applied, carriedOver, edits, planned, same } from "./plan.js";
import { instant } from "./times.js";
import { offerSearch, offerStrategies, showSelected } from "./what_if_tools.js";

const REST = 500;

/** The what-if of a line. `show(live)` hides it in a replay, which has no plan to change. */
export class WhatIf {
  #plan = { now: 0, told: null, departures: [], selected: null };
  #usual = null;
  #key = null;
  #timer;
  #asking = null;
  #further = {};
  #answer = null;

  constructor(api, line, zone) {
    this.api = api;
    this.line = line;
    this.zone = zone;
    offerStrategies(line, (strategy) => this.#ask({ strategy }), () => this.#reset());
    offerSearch(line, (search) => this.#ask({ search }));
    byId("key").onsubmit = (event) => this.#useKey(event);
  }

  show(live) {
    byId("what-if").hidden = !live;
  }

  /** Take up the plan of the newest moment with the changes made so far; `usual` are the usual headways of /state. */
  async refresh(usual) {
    // A mark that is being dragged is not taken away from under the pointer.
    if (document.querySelector(".mark:active")) return;
    this.#usual = usual;
    const told = await this.api.departures();
    const { departures, lost } = carriedOver(told, this.#plan.departures);
    this.#plan = { told, departures, now: instant(told.time), selected: same(departures, this.#plan.selected) };
    this.#redraw();
    if (edits(departures).length) await this.#ask({});
    else if (this.#answer) this.#forget();
    byId("none-planned").hidden = departures.length > 0;
    if (lost) this.#tell(`${byId("what-if-state").textContent} ${counted(lost)} no longer possible: the time has passed.`);
  }

  async redrawAnswer() {
    if (this.#answer) await showAnswer(this.line, this.#answer, this.#usual, this.zone);
  }

  #redraw() {
    const focused = document.activeElement?.classList.contains("mark");
    drawLanes(this.line, this.#plan, this.zone, () => this.#changed(), () => this.#showSelected());
    this.#showSelected();
    if (focused) document.querySelector(".mark.selected")?.focus();
  }

  #showSelected() {
    showSelected(this.#plan, this.zone, () => {
      this.#redraw();
      this.#changed();
    });
  }

  #changed() {
    if (document.querySelectorAll(".mark").length !== this.#plan.departures.length) this.#redraw();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask({}), REST);
  }

  async #ask(further) {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#further = further;
    const asked = { edits: edits(this.#plan.departures), ...further };
    const wantsMore = Object.keys(further).length > 0;
    if (!asked.edits.length && !wantsMore) return this.#forget();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.#tell("Forecasting the changed plan …");
    try {
      this.#answer = await this.api.whatIf(asked, this.#key, signal);
      if (wantsMore) this.#takeUp(this.#answer.edits);
      this.#tell(`${counted(this.#answer.edits.length)}, forecast from ${this.zone.clock(instant(this.#answer.time))}.`);
      await this.redrawAnswer();
    } catch (error) {
      if (!signal.aborted) this.#refused(error);
    }
  }

  #takeUp(appliedEdits) {
    this.#plan.departures = applied(this.#plan.told, appliedEdits);
    this.#plan.selected = null;
    this.#redraw();
  }

  #refused(error) {
    byId("key").hidden = !(error instanceof Refused && error.status === 401);
    this.#tell(`Not forecast: ${error instanceof Refused ? error.message : "the service cannot be reached."}`);
  }

  #useKey(event) {
    event.preventDefault();
    this.#key = byId("key-value").value;
    byId("key").hidden = true;
    this.#ask(this.#further);
  }

  #forget() {
    this.#answer = null;
    byId("answer").hidden = true;
    this.#tell("");
  }

  #reset() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#plan.departures = planned(this.#plan.told);
    this.#plan.selected = null;
    this.#redraw();
    this.#forget();
  }

  #tell(words) {
    say(byId("what-if-state"), words);
  }
}

const counted = (changes) => (changes === 1 ? "1 change" : `${changes} changes`);
