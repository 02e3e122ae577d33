// What is shown of one moment: now, or one that is replayed.

import { Refused } from "./api.js";
import { stopwatch } from "./times.js";

/**
 * Return {at, state, forecasts, warnings, age} of the moment `at`, null for now; `forecasts` in the order in which they are laid
 * over one another: the hour below, the quarter, which is the better known one, on top. None is published while all are held
 * back. `age()` is how many seconds ago the state was that of the newest minute, null where it is an earlier one.
 */
export async function readMoment(api, at, signal) {
  const sinceAsked = stopwatch();
  const [{ body: state, publishedAge }, hour, quarter, warnings] = await Promise.all([
    api.state(at, signal),
    orNone(api.forecast(60, at, signal)),
    orNone(api.forecast(15, at, signal)),
    api.warnings(at, signal),
  ]);
  const forecasts = [hour, quarter].filter((forecast) => forecast !== null);
  const age = () => (at === null ? publishedAge + sinceAsked() : null);
  return { at, state, forecasts, warnings, age };
}

async function orNone(asked) {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Refused && error.status === 503) return null;
    throw error;
  }
}
