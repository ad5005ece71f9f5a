"""What operators pause is kept in Dagster's database, for one group, until they resume it."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as db
from command_line import without_test_variables
from dagster import DagsterInstance
from databases import Database
from ports import free_port

from asset_consumer.cli import run
from asset_reporting import pauses
from asset_reporting.bridge_tables import PAUSES
from asset_reporting.pause_store import PauseStore
from asset_reporting.pauses import Pause, PauseError, PauseTextError, checked
from asset_reporting.writers_lock import take_writers_lock


def test_a_pause_is_of_one_group_and_holds_until_it_is_resumed(each_database: DagsterInstance) -> None:
    store = PauseStore(each_database)
    began = int(time.time())

    assert store.pause("g", ["a", "b"], reason=" schema migration ", by="anna") == {}
    store.pause("other", ["a"], reason="theirs", by="otto")

    assert store.read("g") == {name: Pause("schema migration", "anna", store.read("g")["a"].since) for name in "ab"}
    assert store.read("g")["a"].since >= began
    assert store.resume("g", ["a", "c"]).keys() == {"a"}
    assert store.read("g").keys() == {"b"}
    assert store.read("other").keys() == {"a"}


def test_pausing_again_gives_another_reason_and_leaves_the_time(
    each_database: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PauseStore(each_database)
    monkeypatch.setattr(time, "time", lambda: 1_000_000.9)
    store.pause("g", ["a"], reason="first", by="anna")
    monkeypatch.setattr(time, "time", lambda: 2_000_000.0)

    assert store.pause("g", ["a"], reason="second", by="otto") == {"a": Pause("first", "anna", 1_000_000)}

    assert store.read("g") == {"a": Pause("second", "otto", 1_000_000)}
    assert store.read("g")["a"].as_dict()["since"] == "1970-01-12T13:46:40Z"


def test_two_that_come_first_at_once_make_one_table(each_database: DagsterInstance) -> None:
    assert PauseStore(each_database).read("g") == {}
    assert not each_database.event_log_storage.has_table(PAUSES.name)  # type: ignore[attr-defined] # an SQL storage

    def pause(number: int) -> None:
        PauseStore(each_database).pause("g", [f"t{number}", "t"], reason="r", by=f"{number}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(pause, range(4)))

    assert PauseStore(each_database).read("g").keys() == {"t", "t0", "t1", "t2", "t3"}


def test_a_pause_waits_for_no_batch_under_way(postgresql: Database) -> None:
    home = postgresql.new_home()
    store, storage = PauseStore(postgresql.open(home)), cast("Any", postgresql.open(home).event_log_storage)
    store.pause("g", ["a"], reason="r", by="anna")

    with ThreadPoolExecutor(1) as thread, storage.index_transaction() as batch:
        take_writers_lock(batch)
        thread.submit(store.pause, "g", ["b"], reason="r", by="anna").result(10)
        thread.submit(store.resume, "g", ["a"]).result(10)
    assert store.read("g").keys() == {"b"}


@pytest.mark.parametrize(
    ("reason", "by"),
    [
        ("", "anna"),
        ("  ", "anna"),
        ("x" * 201, "anna"),
        ("a\nb", "anna"),
        ("\x00", "a"),
        ("\ud800", "a"),
        ("r", "b" * 101),
    ],
)
def test_a_text_that_readiness_cannot_show_is_refused(reason: str, by: str) -> None:
    with pytest.raises(PauseTextError):
        checked(Pause(reason, by, 0))
    assert checked(Pause("x" * 200, "b" * 100, 0)).reason == "x" * 200


def test_a_storage_that_cannot_have_the_table_pauses_nothing_and_says_so() -> None:
    with DagsterInstance.ephemeral() as instance:
        store = PauseStore(instance)
        assert store.read("g") == {}
        with pytest.raises(PauseError, match="which InMemoryEventLogStorage cannot have"):
            store.pause("g", ["a"], reason="r", by="anna")
        with pytest.raises(PauseError, match="cannot have"):
            store.resume("g", ["a"])


@pytest.fixture
def _settings(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    without_test_variables(monkeypatch)
    monkeypatch.setenv("DAGSTER_HOME", str(sqlite.new_home()))
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__TOPICS", "a,b")


@pytest.mark.heavy
@pytest.mark.usefixtures("_settings")
def test_the_commands_pause_list_and_resume_while_no_kafka_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(capsys, "pauses") == (0, "Nothing is paused for the group asset-bridge.\n", "")
    assert said(capsys, "pause", "a", "--reason", "first", "--by", "otto")[0] == 0
    code, out, _ = said(capsys, "pause", "--all", "--reason", "schema migration", "--by", "anna")
    assert (code, out.splitlines()[-1]) == (0, "a was paused already, by otto: first")
    monkeypatch.setenv("COLUMNS", "40")  # a script that reads lines sees one for each topic
    assert [line.split() for line in said(capsys, "pauses")[1].splitlines()][2][-3:] == ["anna", "schema", "migration"]

    listed = json.loads(said(capsys, "pauses", "--json")[1])
    assert [(one["topic"], one["reason"], one["by"]) for one in listed["paused"]] == [
        ("a", "schema migration", "anna"),
        ("b", "schema migration", "anna"),
    ]

    assert said(capsys, "resume", "a")[1].startswith("a goes on; it was paused by anna since 20")
    assert said(capsys, "resume", "a") == (0, "a was not paused\n", "")
    assert [one["topic"] for one in json.loads(said(capsys, "resume", "--all", "--json")[1])["resumed"]] == ["b"]
    assert said(capsys, "resume", "--all") == (0, "Nothing was paused for the group asset-bridge.\n", "")


@pytest.mark.heavy
@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize(
    "command",
    [
        ["pause", "a", "--reason", "r"],
        ["pauses"],
        ["resume", "--all"],
        ["offsets", "verify"],
        ["dlq", "list"],
        ["dlq", "replay", "--apply", "--all"],
    ],
    ids=" ".join,
)
def test_a_command_does_not_wait_for_a_database_that_is_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    home = Path(os.environ["DAGSTER_HOME"])
    url = f"postgresql://anna:hidden@127.0.0.1:{free_port()}/dagster"
    (home / "dagster.yaml").write_text(f"storage:\n  postgres:\n    postgres_url: {url}\n")
    monkeypatch.setattr(
        "dagster_postgres.utils.time", SimpleNamespace(sleep=lambda _: None)
    )  # dagster tries five times
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")

    code, out, err = said(capsys, *command)

    assert (code, out) == (1, "")
    assert "asset-bridge: Dagster's storage does not answer: " in err
    assert "hidden" not in err


@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("pause", "nosuch", "--reason", "r"), "nosuch: not among these settings' input topics (a, b)"),
        (("pause", "--reason", "r"), "name the topics, or say --all"),
        (("pause", "a", "--all", "--reason", "r"), "name the topics, or say --all"),
        (("pause", "a", "--reason", "x\ny"), "--reason: must be 1 to 200 printable characters"),
        (("resume", "nosuch"), "nosuch: neither paused nor an input topic"),
        (("resume",), "name the topics, or say --all"),
    ],
)
def test_what_a_command_refuses_is_one_line_and_code_78(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    code, out, err = said(capsys, *arguments)
    assert (code, out, err.count("\n")) == (78, "", 1)
    assert problem in err


@pytest.mark.parametrize("command", ["pause", "pauses", "resume"])
def test_each_command_has_help_of_its_own(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = said(capsys, command, "--help")
    assert (code, out.splitlines()[0].split("[")[0]) == (0, f"Usage: asset-bridge {command} ")


@pytest.mark.usefixtures("_settings")
def test_a_topic_that_is_no_input_any_more_can_still_be_resumed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said(capsys, "pause", "a", "--reason", "r")
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__TOPICS", "b")
    assert said(capsys, "resume", "a")[0] == 0


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run one command line in this process: exit code, stdout, stderr."""
    code = run(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_the_table_holds_what_is_allowed() -> None:
    assert (PAUSES.c.reason.type.length, PAUSES.c.paused_by.type.length) == (pauses.LONGEST_REASON, pauses.LONGEST_NAME)  # type: ignore[attr-defined] # strings
    assert isinstance(PAUSES.c.since.type, db.BigInteger)
