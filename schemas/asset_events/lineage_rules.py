"""What an operator decides about OpenLineage run events: how datasets become asset keys, and what else is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from string import Formatter
from typing import Final, Literal, TypeAlias

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from asset_events.asset_key import check_asset_key
from asset_events.refusals import refusal

Unmatched: TypeAlias = Literal["key", "ignore", "reject"]
"""A dataset that no rule matches: named by the default, passed over, or its run event is refused."""

Inputs: TypeAlias = Literal["ignore", "observe"]
"""What a run has read: nothing, or an observation."""

Failures: TypeAlias = Literal["ignore", "check"]
"""A run that failed: nothing, or a failed check of each dataset that it writes."""

DEFAULT_KEY: Final = "key"
"""The name by which a template calls the default key, its components separated by `/`."""


@dataclass(frozen=True, slots=True)
class NamingRule:
    """One way from a dataset to an asset key; make it with `naming_rule`."""

    namespace: re.Pattern[str]
    name: re.Pattern[str]
    asset_key: str

    def apply(self, namespace: str, name: str) -> list[str] | None:
        """The components of the key, None where the rule does not match."""
        found = self.name.fullmatch(name) if self.namespace.fullmatch(namespace) else None
        if found is None:
            return None
        groups = {group: text or "" for group, text in found.groupdict().items()}
        text = self.asset_key.format_map({DEFAULT_KEY: "/".join(default_key(name)), **groups})
        return _components(text, "/")


@dataclass(frozen=True, slots=True)
class LineageRules:
    """How run events become asset events; of the naming rules the first that matches counts."""

    rules: tuple[NamingRule, ...] = ()
    unmatched: Unmatched = "key"
    inputs: Inputs = "ignore"
    failures: Failures = "ignore"

    def asset_key(self, namespace: str, name: str) -> tuple[str, ...] | None:
        """The asset key of a dataset, None where it is to be passed over.

        Raises:
            PydanticCustomError: The dataset can have no key; the message says why, without its name.
        """
        components = next((key for rule in self.rules if (key := rule.apply(namespace, name)) is not None), None)
        if components is None:
            if self.unmatched == "ignore":
                return None
            if self.unmatched == "reject":
                raise refusal("is matched by no naming rule (lineage.rules)")
            components = default_key(name)
        try:
            return check_asset_key(components)
        except PydanticCustomError as error:
            reason = error.message()
        except ValidationError as error:
            reason = error.errors(include_input=False)[0]["msg"]
        raise refusal(f"gives no asset key, which {reason}")


def naming_rule(namespace: str, name: str, asset_key: str) -> NamingRule:
    """Make a rule of a glob, a regular expression with named groups, and a template.

    Raises:
        PydanticCustomError: One of them cannot be used.
    """
    pattern = name_pattern(name)
    return NamingRule(re.compile(translate(namespace)), pattern, check_template(asset_key, pattern.groupindex))


def name_pattern(text: str) -> re.Pattern[str]:
    """Compile the regular expression of a rule; raises `PydanticCustomError`."""
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError):
        raise refusal("must be a regular expression, as Python writes it") from None


def check_template(text: str, groups: Iterable[str]) -> str:
    """Return a template whose every placeholder is a group, or the default key; raises `PydanticCustomError`."""
    known = sorted({DEFAULT_KEY, *groups})
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise refusal("must be a template such as warehouse/{table}") from None
    for _, field, form, conversion in parts:
        # Nothing but a name: `{a.b}` and `{a!r}` would reach into Python.
        if field is not None and (field not in known or form or conversion):
            raise refusal(f"must have no placeholder but {', '.join(known)}")
    if not text.strip("/"):
        raise refusal("must not be empty")
    return text


def default_key(name: str) -> list[str]:
    """Split a path at its slashes, any other name, which is then a table's or a topic's, at its dots."""
    return _components(name, "/" if "/" in name else ".")


def _components(text: str, separator: str) -> list[str]:
    return [part for part in text.split(separator) if part]
