// The slider over the stored days: any moment from which a forecast was issued, and back to live.

import { byId, element, say } from "./dom.js";
import { instant } from "./times.js";

const PAUSE = 150;

/**
 * Let the slider choose a moment; `onMoment(time)` is called with its ISO time, or with null for live, and `attempt(does)` with
 * what asks the service.
 */
export function replaySlider(api, zone, onMoment, attempt) {
  const day = byId("replay-day");
  const slider = byId("replay-moment");
  const live = byId("replay-live");
  let moments = [];
  let chosen = null;
  let wantedDay = null; // null: the newest
  let timer;

  const name = () => {
    const moment = moments[slider.value];
    const words = moment ? zone.clock(instant(moment.time)) : "none stored";
    say(byId("replay-time"), chosen === null ? `${words} (live)` : words);
    slider.setAttribute("aria-valuetext", words);
    live.disabled = chosen === null;
  };
  const choose = () => {
    chosen = moments[slider.value]?.time ?? null;
    wantedDay = chosen && day.value;
    name();
    clearTimeout(timer);
    timer = setTimeout(() => onMoment(chosen), PAUSE);
  };
  const load = async () => {
    const asked = wantedDay;
    const told = await api.moments(asked);
    if (asked !== wantedDay) return false; // another was chosen meanwhile
    moments = told.moments;
    const dates = told.service_dates.map((date) => element("option", { text: date, selected: date === told.service_date }));
    day.replaceChildren(...dates);
    slider.max = Math.max(0, moments.length - 1);
    slider.disabled = !moments.length;
    const kept = moments.findIndex((moment) => moment.time === chosen);
    slider.value = kept < 0 ? slider.max : kept;
    name();
    return true;
  };
  const chooseDay = async () => {
    wantedDay = day.value;
    if (await load()) choose();
  };
  const goLive = () => {
    clearTimeout(timer);
    chosen = wantedDay = null;
    slider.value = slider.max;
    live.disabled = true;
    say(byId("replay-time"), "live"); // which day and moment that is, the next refresh says
    onMoment(null);
  };
  slider.addEventListener("input", choose);
  day.addEventListener("change", () => attempt(chooseDay));
  live.addEventListener("click", goLive);
  return { refresh: load };
}
