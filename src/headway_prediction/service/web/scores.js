// How good the forecasts really issued have been, beside the simple methods.

import { byId, element, say, sayOrHide } from "./dom.js";
import { minutes, percent } from "./numbers.js";
import { instant } from "./times.js";

const LEADS = [1, 5, 10, 15];

/** Show the answer of /scores: the mean absolute error of each method, over all leads and at some. */
export function showScores(scores, zone) {
  sayOrHide(byId("behind"), scores.behind && `The simple method “${scores.behind}” has been better than the forecast over the last hour.`);
  const { methods } = scores;
  byId("scores-table").replaceChildren(...(methods.length ? rows(methods) : []));
  say(byId("scores-words"), methods.length ? summary(scores, zone) : "No forecast can be compared with what happened yet.");
}

function summary({ since, until, coverage, methods: [own, ...others] }, zone) {
  const span = `From ${zone.clock(instant(since))} to ${zone.clock(instant(until))}`;
  const beside = others.map((other) => `${other.method} ${minutes(other.mae, 2)}`).join(", ");
  const inside = coverage === null ? "" : ` ${percent(coverage)} of the passings lay inside the interval (80 % is right).`;
  return `${span}, the forecasts were off by ${minutes(own.mae, 2)} min on average${beside && ` (${beside})`}.${inside}`;
}

function rows(methods) {
  const head = ["Mean error, min", "all", ...LEADS.map((lead) => `in ${lead} min`), "compared"];
  const header = element("tr", {}, ...head.map((text) => element("th", { scope: "col", text })));
  const best = Math.min(...methods.map((method) => method.mae ?? Infinity));
  const body = methods.map((method) => {
    const at = LEADS.map((lead) => method.by_lead.find((score) => score.lead_min === lead)?.mae ?? null);
    const cells = [method.mae, ...at].map((value) => element("td", { text: minutes(value, 2) }));
    const count = element("td", { text: method.cells.toLocaleString("en") });
    return element("tr", { class: method.mae === best && "best" }, element("th", { scope: "row", text: method.method }), ...cells, count);
  });
  return [element("thead", {}, header), element("tbody", {}, ...body)];
}
