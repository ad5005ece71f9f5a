"""Tags of materializations and observations: Dagster's own rules, less the keys that Dagster itself writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias, cast

from pydantic import BeforeValidator, WithJsonSchema

from asset_events.json_values import RESERVED_KEYS
from asset_events.limits import MAX_CODE_VERSION_CHARS, MAX_TAGS
from asset_events.refusals import Location, refusal, refusals
from asset_events.text import NO_NUL, is_encodable

# `dagster._utils.tags`: VALID_TAG_KEY_REGEX and VALID_STRICT_TAG_VALUE_REGEX, matched in full: Dagster's `$` lets a
# trailing newline through.
_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/|dagster/kind/)?[A-Za-z0-9_.-]{1,63}")
_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")

CODE_VERSION: Final = "dagster/code_version"

# Dagster reads these back as facts about the event; `dagster/partition/…` even replaces its partition.
_DAGSTERS_OWN: Final = (
    "dagster/partition",
    "dagster/data_version",
    "dagster/logical_version",
    "dagster/reporting_user",
    "dagster/input_data_version",
    "dagster/input_logical_version",
    "dagster/input_event_pointer",
)


def check_tags(value: object) -> dict[str, str]:
    """Return the tags of an event; null means none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refusal("must be a JSON object of strings")
    tags = cast("dict[object, object]", value)
    if len(tags) > MAX_TAGS:
        raise refusal(f"must not have more than {MAX_TAGS} entries")
    if problems := list(_problems(tags)):
        raise refusals(problems)
    return cast("dict[str, str]", tags)


def _problems(tags: Mapping[object, object]) -> Iterator[tuple[Location, str]]:
    for key, value in tags.items():
        if not isinstance(key, str):
            yield (), "must have strings as keys"
        elif reason := _key_problem(key) or _value_problem(key, value):
            yield (key,), reason


def _key_problem(key: str) -> str | None:
    if key in RESERVED_KEYS:
        return "must not use a key that Dagster's serialiser reserves (such as __class__)"
    if key.startswith(_DAGSTERS_OWN):
        return "must not set what Dagster writes itself: use the fields partition and data_version"
    if not _KEY.fullmatch(key):
        return "must have keys of up to 63 letters, digits, _, - or ., with one optional prefix/ of the same form"
    return None


def _value_problem(key: str, value: object) -> str | None:
    if not isinstance(value, str):
        return "must have strings as values"
    if key == CODE_VERSION:
        # The only tag that Dagster lets be free text.
        free = 0 < len(value) <= MAX_CODE_VERSION_CHARS and "\0" not in value and is_encodable(value)
        return None if free else f"must have 1 to {MAX_CODE_VERSION_CHARS} characters, without NUL, as this value"
    if not _VALUE.fullmatch(value):
        return "must have values of up to 63 letters, digits, _, - or ."
    return None


_TAGS_SCHEMA: Final[dict[str, Any]] = {
    "type": ["object", "null"],
    "maxProperties": MAX_TAGS,
    "propertyNames": {
        "pattern": f"^{_KEY.pattern}$",
        "not": {"anyOf": [{"enum": sorted(RESERVED_KEYS)}, {"pattern": f"^({'|'.join(_DAGSTERS_OWN)})"}]},
    },
    "properties": {
        CODE_VERSION: {"type": "string", "minLength": 1, "maxLength": MAX_CODE_VERSION_CHARS, "pattern": NO_NUL}
    },
    "additionalProperties": {"type": "string", "pattern": f"^{_VALUE.pattern}$"},
}

Tags: TypeAlias = Annotated[dict[str, str], BeforeValidator(check_tags), WithJsonSchema(_TAGS_SCHEMA)]
"""Short labels of an event."""
