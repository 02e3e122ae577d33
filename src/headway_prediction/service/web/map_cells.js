// The cells of a space-time map of one direction: pure, from the responses of the API to rows of numbers.

import { paleness, relative } from "./colours.js";
import { instant, minutesBetween } from "./times.js";
import { between, minutes } from "./numbers.js";

/** Return the platforms of a direction in the order of travel: [{station, name}]. */
export function travelOrder(line, direction) {
  const served = line.stations.filter((station) => station.stop_ids[direction] !== null);
  return direction === 0 ? served : served.reverse();
}

/**
 * Return the cells of one direction: `rows` (platforms in travel order), `starts` and `x` (starts and middles of the minutes,
 * from now; the past is below 0) and, each [row][minute]: `headway`, `low`, `high` (minutes, null where unknown), `relative`
 * (-1 to 1), `pale` (null in the past).
 *
 * Forecasts are laid over one another by their valid times, later ones in the list on top.
 */
export function mapCells(line, state, forecasts, direction) {
  const now = instant(state.time);
  const rows = travelOrder(line, direction);
  const starts = columnStarts(state, forecasts, now);
  const column = new Map(starts.map((start, place) => [start, place]));
  const blank = () => rows.map(() => starts.map(() => null));
  const cells = { direction, now, rows, starts, x: starts.map((start) => start + 0.5), headway: blank(), low: blank(), high: blank() };
  rows.forEach(({ station }, row) => {
    state.times.forEach((time, at) => {
      const place = column.get(minuteOf(time, now));
      cells.headway[row][place] = state.headway[direction][station][at];
    });
    for (const forecast of forecasts) lay(forecast, cells, row, station, column, now);
  });
  // state.typical begins with the minute of state.times[0].
  const first = minuteOf(state.times[0], now);
  const typical = rows.map(({ station }) => starts.map((start) => state.typical[direction][station][start - first] ?? null));
  cells.typical = typical;
  cells.relative = cells.headway.map((row, r) => row.map((headway, c) => relative(headway, typical[r][c])));
  cells.pale = cells.headway.map((row, r) =>
    row.map((headway, c) => (starts[c] >= 0 && headway !== null ? paleness(cells.low[r][c], cells.high[r][c], typical[r][c]) : null)),
  );
  return cells;
}

/** Return the text of a cell: station, start of the minute, headway, interval, typical headway. */
export function cellText(cells, row, column, zone) {
  const start = cells.starts[column];
  const headway = cells.headway[row][column];
  const when = zone.clock(cells.now + start * 60_000);
  if (headway === null) return `${cells.rows[row].name}, ${when}: unknown`;
  const isForecast = start >= 0;
  const interval = isForecast ? between(cells.low[row][column], cells.high[row][column]) : "";
  const expected = cells.typical[row][column];
  const typical = expected === null ? "" : `, typical ${minutes(expected)}`;
  return `${cells.rows[row].name}, ${when}: ${isForecast ? "forecast " : ""}${minutes(headway)} min${interval && ` (${interval})`}${typical}`;
}

const minuteOf = (time, now) => Math.round(minutesBetween(now, instant(time)));

function columnStarts(state, forecasts, now) {
  const known = [state.times, ...forecasts.map((forecast) => forecast.valid_times)].flat();
  const starts = known.map((time) => minuteOf(time, now));
  const first = Math.min(...starts, -1);
  return Array.from({ length: Math.max(...starts, -1) - first + 1 }, (_, n) => first + n);
}

function lay(forecast, cells, row, station, column, now) {
  const platform = forecast.platforms.findIndex((p) => p.direction_id === cells.direction && p.station === station);
  if (platform < 0) return;
  forecast.valid_times.forEach((time, lead) => {
    const start = minuteOf(time, now);
    if (start < 0) return; // the state has what happened since an older forecast was made
    const place = column.get(start);
    cells.headway[row][place] = forecast.headway_mean[platform][lead];
    cells.low[row][place] = forecast.headway_p10[platform][lead];
    cells.high[row][place] = forecast.headway_p90[platform][lead];
  });
}
