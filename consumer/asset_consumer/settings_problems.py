"""What is wrong with the settings, in sentences that name each setting as it was written and never repeat its value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from asset_consumer.settings_error import SettingsError
from asset_consumer.settings_names import SettingPath, did_you_mean, file_name, neighbours, variable_name

__all__ = ["SettingsError", "Written"]

_WORDS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "missing": "is missing",
    "model_attributes_type": "must be a section with names below it",
    "model_type": "must be a section with names below it",
    "dict_type": "must be a section with names below it",
    "path_type": "must be a path",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
}


@dataclass(frozen=True, slots=True)
class Written:
    """What the user wrote, and where: needed to call a setting by the name that the user gave it."""

    variables: Mapping[SettingPath, str]
    in_file: Mapping[str, Any]
    config: Path | None

    def name_of(self, path: tuple[str | int, ...]) -> str:
        """The environment variable, or the name in the file; for a setting written in neither, its variable."""
        for length in range(len(path), 0, -1):
            variable = self.variables.get(tuple(map(str, path[:length])))
            if variable is not None:
                return variable
        if self._is_in_file(path) or (len(path) > 1 and self._is_in_file(path[:-1])):
            return f"{file_name(path)} in {self.config}"
        return variable_name(tuple(str(part) for part in path))

    def sentences(self, error: ValidationError) -> list[str]:
        """One sentence per error of the model."""
        return [self._sentence(detail) for detail in error.errors(include_url=False, include_input=False)]

    def _is_in_file(self, path: tuple[str | int, ...]) -> bool:
        place: Any = self.in_file
        for part in path:
            # A topic in a list may be its name alone, which then stands for `{name: ...}`.
            place = {"name": place} if isinstance(place, str) else place
            try:
                place = place[part]
            except (KeyError, IndexError, TypeError):
                return False
        return True

    def _sentence(self, detail: ErrorDetails) -> str:
        at = detail.get("ctx", {}).get("at")
        path = tuple(part for part in detail["loc"] if part != "[key]")
        path = (*path[:-1], *at) if at else path
        name = self.name_of(path)
        if detail["type"] == "extra_forbidden":
            return f"{name} is no setting{did_you_mean(file_name(path), neighbours(path), file_name(path[:-1]))}"
        words = _WORDS.get(detail["type"]) or re.sub(r"^\w+ should (?=be |have )", "must ", detail["msg"])
        return f"{name} {words}."
