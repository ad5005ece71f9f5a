"""The one exception for settings that cannot be used. Apart, so that the command line can catch it at no cost."""

from __future__ import annotations

from collections.abc import Sequence


class SettingsError(Exception):
    """Raised when the settings cannot be used; each problem is one sentence that names a setting, never its value."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Take at least one problem."""
        self.problems = list(problems)
        super().__init__("\n".join(problems))
