// The API under /api/v1, of the server that the page comes from.

const PREFIX = "/api/v1";

/** An error response: `status` is the HTTP status, the message what was found, what was expected and the remedy. */
export class ApiError extends Error {
  constructor(status, detail) {
    super(detail ? `${detail.found}; expected: ${detail.expected}; ${detail.remedy}` : `the service responded with status ${status}`);
    this.status = status;
  }
}

async function read(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, body?.error);
  const age = response.headers.get("published-age");
  return { body, publishedAge: age === null ? null : Number(age) };
}

async function get(path, parameters = {}, signal = undefined) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(given).toString();
  // "no-cache" stores the response and revalidates it at each request (ETag).
  return read(await fetch(`${PREFIX}${path}${query && `?${query}`}`, { cache: "no-cache", signal }));
}

export const readLines = async () => (await get("/lines")).body.lines;

/** Return the requests for one line. `at` is null for now, else the ISO time of an earlier moment. */
export function lineApi(lineId) {
  const path = `/lines/${encodeURIComponent(lineId)}`;
  const body = async (...request) => (await get(...request)).body;
  return {
    line: () => body(path),
    state: (at, signal) => get(`${path}/state`, { at }, signal),
    forecast: (horizon, at, signal) => body(`${path}/forecast`, { horizon, format: "columns", at }, signal),
    station: (station, at, signal) => body(`${path}/stations/${station}`, { at }, signal),
    alerts: (at, signal) => body(`${path}/alerts`, { at }, signal),
    scores: () => body(`${path}/scores`),
    moments: (serviceDate) => body(`${path}/moments`, { service_date: serviceDate }),
    departures: () => body(`${path}/departures`),
    eventsAddress: `${PREFIX}${path}/events`,
    async whatIf(request, key, signal) {
      const headers = { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
      const post = { method: "POST", headers, body: JSON.stringify(request), signal };
      return (await read(await fetch(`${PREFIX}${path}/what-if`, post))).body;
    },
  };
}
