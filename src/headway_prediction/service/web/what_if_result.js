// The result of a what-if: expected waits, and the changed forecast beside the baseline.

import { byId, element } from "./dom.js";
import { colours, headwayScale, relative } from "./colours.js";
import { labelWidth, rowHeight, stationAxis, stripesBelow } from "./heatmap.js";
import { travelOrder } from "./map_cells.js";
import { between, minutes, signed } from "./numbers.js";
import { draw, plain, tickStep } from "./plots.js";
import { instant, roundTicks } from "./times.js";

const MIN_SCALE_END = 2;
const MAPS = [
  ["Baseline", (result) => result.baseline.headway_mean],
  ["Changed", (result) => result.changed.headway_mean],
  ["Difference", (result) => result.difference.headway_mean],
];

/** Show a response of POST what-if; colours are relative to the `typical` headways of /state, which end 60 minutes ahead. Resolves when drawn. */
export async function showWhatIfResult(line, result, typical, zone) {
  const place = byId("what-if-result");
  place.hidden = false;
  const maps = line.directions.flatMap(({ direction_id: direction, towards }) =>
    MAPS.map(([name, of]) => ({ name, direction, towards, values: of(result), plot: element("div", { class: "plot" }) })),
  );
  const end = differenceEnd(result);
  const figures = maps.map(({ name, direction, towards, plot }) => {
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${name} headways towards ${towards}`);
    plot.dataset.map = name.toLowerCase();
    plot.dataset.direction = direction;
    return element("figure", {}, element("figcaption", { text: `${name}, towards ${towards}` }), scale(name, end), plot);
  });
  place.replaceChildren(lineWait(result.wait.line), element("div", { class: "triple" }, ...figures), stationWaits(line, result.wait.stations));
  for (const map of maps) await drawMap(map, line, result, typical, end, zone);
}

function scale(name, end) {
  const [first, last] = name === "Difference" ? [`${signed(-end, 0)} min`, `${signed(end, 0)} min`] : ["bunched", "gap"];
  return element(
    "p", { class: "legend" },
    element("span", { text: first }), element("span", { class: "scale", "aria-hidden": "true" }), element("span", { text: last }),
    name === "Difference" ? element("span", { text: "striped: out of reach" }) : null,
  );
}

function lineWait(wait) {
  const isSignificant = wait.low_mins > 0 || wait.high_mins < 0;
  const verdict = !isSignificant ? "no significant change" : wait.difference_mins < 0 ? "shorter wait" : "longer wait";
  return element(
    "p", { class: "wait", id: "line-wait" },
    element("strong", { text: `${signed(wait.difference_mins)} min` }),
    ` expected wait on the line (${between(wait.low_mins, wait.high_mins, signed)}): ${verdict}. `,
    `${minutes(wait.baseline_mins, 2)} min now, ${minutes(wait.changed_mins, 2)} min after the change.`,
  );
}

function stationWaits(line, stations) {
  const head = ["Station", "towards", "wait now", "after", "change", "80 % interval"];
  const rows = stations.map((wait) =>
    element(
      "tr", { class: (wait.low_mins > 0 && "worse") || (wait.high_mins < 0 && "better") },
      element("th", { scope: "row", text: line.stations[wait.station].name }),
      element("td", { class: "text", text: line.directions[wait.direction_id].towards }),
      ...[minutes(wait.baseline_mins, 2), minutes(wait.changed_mins, 2), signed(wait.difference_mins), between(wait.low_mins, wait.high_mins, signed)].map(
        (text) => element("td", { text }),
      ),
    ),
  );
  const table = element(
    "table", { id: "station-waits" },
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col", text })))),
    element("tbody", {}, ...rows),
  );
  return element(
    "details", {}, element("summary", { text: "Expected wait at each station, in minutes" }),
    element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Expected wait at each station" }, table),
  );
}

/** Return the end of the scale of differences on both sides of 0: their maximum, at least MIN_SCALE_END minutes. */
function differenceEnd({ difference }) {
  return Math.ceil(Math.max(MIN_SCALE_END, ...difference.headway_mean.flat().map(Math.abs)));
}

/** Return the rows of one direction in travel order, [row][lead], and where the change can arrive. */
function mapRows(line, result, values, direction) {
  const rows = travelOrder(line, direction);
  const places = rows.map(({ station }) => result.baseline.platforms.findIndex((p) => p.direction_id === direction && p.station === station));
  return { rows, z: places.map((place) => values[place]), reached: places.map((place) => result.reached[place]) };
}

function drawMap({ name, direction, values, plot }, line, result, typical, end, zone) {
  const found = colours();
  const { rows, z, reached } = mapRows(line, result, values, direction);
  const { leads, valid_times: times } = result.baseline;
  const isDifference = name === "Difference";
  const colour = (value, r, c) => {
    if (!isDifference) return relative(value, typical[direction][rows[r].station].at(c - times.length));
    return reached[r][c] ? value / end : null;
  };
  const text = (value, r, c) => {
    const where = `${rows[r].name}, ${zone.clock(instant(times[c]))}`;
    if (!isDifference) return `${where}: ${minutes(value)} min`;
    return reached[r][c] ? `${where}: ${signed(value, 1)} min` : `${where}: out of reach of the change`;
  };
  const each = (of) => z.map((row, r) => row.map((value, c) => of(value, r, c)));
  const trace = {
    type: "heatmap", x: leads.map((lead) => lead - 0.5), y: rows.map((_, row) => row), ygap: 1, hoverongaps: isDifference,
    z: each(colour), zmin: -1, zmax: 1, customdata: z, text: each((...cell) => plain(text(...cell))),
    hovertemplate: "%{text}<extra></extra>", colorscale: headwayScale(found),
    showscale: false, // Plotly's own scale needs an inline style, which the page's policy forbids
  };
  const size = Math.min(20, rowHeight(rows.length));
  return draw(plot, [trace], {
    height: 40 + size * rows.length,
    margin: { l: labelWidth(rows), t: 6, b: 30 },
    images: stripesBelow(trace.z, found),
    xaxis: { range: [0, leads.at(-1)], ...roundTicks(instant(result.time), 0, leads.at(-1), tickStep(plot), zone), ticks: "outside" },
    yaxis: stationAxis(rows, size),
  });
}
