// The answer to a what-if: what passengers wait, and the changed forecast beside the present one.

import { byId, element } from "./dom.js";
import { colours, headwayScale, relative } from "./colours.js";
import { labelWidth, rowHeight, stationAxis, under } from "./heatmap.js";
import { travelOrder } from "./map_cells.js";
import { between, minutes, signed } from "./numbers.js";
import { draw, plain, tickStep } from "./plots.js";
import { instant, roundTicks } from "./times.js";

const LEAST_END = 2;
const MAPS = [
  ["Present", (answer) => answer.present.headway_mean],
  ["Changed", (answer) => answer.changed.headway_mean],
  ["Difference", (answer) => answer.difference.headway_mean],
];

/** Show an answer of POST what-if, headways beside the `usual` ones of /state; resolves when drawn. */
export async function showAnswer(line, answer, usual, zone) {
  const place = byId("answer");
  place.hidden = false;
  const maps = line.directions.flatMap(({ direction_id: direction, towards }) =>
    MAPS.map(([name, of]) => ({ name, direction, towards, values: of(answer), plot: element("div", { class: "plot" }) })),
  );
  const end = differenceEnd(answer);
  const figures = maps.map(({ name, direction, towards, plot }) => {
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${name} headways towards ${towards}`);
    plot.dataset.map = name.toLowerCase();
    plot.dataset.direction = direction;
    return element("figure", {}, element("figcaption", { text: `${name}, towards ${towards}` }), scale(name, end), plot);
  });
  place.replaceChildren(lineWait(answer.wait.line), element("div", { class: "triple" }, ...figures), stationWaits(line, answer.wait.stations));
  for (const map of maps) await drawMap(map, line, answer, usual, end, zone);
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
  const sure = wait.low_mins > 0 || wait.high_mins < 0;
  const verdict = !sure ? "no sure change" : wait.difference_mins < 0 ? "passengers wait less" : "passengers wait longer";
  return element(
    "p", { class: "wait", id: "line-wait" },
    element("strong", { text: `${signed(wait.difference_mins)} min` }),
    ` expected wait on the line (${between(wait.low_mins, wait.high_mins, signed)}): ${verdict}. `,
    `${minutes(wait.baseline_mins, 2)} min now, ${minutes(wait.changed_mins, 2)} min after the change.`,
  );
}

function stationWaits(line, stations) {
  const head = ["Station", "towards", "wait now", "after", "change", "8 in 10 between"];
  const rows = stations.map((wait) =>
    element(
      "tr", { class: (wait.low_mins > 0 && "worse") || (wait.high_mins < 0 && "better") },
      element("th", { scope: "row", text: line.stations[wait.station].name }),
      element("td", { class: "words", text: line.directions[wait.direction_id].towards }),
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

/** Return where the scale of differences ends, on both sides of 0: their largest, at least LEAST_END minutes. */
function differenceEnd({ difference }) {
  return Math.ceil(Math.max(LEAST_END, ...difference.headway_mean.flat().map(Math.abs)));
}

/** Return the rows of one direction in travel order, [row][lead], and what was reached of them. */
function mapRows(line, answer, values, direction) {
  const rows = travelOrder(line, direction);
  const places = rows.map(({ station }) => answer.present.platforms.findIndex((p) => p.direction_id === direction && p.station === station));
  return { rows, z: places.map((place) => values[place]), reached: places.map((place) => answer.reached[place]) };
}

function drawMap({ name, direction, values, plot }, line, answer, usual, end, zone) {
  const found = colours();
  const { rows, z, reached } = mapRows(line, answer, values, direction);
  const { leads, valid_times: times } = answer.present;
  const isDifference = name === "Difference";
  const place = (value, r, c) => {
    if (!isDifference) return relative(value, usual[direction][rows[r].station]);
    return reached[r][c] ? value / end : null;
  };
  const said = (value, r, c) => {
    const where = `${rows[r].name}, ${zone.clock(instant(times[c]))}`;
    if (!isDifference) return `${where}: ${minutes(value)} min`;
    return reached[r][c] ? `${where}: ${signed(value, 1)} min` : `${where}: the change cannot reach it`;
  };
  const each = (of) => z.map((row, r) => row.map((value, c) => of(value, r, c)));
  const trace = {
    type: "heatmap", x: leads.map((lead) => lead - 0.5), y: rows.map((_, row) => row), ygap: 1, hoverongaps: isDifference,
    z: each(place), zmin: -1, zmax: 1, customdata: z, text: each((...cell) => plain(said(...cell))),
    hovertemplate: "%{text}<extra></extra>", colorscale: headwayScale(found),
    showscale: false, // Plotly's own scale wants an inline style, which the page's policy forbids
  };
  const size = Math.min(20, rowHeight(rows.length));
  return draw(plot, [trace], {
    height: 40 + size * rows.length,
    margin: { l: labelWidth(rows), t: 6, b: 30 },
    images: under(trace.z, found),
    xaxis: { range: [0, leads.at(-1)], ...roundTicks(instant(answer.time), 0, leads.at(-1), tickStep(plot), zone), ticks: "outside" },
    yaxis: stationAxis(rows, size),
  });
}
