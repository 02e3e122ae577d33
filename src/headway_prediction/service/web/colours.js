// The colours of colours.css as a figure needs them, and the scale that headways are drawn on.

const WIDE_INTERVAL = 1.5;
const MAX_PALENESS = 0.72;

/** Return the colours of the current theme by name, as rgb(…). */
export function colours() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["paper", "ink", "soft", "rule", "bunched", "typical", "gap", "towards-0", "towards-1", "now", "hatch"];
  const found = Object.fromEntries(names.map((name) => [name, read(name)]));
  probe.remove();
  return found;
}

/** Return a headway on the scale from half the typical one or less (-1) to twice or more (1); null where unknown. */
export function relative(headway, typical) {
  if (headway === null || typical === null || !(typical > 0)) return null;
  return Math.max(-1, Math.min(1, Math.log2(Math.max(headway, 1e-6) / typical)));
}

/** Return how pale a forecast is drawn, 0 to MAX_PALENESS, which an interval of 1.5 typical headways has. */
export function paleness(low, high, typical) {
  if (low === null || high === null || !(typical > 0)) return null;
  return MAX_PALENESS * Math.min(1, Math.max(0, (high - low) / typical / WIDE_INTERVAL));
}

export const headwayScale = (found) => [[0, found.bunched], [0.5, found.typical], [1, found.gap]];

/** A veil of the background colour over uncertain forecasts. */
export const veilScale = (found) => [[0, faded(found.paper, 0)], [1, faded(found.paper, 1)]];

export const faded = (colour, alpha) => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);

/** Return an image (data address) of stripes to lie under empty cells. */
export function stripes(found) {
  const lines = Array.from({ length: 100 }, (_, n) => `M${n * 8 - 200} 200l200 -200`).join("");
  const drawn = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 200" preserveAspectRatio="none"><path d="${lines}" stroke="${found.hatch}" stroke-width="1.2" fill="none"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(drawn)}`;
}
