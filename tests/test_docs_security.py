"""docs/security.md names tests, commands, settings and files that are there; a test that is renamed is missed here."""

from __future__ import annotations

import re
from pathlib import Path

from click import Context

from asset_consumer.cli import cli
from asset_consumer.settings_names import setting_paths, variable_name

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
TEXT = (DOCS / "security.md").read_text("utf-8")
SHOWN_BY = re.compile(r"\[([^\]]+)\]\(\.\./(tests/[\w/]+\.py)\)")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_named_test_is_there() -> None:
    named = SHOWN_BY.findall(TEXT)
    assert len(named) == TEXT.count("../tests/") > 50
    functions = {file: (PROJECT / file).read_text("utf-8") for _, file in named if (PROJECT / file).is_file()}
    missing = [
        f"{file}: {name}"
        for name, file in named
        if not re.search(rf"^(async )?def test_{name.replace(' ', '_')}\(", functions.get(file, ""), re.MULTILINE)
    ]
    assert missing == []


def test_every_defence_names_what_shows_it() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    defences = headings[2:-1]
    assert defences[0] == "Strangers on HTTP"
    without = [row[0] for heading in defences for row in rows(heading) if not SHOWN_BY.search(row[2])]
    assert without == [
        "to write to an input topic without being a sender",  # the brokers' business
        "something nobody knows to be in it",  # `make sbom` itself
    ]


def test_whatever_is_not_defended_comes_with_something_to_do() -> None:
    holes = rows("What is not defended")
    assert len(holes) >= 8
    assert [row[0] for row in holes if len(row) != 3 or not all(row)] == []


def test_named_commands_settings_and_files_are_there() -> None:
    quoted = re.findall(r"`([^`]+)`", TEXT + (PROJECT / "SECURITY.md").read_text("utf-8"))
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {word.split()[1] for word in quoted if word.startswith("make ")} <= set(targets)
    commands = cli.list_commands(Context(cli))
    assert {word.split()[1] for word in quoted if word.startswith("asset-bridge ")} <= set(commands)
    paths = {".".join(path) for path in setting_paths()}
    assert {word for word in quoted if re.match(r"(http|kafka|console)\.", word)} <= paths
    variables = {variable_name(path) for path in setting_paths()}
    assert {word for word in quoted if word.startswith("ASSET_BRIDGE_")} <= variables
    assert [word for word in quoted if word.startswith(".ci/") and not (PROJECT / word).is_file()] == []


def test_security_is_found_from_the_first_page() -> None:
    readme = (PROJECT / "README.md").read_text("utf-8")
    assert all(f"]({page})" in readme for page in ("docs/security.md", "SECURITY.md"))
