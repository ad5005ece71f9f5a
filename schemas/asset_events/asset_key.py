"""Asset keys: which ones Dagster's storage can hold, and how a URL query writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias, cast

from pydantic import BeforeValidator, WithJsonSchema

from asset_events.limits import MAX_ASSET_KEY_CHARS
from asset_events.refusals import refusal, refusals
from asset_events.text import NO_NUL, NOT_ENCODABLE, is_encodable

_DOTTED = re.compile(r"[A-Za-z0-9_./]*")


def check_asset_key(value: object) -> tuple[str, ...]:
    """Return the components of an asset key given as a list of strings, or as one string (= one component)."""
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, (list, tuple)):
        raise refusal("must be a list of strings, or one string")
    if not value:
        raise refusal("must have at least one component")
    components = [_check_component(index, part) for index, part in enumerate(cast("Sequence[object]", value))]
    # Dagster's `AssetKey.to_string()`, so a character beyond ASCII counts six and an emoji twelve.
    if len(json.dumps(components)) > MAX_ASSET_KEY_CHARS:
        raise refusal(f"must not be longer than {MAX_ASSET_KEY_CHARS} characters when written as an ASCII JSON list")
    return tuple(components)


def _check_component(index: int, part: object) -> str:
    if not isinstance(part, str):
        raise refusals([((index,), "must have only strings as components")])
    if not part:
        raise refusals([((index,), "must not have an empty component")])
    if "\0" in part:
        raise refusals([((index,), "must not contain a NUL character")])
    if not is_encodable(part):
        raise refusals([((index,), NOT_ENCODABLE)])
    return part


def split_dotted(text: str) -> list[str]:
    """Split a key as a URL query writes it: `warehouse.customers.daily` or `warehouse/customers/daily`.

    Dagster splits at every character that is not a letter, digit or underscore and drops the empty parts: `a-b` becomes
    two components and `café` becomes `caf`. Such a key is refused here rather than recorded under another name.
    """
    if not _DOTTED.fullmatch(text):
        raise refusal(
            "must be a JSON list of strings in a query, unless it has only letters a-z, digits, _ and the separators"
            " . and /; or give it in the URL path"
        )
    return re.split(r"[./]", text)


# The ASCII JSON of a key of n components is at least `["` and `"]` and n - 1 times `", "` longer than they are.
_COMPONENT: Final = {"type": "string", "minLength": 1, "maxLength": MAX_ASSET_KEY_CHARS - 4, "pattern": NO_NUL}
_COMPONENTS: Final = {"type": "array", "items": _COMPONENT, "minItems": 1, "maxItems": MAX_ASSET_KEY_CHARS // 5}

AssetKey: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(check_asset_key),
    WithJsonSchema({"anyOf": [_COMPONENTS, _COMPONENT]}),
]
"""Components of an asset key: one or more, none empty."""
