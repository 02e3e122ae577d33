// Elements without markup: text reaches the page through textContent alone.

export const byId = (id) => document.getElementById(id);

/** Return a new element; `text` becomes its text, `on` its listeners, what is left its attributes. Children may be null. */
export function element(tag, { text, on = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  if (text !== undefined) made.textContent = text;
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Set the text of an element if it differs, so that screen readers announce only changes. */
export function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** Show an element with a text, hide it without one. */
export function showText(place, text) {
  setText(place, text ?? "");
  place.hidden = !text;
}
