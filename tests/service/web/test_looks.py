"""How the page looks: contrast in both themes, screens from a wall to a phone, keyboard, motion. It leaves screenshots.

HEADWAY_SCREENSHOTS names the folder; without it they go where pytest keeps its temporary files.
"""

import os
from pathlib import Path

import pytest

from helpers.page_browser import opened
from helpers.service_server import served
from helpers.service_view import simulated_view

SIZES = [(1920, 1080), (1024, 768), (390, 844)]
THEMES = ["light", "dark"]
ENOUGH = 4.5
"""Contrast of text, WCAG 2.2, success criterion 1.4.3."""

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const part = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = rgba(getComputedStyle(e).backgroundColor);
      if (found[3] === 255) return found;
    }
  };
  const texts = [...document.querySelectorAll("body *")].filter((e) =>
    [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) &&
    e.checkVisibility() && !e.closest("noscript, option"));
  return texts.map((e) => {
    const style = getComputedStyle(e);
    const [a, b] = [light(rgba(e.closest("svg") ? style.fill : style.color)), light(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return [contrast, e.textContent.trim().slice(0, 40), e.className.baseVal ?? e.className];
  });
}"""


CUT = """() => [...document.querySelectorAll(".plot .main-svg text")]
  .filter((text) => text.checkVisibility() && text.textContent.trim())
  .filter((text) => {
    const [own, all] = [text.getBoundingClientRect(), text.closest(".main-svg").getBoundingClientRect()];
    return own.left < all.left - 1 || own.right > all.right + 1 || own.top < all.top - 4 || own.bottom > all.bottom + 4;
  })
  .map((text) => text.textContent)"""


@pytest.fixture(scope="module")
def url():
    view = simulated_view(stations=14)
    for _ in range(20):
        view.step()
    with served(view) as (url, _):
        yield url


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory) -> Path:
    folder = Path(os.environ.get("HEADWAY_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_it_fits_the_screen_and_every_text_can_be_read(browser, url, screenshots, size, theme):
    with opened(browser, url, *size, color_scheme=theme) as seen:
        page = seen.page
        name = f"{size[0]}x{size[1]}_{theme}"
        page.screenshot(path=screenshots / f"{name}_first.png")
        page.select_option("#station-choice", "4")
        page.locator(".lane .mark").nth(2).focus()
        for _ in range(6):
            page.keyboard.press("ArrowRight")
        seen.wait_for("document.querySelectorAll('#what-if-result .main-svg').length >= 6")
        seen.wait_for("document.querySelectorAll('#station-directions .main-svg').length >= 2")
        page.locator("#what-if-result summary").click()
        page.screenshot(path=screenshots / f"{name}.png", full_page=True)
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 100
        assert [found for found in contrasts if found[0] < ENOUGH] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.evaluate(CUT) == []
        seen.check()


def test_it_fits_a_screen_of_360_pixels(browser, url):
    with opened(browser, url, 360, 640) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_switch_changes_the_theme_and_the_choice_is_kept(browser, url):
    with opened(browser, url, color_scheme="dark") as seen:
        page, paper = seen.page, "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(paper)
        switch = page.locator("#theme")
        ink = "document.querySelector('#heatmaps .plot')._fullLayout.font.color"
        before = page.evaluate(ink)
        switch.click()
        light = page.evaluate(paper)
        assert light == "rgb(255, 255, 255)" != dark
        seen.wait_for(f"{ink} !== {before!r}")
        page.reload()
        page.wait_for_selector("#time-space-plot .main-svg")
        assert page.evaluate(paper) == light and "light" in switch.inner_text()
        switch.click()
        switch.click()
        assert page.evaluate(paper) == dark and "system" in switch.inner_text()
        seen.check()


def test_everything_is_reached_by_tab_and_shows_that_it_has_the_focus(browser, url):
    with opened(browser, url, reduced_motion="reduce") as seen:
        page, reached = seen.page, set()
        for _ in range(90):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                """() => { const e = document.activeElement, s = getComputedStyle(e);
                     return [e.id || e.className || e.tagName, s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2,
                             e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ?? e.textContent]; }"""
            )
            if focused[0] == "BODY":
                break
            assert focused[1], f"{focused[0]} does not show its focus"
            assert focused[2].strip(), f"{focused[0]} has no name"
            reached.add(focused[0])
        wanted = {
            "theme",
            "station-choice",
            "plot",
            "replay-moment",
            "replay-day",
            "mark",
            "what-if-reset",
            "strategy-mins",
        }
        assert wanted <= reached | {name.split()[0] for name in reached if name}
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
