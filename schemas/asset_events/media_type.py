"""What a sender declares about the bytes it sends, by HTTP header or Kafka header: plain JSON in UTF-8, or refused."""

from __future__ import annotations

import codecs
from email.message import Message

from asset_events.errors import ErrorDetail, InvalidEventError

_JSON_LINES = {"x-ndjson", "jsonl"}  # https://github.com/ndjson/ndjson-spec, https://jsonlines.org
_CHARSETS = {"utf-8", "ascii"}  # ASCII is UTF-8 too


def check_media_type(content_type: str | None, content_encoding: str | None, *, json_lines: bool = False) -> None:
    """Refuse bytes that are declared to be something else than JSON as it is; no declaration is taken as JSON.

    JSON by any name is taken: `application/json`, `application/vnd.acme.event+json`, with parameters, in any case.
    With `json_lines` so are `application/x-ndjson` and `application/jsonl`: one JSON object per line.

    Raises:
        InvalidEventError: `encoding.unsupported` or `content_type.unsupported`.
    """
    codings = (content_encoding or "").lower().split(",")
    if any(coding.strip() not in {"", "identity"} for coding in codings):
        raise _invalid("encoding.unsupported", "The content-encoding must be identity; send the JSON as it is.")
    if content_type is None or not content_type.strip():
        return
    media_type, charset = _parsed(content_type)
    kind, _, name = media_type.partition("/")
    taken = name == "json" or name.endswith("+json") or (json_lines and name in _JSON_LINES)
    if kind != "application" or not taken:
        choice = "application/json or application/x-ndjson" if json_lines else "application/json"
        raise _invalid("content_type.unsupported", f"The content-type must be {choice}.")
    if not _is_utf_8(charset):
        raise _invalid("encoding.unsupported", "The content-type declares another character set; JSON is UTF-8.")


def is_media_type(content_type: str | None, media_type: str) -> bool:
    """Whether a content type declares this media type, with whatever parameters."""
    return content_type is not None and _parsed(content_type)[0] == media_type


def _parsed(content_type: str) -> tuple[str, object]:
    """Media type and charset; the standard library's mail parser trips over some parameters, which are then neither."""
    declared = Message()
    try:
        declared["content-type"] = content_type
        return declared.get_content_type(), declared.get_param("charset", "utf-8")
    except Exception:  # noqa: BLE001 - whatever it is, the header cannot be read
        return "", None


def _is_utf_8(charset: object) -> bool:
    try:
        return isinstance(charset, str) and codecs.lookup(charset).name in _CHARSETS
    except (LookupError, ValueError):
        return False


def _invalid(code: str, message: str) -> InvalidEventError:
    return InvalidEventError([ErrorDetail("", code, message)])
