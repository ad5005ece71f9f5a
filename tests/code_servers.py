"""`dagster api grpc` as a process of its own, as a Dagster deployment runs it: killed, and deployed anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Self

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient
from ports import free_port


class CodeServer:
    """One code location, at the same address in each of its lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
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
        file = self._folder / "definitions.py"
        file.write_text(source)
        command = [sys.executable, "-m", "dagster", "api", "grpc", "-h", "127.0.0.1", "-p", str(self._port)]
        self._process = subprocess.Popen(
            [*command, "-f", str(file)], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def answers(self) -> bool:
        try:
            return bool(DagsterGrpcClient(port=self._port, host="127.0.0.1").get_server_id(timeout=1))
        except DagsterUserCodeUnreachableError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None
