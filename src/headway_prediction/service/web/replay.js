// The replay slider: any stored moment, and back to live.

import { byId, element, setText } from "./dom.js";
import { instant } from "./times.js";

const PAUSE = 150;

/**
 * Let the slider choose a moment; `onMoment(time)` is called with its ISO time, or with null for live, and `attempt(task)` with a
 * task that needs the service.
 */
export function replaySlider(api, zone, onMoment, attempt) {
  const day = byId("replay-day");
  const slider = byId("replay-moment");
  const live = byId("replay-live");
  let moments = [];
  let chosen = null;
  let chosenDay = null; // null: the newest
  let timer;

  const showMoment = () => {
    const moment = moments[slider.value];
    const text = moment ? zone.clock(instant(moment.time)) : "none stored";
    setText(byId("replay-time"), chosen === null ? `${text} (live)` : text);
    slider.setAttribute("aria-valuetext", text);
    live.disabled = chosen === null;
  };
  const choose = () => {
    chosen = moments[slider.value]?.time ?? null;
    chosenDay = chosen && day.value;
    showMoment();
    clearTimeout(timer);
    timer = setTimeout(() => onMoment(chosen), PAUSE);
  };
  const load = async () => {
    const requested = chosenDay;
    const stored = await api.moments(requested);
    if (requested !== chosenDay) return false; // another was chosen meanwhile
    moments = stored.moments;
    const dates = stored.service_dates.map((date) => element("option", { text: date, selected: date === stored.service_date }));
    day.replaceChildren(...dates);
    slider.max = Math.max(0, moments.length - 1);
    slider.disabled = !moments.length;
    const place = moments.findIndex((moment) => moment.time === chosen);
    slider.value = place < 0 ? slider.max : place;
    showMoment();
    return true;
  };
  const chooseDay = async () => {
    chosenDay = day.value;
    if (await load()) choose();
  };
  const goLive = () => {
    clearTimeout(timer);
    chosen = chosenDay = null;
    slider.value = slider.max;
    live.disabled = true;
    setText(byId("replay-time"), "live"); // the next refresh sets day and moment
    onMoment(null);
  };
  slider.addEventListener("input", choose);
  day.addEventListener("change", () => attempt(chooseDay));
  live.addEventListener("click", goLive);
  return { refresh: load };
}
