// Server-sent events, with a connection that comes back: after 1 s, then twice as long each time, at most 10 s.

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 10_000;

/** Call `onForecast(event)` for each forecast published, `onChange(connected)` when the stream is lost or back. Return how to end it. */
export function listen(address, onForecast, onChange) {
  let source, timer;
  let wait = FIRST_WAIT;
  const open = () => {
    source = new EventSource(address);
    source.addEventListener("open", () => {
      wait = FIRST_WAIT;
      onChange(true);
    });
    source.addEventListener("forecast", (event) => onForecast(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      // The browser itself would not try again after an answer such as 503.
      source.close();
      onChange(false);
      clearTimeout(timer);
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
