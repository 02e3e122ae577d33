// The answer to a what-if: what passengers wait, and the changed forecast beside the present one.

import { byId, element } from "./dom.js";
import { colours, headwayScale, stripes } from "./colours.js";
import { labelWidth, rowHeight, stationAxis } from "./heatmap.js";
import { travelOrder } from "./map_cells.js";
import { between, minutes, signed } from "./numbers.js";
import { draw, isNarrow, plain } from "./plots.js";
import { instant, roundTicks } from "./times.js";

const LEAST_END = 2;
const MAPS = [
  ["Present", (answer) => answer.present.headway_mean],
  ["Changed", (answer) => answer.changed.headway_mean],
  ["Difference", (answer) => answer.difference.headway_mean],
];

/** Show an answer of POST what-if; resolves when drawn. */
export async function showAnswer(line, answer, zone) {
  const place = byId("answer");
  place.hidden = false;
  const maps = line.directions.flatMap(({ direction_id: direction, towards }) =>
    MAPS.map(([name, of]) => ({ name, direction, towards, values: of(answer), plot: element("div", { class: "plot" }) })),
  );
  const figures = maps.map(({ name, direction, towards, plot }) => {
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${name} headways towards ${towards}`);
    plot.dataset.map = name.toLowerCase();
    plot.dataset.direction = direction;
    return element("figure", {}, element("figcaption", { text: `${name}, towards ${towards}` }), plot);
  });
  place.replaceChildren(lineWait(answer.wait.line), element("div", { class: "triple" }, ...figures), stationWaits(line, answer.wait.stations));
  const end = scaleEnd(answer.difference.headway_mean);
  for (const map of maps) await drawMap(map, line, answer, zone, end);
}

function lineWait(wait) {
  const sure = wait.low_mins > 0 || wait.high_mins < 0;
  const verdict = !sure ? "no sure change" : wait.difference_mins < 0 ? "passengers wait less" : "passengers wait longer";
  return element(
    "p", { class: "wait", id: "line-wait" },
    element("strong", { text: `${signed(wait.difference_mins)} min` }),
    ` expected wait on the line (${between(wait.low_mins, wait.high_mins, signed)}): ${verdict}. `,
    `${minutes(wait.present_mins, 2)} min now, ${minutes(wait.changed_mins, 2)} min after the change.`,
  );
}

function stationWaits(line, stations) {
  const head = ["Station", "towards", "wait now", "after", "change", "8 in 10 between"];
  const rows = stations.map((wait) =>
    element(
      "tr", { class: (wait.low_mins > 0 && "worse") || (wait.high_mins < 0 && "better") },
      element("th", { scope: "row", text: line.stations[wait.station].name }),
      element("td", { class: "words", text: line.directions[wait.direction_id].towards }),
      ...[minutes(wait.present_mins, 2), minutes(wait.changed_mins, 2), signed(wait.difference_mins), between(wait.low_mins, wait.high_mins, signed)].map(
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

/** Return where the scale of differences ends: their largest, at least LEAST_END minutes. */
export function scaleEnd(difference) {
  const sizes = difference.flat().filter((value) => value !== null).map(Math.abs);
  return Math.max(LEAST_END, ...sizes);
}

/** Return the rows of one direction in travel order, [row][lead], and what was reached of them. */
export function mapRows(line, answer, values, direction) {
  const rows = travelOrder(line, direction);
  const places = rows.map(({ station }) => answer.present.platforms.findIndex((p) => p.direction_id === direction && p.station === station));
  return { rows, z: places.map((place) => values[place]), reached: places.map((place) => answer.reached[place]) };
}

function drawMap({ name, direction, values, plot }, line, answer, zone, end) {
  const found = colours();
  const { rows, z, reached } = mapRows(line, answer, values, direction);
  const isDifference = name === "Difference";
  const now = instant(answer.time);
  const { leads } = answer.present;
  const most = Math.max(...answer.present.headway_mean.flat(), ...answer.changed.headway_mean.flat(), 1);
  const said = (value, r, c) => {
    const when = `${rows[r].name}, ${zone.clock(instant(answer.present.valid_times[c]))}`;
    if (isDifference) return reached[r][c] ? `${when}: ${signed(value, 1)} min` : `${when}: the change cannot reach it`;
    return `${when}: ${minutes(value)} min`;
  };
  const trace = {
    type: "heatmap", x: leads.map((lead) => lead - 0.5), y: rows.map((_, row) => row), ygap: 1, hoverongaps: false,
    z: isDifference ? z.map((row, r) => row.map((value, c) => (reached[r][c] ? value : null))) : z,
    text: z.map((row, r) => row.map((value, c) => plain(said(value, r, c)))),
    hovertemplate: "%{text}<extra></extra>",
    zmin: isDifference ? -end : 0,
    zmax: isDifference ? end : most,
    colorscale: isDifference ? headwayScale(found) : [[0, found.usual], [1, found.gap]],
    colorbar: { thickness: 8, len: 1, ticksuffix: " min", outlinewidth: 0, nticks: 4 },
  };
  const size = Math.min(20, rowHeight(rows.length));
  return draw(plot, [trace], {
    height: 40 + size * rows.length,
    margin: { l: labelWidth(rows), t: 6, b: 30 },
    images: [{ source: stripes(found), layer: "below", sizing: "stretch", xref: "paper", yref: "paper", x: 0, y: 1, sizex: 1, sizey: 1 }],
    xaxis: { range: [0, leads.at(-1)], ...roundTicks(now, 0, leads.at(-1), isNarrow() ? 30 : 15, zone), ticks: "outside" },
    yaxis: stationAxis(rows, size),
  });
}
