// One station in both directions: its last three hours, the forecast with its interval, and the typical headway.

import { byId, element, setText } from "./dom.js";
import { colours, faded } from "./colours.js";
import { between, minutes } from "./numbers.js";
import { draw, isNarrow, nowMark, plain, tickWidth } from "./plots.js";
import { instant, minutesBetween, roundTicks } from "./times.js";

const LEADS = [5, 15, 30, 60];

/** Show the response of /stations/{station}; resolves when drawn. */
export async function showStation(line, station, zone, nowText) {
  byId("station").hidden = false;
  setText(byId("station-heading"), station.name);
  const panels = station.directions.map((direction) => {
    const { towards } = line.directions[direction.direction_id];
    const parts = summary(direction, station);
    const plot = element("div", { class: "plot", role: "img", "aria-label": `${station.name} towards ${towards}: ${parts.join(", ")}` });
    const figure = element(
      "figure", { "data-direction": direction.direction_id },
      element("figcaption", { text: `Towards ${towards}` }), element("p", { class: "station-summary" }, ...separated(parts)), plot,
    );
    return { figure, plot, direction };
  });
  byId("station-directions").replaceChildren(...panels.map((panel) => panel.figure));
  for (const { plot, direction } of panels) await drawPlatform(plot, direction, station, zone, nowText);
}

/** Parts of a text; lines break between them, not within. */
const separated = (parts) => parts.flatMap((part, n) => [n ? " · " : "", element("span", { class: "part", text: part })]);

/** Return the headway now, the forecast at some leads with its interval, and the typical headway, each as a text. */
function summary({ past, forecast, typical }, { time }) {
  const now = `now ${minutes(past.headway.at(-1) ?? null)} min`;
  const ahead = LEADS.flatMap((lead) => {
    const at = forecast?.valid_times.findIndex((start) => Math.round(minutesBetween(instant(time), instant(start))) === lead - 1) ?? -1;
    if (at < 0 || forecast.headway_mean[at] === null) return [];
    const interval = between(forecast.headway_p10[at], forecast.headway_p90[at]);
    return [`in ${lead} min: ${minutes(forecast.headway_mean[at])}${interval && ` (${interval})`}`];
  });
  return [now, ...ahead, `typical ${minutes(typical)}`];
}

function drawPlatform(plot, direction, station, zone, nowText) {
  const found = colours();
  const now = instant(station.time);
  const since = (time) => minutesBetween(now, instant(time));
  const { past, forecast } = direction;
  const first = Math.max(-180, past.times.length ? since(past.times[0]) : -60);
  const last = forecast ? since(forecast.valid_times.at(-1)) + 1 : 15;
  const highest = Math.max(5, ...past.headway, ...(forecast?.headway_p90 ?? []), direction.typical ?? 0);
  return draw(plot, platformTraces(direction, since, found, first, last), {
    ...nowMark(found, plain(nowText)),
    height: 280,
    margin: { l: tickWidth("15 min".length), t: 30, b: 34 },
    xaxis: { range: [first, last], ...roundTicks(now, first, last, isNarrow() ? 60 : 30, zone), ticks: "outside" },
    yaxis: { range: [0, highest * 1.08], ticksuffix: " min", nticks: 5, showgrid: true },
    hovermode: "x unified",
  });
}

/** Return the traces of a platform: the past in steps, the interval as a band, mean and typical headway as lines. */
function platformTraces({ past, forecast, typical, direction_id: direction }, since, found, first, last) {
  const colour = found[`towards-${direction}`];
  const line = { type: "scatter", mode: "lines", hovertemplate: "%{y:.1f} min<extra>%{fullData.name}</extra>" };
  const traces = [
    { ...line, name: "typical", x: [first, last], y: [typical, typical], line: { color: found.soft, dash: "dot", width: 2 } },
    { ...line, name: "observed", x: past.times.map(since), y: past.headway, line: { color: colour, width: 3, shape: "hv" } },
  ];
  if (!forecast) return traces;
  const x = forecast.valid_times.map(since);
  const edge = { ...line, x, line: { width: 0, color: colour } };
  return [
    ...traces,
    { ...edge, name: "10 % quantile", y: forecast.headway_p10 },
    { ...edge, name: "90 % quantile", y: forecast.headway_p90, fill: "tonexty", fillcolor: faded(colour, 0.25) },
    { ...line, name: "forecast", x, y: forecast.headway_mean, line: { color: colour, width: 3, dash: "dash" } },
  ];
}
