"""What settings are called: `kafka.group_id` in the file, `ASSET_BRIDGE_KAFKA__GROUP_ID` in the environment."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TypeAlias, get_args

from pydantic import BaseModel

from asset_consumer.settings import Settings

SettingPath: TypeAlias = tuple[str, ...]
"""A setting's place in the model: `("kafka", "group_id")`."""

PREFIX = "ASSET_BRIDGE_"

API_KEY_VARIABLE = "ASSET_BRIDGE_API_KEY"
"""The key that `asset-bridge report` sends; no setting, and none of the other commands' business."""


def setting_paths(model: type[BaseModel] = Settings, above: SettingPath = ()) -> Iterator[SettingPath]:
    """Every setting's place, in the model's order."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from setting_paths(inner, (*above, name))
        else:
            yield (*above, name)


def variable_name(path: SettingPath) -> str:
    """The environment variable of a setting; a librdkafka property's dots become underscores."""
    return PREFIX + "__".join(path).upper().replace(".", "_")


def file_name(path: Iterable[object]) -> str:
    """The setting's name in a file; numbers are places in a list."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def neighbours(path: tuple[str | int, ...]) -> list[str]:
    """The names, as in a file, of all that may stand where this unknown name stands."""
    model: type[BaseModel] = Settings
    for part in path[:-1]:
        if isinstance(part, str):  # a number is a place in a list, whose items were looked up by its name
            inner = model.model_fields[part].annotation
            model = next(
                one for one in (inner, *get_args(inner)) if isinstance(one, type) and issubclass(one, BaseModel)
            )
    return [file_name((*path[:-1], name)) for name in model.model_fields]


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """`; did you mean ...?` with the nearest known name, or nothing when none is near.

    A prefix that all names share is left out of the comparison, or every name would be near every other.
    """
    candidates = [other.removeprefix(prefix) for other in known]
    matches = difflib.get_close_matches(name.removeprefix(prefix), candidates, n=1)
    return f"; did you mean {prefix}{matches[0]}?" if matches else "."
