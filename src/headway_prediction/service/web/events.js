// Server-sent events with reconnection: after 1 s, then twice as long each time, at most 10 s.

const MIN_WAIT = 1000;
const MAX_WAIT = 10_000;
const MAX_SILENCE = 150_000; // a forecast is published every minute

/**
 * Call `onForecast(event)` for each published forecast, `onChange(connected)` when the stream is lost or back. A stream that does
 * not open within `patience` ms is lost. After `silence` ms without a forecast it is opened anew, for a connection that the network
 * has dropped without notice looks idle.
 */
export function listen(address, onForecast, onChange, { patience = MAX_WAIT, silence = MAX_SILENCE } = {}) {
  let source, timer;
  let wait = MIN_WAIT;
  const schedule = (task, time) => {
    clearTimeout(timer);
    timer = setTimeout(task, time);
  };
  const open = () => {
    source?.close();
    source = new EventSource(address);
    schedule(lost, patience);
    source.addEventListener("open", () => {
      wait = MIN_WAIT;
      schedule(open, silence);
      onChange(true);
    });
    source.addEventListener("forecast", (event) => {
      schedule(open, silence);
      onForecast(JSON.parse(event.data));
    });
    source.addEventListener("error", lost);
  };
  const lost = () => {
    source.close(); // the browser itself does not reconnect after a response such as 503
    schedule(open, wait);
    wait = Math.min(wait * 2, MAX_WAIT);
    onChange(false);
  };
  open();
}
