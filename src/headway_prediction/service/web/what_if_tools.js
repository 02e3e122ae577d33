// The tools of the what-if: for the chosen departure, one-click strategies, and the search for the best holds.

import { byId, element } from "./dom.js";
import { cancelOrRemove, departureText } from "./departure_lanes.js";
import { hold, restore } from "./plan.js";

const STRATEGIES = [
  ["even_headways", "Even headways", false],
  ["hold_next", "Hold next", true],
  ["fill_gap", "Fill gap by", true],
];

const field = (label, attributes) => {
  const input = element("input", { type: "number", inputmode: "decimal", min: 0, max: 60, step: 0.5, ...attributes });
  return [input, element("label", {}, `${label} `, input, " min")];
};

/** Show the tools of the chosen departure of a plan, none without one. */
export function showSelected(plan, zone, onChange) {
  const departure = plan.selected;
  const place = byId("selected");
  if (!departure) return place.replaceChildren(element("span", { class: "note", text: "No departure is chosen." }));
  const [mins, label] = field("Hold", { value: departure.held ?? 2, "aria-label": "Minutes to hold" });
  const button = (text, change) => element("button", { type: "button", text, on: { click: () => (change(), onChange()) } });
  const tools = [element("strong", { text: departureText(departure, zone) })];
  if (!departure.added) tools.push(label, button("Hold", () => hold(departure, Number(mins.value))));
  if (!departure.cancelled) tools.push(button(departure.added ? "Remove" : "Cancel", () => cancelOrRemove(departure, plan)));
  if (!departure.added) tools.push(button("Restore", () => restore(departure)));
  return place.replaceChildren(...tools);
}

/** Offer strategies and reset; `onStrategy(strategy)` gets the `strategy` of POST what-if. */
export function offerStrategies(line, onStrategy, onReset) {
  const direction = directionChoice(line, "Direction of the strategies");
  const [mins, label] = field("by", { value: 2, id: "strategy-mins" });
  const buttons = STRATEGIES.map(([name, text, hasMins]) =>
    element("button", {
      type: "button", text: hasMins ? `${text} …` : text, "data-strategy": name,
      on: { click: () => onStrategy({ name, direction_id: Number(direction.value), ...(hasMins && { mins: Number(mins.value) }) }) },
    }),
  );
  const reset = element("button", { type: "button", id: "what-if-reset", text: "Reset everything", on: { click: onReset } });
  byId("strategies").replaceChildren(direction, ...buttons, label, reset);
}

/** Offer the search; `onSearch(search)` gets the `search` of POST what-if. */
export function offerSearch(line, onSearch) {
  const direction = directionChoice(line, "Direction of the search");
  const [maxHold, maxHoldLabel] = field("max. hold", { value: 4, name: "max_hold_mins" });
  const [minTurnaround, minTurnaroundLabel] = field("min. turnaround", { value: 4, name: "min_turnaround_mins" });
  const form = byId("search");
  form.replaceChildren(
    element("strong", { text: "Best holds" }), direction, maxHoldLabel, minTurnaroundLabel, element("button", { type: "submit", text: "Search" }),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    onSearch({ direction_id: Number(direction.value), max_hold_mins: Number(maxHold.value), min_turnaround_mins: Number(minTurnaround.value) });
  };
}

function directionChoice(line, label) {
  const options = line.directions.map((d) => element("option", { value: d.direction_id, text: `towards ${d.towards}` }));
  return element("select", { "aria-label": label }, ...options);
}
