// The space-time map of one direction: stations down in travel order, time across, now as a line.

import { colours, headwayScale, stripes, veilScale } from "./colours.js";
import { cellText } from "./map_cells.js";
import { draw, isNarrow, nowMark, plain, short, textSize, tickStep, tickWidth } from "./plots.js";
import { roundTicks } from "./times.js";

const TOP = 30;
const BOTTOM = 30;
const MIN_NAME_SIZE = 11;
const SYMBOLS = { gap: "triangle-up", bunched: "diamond" };

/** Draw the cells of `mapCells` into an element; `alerts` are marked where they are expected. Resolves when drawn. */
export function drawHeatmap(place, cells, alerts, zone, nowText) {
  const found = colours();
  const size = rowHeight(cells.rows.length);
  const mark = nowMark(found, plain(nowText));
  return draw(place, traces(cells, alerts, zone, found), {
    ...mark,
    height: TOP + BOTTOM + size * cells.rows.length,
    margin: { l: labelWidth(cells.rows), t: TOP, b: BOTTOM },
    images: stripesBelow(cells.headway, found),
    xaxis: {
      range: [cells.starts[0], cells.starts.at(-1) + 1],
      ...roundTicks(cells.now, cells.starts[0], cells.starts.at(-1) + 1, tickStep(place), zone),
      ticks: "outside",
    },
    yaxis: stationAxis(cells.rows, size),
  });
}

function traces(cells, alerts, zone, found) {
  const shared = { type: "heatmap", x: cells.x, y: cells.rows.map((_, row) => row), ygap: 1, showscale: false, hoverongaps: false };
  const headways = {
    ...shared,
    z: cells.relative,
    customdata: cells.headway,
    text: cells.headway.map((row, r) => row.map((_, c) => plain(cellText(cells, r, c, zone)))),
    zmin: -1,
    zmax: 1,
    colorscale: headwayScale(found),
    hovertemplate: "%{text}<extra></extra>",
  };
  const veil = { ...shared, z: cells.pale, zmin: 0, zmax: 1, colorscale: veilScale(found), hoverinfo: "skip" };
  return [headways, veil, alertMarks(cells, alerts, found)];
}

function alertMarks(cells, alerts, found) {
  const rowOf = new Map(cells.rows.map(({ station }, row) => [station, row]));
  const here = alerts.filter((alert) => alert.direction_id === cells.direction && alert.in_mins > 0 && rowOf.has(alert.station));
  return {
    type: "scatter",
    mode: "markers",
    x: here.map((alert) => alert.in_mins),
    y: here.map((alert) => rowOf.get(alert.station)),
    marker: {
      symbol: here.map((alert) => SYMBOLS[alert.kind]),
      size: isNarrow() ? 8 : 12,
      color: found.paper,
      line: { color: found.ink, width: isNarrow() ? 1.5 : 2 },
    },
    hoverinfo: "skip",
  };
}

/** Return the axis of stations, the first at the top; long names are cut, names of crowded rows small or left out. */
export function stationAxis(rows, size) {
  const font = Math.max(MIN_NAME_SIZE, Math.min(textSize(), 0.9 * size));
  const every = Math.ceil(MIN_NAME_SIZE / size);
  const named = rows.map((_, row) => row).filter((row) => row % every === 0);
  return {
    range: [rows.length - 0.5, -0.5],
    tickvals: named,
    ticktext: named.map((row) => plain(short(rows[row].name, isNarrow() ? 10 : 22))),
    tickfont: { size: font },
  };
}

export function labelWidth(rows) {
  return tickWidth(Math.max(...rows.map(({ name }) => Math.min(name.length, isNarrow() ? 10 : 22))));
}

/** Pixels of a row: both directions fit on one screen where that leaves them legible. */
export function rowHeight(rows) {
  const room = (innerHeight - 330) / 2 - TOP - BOTTOM;
  return Math.max(14, Math.min(26, Math.floor(room / rows)));
}

/** Stripes below the cells, only where some are empty: between full rows they would show as dots. */
export function stripesBelow(cells, found) {
  if (!cells.flat().includes(null)) return [];
  return [{ source: stripes(found), layer: "below", sizing: "stretch", xref: "paper", yref: "paper", x: 0, y: 1, sizex: 1, sizey: 1 }];
}
