"""Which metrics and labels a PromQL expression names: enough of its grammar for our own alerts and panels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"(?<![\w:$.])([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?(?!\s*\(|[\w:{])")
_MATCHER = re.compile(r"\s*(\w+)\s*(?:=~|!~|!=|=)\s*$")
_RANGE = re.compile(r"\[[^\]]*\]")
_WORDS = {"and", "or", "unless", "bool", "offset"}


@dataclass(frozen=True, slots=True)
class Query:
    """What one expression names."""

    selectors: list[tuple[str, list[str]]]
    """Each metric, with the labels that it is chosen by."""
    grouping: list[str]
    """The labels by which results are grouped or matched: each must be one of some metric here."""


def parsed(expression: str) -> Query:
    """Take it apart; raises where it names no metric at all, as then nothing would be checked."""
    bare = _RANGE.sub("", _TEXT.sub("", expression))
    grouping = [label.strip() for inner in _GROUPING.findall(bare) for label in inner.split(",") if label.strip()]
    selectors = [*_selectors(_GROUPING.sub("", bare))]
    if not selectors:
        raise ValueError(f"names no metric: {expression}")
    return Query(selectors, grouping)


def _selectors(bare: str) -> Iterator[tuple[str, list[str]]]:
    for name, matchers in _SELECTOR.findall(bare):
        if name in _WORDS:
            continue
        labels: list[str] = []
        for matcher in filter(str.strip, matchers.split(",")):
            found = _MATCHER.match(matcher)
            if found is None:
                raise ValueError(f"not understood: {matcher}")
            labels.append(found.group(1))
        yield name, labels
