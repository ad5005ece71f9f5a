"""The file of API keys: one line for each, a JSON object.

A key is `ab_<id>_<secret>`: a public id, by which its entry is found, and 256 random bits. The file holds only their
SHA-256, fast on purpose: what cannot be guessed needs no slow hash (OWASP's advice for passwords is about those that
can).

    {"id": "orders-k3f9", "name": "orders", "sha256": "…", "scopes": ["check:a/b"], "expires": "2027-01-31T00:00:00Z"}

Blank lines and lines that begin with `#` are skipped.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from asset_reporting.scopes import InvalidScopeError, parse_scopes

_Scope: TypeAlias = Annotated[str, Field(max_length=2000)]


def _check_scopes(texts: tuple[str, ...]) -> tuple[str, ...]:
    parse_scopes(texts)
    return texts


class ApiKey(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,62}$")] | None = None
    """Stored with each event as `dagster/reporting_user`; several keys may share it, so that one can be exchanged."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[_Scope, ...], Field(max_length=1000), AfterValidator(_check_scopes)]
    not_before: AwareDatetime | None = None
    expires: AwareDatetime | None = None

    def line(self) -> str:
        """The entry as it stands in the file."""
        return self.model_dump_json(exclude_none=True)


class InvalidApiKeysError(ValueError):
    """Raised when the keys cannot be used; names the file, the line and the field, never a value."""


def new_key(key_id: str, **fields: Any) -> tuple[str, ApiKey]:  # noqa: ANN401 # the model checks them
    """Make a key, and its entry for the file; the key itself is kept nowhere.

    Raises:
        InvalidApiKeysError: A field is not what the file takes.
    """
    secret = secrets.token_urlsafe(32)
    try:
        entry = ApiKey(id=key_id, sha256=hashlib.sha256(secret.encode()).hexdigest(), **fields)
    except ValidationError as error:
        raise InvalidApiKeysError(_words(error.errors(include_input=False, include_url=False)[0])) from None
    return f"ab_{key_id}_{secret}", entry


def read_keys(path: Path) -> list[ApiKey]:
    """Read the entries of a file.

    Raises:
        InvalidApiKeysError: It cannot be read, a line is no entry, or an id stands there twice.
    """
    try:
        # Not `splitlines`: other line breaks of Unicode may stand inside of a scope.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise InvalidApiKeysError(f"The API keys file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidApiKeysError(f"The API keys file {path} is not UTF-8 text.") from None
    entries = [
        _entry(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    by_id(entries)
    return entries


def _entry(line: str, where: str) -> ApiKey:
    try:
        return ApiKey.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise InvalidApiKeysError(f"{where}: {_words(first)}") from None


def _words(error: ErrorDetails) -> str:
    """What is wrong, without a word of the line: a key that was pasted whole must not come out again."""
    if error["type"] == "json_invalid":
        return "is not one JSON object; `asset-bridge keys create` prints the line of a key"
    if error["type"] == "extra_forbidden":
        return f"has a field that is none of {', '.join(ApiKey.model_fields)}"
    field = error["loc"][0] if error["loc"] else "the entry"
    cause = error.get("ctx", {}).get("error")
    return f"{field}: {cause if isinstance(cause, InvalidScopeError) else error['msg']}"


def by_id(keys: Iterable[ApiKey]) -> dict[str, ApiKey]:
    """Keys by their ids.

    Raises:
        InvalidApiKeysError: Two have the same.
    """
    known: dict[str, ApiKey] = {}
    for key in keys:
        if key.id in known:
            raise InvalidApiKeysError(f"Two API keys have the id {key.id}.")
        known[key.id] = key
    return known
