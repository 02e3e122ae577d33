"""The documentation is true where a program can tell: files exist, links lead somewhere, commands and options are known."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from headway_prediction.cli import build_app

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
]
PAGES += sorted((ROOT / "docs").glob("*.md"))


def commands_in(page: Path) -> list[str]:
    """The `headway` command lines of the code blocks of a page."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = (line.split("#")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if re.match(r"(\w+=\S+ )*headway ", line)]


COMMAND_LINES = [(page.name, line) for page in PAGES for line in commands_in(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, target


def test_where_to_change_what_names_files_of_the_package():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`([a-z_/]+(?:\.py|/))`", text[text.index("## Where to change what") : text.index("## How the code")]
    )
    package = ROOT / "src" / "headway_prediction"
    assert len(named) > 8 and all((package / name).exists() or (ROOT / name).exists() for name in named)


def test_architecture_draws_every_folder_and_file_of_the_package():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    house = text[text.index("headway_prediction/\n") : text.index("## Ideas")]
    found = {
        path.name for path in (ROOT / "src" / "headway_prediction").iterdir() if path.suffix in ("", ".py")
    }
    drawn = set(re.findall(r"^ {2}(\S+)/|(?<=[ ])(\w+\.py)", house, re.MULTILINE))
    names = {name for pair in drawn for name in pair if name}
    assert {name for name in found if not name.startswith("__")} <= names


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES, ids=lambda value: value[:60])
def test_commands_and_options_of_the_docs_exist(page, line):
    words = shlex.split(re.sub(r"^(\w+=\S+ )*headway ", "", line))
    commands = typer.main.get_command(build_app()).commands
    assert words[0] in commands, line
    options = {name for parameter in commands[words[0]].params for name in parameter.opts}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options, line
