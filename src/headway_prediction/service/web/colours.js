// The colours of colours.css as a figure needs them, and the scale that headways are drawn on.

const WIDE = 1.5;
const PALEST = 0.72;

/** Return the colours of the present theme by name, as rgb(…). */
export function colours() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["paper", "ink", "soft", "rule", "bunched", "usual", "gap", "towards-0", "towards-1", "now", "hatch"];
  const found = Object.fromEntries(names.map((name) => [name, read(name)]));
  probe.remove();
  return found;
}

/** Return where a headway lies between half the usual one or less (-1) and twice or more (1); null where not known. */
export function relative(headway, usual) {
  if (headway === null || usual === null || !(usual > 0)) return null;
  return Math.max(-1, Math.min(1, Math.log2(Math.max(headway, 1e-6) / usual)));
}

/** Return how pale a forecast is drawn, 0 to PALEST: all the way where its interval is 1.5 usual headways wide. */
export function paleness(low, high, usual) {
  if (low === null || high === null || !(usual > 0)) return null;
  return PALEST * Math.min(1, Math.max(0, (high - low) / usual / WIDE));
}

export const headwayScale = (found) => [[0, found.bunched], [0.5, found.usual], [1, found.gap]];

/** A veil of paper over what is not sure. */
export const veilScale = (found) => [[0, faded(found.paper, 0)], [1, faded(found.paper, 1)]];

export const faded = (colour, alpha) => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);

/** Return an image (data address) of stripes, which lies under cells that may be empty. */
export function stripes(found) {
  const lines = Array.from({ length: 100 }, (_, n) => `M${n * 8 - 200} 200l200 -200`).join("");
  const drawn = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 200" preserveAspectRatio="none"><path d="${lines}" stroke="${found.hatch}" stroke-width="1.2" fill="none"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(drawn)}`;
}
