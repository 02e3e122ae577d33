// What-if: a plan that may be changed, asked about as soon as it rests, and the answer.

import { Refused } from "./api.js";
import { byId, say } from "./dom.js";
import { showAnswer } from "./answer.js";
import { drawLanes } from "./departure_lanes.js";
import { applied, carriedOver, edits, planned } from "./plan.js";
import { instant } from "./times.js";
import { offerSearch, offerStrategies, showSelected } from "./what_if_tools.js";

const REST = 500;

/** Return the what-if of a line; `refresh(usual)` is to be called for each new forecast, `show(live)` when the replay begins or ends. */
export function whatIf(api, line, zone) {
  const plan = { now: 0, told: null, usual: null, departures: [], selected: null };
  let key = null;
  let timer, asking, pending, answer;

  const redraw = () => {
    const focused = document.activeElement?.classList.contains("mark");
    drawLanes(line, plan, zone, onChange, onSelect);
    showSelected(plan, zone, () => (redraw(), onChange()));
    if (focused) document.querySelector(".mark.selected")?.focus();
  };
  const onSelect = (departure) => {
    plan.selected = departure;
    showSelected(plan, zone, () => (redraw(), onChange()));
  };
  const onChange = () => {
    if (document.querySelectorAll(".mark").length !== plan.departures.length) redraw();
    clearTimeout(timer);
    timer = setTimeout(() => ask({}), REST);
  };

  async function ask(further) {
    clearTimeout(timer);
    asking?.abort();
    pending = { edits: edits(plan.departures), ...further };
    if (!pending.edits.length && !Object.keys(further).length) return forget();
    asking = new AbortController();
    const { signal } = asking;
    say(byId("what-if-state"), "Forecasting the changed plan …");
    try {
      answer = await api.whatIf(pending, key, signal);
      await take(Object.keys(further).length > 0);
    } catch (error) {
      if (!signal.aborted) refused(error);
    }
  }

  async function take(fromStrategy) {
    if (fromStrategy) {
      plan.departures = applied(plan.told, answer.edits);
      plan.selected = null;
      redraw();
    }
    say(byId("what-if-state"), `${answer.edits.length === 1 ? "1 change" : `${answer.edits.length} changes`}, forecast from ${zone.clock(instant(answer.time))}.`);
    await showAnswer(line, answer, plan.usual, zone);
  }

  function refused(error) {
    byId("key").hidden = !(error instanceof Refused && error.status === 401);
    const words = error instanceof Refused ? error.message : "The service cannot be reached.";
    say(byId("what-if-state"), `Not forecast: ${words}`);
  }

  function forget() {
    answer = null;
    byId("answer").hidden = true;
    say(byId("what-if-state"), "");
  }

  function reset() {
    asking?.abort();
    plan.departures = planned(plan.told);
    plan.selected = null;
    redraw();
    forget();
  }

  byId("key").onsubmit = (event) => {
    event.preventDefault();
    key = byId("key-value").value;
    byId("key").hidden = true;
    const { edits: _, ...further } = pending;
    ask(further);
  };
  offerStrategies(line, (strategy) => ask({ strategy }), reset);
  offerSearch(line, (search) => ask({ search }));

  return {
    async refresh(usual) {
      // A mark that is being dragged is not taken away from under the pointer.
      if (document.querySelector(".mark:active")) return;
      plan.usual = usual;
      plan.told = await api.departures();
      plan.now = instant(plan.told.time);
      const { departures, lost } = carriedOver(plan.told, plan.departures);
      plan.departures = departures;
      if (!departures.includes(plan.selected)) plan.selected = null;
      redraw();
      if (edits(departures).length) await ask({});
      else if (answer) forget();
      if (lost) say(byId("what-if-state"), `${byId("what-if-state").textContent} ${lost} changes are over: their time has passed.`);
    },
    redrawAnswer: async () => answer && showAnswer(line, answer, plan.usual, zone),
    show(live) {
      byId("what-if").hidden = !live;
    },
  };
}
