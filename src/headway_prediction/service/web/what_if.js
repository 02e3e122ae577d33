// What-if: a plan that the reader changes, sent to the service after each pause, and the result.

import { ApiError } from "./api.js";
import { byId, setText } from "./dom.js";
import { drawLanes } from "./departure_lanes.js";
import { appliedPlan, carriedOver, edits, plannedDepartures, same } from "./plan.js";
import { instant } from "./times.js";
import { showWhatIfResult } from "./what_if_result.js";
import { offerSearch, offerStrategies, showSelected } from "./what_if_tools.js";

const PAUSE = 500;

/** The what-if of a line. `show(live)` hides it in a replay, which has no plan to change. */
export class WhatIf {
  #plan = { now: 0, response: null, departures: [], selected: null };
  #typical = null;
  #key = null;
  #timer;
  #request = null;
  #extra = {};
  #result = null;

  constructor(api, line, zone) {
    this.api = api;
    this.line = line;
    this.zone = zone;
    offerStrategies(line, (strategy) => this.#send({ strategy }), () => this.#reset());
    offerSearch(line, (search) => this.#send({ search }));
    byId("key").onsubmit = (event) => this.#useKey(event);
  }

  show(live) {
    byId("what-if").hidden = !live;
  }

  /** Load the plan of the newest minute and keep the changes made so far; `typical` are the typical headways of /state. */
  async refresh(typical) {
    // A mark that is being dragged stays under the pointer.
    if (document.querySelector(".mark:active")) return;
    this.#typical = typical;
    const response = await this.api.departures();
    const { departures, lost } = carriedOver(response, this.#plan.departures);
    this.#plan = { response, departures, now: instant(response.time), selected: same(departures, this.#plan.selected) };
    this.#redraw();
    if (edits(departures).length) await this.#send({});
    else if (this.#result) this.#clearResult();
    byId("none-planned").hidden = departures.length > 0;
    if (lost) this.#showState(`${byId("what-if-state").textContent} ${counted(lost)} no longer possible: the time has passed.`);
  }

  async redrawResult() {
    if (this.#result) await showWhatIfResult(this.line, this.#result, this.#typical, this.zone);
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
    this.#timer = setTimeout(() => this.#send({}), PAUSE);
  }

  /** Send the edits, and a strategy or a search as `extra`. */
  async #send(extra) {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#extra = extra;
    const body = { edits: edits(this.#plan.departures), ...extra };
    const hasExtra = Object.keys(extra).length > 0;
    if (!body.edits.length && !hasExtra) return this.#clearResult();
    this.#request = new AbortController();
    const { signal } = this.#request;
    this.#showState("Forecasting the changed plan …");
    try {
      this.#result = await this.api.whatIf(body, this.#key, signal);
      if (hasExtra) this.#applyEdits(this.#result.edits);
      this.#showState(`${counted(this.#result.edits.length)}, forecast from ${this.zone.clock(instant(this.#result.time))}.`);
      await this.redrawResult();
    } catch (error) {
      if (!signal.aborted) this.#showError(error);
    }
  }

  #applyEdits(applied) {
    this.#plan.departures = appliedPlan(this.#plan.response, applied);
    this.#plan.selected = null;
    this.#redraw();
  }

  #showError(error) {
    byId("key").hidden = !(error instanceof ApiError && error.status === 401);
    this.#showState(`Not forecast: ${error instanceof ApiError ? error.message : "the service cannot be reached."}`);
  }

  #useKey(event) {
    event.preventDefault();
    this.#key = byId("key-value").value;
    byId("key").hidden = true;
    this.#send(this.#extra);
  }

  #clearResult() {
    this.#result = null;
    byId("what-if-result").hidden = true;
    this.#showState("");
  }

  #reset() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#plan.departures = plannedDepartures(this.#plan.response);
    this.#plan.selected = null;
    this.#redraw();
    this.#clearResult();
  }

  #showState(text) {
    setText(byId("what-if-state"), text);
  }
}

const counted = (changes) => (changes === 1 ? "1 change" : `${changes} changes`);
