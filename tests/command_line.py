"""Run the command line to its end in a process of its own, without the settings of this one."""

from __future__ import annotations

import os
import subprocess
import sys


def asset_bridge(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "asset_consumer", *arguments, stdin=stdin, **environment)


def python(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSET_BRIDGE_")}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=clean | environment, timeout=60, check=False
    )
