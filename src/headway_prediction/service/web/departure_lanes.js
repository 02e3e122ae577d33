// The planned departures as marks on a lane for each direction, to be dragged or moved by keys.

import { byId, element } from "./dom.js";
import { signed } from "./numbers.js";
import { addition, changed, move, restore, SPAN } from "./plan.js";
import { isNarrow } from "./plots.js";
import { minutesBetween, plusMinutes, roundTicks } from "./times.js";

const HALF = 0.5;
const KEYS = { ArrowRight: HALF, ArrowUp: HALF, ArrowLeft: -HALF, ArrowDown: -HALF, PageUp: 5, PageDown: -5 };

/** Draw the lanes of a plan {now, departures, selected}; `onChange()` is called after a change, `onSelect()` when another is selected. */
export function drawLanes(line, plan, zone, onChange, onSelect) {
  const rows = line.directions.map((direction) => laneRow(direction, plan, zone, onChange, onSelect));
  byId("departures").replaceChildren(...rows);
}

function laneRow({ direction_id: direction, towards }, plan, zone, onChange, onSelect) {
  const lane = element("div", { class: "lane", "data-direction": direction }, ...laneTicks(plan.now, zone));
  const here = plan.departures.filter((departure) => departure.direction === direction);
  lane.append(...here.map((departure) => mark(departure, towards, lane, plan, zone, onChange, onSelect)));
  const addOne = () => {
    plan.selected = addition(plan.departures, direction, plan.now);
    plan.departures.push(plan.selected);
    onChange();
    document.querySelector(".mark.selected")?.focus();
  };
  const add = element("button", { type: "button", text: "Add a departure", "aria-label": `Add a departure towards ${towards}`, on: { click: addOne } });
  return element("div", { class: "lane-row" }, element("h3", { text: `Towards ${towards}` }), lane, add);
}

function laneTicks(now, zone) {
  const { tickvals, ticktext } = roundTicks(now, 0, SPAN - (isNarrow() ? 8 : 4), 15, zone);
  return tickvals.map((minute, n) => {
    const tick = element("span", { class: "tick", "aria-hidden": "true", text: ticktext[n] });
    tick.style.left = `${(minute / SPAN) * 100}%`;
    return tick;
  });
}

function mark(departure, towards, lane, plan, zone, onChange, onSelect) {
  const one = element("div", { class: "mark", role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": SPAN });
  const show = () => describe(one, departure, towards, plan, zone);
  const selected = () => {
    for (const other of document.querySelectorAll(".mark")) other.classList.toggle("selected", other === one);
    plan.selected = departure;
    onSelect();
  };
  one.addEventListener("focus", selected);
  one.addEventListener("keydown", (event) => {
    if (!press(event, departure, plan)) return;
    event.preventDefault();
    show();
    onSelect();
    onChange();
  });
  drag(one, lane, (share) => move(departure, atShare(share, plan.now), plan.now), show, () => {
    onSelect();
    onChange();
  });
  if (plan.selected === departure) one.classList.add("selected");
  show();
  return one;
}

const atShare = (share, now) => plusMinutes(now, Math.round((share * SPAN) / HALF) * HALF);

/** Change a departure by a key; return whether the key has a meaning. */
function press({ key, shiftKey }, departure, plan) {
  if (key in KEYS) move(departure, plusMinutes(departure.at, KEYS[key] * (shiftKey && Math.abs(KEYS[key]) === HALF ? 10 : 1)), plan.now);
  else if (key === "Delete" || key === "Backspace") cancelOrRemove(departure, plan);
  else if (key === "Escape" && !departure.added) restore(departure);
  else return false;
  return true;
}

/** Cancel a planned departure; remove an added one. */
export function cancelOrRemove(departure, plan) {
  if (!departure.added) return Object.assign(departure, { at: departure.planned, held: null, cancelled: true });
  plan.departures.splice(plan.departures.indexOf(departure), 1);
  plan.selected = null;
  return departure;
}

function describe(one, departure, towards, plan, zone) {
  const minute = Math.max(0, minutesBetween(plan.now, departure.at));
  const text = isOverdue(departure, plan.now) ? `${zone.exact(departure.planned)} overdue` : departureText(departure, zone);
  one.style.left = `${(minute / SPAN) * 100}%`;
  one.dataset.state = state(departure);
  one.setAttribute("aria-valuenow", minute.toFixed(1));
  one.setAttribute("aria-label", `Departure towards ${towards}, ${departure.added ? "added" : `planned ${zone.exact(departure.planned)}`}`);
  one.setAttribute("aria-valuetext", text);
  one.title = text;
}

const isOverdue = (departure, now) => !departure.added && !changed(departure) && minutesBetween(now, departure.at) < 0;

const state = (departure) =>
  departure.cancelled ? "cancelled" : departure.added ? "added" : changed(departure) ? "moved" : "planned";

/** Return the text of a departure: its time, and the difference from the plan. */
export function departureText(departure, zone) {
  if (departure.added) return `added at ${zone.exact(departure.at)}`;
  if (departure.cancelled) return `${zone.exact(departure.planned)} cancelled`;
  if (!changed(departure)) return `${zone.exact(departure.planned)} as planned`;
  return `${zone.exact(departure.at)} (${signed(minutesBetween(departure.planned, departure.at), 1)} min)`;
}

function drag(one, lane, onShare, onMove, onEnd) {
  let moved = false;
  one.addEventListener("pointerdown", (event) => {
    one.setPointerCapture(event.pointerId);
    one.focus();
    moved = false;
    const follow = (step) => {
      const box = lane.getBoundingClientRect();
      moved = true;
      onShare((step.clientX - box.left) / box.width);
      onMove();
    };
    const release = () => {
      one.removeEventListener("pointermove", follow);
      if (moved) onEnd();
    };
    one.addEventListener("pointermove", follow);
    one.addEventListener("lostpointercapture", release, { once: true });
  });
}
