"""Run the command line without the settings of this process, to its end in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from kept_secrets import look_at

if TYPE_CHECKING:
    import pytest


def asset_bridge(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "asset_consumer", *arguments, stdin=stdin, **environment)


def python(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSET_BRIDGE_")}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=clean | environment, timeout=60, check=False
    )
    look_at("what a command has written", done.stdout + done.stderr)
    return done


def without_test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a command that is run in this process: the tests' own variables would be taken for settings, and refused."""
    for name in [name for name in os.environ if name.startswith("ASSET_BRIDGE_TEST_")]:
        monkeypatch.delenv(name)
