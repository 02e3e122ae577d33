// What can be done to the chosen departure, strategies in one click, and the search for the best holds.

import { byId, element } from "./dom.js";
import { cancelOrRemove, departureWords } from "./departure_lanes.js";
import { hold, restore } from "./plan.js";

const STRATEGIES = [
  ["even_headways", "Even headways", false],
  ["hold_next", "Hold the next", true],
  ["fill_gap", "Fill a gap by", true],
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
  const button = (text, does) => element("button", { type: "button", text, on: { click: () => (does(), onChange()) } });
  const tools = [element("strong", { text: departureWords(departure, zone) })];
  if (!departure.added) tools.push(label, button("Hold", () => hold(departure, Number(mins.value))));
  if (!departure.cancelled) tools.push(button(departure.added ? "Take away" : "Cancel it", () => cancelOrRemove(departure, plan)));
  if (!departure.added) tools.push(button("Put back", () => restore(departure)));
  return place.replaceChildren(...tools);
}

/** Offer strategies and reset; `onStrategy(strategy)` gets what POST what-if calls so. */
export function offerStrategies(line, onStrategy, onReset) {
  const direction = directionChoice(line, "Direction of the strategies");
  const [mins, label] = field("by", { value: 2, id: "strategy-mins" });
  const buttons = STRATEGIES.map(([name, text, wantsMins]) =>
    element("button", {
      type: "button", text: wantsMins ? `${text} …` : text, "data-strategy": name,
      on: { click: () => onStrategy({ name, direction_id: Number(direction.value), ...(wantsMins && { mins: Number(mins.value) }) }) },
    }),
  );
  const reset = element("button", { type: "button", id: "what-if-reset", text: "Reset everything", on: { click: onReset } });
  byId("strategies").replaceChildren(direction, ...buttons, label, reset);
}

/** Offer the search; `onSearch(search)` gets what POST what-if calls so. */
export function offerSearch(line, onSearch) {
  const direction = directionChoice(line, "Direction of the search");
  const [most, mostLabel] = field("hold at most", { value: 4, name: "max_hold_mins" });
  const [least, leastLabel] = field("turn in at least", { value: 4, name: "min_turnaround_mins" });
  const form = byId("search");
  form.replaceChildren(
    element("strong", { text: "Best holds" }), direction, mostLabel, leastLabel, element("button", { type: "submit", text: "Search" }),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    onSearch({ direction_id: Number(direction.value), max_hold_mins: Number(most.value), min_turnaround_mins: Number(least.value) });
  };
}

function directionChoice(line, label) {
  const options = line.directions.map((d) => element("option", { value: d.direction_id, text: `towards ${d.towards}` }));
  return element("select", { "aria-label": label }, ...options);
}
