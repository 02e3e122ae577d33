// One station: what passed there, what is expected, and how sure that is, in both directions.

import { byId, element, say } from "./dom.js";
import { colours, faded } from "./colours.js";
import { between, minutes } from "./numbers.js";
import { draw, isNarrow, nowMark, plain, tickWidth } from "./plots.js";
import { instant, minutesBetween, roundTicks } from "./times.js";

const LEADS_TOLD = [5, 15, 30, 60];

/** Show the answer of /stations/{station}; resolves when drawn. */
export async function showStation(line, told, zone, nowWords) {
  byId("station").hidden = false;
  say(byId("station-heading"), told.name);
  const panels = told.directions.map((direction) => {
    const { towards } = line.directions[direction.direction_id];
    const plot = element("div", { class: "plot", role: "img", "aria-label": `${told.name} towards ${towards}: ${words(direction, told).join(", ")}` });
    const figure = element(
      "figure", { "data-direction": direction.direction_id },
      element("figcaption", { text: `Towards ${towards}` }), element("p", { class: "station-words" }, ...spaced(words(direction, told))), plot,
    );
    return { figure, plot, direction };
  });
  byId("station-directions").replaceChildren(...panels.map((panel) => panel.figure));
  for (const { plot, direction } of panels) await drawPlatform(plot, direction, told, zone, nowWords);
}

/** Parts of a sentence that a line breaks between, not within. */
const spaced = (parts) => parts.flatMap((part, n) => [n ? " · " : "", element("span", { class: "part", text: part })]);

/** Say the headway now, the forecast at a few leads with its interval, and the usual headway, each as a part. */
function words({ past, forecast, usual }, { time }) {
  const now = `now ${minutes(past.headway.at(-1) ?? null)} min`;
  const later = LEADS_TOLD.flatMap((lead) => {
    const at = forecast?.valid_times.findIndex((valid) => Math.round(minutesBetween(instant(time), instant(valid))) === lead) ?? -1;
    if (at < 0 || forecast.headway_mean[at] === null) return [];
    const interval = between(forecast.headway_p10[at], forecast.headway_p90[at]);
    return [`in ${lead} min: ${minutes(forecast.headway_mean[at])}${interval && ` (${interval})`}`];
  });
  return [now, ...later, `usual ${minutes(usual)}`];
}

function drawPlatform(plot, direction, told, zone, nowWords) {
  const found = colours();
  const now = instant(told.time);
  const since = (time) => minutesBetween(now, instant(time));
  const { past, forecast } = direction;
  const first = Math.max(-180, past.times.length ? since(past.times[0]) : -60);
  const last = forecast ? since(forecast.valid_times.at(-1)) : 15;
  const highest = Math.max(5, ...past.headway, ...(forecast?.headway_p90 ?? []), direction.usual ?? 0);
  return draw(plot, platformTraces(direction, since, found, zone, first, last), {
    ...nowMark(found, plain(nowWords)),
    height: 280,
    margin: { l: tickWidth("15 min".length), t: 30, b: 34 },
    xaxis: { range: [first, last], ...roundTicks(now, first, last, isNarrow() ? 60 : 30, zone), ticks: "outside" },
    yaxis: { range: [0, highest * 1.08], ticksuffix: " min", nticks: 5, showgrid: true },
    hovermode: "x unified",
  });
}

/** Return the traces of a platform: the past in steps, the interval as a band, mean and usual headway as lines. */
function platformTraces({ past, forecast, usual, direction_id: direction }, since, found, zone, first, last) {
  const colour = found[`towards-${direction}`];
  const line = { type: "scatter", mode: "lines", hovertemplate: "%{y:.1f} min<extra>%{fullData.name}</extra>" };
  const traces = [
    { ...line, name: "usual", x: [first, last], y: [usual, usual], line: { color: found.soft, dash: "dot", width: 2 } },
    { ...line, name: "was", x: past.times.map(since), y: past.headway, line: { color: colour, width: 3, shape: "hv" } },
  ];
  if (!forecast) return traces;
  const x = forecast.valid_times.map(since);
  const edge = { ...line, x, line: { width: 0, color: colour } };
  return [
    ...traces,
    { ...edge, name: "9 in 10 above", y: forecast.headway_p10 },
    { ...edge, name: "9 in 10 below", y: forecast.headway_p90, fill: "tonexty", fillcolor: faded(colour, 0.25) },
    { ...line, name: "expected", x, y: forecast.headway_mean, line: { color: colour, width: 3, dash: "dash" } },
  ];
}
