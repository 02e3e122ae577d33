// What is shown of one moment: now, or one that is replayed.

import { Refused } from "./api.js";

/**
 * Return {state, forecasts, warnings, servedAt, issuedAt} of a moment; `forecasts` in the order in which they are laid over
 * one another: the hour below, the quarter, which is the better known one, on top. None is published while all are held back.
 */
export async function readMoment(api, at, signal) {
  const [state, hour, quarter, warnings] = await Promise.all([
    api.state(at, signal),
    orNone(api.forecast(60, at, signal)),
    orNone(api.forecast(15, at, signal)),
    api.warnings(at, signal),
  ]);
  const newest = quarter ?? hour;
  return {
    state: state.body,
    forecasts: [hour, quarter].filter((forecast) => forecast !== null),
    warnings,
    servedAt: state.servedAt,
    issuedAt: newest?.t0 === state.body.t0 ? Date.parse(newest.issued_at) : Date.parse(state.body.time),
  };
}

async function orNone(asked) {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Refused && error.status === 503) return null;
    throw error;
  }
}
