"""Read a Dockerfile, as far as this project's needs it: its stages, and the instructions of each."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stage:
    """One `FROM`, under the name that `AS` gives it, and what follows it."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        return [text for word, text in self.instructions if word == keyword]


def read_stages(path: Path) -> dict[str, Stage]:
    """The stages by name, in order; arguments before the first one are filled in with their defaults."""
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    for keyword, text in _instructions(path.read_text("utf-8")):
        if keyword == "FROM":
            base, _, name = text.partition(" AS ")
            stages[name] = Stage(name, expand(base, arguments))
        elif stages:
            stages[next(reversed(stages))].instructions.append((keyword, text))
        else:
            arguments |= assignments(text, {})
    return stages


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            keyword, _, rest = line.strip().partition(" ")
            yield keyword, re.sub(r"\s+", " ", rest.strip())


def assignments(text: str, known: Mapping[str, str]) -> dict[str, str]:
    """What ENV, LABEL and ARG say: `NAME=value NAME="value"`."""
    pairs = [word.partition("=") for word in shlex.split(text)]
    return {name: expand(value, known) for name, _, value in pairs}


def variables(stage: Stage) -> dict[str, str]:
    """What a stage's own ENV lines set."""
    return {name: value for text in stage.all("ENV") for name, value in assignments(text, {"PATH": ""}).items()}


def expand(text: str, known: Mapping[str, str]) -> str:
    """Fill `$NAME` and `${NAME}` in; one that is not known is an error."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: known[found[1] or found[2]], text)
