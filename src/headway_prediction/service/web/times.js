// Instants are milliseconds since 1970; they are shown in the time zone of the line, whatever the browser's own is.

const MINUTE = 60_000;

export const instant = (iso) => Date.parse(iso);

export const minutesBetween = (from, to) => (to - from) / MINUTE;

export const plusMinutes = (at, minutes) => at + minutes * MINUTE;

/** Return functions that format instants in a time zone (IANA name). */
export function zoneFormats(timeZone) {
  const hours = { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const minute = new Intl.DateTimeFormat("en-GB", hours);
  const second = new Intl.DateTimeFormat("en-GB", { ...hours, second: "2-digit" });
  const day = new Intl.DateTimeFormat("en-GB", { timeZone, weekday: "long", day: "numeric", month: "long" });
  return {
    clock: (at) => minute.format(at),
    seconds: (at) => second.format(at),
    /** 08:41, or 08:41:30 where the seconds matter. */
    exact: (at) => (at % MINUTE === 0 ? minute.format(at) : second.format(at)),
    day: (at) => day.format(at),
  };
}

/** Return ticks at round local times: their places in minutes from `now`, and their labels. */
export function roundTicks(now, first, last, step, zone) {
  const at = [];
  for (let minute = Math.ceil(first); minute <= last; minute += 1) {
    if (Number(zone.clock(plusMinutes(now, minute)).slice(3)) % step === 0) at.push(minute);
  }
  return { tickvals: at, ticktext: at.map((minute) => zone.clock(plusMinutes(now, minute))) };
}

/**
 * Return a function that returns the seconds since now, rather too many than too few: the steady clock may stop while a machine
 * sleeps, the wall clock may be put back.
 */
export function stopwatch() {
  const [steady, wall] = [performance.now(), Date.now()];
  return () => Math.max(performance.now() - steady, Date.now() - wall) / 1000;
}

/** Format a duration in one unit, to be read from afar. */
export function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}
