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
from missing import missing

from asset_events import MAX_EVENT_BYTES
from asset_reporting import (
    auth,
    group_commit,
    http_reporting,
    idempotency,
    reporters,
    server,
    slow_clients,
    storage_threads,
)
from asset_reporting.app import REPORT_HANDLERS
from asset_reporting.batch_endpoint import BATCH_PATH
from asset_reporting.body_room import MAX_BODIES_BYTES
from asset_reporting.event_batch import MAX_BATCH_EVENTS
from asset_reporting.request_body import BODY_IDLE_S, GRACE_S, LEAST_BYTES_PER_S, MOST_SAVED_S

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parent.parent / "docs" / "http.md").read_text(encoding="utf-8")
LINEAGE = (Path(__file__).parent.parent / "docs" / "openlineage.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"```bash\n(.*?)```", PAGE + LINEAGE, re.DOTALL)
COMMANDS = [block for block in BLOCKS if "curl" in block]


@pytest.fixture(scope="module")
def running() -> Iterator[DocumentServer]:
    with DagsterInstance.local_temp() as instance, document_server(instance) as running:
        yield running


@pytest.mark.parametrize("command", COMMANDS)
def test_pasted_command_records_an_event(running: DocumentServer, command: str) -> None:
    if shutil.which("curl") is None:
        missing("curl", "the commands are curl's")
    command = command.replace("http://localhost:3000", running.requests.base)

    done = subprocess.run(
        ["bash", "-c", f"{command.strip()} --silent --fail-with-body"],
        env={"DAGSTER_API_KEY": KEY, "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert {json.loads(line)["status"] for line in done.stdout.splitlines()} == {"success"}


def test_there_is_a_command_for_every_endpoint() -> None:
    paths = (*REPORT_HANDLERS, BATCH_PATH, auth.LINEAGE_PATH)
    assert [path for path in paths if not any(path in command for command in COMMANDS)] == []


@pytest.mark.parametrize(
    "said",
    [
        f"| request body of one event, and each of many | {MAX_EVENT_BYTES} bytes |",
        f"| request body of many events | {http_reporting.MAX_BATCH_BYTES} bytes |",
        f"| events in one request | {MAX_BATCH_EVENTS} |",
        f"| requests of many events at a time | {http_reporting.MAX_BATCHES} |",
        f"| silence in the middle of a body | {BODY_IDLE_S:g} seconds |",
        f"{GRACE_S:g} seconds, and one for each {LEAST_BYTES_PER_S} bytes; of these {MOST_SAVED_S:g} are kept",
        f"| waiting for a request's head | {slow_clients.HEAD_S:g} seconds |",
        f"| leaving an answer unread | {slow_clients.READ_S:g} seconds |",
        f"| bodies of single events held at a time | {MAX_BODIES_BYTES} bytes |",
        f"| reports waiting, transactional recorder | {group_commit.WAITING_POSTS} |",
        f"in transactions of up to {group_commit.GROUP_EVENTS}.",
        f"remembered for {idempotency.RETENTION_S / 86400:g} days",
        f"query included | {server.MAX_HEADER_BYTES} bytes |",
        f"| time for one report | {reporters.STORAGE_DEADLINE_S:g} seconds |",
        f"| {reporters.STORAGE_WORKERS}, and {storage_threads.WAITING_PER_WORKER} waiting for each |",
        f"| open connections | {server.MAX_CONNECTIONS} |",
        f"closed after {server.KEEP_ALIVE_S} seconds",
        auth.API_KEYS_FILE_VARIABLE,
        *(f"`POST {path}/{{asset_key}}`" for path in REPORT_HANDLERS),
    ],
)
def test_page_says_what_the_code_does(said: str) -> None:
    assert said in PAGE
