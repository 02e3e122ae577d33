// The time-space diagram: trains as lines, solid where they passed, dotted where they are expected.

import { byId } from "./dom.js";
import { colours } from "./colours.js";
import { labelWidth, stationAxis } from "./heatmap.js";
import { draw, isNarrow, nowMark, plain } from "./plots.js";
import { instant, minutesBetween, roundTicks } from "./times.js";

const TOP = 30;
const MAX_HEIGHT = 440;
const ROW = 26;

/** Draw the trains of both directions; stations from the first of direction 0 at the top. */
export function drawTimeSpace(line, state, zone, nowText) {
  const found = colours();
  const now = instant(state.time);
  const row = Math.max(12, Math.min(ROW, MAX_HEIGHT / line.stations.length));
  return draw(byId("time-space-plot"), timeSpaceTraces(line, state, found, zone), {
    ...nowMark(found, plain(nowText)),
    height: 2 * TOP + 20 + row * line.stations.length,
    margin: { l: labelWidth(line.stations), t: TOP, b: TOP + 20 },
    xaxis: { range: [-60, 60], ...roundTicks(now, -60, 60, isNarrow() ? 30 : 15, zone), ticks: "outside" },
    yaxis: { ...stationAxis(line.stations, row), showgrid: true },
    showlegend: true,
    legend: { orientation: "h", y: -0.12, yanchor: "top", x: 0 },
    hovermode: "closest",
  });
}

/** Return four traces, passed and expected of each direction; nulls separate the trains. */
function timeSpaceTraces(line, state, found, zone) {
  return line.directions.flatMap(({ direction_id: direction, towards }) => {
    const trains = state.trains.filter((train) => train.direction_id === direction);
    const look = { colour: found[`towards-${direction}`], name: `towards ${plain(towards)}` };
    return [
      trace(line, state, zone, trains.map((train) => [train, train.passed]), look, "solid"),
      trace(line, state, zone, trains.map(({ passed, ...train }) => [train, expectedPath(passed, train.expected)]), look, "dot"),
    ];
  });
}

// The dotted part begins where the solid one ends.
const expectedPath = (passed, expected) => (expected.length ? [...passed.slice(-1), ...expected] : []);

function trace(line, state, zone, paths, { colour, name }, dash) {
  const now = instant(state.time);
  const found = { x: [], y: [], text: [] };
  for (const [train, places] of paths) {
    for (const { station, time } of places) {
      found.x.push(minutesBetween(now, instant(time)));
      found.y.push(station);
      found.text.push(plain(`train ${train.train}, ${line.stations[station].name}, ${zone.seconds(instant(time))}`));
    }
    for (const column of Object.values(found)) column.push(null);
  }
  return {
    type: "scatter", mode: "lines+markers", ...found, name, showlegend: dash === "solid", connectgaps: false,
    line: { color: colour, width: dash === "solid" ? 3 : 2, dash },
    marker: { color: colour, size: dash === "solid" ? 5 : 3 },
    hovertemplate: "%{text}<extra></extra>",
  };
}
