// The cells of a space-time map of one direction: pure, from the answers of the API to rows of numbers.

import { paleness, relative } from "./colours.js";
import { instant, minutesBetween } from "./times.js";
import { between, minutes } from "./numbers.js";

/** Return the platforms of a direction in the order of travel: [{station, name}]. */
export function travelOrder(line, direction) {
  const served = line.stations.filter((station) => station.stop_ids[direction] !== null);
  return direction === 0 ? served : served.reverse();
}

/**
 * Return the cells of one direction: `x` (middles of minutes, from now), `rows` (platforms in travel order) and, each
 * [row][minute]: `headway`, `low`, `high` (minutes, null where not known), `relative` (-1 to 1), `pale` (null in the past).
 *
 * Forecasts are laid over one another by their valid times, later ones in the list on top.
 */
export function mapCells(line, state, forecasts, direction) {
  const now = instant(state.time);
  const rows = travelOrder(line, direction);
  const ends = columnEnds(state, forecasts, now);
  const column = new Map(ends.map((end, place) => [end, place]));
  const blank = () => rows.map(() => ends.map(() => null));
  const cells = { direction, now, rows, ends, x: ends.map((end) => end - 0.5), headway: blank(), low: blank(), high: blank() };
  rows.forEach(({ station }, row) => {
    state.times.forEach((time, at) => {
      const place = column.get(minuteOf(time, now));
      cells.headway[row][place] = state.headway[direction][station][at];
    });
    for (const forecast of forecasts) lay(forecast, cells, row, station, column, now);
  });
  const usual = rows.map(({ station }) => state.usual[direction][station]);
  cells.usual = usual;
  cells.relative = cells.headway.map((row, r) => row.map((headway) => relative(headway, usual[r])));
  cells.pale = cells.headway.map((row, r) =>
    row.map((headway, c) => (ends[c] > 0 && headway !== null ? paleness(cells.low[r][c], cells.high[r][c], usual[r]) : null)),
  );
  return cells;
}

/** Say what a cell holds. */
export function cellWords(cells, row, column, zone) {
  const end = cells.ends[column];
  const headway = cells.headway[row][column];
  const when = zone.clock(cells.now + end * 60_000);
  if (headway === null) return `${cells.rows[row].name}, ${when}: not known`;
  const interval = end > 0 ? between(cells.low[row][column], cells.high[row][column]) : "";
  const usual = cells.usual[row] === null ? "" : `, usual ${minutes(cells.usual[row])}`;
  const how = end > 0 ? "expected " : "";
  return `${cells.rows[row].name}, ${when}: ${how}${minutes(headway)} min${interval && ` (${interval})`}${usual}`;
}

const minuteOf = (time, now) => Math.round(minutesBetween(now, instant(time)));

function columnEnds(state, forecasts, now) {
  const known = [state.times, ...forecasts.map((forecast) => forecast.valid_times)].flat();
  const ends = known.map((time) => minuteOf(time, now));
  const first = Math.min(...ends, 0);
  return Array.from({ length: Math.max(...ends, 0) - first + 1 }, (_, n) => first + n);
}

function lay(forecast, cells, row, station, column, now) {
  const platform = forecast.platforms.findIndex((p) => p.direction_id === cells.direction && p.station === station);
  if (platform < 0) return;
  forecast.valid_times.forEach((time, lead) => {
    const end = minuteOf(time, now);
    if (end <= 0) return; // what has happened since the forecast was made is known better
    const place = column.get(end);
    cells.headway[row][place] = forecast.headway_mean[platform][lead];
    cells.low[row][place] = forecast.headway_p10[platform][lead];
    cells.high[row][place] = forecast.headway_p90[platform][lead];
  });
}
