"""Bodies that are refused as bytes: no JSON object in UTF-8."""

from __future__ import annotations

import gzip
from typing import Final

from corpus_case import MALFORMED, UNSUPPORTED, raw

NOT_JSON: Final = [
    raw("white space only", b"  ", MALFORMED),
    raw("not JSON", b"hello", MALFORMED),
    raw("cut off", b'{"asset_key": "corp', MALFORMED),
    raw("form encoded", b"asset_key=corpus", MALFORMED),
    raw("two documents", b'{"asset_key": "corpus"} {"asset_key": "corpus"}', MALFORMED),
    raw("trailing comma", b'{"asset_key": "corpus",}', MALFORMED),
    raw("single quotes", b"{'asset_key': 'corpus'}", MALFORMED),
    raw("invalid UTF-8", b'{"asset_key": "corpus", "description": "\xff"}', MALFORMED),
    raw("Latin-1", '{"asset_key": "corpus", "description": "é"}'.encode("latin-1"), MALFORMED),
    raw("null", b"null", MALFORMED),
    raw("number", b"5", MALFORMED),
    raw("boolean", b"true", MALFORMED),
    raw("string", b'"asset_key metadata"', MALFORMED),
    raw("empty list", b"[]", MALFORMED),
    raw("list of a field name", b'["metadata"]', MALFORMED),
    raw("NaN", b'{"asset_key": "corpus", "metadata": {"x": NaN}}', MALFORMED),
    raw("Infinity", b'{"asset_key": "corpus", "metadata": {"x": Infinity}}', MALFORMED),
    raw("-Infinity", b'{"asset_key": "corpus", "metadata": {"x": [-Infinity]}}', MALFORMED),
    raw("integer of 5000 digits", b'{"asset_key": "corpus", "metadata": {"x": ' + b"1" * 5000 + b"}}", MALFORMED),
    raw("nesting of 500", b'{"asset_key": "corpus", "metadata": {"x": ' + b"[" * 500 + b"]" * 500 + b"}}", MALFORMED),
    raw("lone surrogate in the key", b'{"asset_key": ["\\ud800"]}', MALFORMED),
    raw("lone surrogate in metadata", b'{"asset_key": "corpus", "metadata": {"x": "\\udfff"}}', MALFORMED),
    raw("lone surrogate in a metadata name", b'{"asset_key": "corpus", "metadata": {"\\ud800": 1}}', MALFORMED),
    raw("gzip", gzip.compress(b'{"asset_key": "corpus"}', mtime=0), UNSUPPORTED),
    raw("zstd", b"\x28\xb5\x2f\xfd\x24\x02\x11\x00\x00{}", UNSUPPORTED),
    raw("schema registry framing", b'\x00\x00\x00\x00\x07{"asset_key": "corpus"}', UNSUPPORTED),
    raw("UTF-16", '{"asset_key": "corpus"}'.encode("utf-16"), UNSUPPORTED),
    raw("UTF-16, big endian", b"\xfe\xff" + '{"asset_key": "corpus"}'.encode("utf-16-be"), UNSUPPORTED),
    raw("UTF-32", '{"asset_key": "corpus"}'.encode("utf-32"), UNSUPPORTED),
    raw("UTF-32, big endian", b"\x00\x00\xfe\xff" + '{"asset_key": "corpus"}'.encode("utf-32-be"), UNSUPPORTED),
]
