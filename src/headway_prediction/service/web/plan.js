// The departure plan of the next hour and its changes. A departure: {direction, planned, at, cancelled, added, held}, instants in
// milliseconds; `planned` is null for an added one, `held` the minutes of a hold, else null.

import { instant, minutesBetween, plusMinutes } from "./times.js";

export const SPAN = 60;

/** Return the departures of /departures, unchanged. */
export const plannedDepartures = (response) =>
  response.departures.map(({ direction_id: direction, planned: at }) => ({
    direction, planned: instant(at), at: instant(at), cancelled: false, added: false, held: null,
  }));

export const changed = (departure) => departure.added || departure.cancelled || departure.at !== departure.planned;

/** Move a departure; it stays within the hour from `now`. */
export function move(departure, at, now) {
  departure.at = Math.max(now, Math.min(plusMinutes(now, SPAN), at));
  departure.held = null;
  departure.cancelled = false;
}

/** Hold a departure so many minutes beyond its planned time. */
export function hold(departure, mins) {
  departure.at = plusMinutes(departure.planned, mins);
  departure.held = mins;
  departure.cancelled = false;
}

/** Put a departure back to its plan. */
export function restore(departure) {
  Object.assign(departure, { at: departure.planned, cancelled: false, held: null });
}

/** Return a new departure in the middle of the longest interval without one. */
export function addition(departures, direction, now) {
  const leaving = departures.filter((d) => d.direction === direction && !d.cancelled).map((d) => d.at);
  const ends = [now, ...leaving.sort((a, b) => a - b), plusMinutes(now, SPAN)];
  let widest = 0;
  for (let n = 1; n < ends.length - 1; n += 1) if (ends[n + 1] - ends[n] > ends[widest + 1] - ends[widest]) widest = n;
  const middle = Math.round(minutesBetween(now, (ends[widest] + ends[widest + 1]) / 2) * 2) / 2;
  return { direction, planned: null, at: plusMinutes(now, middle), cancelled: false, added: true, held: null };
}

/** Return the edits for POST what-if. */
export const edits = (departures) => departures.filter(changed).map(edit);

function edit(departure) {
  const head = { direction_id: departure.direction, departure: iso(departure.planned ?? departure.at) };
  if (departure.added) return { action: "add", ...head };
  if (departure.cancelled) return { action: "cancel", ...head };
  if (departure.held !== null) return { action: "hold", ...head, mins: departure.held };
  return { action: "move", ...head, to: iso(departure.at) };
}

/** Return the plan with the edits that a result lists, those of a strategy or a search included. */
export function appliedPlan(response, appliedEdits) {
  const departures = plannedDepartures(response);
  for (const { action, direction_id: direction, departure: time, to, mins } of appliedEdits) {
    const at = instant(time);
    if (action === "add") {
      departures.push({ direction, planned: null, at, cancelled: false, added: true, held: null });
      continue;
    }
    const one = departures.find((d) => d.direction === direction && d.planned === at);
    if (!one) continue;
    if (action === "cancel") one.cancelled = true;
    else if (action === "hold") hold(one, mins);
    else one.at = instant(to);
  }
  return departures;
}

/** Return the departures of a new response with the changes made so far, and how many of these are lost as their time has passed. */
export function carriedOver(response, before) {
  const now = instant(response.time);
  const departures = plannedDepartures(response);
  let lost = 0;
  for (const old of before.filter(changed)) {
    const place = departures.findIndex((d) => !old.added && d.direction === old.direction && d.planned === old.planned);
    if (old.at < now || (place < 0 && !old.added)) lost += 1;
    else if (old.added) departures.push(old);
    else departures[place] = old;
  }
  return { departures, lost };
}

/** Return the departure that is the same as an earlier one, null where it is gone. */
export const same = (departures, earlier) =>
  departures.find((d) => d === earlier || (earlier && !earlier.added && d.direction === earlier.direction && d.planned === earlier.planned)) ?? null;

const iso = (at) => new Date(at).toISOString();
