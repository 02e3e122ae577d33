// The maps of both directions, and the keys that move from cell to cell.

import { byId, element, setText } from "./dom.js";
import { drawHeatmap } from "./heatmap.js";
import { cellText, mapCells } from "./map_cells.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** Return the panel of the maps; `onStation(station)` is called for a cell that is clicked, or Enter is pressed on. */
export function mapPanel(line, zone, onStation) {
  const panels = line.directions.map((direction) => onePanel(direction, zone, onStation));
  byId("heatmaps").replaceChildren(...panels.map((panel) => panel.figure));
  return {
    async show({ state, forecasts, alerts }, nowText) {
      for (const panel of panels) {
        await panel.show(mapCells(line, state, forecasts, panel.direction), alerts.alerts, nowText);
      }
    },
  };
}

function onePanel({ direction_id: direction, towards }, zone, onStation) {
  const place = element("div", {
    class: "plot", tabindex: 0, role: "application", "data-direction": direction,
    "aria-label": `Headways towards ${towards}. Arrow keys go from cell to cell, Enter opens the station.`,
  });
  const figure = element("figure", {}, element("figcaption", { text: `Towards ${towards}` }), place);
  const at = { cells: null, row: 0, column: null };
  place.addEventListener("keydown", (event) => walk(event, place, at, zone, onStation));
  return {
    figure,
    direction,
    async show(cells, alerts, nowText) {
      at.cells = cells;
      const isNew = place.on === undefined;
      await drawHeatmap(place, cells, alerts, zone, nowText);
      if (isNew) place.on("plotly_click", ({ points }) => onStation(at.cells.rows[points[0].y].station));
    },
  };
}

function walk(event, place, at, zone, onStation) {
  const { cells } = at;
  if (!cells) return;
  if (event.key === "Enter") onStation(cells.rows[at.row].station);
  if (!(event.key in STEPS)) return;
  event.preventDefault();
  const [down, right] = STEPS[event.key];
  const column = at.column ?? cells.starts.indexOf(-1);
  at.row = Math.max(0, Math.min(cells.rows.length - 1, at.row + (at.column === null ? 0 : down)));
  at.column = Math.max(0, Math.min(cells.starts.length - 1, column + (at.column === null ? 0 : right)));
  setText(byId("cell"), cellText(cells, at.row, at.column, zone));
  window.Plotly.Fx.hover(place, { xval: cells.x[at.column], yval: at.row }, "xy");
}
