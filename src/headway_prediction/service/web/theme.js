// Light, dark, or as the system is set; the choice is kept in the browser.

const KEPT = "headway-theme";
const NEXT = { system: "light", light: "dark", dark: "system" };

/** Let a button choose the theme; `onChange` is called whenever the colours are others. */
export function switchTheme(button, onChange) {
  let theme = kept();
  const show = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    button.setAttribute("aria-label", `Theme: ${theme}. Change to ${NEXT[theme]}`);
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    keep(theme);
    show();
    onChange();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  show();
}

function kept() {
  try {
    const theme = localStorage.getItem(KEPT);
    return theme in NEXT ? theme : "system";
  } catch {
    return "system"; // a browser that keeps nothing
  }
}

function keep(theme) {
  try {
    localStorage.setItem(KEPT, theme);
  } catch {
    // The choice holds until the page is left.
  }
}
