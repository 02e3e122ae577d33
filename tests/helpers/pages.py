"""Pages as a reader and a browser see them."""

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest


class Reader(HTMLParser):
    """Collects the elements of a page and its text outside of scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.words, self.hidden = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.hidden = tag in ("script", "style")

    def handle_endtag(self, tag):
        self.hidden = False

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


PROBE = """
<script>
const report = document.querySelector("iframe").contentWindow;
setTimeout(() => {
  const page = report.document;
  const drawn = [...page.querySelectorAll("[id^=figure-]")].filter((place) => {
    const box = place.querySelector("svg.main-svg")?.getBoundingClientRect();
    return box && box.width > 200 && box.right <= 390 && place.querySelector(".trace, .hm image, .heatmaplayer image");
  });
  document.body.dataset.seen = [
    report.mistakes.length, drawn.length, page.documentElement.scrollWidth, report.alerted ?? "quiet",
    report.performance.getEntriesByType("resource").length,
  ].join(" ");
}, 3000);
</script>
"""
LISTEN = """<script>
var mistakes = [];
addEventListener("error", (event) => mistakes.push(event.message));
console.error = console.warn = (...words) => mistakes.push(words.join(" "));
alert = () => { alerted = "alerted"; };
</script>"""


def browser():
    """A Chromium that starts, or a reason to skip."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    pytest.skip("there is no Chromium to draw the page")


def seen_on_a_phone(page: str, tmp_path: Path) -> str:
    """What a browser sees on a phone 390 pixels wide: mistakes, figures drawn, width, alerts, things loaded.

    Skips the test where no browser starts.
    """
    listening = html.escape(page.replace("<head>", f"<head>{LISTEN}", 1))
    frame = f'<iframe style="width:390px;height:30000px;border:0" srcdoc="{listening}"></iframe>'
    (tmp_path / "phone.html").write_text(
        f"<!doctype html><meta charset=utf-8>{frame}{PROBE}", encoding="utf-8"
    )
    switches = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync "
        f"--user-data-dir={tmp_path / 'profile'} --virtual-time-budget=6000 --dump-dom"
    )
    seen = subprocess.run(
        [browser(), *switches.split(), (tmp_path / "phone.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    return re.search(r'data-seen="([^"]*)"', seen)[1]
