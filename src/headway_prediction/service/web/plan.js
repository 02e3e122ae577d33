// The plan of the next hour and what is changed of it. A departure: {direction, planned, at, cancelled, added, held}, instants in
// milliseconds; `planned` is null for one that was added, `held` the minutes of a hold, else null.

import { instant, minutesBetween, plusMinutes } from "./times.js";

export const SPAN = 60;

/** Return the departures of /departures, unchanged. */
export const planned = (told) =>
  told.departures.map(({ direction_id: direction, planned: at }) => ({
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

/** Return a new departure in the middle of the longest time without one. */
export function addition(departures, direction, now) {
  const leaving = departures.filter((d) => d.direction === direction && !d.cancelled).map((d) => d.at);
  const ends = [now, ...leaving.sort((a, b) => a - b), plusMinutes(now, SPAN)];
  let widest = 0;
  for (let n = 1; n < ends.length - 1; n += 1) if (ends[n + 1] - ends[n] > ends[widest + 1] - ends[widest]) widest = n;
  const middle = Math.round(minutesBetween(now, (ends[widest] + ends[widest + 1]) / 2) * 2) / 2;
  return { direction, planned: null, at: plusMinutes(now, middle), cancelled: false, added: true, held: null };
}

/** Return the edits that POST what-if is asked. */
export const edits = (departures) => departures.filter(changed).map(edit);

function edit(departure) {
  const head = { direction_id: departure.direction, departure: iso(departure.planned ?? departure.at) };
  if (departure.added) return { action: "add", ...head };
  if (departure.cancelled) return { action: "cancel", ...head };
  if (departure.held !== null) return { action: "hold", ...head, mins: departure.held };
  return { action: "move", ...head, to: iso(departure.at) };
}

/** Return the plan with the edits that an answer says were applied, those of a strategy or a search among them. */
export function applied(told, appliedEdits) {
  const departures = planned(told);
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

/** Return newly told departures with the changes made so far, and how many of these are lost because their time is over. */
export function carriedOver(told, before) {
  const now = instant(told.time);
  const departures = planned(told);
  let lost = 0;
  for (const old of before.filter(changed)) {
    const place = departures.findIndex((d) => !old.added && d.direction === old.direction && d.planned === old.planned);
    if (old.at < now || (place < 0 && !old.added)) lost += 1;
    else if (old.added) departures.push(old);
    else departures[place] = old;
  }
  return { departures, lost };
}

/** Return the one among departures that is the same as an earlier one, null where it is gone. */
export const same = (departures, earlier) =>
  departures.find((d) => d === earlier || (earlier && !earlier.added && d.direction === earlier.direction && d.planned === earlier.planned)) ?? null;

const iso = (at) => new Date(at).toISOString();
