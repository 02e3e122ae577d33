// The status of the data: level, reasons, age, connection. The age counts on by itself.

import { byId, setText, showText } from "./dom.js";
import { duration, instant } from "./times.js";

const OLD_SECS = 120;
const TOO_OLD_SECS = 600;
const OVERDUE_SECS = 180; // a forecast is published every minute
const LEVELS = {
  live: ["● Live", null],
  starting: ["◐ Starting", "Just started: part of the last half hour is unknown."],
  stale: ["▲ Stale", "The feed sends no new data: the forecast continues from the last state, with wider intervals."],
  climatology: ["■ Typical headways only", "No new data for long: these are the typical headways of the hour, no forecast."],
  withheld: ["✕ Withheld", "The latest forecast failed a check and is not shown: below is an earlier one, or none."],
};
const CAUTION_LEVELS = ["live", "starting", "stale"];

/** Shows the status of the data; `zone` formats times. */
export class DataStatus {
  #zone;
  #moment = null;
  #lostAt = null;
  #error = null;

  constructor(zone) {
    this.#zone = zone;
    setInterval(() => this.#show(), 1000);
  }

  /** Show the status and the age of a moment, as readMoment returns it. */
  setMoment(moment) {
    this.#moment = moment;
    this.#show();
  }

  /** Show that the service cannot be reached, or can be again. */
  setConnected(connected) {
    this.#lostAt = connected ? null : (this.#lostAt ?? Date.now());
    this.#show();
  }

  /** Show an error response of the service; null: none any more. */
  setError(message) {
    this.#error = message;
    this.#show();
  }

  #show() {
    showText(byId("connection"), this.#connectionText());
    const isLost = this.#lostAt !== null;
    if (isLost) showLevel("lost", "✕ No connection");
    else if (!this.#moment) showLevel("waiting", "◌ Waiting for a forecast");
    if (!this.#moment) return;
    const { state, age } = this.#moment;
    const publishedAge = age();
    const isOld = !isLost && publishedAge > OVERDUE_SECS && state.status.level !== "withheld";
    const [level, name, meaning] = isOld ? this.#old(state) : levelOf(state.status);
    if (!isLost) showLevel(...(publishedAge === null ? ["then", `${name} then`] : [level, name]));
    showReasons(level, [meaning, ...state.status.reasons].filter(Boolean));
    showAge(state.status.data_age_secs, publishedAge);
  }

  #connectionText() {
    if (this.#lostAt === null) return this.#error && `Error of the service: ${this.#error}`;
    return `No connection to the service since ${this.#zone.seconds(this.#lostAt)}. The data shown grow older; retrying.`;
  }

  #old({ time }) {
    return ["old", "✕ Old", `No new forecast since ${this.#zone.clock(instant(time))}: the data shown are outdated.`];
  }
}

const levelOf = ({ level }) => [level, ...(LEVELS[level] ?? [level, "This page does not know this level."])];

function showLevel(level, name) {
  byId("level").dataset.level = level;
  setText(byId("level"), name);
}

/** Show a banner for every level but live. */
function showReasons(level, reasons) {
  const banner = byId("status-reasons");
  banner.className = `banner ${CAUTION_LEVELS.includes(level) ? "caution" : "alarm"}`;
  showText(banner, reasons.join(" · "));
}

function showAge(dataAge, publishedAge) {
  const age = dataAge === null ? null : dataAge + (publishedAge ?? 0);
  const then = publishedAge === null;
  byId("age").dataset.old = then ? "then" : age === null || age > TOO_OLD_SECS ? "very" : age > OLD_SECS ? "yes" : "no";
  setText(byId("age"), age === null ? "Age of the data unknown" : `Data ${duration(age)} old${then ? " then" : ""}`);
}
