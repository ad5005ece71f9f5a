"""docs/http.md says what is so: its commands run, its numbers are the code's."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dagster import DagsterInstance
from document_server import KEY, DocumentServer, document_server

from asset_events import MAX_EVENT_BYTES
from asset_reporting import auth, http_reporting, server, storage_threads
from asset_reporting.app import REPORT_HANDLERS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parent.parent / "docs" / "http.md").read_text(encoding="utf-8")
COMMANDS = [block for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if block.startswith("curl")]


@pytest.fixture(scope="module")
def running() -> Iterator[DocumentServer]:
    with DagsterInstance.local_temp() as instance, document_server(instance) as running:
        yield running


@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands are curl's")
@pytest.mark.parametrize("command", COMMANDS)
def test_pasted_command_records_an_event(running: DocumentServer, command: str) -> None:
    command = command.replace("http://localhost:3000", running.requests.base)

    done = subprocess.run(
        ["bash", "-c", f"{command.strip()} --silent --fail-with-body"],
        env={"DAGSTER_API_KEY": KEY, "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert json.loads(done.stdout)["status"] == "success"


def test_there_is_a_command_for_every_endpoint() -> None:
    assert [path for command in COMMANDS for path in REPORT_HANDLERS if f"{path}/" in command] == list(REPORT_HANDLERS)


@pytest.mark.parametrize(
    "said",
    [
        f"| request body | {MAX_EVENT_BYTES} bytes |",
        f"query included | {server.MAX_HEADER_BYTES} bytes |",
        f"| time for one report | {http_reporting.STORAGE_DEADLINE_S:g} seconds |",
        f"| {http_reporting.STORAGE_WORKERS}, and {storage_threads.WAITING_PER_WORKER} waiting for each |",
        f"| open connections | {server.MAX_CONNECTIONS} |",
        f"closed after {server.KEEP_ALIVE_S} seconds",
        f"at least {auth.MIN_KEY_LENGTH} characters",
        auth.API_KEYS_FILE_VARIABLE,
        *(f"`POST {path}/{{asset_key}}`" for path in REPORT_HANDLERS),
    ],
)
def test_page_says_what_the_code_does(said: str) -> None:
    assert said in PAGE
