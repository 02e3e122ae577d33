// The theme: light, dark, or that of the system; the browser stores the choice.

const STORAGE_KEY = "headway-theme";
const NEXT = { system: "light", light: "dark", dark: "system" };

/** Let a button switch the theme; `onChange` is called when the colours change. */
export function switchTheme(button, onChange) {
  let theme = stored();
  const show = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    button.setAttribute("aria-label", `Theme: ${theme}. Change to ${NEXT[theme]}`);
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    store(theme);
    show();
    onChange();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  show();
}

function stored() {
  try {
    const theme = localStorage.getItem(STORAGE_KEY);
    return theme in NEXT ? theme : "system";
  } catch {
    return "system"; // storage is disabled
  }
}

function store(theme) {
  try {
    localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // The choice holds until the page is left.
  }
}
