"""Correct the value of a dead letter's record by an RFC 6902 patch, and change nothing else of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import jsonpatch

from asset_consumer.exact_json import read_exactly

if TYPE_CHECKING:
    from pathlib import Path


_NEEDED: Final = {"add": "value", "replace": "value", "test": "value", "move": "from", "copy": "from"}
"""What an operation must say besides its path; the library finds out when it applies it."""


class PatchError(Exception):
    """Raised when a patch is none, or does not apply to a value; the text repeats nothing of the value."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A list of operations, to be applied to the values of records."""

    operations: jsonpatch.JsonPatch

    def apply(self, value: bytes | None) -> bytes:
        """The corrected value, as compact JSON; byte for byte the same where the patch changes nothing.

        Raises:
            PatchError: The value is no JSON document, or the patch does not apply to it.
        """
        if value is None:
            raise PatchError("there is no value to patch (null)")
        try:
            document = read_exactly(value)
            patched = self.operations.apply(document)
        except (ValueError, RecursionError):
            raise PatchError("its value is no JSON document that could be patched") from None
        except jsonpatch.JsonPatchTestFailed:
            raise PatchError("a test operation of the patch does not hold") from None
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError):
            raise PatchError("the patch names a place that the value does not have") from None
        if json.dumps(document) == json.dumps(patched):  # as values they may be equal, such as 1 and true
            return value
        try:
            return json.dumps(patched, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
        except ValueError:
            raise PatchError("what the patch leaves cannot be written as JSON in UTF-8") from None


@dataclass(frozen=True, slots=True)
class NewValue:
    """A value that takes the place of whatever there was."""

    value: bytes

    def apply(self, _value: bytes | None) -> bytes:
        """The new value."""
        return self.value


def load_patch(file: Path) -> Patch:
    """Read a patch from a file.

    Raises:
        PatchError: The file cannot be read, or holds no patch.
    """
    try:
        return read_patch(file.read_bytes())
    except OSError as error:
        raise PatchError(f"the file cannot be read: {error.strerror}") from None


def read_patch(content: bytes) -> Patch:
    """Take a JSON document for a patch.

    Raises:
        PatchError: It is none.
    """
    try:
        found = read_exactly(content)
        operations = cast("list[dict[str, Any]]", found) if isinstance(found, list) else []
        if not operations:
            raise PatchError("must be a JSON array of at least one operation (RFC 6902)")
        if any(_NEEDED.get(operation["op"], "path") not in operation for operation in operations):
            raise PatchError("holds an operation that lacks its value or its from")
        return Patch(jsonpatch.JsonPatch(operations))
    except (ValueError, RecursionError):
        raise PatchError("is no JSON document") from None
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError):
        raise PatchError("holds something that is no operation of RFC 6902") from None
