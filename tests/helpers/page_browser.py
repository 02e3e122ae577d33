"""The page in a real Chromium: what it shows, and what it may not do (errors, violations of its policy, going abroad)."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlsplit

import pytest

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LISTEN = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.sample}`));
window.alert = () => violations.push("alert");
"""
DRAWN = "#time-space-plot .main-svg"
WAIT_MS = 30_000


@contextmanager
def chromium() -> Iterator:
    """A Chromium driven by Playwright; skips the test where one of them is absent."""
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium to draw the page")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*SWITCHES])
        yield browser
        browser.close()


@dataclass
class Seen:
    """A page that was opened, and what was wrong with it so far."""

    page: object
    url: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Nothing went wrong: no error, no violation of the policy, no request to another server."""
        wrong = [*self.errors, *self.foreign, *self.page.evaluate("violations")]
        assert not wrong, wrong

    def get(self, path: str, **asked: object) -> dict:
        """What the API says of the line that is shown."""
        line = self.page.request.get(f"{self.url}/api/v1/lines").json()["lines"][0]["line_id"]
        answer = self.page.request.get(f"{self.url}/api/v1/lines/{line}{path}", params=asked)
        assert answer.ok, answer.text()
        return answer.json()

    def plot(self, selector: str) -> list[dict]:
        """The traces of a figure as they were given to Plotly."""
        return self.page.evaluate(
            """(selector) => document.querySelector(selector).data.map(
                 ({ x, y, z, text, customdata, name, line }) => ({ x, y, z, text, customdata, name, line }))""",
            selector,
        )

    def text(self, selector: str) -> str:
        """The text that a reader sees."""
        return self.page.locator(selector).inner_text()

    def wait_for(self, condition: str) -> None:
        """Wait until an expression of the page is true (Playwright's own way needs eval, which the page forbids)."""
        until = time.monotonic() + WAIT_MS / 1000
        while not self.page.evaluate(condition):
            assert time.monotonic() < until, f"never true: {condition}"
            self.page.wait_for_timeout(30)


@contextmanager
def opened(browser, url: str, width: int = 1280, height: int = 900, **context: object) -> Iterator[Seen]:
    """Open the page, and wait until it is drawn."""
    made = browser.new_context(viewport={"width": width, "height": height}, **context)
    page = made.new_page()
    page.add_init_script(LISTEN)
    seen = Seen(page, url)
    page.on("console", lambda said: seen.errors.append(_place(said)) if said.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    own = urlsplit(url).netloc
    page.on("request", lambda asked: seen.foreign.append(asked.url) if _is_foreign(asked.url, own) else None)
    page.goto(f"{url}/")
    page.wait_for_selector(DRAWN, timeout=WAIT_MS)
    seen.wait_for("document.querySelectorAll('#what-if:not([hidden]) .mark').length > 0")
    yield seen
    made.close()


def written(value: float | None, digits: int = 1) -> str:
    """A number as a browser writes it: halves are rounded up, where Python rounds them to even; a dash for none."""
    if value is None:
        return "–"
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def _place(said) -> str:
    return f"{said.text} ({said.location['url']})"


def _is_foreign(asked: str, own: str) -> bool:
    parts = urlsplit(asked)
    return parts.scheme not in ("data", "blob") and parts.netloc != own
