// Server-sent events, with a connection that comes back: after 1 s, then twice as long each time, at most 10 s.

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 10_000;
const LONGEST_SILENCE = 150_000; // a forecast is published every minute

/**
 * Call `onForecast(event)` for each forecast published, `onChange(connected)` when the stream is lost or back. Whoever answers
 * nothing within `patience` ms is lost. After `silence` ms without a forecast the stream is opened anew: a connection that the net
 * has dropped without a word looks like one on which nothing happens.
 */
export function listen(address, onForecast, onChange, { patience = LONGEST_WAIT, silence = LONGEST_SILENCE } = {}) {
  let source, timer;
  let wait = FIRST_WAIT;
  const next = (does, time) => {
    clearTimeout(timer);
    timer = setTimeout(does, time);
  };
  const open = () => {
    source?.close();
    source = new EventSource(address);
    next(lost, patience);
    source.addEventListener("open", () => {
      wait = FIRST_WAIT;
      next(open, silence);
      onChange(true);
    });
    source.addEventListener("forecast", (event) => {
      next(open, silence);
      onForecast(JSON.parse(event.data));
    });
    source.addEventListener("error", lost);
  };
  const lost = () => {
    source.close(); // the browser itself would not try again after an answer such as 503
    next(open, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
    onChange(false);
  };
  open();
}
