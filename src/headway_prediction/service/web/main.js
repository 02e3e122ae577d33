// The start of the page: which line is shown, in which theme.

import { lineApi, readLines } from "./api.js";
import { byId, element, showText } from "./dom.js";
import { LinePage } from "./line_page.js";
import { switchTheme } from "./theme.js";

const RETRY_MS = 2000;

/** Offer the lines of the service where there are several; ?line= names the one shown. */
function offerLines(lines, lineId) {
  byId("line-choice-label").hidden = lines.length < 2;
  const options = lines.map(({ line_id: id, name }) => element("option", { value: id, text: name, selected: id === lineId }));
  byId("line-choice").replaceChildren(...options);
  byId("line-choice").onchange = ({ target }) => {
    location.search = new URLSearchParams({ line: target.value });
  };
}

async function chosenLine() {
  const lines = await readLines();
  const requested = new URLSearchParams(location.search).get("line");
  const lineId = lines.find((line) => line.line_id === requested)?.line_id ?? lines[0].line_id;
  offerLines(lines, lineId);
  const api = lineApi(lineId);
  return new LinePage(api, await api.line());
}

async function start() {
  try {
    const page = await chosenLine();
    switchTheme(byId("theme"), () => page.redraw());
    page.follow();
  } catch (error) {
    showText(byId("connection"), `The service does not respond yet (${error.message}); retrying.`);
    setTimeout(start, RETRY_MS);
  }
}

start();
