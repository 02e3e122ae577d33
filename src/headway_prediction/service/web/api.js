// The API under /api/v1, asked from the same server that gave the page.

const PREFIX = "/api/v1";

/** The service said no: `status` is the HTTP status, the message what happened and how to remedy it. */
export class Refused extends Error {
  constructor(status, told) {
    super(told ? `${told.what}; expected: ${told.expected}; ${told.remedy}` : `the service answered ${status}`);
    this.status = status;
  }
}

async function answered(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, body?.error);
  const age = response.headers.get("published-age");
  return { body, publishedAge: age === null ? null : Number(age) };
}

async function get(path, parameters = {}, signal = undefined) {
  const asked = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(asked).toString();
  // "no-cache" keeps the answer and asks whether it still holds (ETag).
  return answered(await fetch(`${PREFIX}${path}${query && `?${query}`}`, { cache: "no-cache", signal }));
}

export const readLines = async () => (await get("/lines")).body.lines;

/** Return what may be asked of one line. `at` is null for now, else the ISO time of an earlier moment. */
export function lineApi(lineId) {
  const path = `/lines/${encodeURIComponent(lineId)}`;
  const body = async (...asked) => (await get(...asked)).body;
  return {
    line: () => body(path),
    state: (at, signal) => get(`${path}/state`, { at }, signal),
    forecast: (horizon, at, signal) => body(`${path}/forecast`, { horizon, format: "columns", at }, signal),
    station: (station, at, signal) => body(`${path}/stations/${station}`, { at }, signal),
    warnings: (at, signal) => body(`${path}/warnings`, { at }, signal),
    scores: () => body(`${path}/scores`),
    moments: (serviceDate) => body(`${path}/moments`, { service_date: serviceDate }),
    departures: () => body(`${path}/departures`),
    eventsAddress: `${PREFIX}${path}/events`,
    async whatIf(asked, key, signal) {
      const headers = { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
      const sent = { method: "POST", headers, body: JSON.stringify(asked), signal };
      return (await answered(await fetch(`${PREFIX}${path}/what-if`, sent))).body;
    },
  };
}
