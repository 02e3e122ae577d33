// Number formats: headways to a tenth of a minute, differences with their sign, probabilities in per cent.

const MINUS = "−";
const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

export const minutes = (value, digits = 1) => (known(value) ? value.toFixed(digits) : "–");

export const signed = (value, digits = 2) => {
  if (!known(value)) return "–";
  const written = Math.abs(value).toFixed(digits);
  if (Number(written) === 0) return written;
  return (value < 0 ? MINUS : "+") + written;
};

export const percent = (share) => (known(share) ? `${Math.round(share * 100)} %` : "–");

/** An interval as text; empty where one of its ends is unknown. */
export const between = (low, high, write = minutes) => (known(low) && known(high) ? `${write(low)} to ${write(high)}` : "");
