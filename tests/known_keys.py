"""API keys for tests: the same ones in every run, so that a log can be searched for them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kept_secrets import keep_secret

from asset_reporting.api_key_file import ApiKey
from asset_reporting.api_keys import ApiKeys

ALL = ("*:*",)


def key_of(key_id: str) -> str:
    """The key of this id."""
    return f"ab_{key_id}_{_secret(key_id)}"


def entry_of(key_id: str, scopes: Iterable[str] = ALL, **fields: Any) -> ApiKey:
    """Its entry in a file of keys."""
    digest = hashlib.sha256(_secret(key_id).encode()).hexdigest()
    return ApiKey.model_validate({"id": key_id, "sha256": digest, "scopes": list(scopes), **fields})


def known_keys(*key_ids: str, scopes: Iterable[str] = ALL) -> ApiKeys:
    """The keys of these ids, which may report everything unless told otherwise."""
    return ApiKeys([entry_of(key_id, scopes) for key_id in key_ids])


def keys_file(path: Path, *entries: ApiKey) -> Path:
    """A file of keys."""
    path.write_text("".join(f"{entry.line()}\n" for entry in entries), encoding="utf-8")
    return path


def _secret(key_id: str) -> str:
    secret = base64.urlsafe_b64encode(hashlib.sha256(f"secret of {key_id}".encode()).digest()).decode().rstrip("=")
    return keep_secret(secret, f"the API key {key_id}")
