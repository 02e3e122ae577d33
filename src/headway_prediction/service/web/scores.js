// Live scores of the published forecasts, beside the simple methods.

import { byId, element, setText, showText } from "./dom.js";
import { minutes, percent } from "./numbers.js";
import { instant } from "./times.js";

const LEADS = [1, 5, 10, 15];

/** Show the response of /scores: the mean absolute error of each method, over all leads and at some. */
export function showScores(scores, zone) {
  const better = scores.better_method && `The simple method “${scores.better_method}” had a lower error than the forecast over the last hour.`;
  showText(byId("better-method"), better);
  const { methods } = scores;
  byId("scores-table").replaceChildren(...(methods.length ? rows(methods) : []));
  setText(byId("scores-summary"), methods.length ? summary(scores, zone) : "No forecast can be compared with what happened yet.");
}

function summary({ since, until, coverage, methods: [network, ...others] }, zone) {
  const span = `From ${zone.clock(instant(since))} to ${zone.clock(instant(until))}`;
  const beside = others.map((other) => `${other.method} ${minutes(other.mae, 2)}`).join(", ");
  const inside = coverage === null ? "" : ` ${percent(coverage)} of the passings were inside the interval (80 % is calibrated).`;
  return `${span}, the mean absolute error of the forecasts was ${minutes(network.mae, 2)} min${beside && ` (${beside})`}.${inside}`;
}

function rows(methods) {
  const head = ["Mean absolute error, min", "all", ...LEADS.map((lead) => `in ${lead} min`), "cells"];
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
