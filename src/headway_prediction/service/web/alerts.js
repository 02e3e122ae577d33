// Alerts, the most urgent first: expected gaps and bunched trains with place, time and probability.

import { byId, element, showText } from "./dom.js";
import { minutes, percent } from "./numbers.js";
import { isNarrow } from "./plots.js";
import { instant } from "./times.js";

const SHOWN_FIRST = { wide: 6, narrow: 3 };
const KINDS = { gap: ["▲", "Gap"], bunched: ["◆", "Bunched"] };
let showAll = false;

/** Show the response of /alerts in its own order; `onStation(station)` is called for the alert that is chosen. */
export function showAlerts(line, { alerts }, zone, onStation) {
  const first = isNarrow() ? SHOWN_FIRST.narrow : SHOWN_FIRST.wide;
  const shown = showAll ? alerts : alerts.slice(0, first);
  byId("alert-list").replaceChildren(...shown.map((alert) => item(line, alert, zone, onStation)));
  showText(byId("alerts-none"), alerts.length ? null : "No gaps and no bunched trains are expected.");
  const more = byId("all-alerts");
  more.hidden = alerts.length <= first;
  more.textContent = showAll ? `The first ${first}` : `All ${alerts.length}`;
  more.onclick = () => {
    showAll = !showAll;
    showAlerts(line, { alerts }, zone, onStation);
  };
}

function item(line, alert, zone, onStation) {
  const [symbol, name] = KINDS[alert.kind];
  const { towards } = line.directions[alert.direction_id];
  const open = element(
    "button",
    { type: "button", class: `alert ${alert.kind}`, "aria-label": alert.text, on: { click: () => onStation(alert.station) } },
    element("span", { class: "kind", text: `${symbol} ${name}` }),
    element("span", { class: "when", text: `${zone.clock(instant(alert.time))}, ${countdown(alert.in_mins)}` }),
    element("span", { class: "where", text: `${alert.stop_name}, towards ${towards}` }),
    element("span", { class: "headway", text: `${minutes(alert.headway_mins)} min, typical ${minutes(alert.typical_mins)}` }),
    element("span", { class: "probability", text: `probability ${percent(alert.probability)}` }),
  );
  return element("li", {}, open);
}

const countdown = (mins) => (mins < 0.5 ? "now" : `in ${minutes(mins, 0)} min`);
