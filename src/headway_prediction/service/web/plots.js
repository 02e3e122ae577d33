// Plotly for all figures: without its tool bar, in the colours and the font of the page.

import { colours } from "./colours.js";

const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false, showTips: false };

/** Escape text of a feed, for Plotly interprets some tags. */
export const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

/** Shorten a text to `length` characters. */
export const short = (text, length) => (text.length > length ? `${text.slice(0, length - 1).trimEnd()}…` : text);

/** Draw or redraw a figure; `layout` overrides the page's defaults. */
export function draw(place, data, layout) {
  const found = colours();
  const font = { family: "system-ui, sans-serif", size: textSize(), color: found.ink };
  const axis = { fixedrange: true, zeroline: false, gridcolor: found.rule, linecolor: found.rule, showgrid: false };
  const whole = {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font,
    dragmode: false,
    showlegend: false,
    hoverlabel: { bgcolor: found.paper, bordercolor: found.ink, font: { ...font, size: font.size + 2 }, align: "left" },
    ...layout,
    margin: { l: 8, r: 12, t: 8, b: 8, ...layout.margin },
    xaxis: { ...axis, ...layout.xaxis },
    yaxis: { ...axis, ...layout.yaxis },
  };
  return window.Plotly.react(place, data, whole, CONFIG);
}

export const textSize = () => Math.max(12, parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.86);

/** Pixels for a tick and its label of so many letters. */
export const tickWidth = (letters) => Math.ceil(letters * textSize() * 0.62) + 14;

/** Minutes from tick to tick, so that their labels do not overlap. */
export const tickStep = (place) => (place.clientWidth < 430 ? 30 : 15);

export const isNarrow = () => innerWidth < 700;

/** The line at now, and its label. */
export function nowMark(found, text) {
  const line = { type: "line", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1, line: { color: found.now, width: 4 } };
  const label = {
    x: 0, y: 1, yref: "paper", yanchor: "bottom", text, showarrow: false,
    font: { size: textSize() + 2, color: found.ink, weight: 700 },
  };
  return { shapes: [line], annotations: [label] };
}
