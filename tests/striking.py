"""Let something happen in the middle of a consumer's work, in this process; whole processes: `fault_points.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def strike_at(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, passage: int, strike: Callable[[], object]
) -> Callable[[], bool]:
    """Call `strike` before a function is passed for the `passage`th time; answers whether it was."""
    function: Callable[..., Any] = getattr(owner, name)
    passed: list[None] = []

    def striking(*arguments: Any, **named: Any) -> Any:
        passed.append(None)
        if len(passed) == passage:
            strike()
        return function(*arguments, **named)

    monkeypatch.setattr(owner, name, striking)
    return lambda: len(passed) >= passage
