"""A code server as a process of its own, as a Dagster deployment runs it: killed, deployed anew, and reloaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient
from ports import free_port

API, PROXY = ("api", "grpc"), ("code-server", "start")
"""The commands of Dagster that serve code: itself, or by a process behind it that a reload replaces."""


class CodeServer:
    """One code location, at the same address in each of its lives."""

    def __init__(self, folder: Path, command: tuple[str, str] = API) -> None:
        self._folder, self._command = folder, command
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text(f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {self._port}}}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def deploy(self, source: str) -> None:
        """Serve these definitions, in the place of those before."""
        self.kill()
        self._write(source)
        command = [sys.executable, "-m", "dagster", *self._command, "-h", "127.0.0.1", "-p", str(self._port)]
        self._process = subprocess.Popen(
            [*command, "-f", str(self._file)],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def reload(self, source: str) -> None:
        """Let the proxy replace the process behind it, as the reload button of Dagster's page does."""
        self._write(source)
        DagsterGrpcClient(port=self._port, host="127.0.0.1").reload_code(timeout=60)

    def answers(self) -> bool:
        try:
            return bool(DagsterGrpcClient(port=self._port, host="127.0.0.1").get_server_id(timeout=1))
        except DagsterUserCodeUnreachableError:
            return False

    def kill(self) -> None:
        """End it, and what it has started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    @property
    def _file(self) -> Path:
        return self._folder / "definitions.py"

    def _write(self, source: str) -> None:
        self._file.write_text(source)
