// How far to trust what is shown: level, reasons, age of the data, connection.

import { byId, say, sayOrHide } from "./dom.js";
import { duration } from "./times.js";

const OLD_SECS = 120;
const TOO_OLD_SECS = 600;
const LONGEST_LAG_SECS = 600;

const LEVELS = {
  fresh: ["● Fresh", null],
  starting: ["◐ Starting", "Just started: part of the last half hour is not known yet."],
  stale: ["▲ Stale", "The feed is silent: the forecast goes on from the last state, less sure."],
  climatology: ["■ Usual headways only", "No data for long: what is shown are the usual headways of this hour, no forecast."],
  "held back": ["✕ Held back", "The newest forecast failed a check and is not shown: below is an earlier one, or none."],
};

/** Show level and reasons of a status; one that is not fresh gets a banner that cannot be overlooked. */
export function showLevel(status) {
  const [word, meaning] = LEVELS[status.level] ?? [status.level, "This page does not know this level."];
  const place = byId("level");
  place.dataset.level = status.level;
  say(place, word);
  const banner = byId("trouble");
  banner.className = `banner ${["starting", "stale"].includes(status.level) ? "caution" : "alarm"}`;
  const reasons = status.reasons.join(" · ");
  sayOrHide(banner, meaning ? [meaning, reasons].filter(Boolean).join(" ") : reasons);
  if (!meaning) banner.className = "banner caution";
}

/** Say since when the service cannot be reached; null: it can. */
export function showConnection(lostAt, zone) {
  const words = lostAt && `No connection to the service since ${zone.seconds(lostAt)}. What is shown grows old; trying again.`;
  sayOrHide(byId("connection"), words);
  if (!lostAt) return;
  byId("level").dataset.level = "lost";
  say(byId("level"), "✕ No connection");
}

/** Say what the service refused. */
export const showRefusal = (words) => sayOrHide(byId("connection"), `The service refused: ${words}`);

/**
 * Return a clock that shows the age of the data, counted on from each answer by this machine's own steady clock.
 *
 * An answer may be fetched long after it was published. The service's own Date tells how long, unless its time is that
 * of a replayed feed. `freeze` shows how old the data were at an earlier moment.
 */
export function ageClock() {
  let base = null;
  let since = null;
  const tick = () => since !== null && showAge(base && base.age + (performance.now() - since) / 1000, "");
  setInterval(tick, 1000);
  return {
    set({ data_age_secs: age }, issuedAt, servedAt) {
      const lag = (servedAt - issuedAt) / 1000;
      base = age === null ? null : { age: age + (lag > 0 && lag < LONGEST_LAG_SECS ? lag : 0) };
      since = performance.now();
      tick();
    },
    freeze({ data_age_secs: age }) {
      since = null;
      showAge(age, " then");
    },
  };
}

function showAge(age, when) {
  const place = byId("age");
  place.dataset.old = age === null || age > TOO_OLD_SECS ? "very" : age > OLD_SECS ? "yes" : "no";
  say(place, age === null ? "Age of the data unknown" : `Data ${duration(age)} old${when}`);
}
