// The data shown of one moment: now, or one that is replayed.

import { ApiError } from "./api.js";
import { stopwatch } from "./times.js";

/**
 * Return {at, state, forecasts, alerts, age} of the moment `at`, null for now. `forecasts` are in the order in which they are
 * laid over one another: the hour below, the better quarter on top; none while all are withheld. `age()` is the number of
 * seconds since the end of the newest minute, null for an earlier moment.
 */
export async function readMoment(api, at, signal) {
  const sinceRequest = stopwatch();
  const [{ body: state, publishedAge }, hour, quarter, alerts] = await Promise.all([
    api.state(at, signal),
    orNull(api.forecast(60, at, signal)),
    orNull(api.forecast(15, at, signal)),
    api.alerts(at, signal),
  ]);
  const forecasts = [hour, quarter].filter((forecast) => forecast !== null);
  const age = () => (at === null ? publishedAge + sinceRequest() : null);
  return { at, state, forecasts, alerts, age };
}

/** Resolve to null where no forecast is published (503). */
async function orNull(request) {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ApiError && error.status === 503) return null;
    throw error;
  }
}
