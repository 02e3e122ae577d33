// What a dispatcher is warned of, the most urgent first: when, where, how sure.

import { byId, element, sayOrHide } from "./dom.js";
import { minutes, percent } from "./numbers.js";
import { isNarrow } from "./plots.js";
import { instant } from "./times.js";

const FIRST = { wide: 6, narrow: 3 };
const WORDS = { gap: ["▲", "Gap"], bunched: ["◆", "Bunched"] };
let all = false;

/** Show the answer of /warnings in its own order; `onStation(station)` is called for the one that is chosen. */
export function showWarnings(line, told, zone, onStation) {
  const first = isNarrow() ? FIRST.narrow : FIRST.wide;
  const shown = all ? told.warnings : told.warnings.slice(0, first);
  byId("warning-list").replaceChildren(...shown.map((warning) => item(line, warning, zone, onStation)));
  sayOrHide(byId("warnings-none"), told.warnings.length ? null : "No gaps and no bunched trains are expected.");
  const more = byId("all-warnings");
  more.hidden = told.warnings.length <= first;
  more.textContent = all ? `The first ${first}` : `All ${told.warnings.length}`;
  more.onclick = () => {
    all = !all;
    showWarnings(line, told, zone, onStation);
  };
}

function item(line, warning, zone, onStation) {
  const [symbol, word] = WORDS[warning.trouble];
  const { towards } = line.directions[warning.direction_id];
  const open = element(
    "button",
    { type: "button", class: `warning ${warning.trouble}`, "aria-label": warning.text, on: { click: () => onStation(warning.station) } },
    element("span", { class: "what", text: `${symbol} ${word}` }),
    element("span", { class: "when", text: `${zone.clock(instant(warning.time))}, ${soon(warning.in_mins)}` }),
    element("span", { class: "where", text: `${warning.stop_name}, towards ${towards}` }),
    element("span", { class: "how-much", text: `${minutes(warning.headway_mins)} min, usual ${minutes(warning.usual_mins)}` }),
    element("span", { class: "how-sure", text: `${percent(warning.probability)} sure` }),
  );
  return element("li", {}, open);
}

const soon = (mins) => (mins < 0.5 ? "now" : `in ${minutes(mins, 0)} min`);
