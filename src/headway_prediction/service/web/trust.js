// How far to trust what is shown: level, reasons, age of the data, connection. It counts on by itself.

import { byId, say, sayOrHide } from "./dom.js";
import { duration, instant } from "./times.js";

const OLD_SECS = 120;
const TOO_OLD_SECS = 600;
const SILENT_SECS = 180; // a forecast is published every minute
const LEVELS = {
  live: ["● Live", null],
  starting: ["◐ Starting", "Just started: part of the last half hour is not known yet."],
  stale: ["▲ Stale", "The feed is silent: the forecast goes on from the last state, less sure."],
  climatology: ["■ Usual headways only", "No data for long: what is shown are the usual headways of this hour, no forecast."],
  withheld: ["✕ Withheld", "The newest forecast failed a check and is not shown: below is an earlier one, or none."],
};
const CAUTION = ["live", "starting", "stale"];

/** What the page knows of how far it may be trusted; `zone` writes times. */
export class Trust {
  #zone;
  #moment = null;
  #lostAt = null;
  #refusal = null;

  constructor(zone) {
    this.#zone = zone;
    setInterval(() => this.#show(), 1000);
  }

  /** Go by the status and the age of a moment, as readMoment returns it. */
  set(moment) {
    this.#moment = moment;
    this.#show();
  }

  /** The service cannot be reached, or can be again. */
  connectionIs(connected) {
    this.#lostAt = connected ? null : (this.#lostAt ?? Date.now());
    this.#show();
  }

  /** Say what the service refused; null: nothing any more. */
  refused(words) {
    this.#refusal = words;
    this.#show();
  }

  #show() {
    sayOrHide(byId("connection"), this.#connection());
    const isLost = this.#lostAt !== null;
    if (isLost) showLevel("lost", "✕ No connection");
    else if (!this.#moment) showLevel("waiting", "◌ Waiting for a forecast");
    if (!this.#moment) return;
    const { state, age } = this.#moment;
    const publishedAge = age();
    const isOld = !isLost && publishedAge > SILENT_SECS && state.status.level !== "withheld";
    const [level, word, meaning] = isOld ? this.#old(state) : told(state.status);
    if (!isLost) showLevel(...(publishedAge === null ? ["then", `${word} then`] : [level, word]));
    showReasons(level, [meaning, ...state.status.reasons].filter(Boolean));
    showAge(state.status.data_age_secs, publishedAge);
  }

  #connection() {
    if (this.#lostAt === null) return this.#refusal && `The service refused: ${this.#refusal}`;
    return `No connection to the service since ${this.#zone.seconds(this.#lostAt)}. What is shown grows old; trying again.`;
  }

  #old({ time }) {
    return ["old", "✕ Old", `No new forecast has come since ${this.#zone.clock(instant(time))}: what is shown is no longer so.`];
  }
}

const told = ({ level }) => [level, ...(LEVELS[level] ?? [level, "This page does not know this level."])];

function showLevel(level, word) {
  byId("level").dataset.level = level;
  say(byId("level"), word);
}

/** What is not live gets a banner that cannot be overlooked. */
function showReasons(level, reasons) {
  const banner = byId("trouble");
  banner.className = `banner ${CAUTION.includes(level) ? "caution" : "alarm"}`;
  sayOrHide(banner, reasons.join(" · "));
}

function showAge(dataAge, publishedAge) {
  const age = dataAge === null ? null : dataAge + (publishedAge ?? 0);
  const then = publishedAge === null;
  byId("age").dataset.old = then ? "then" : age === null || age > TOO_OLD_SECS ? "very" : age > OLD_SECS ? "yes" : "no";
  say(byId("age"), age === null ? "Age of the data unknown" : `Data ${duration(age)} old${then ? " then" : ""}`);
}
