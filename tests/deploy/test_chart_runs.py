"""What the chart would start is started: its arguments, environment and files, in a folder that it cannot write to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from chart_pods import Foreign, LaidOut, lay_out
from chart_value_sets import HTTP, LEAST, Values, merged
from charts import notes, render
from consuming import committed_offsets, eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from databases import Database
from known_keys import entry_of, key_of
from mock_cluster import consume_all, produce
from ports import free_port
from processes import START_S, two_topics
from real_broker import RealBroker

pytestmark = [pytest.mark.deploy, pytest.mark.heavy, pytest.mark.kafka]

EVENT = b'{"event_type": "asset_materialization", "asset_key": ["from", "kafka"]}'
BAD = b'{"event_type": "asset_check", "asset_key": "a"}'
KEY = key_of("chart")


def foreign(home: Path) -> Foreign:
    """The instance of a Dagster release whose password is in a Secret, as Dagster's own chart writes it."""
    instance = yaml.safe_load((home / "dagster.yaml").read_text("utf-8"))
    instance["storage"]["postgres"]["postgres_db"]["password"] = {"env": "DAGSTER_PG_PASSWORD"}
    return Foreign(
        {
            "keys": {"api-keys": entry_of("chart").line()},
            "dagster-postgresql-secret": {"postgresql-password": "unused"},
        },
        {"dagster-instance": {"dagster.yaml": yaml.safe_dump(instance)}},
    )


def values(bootstrap: str, **kafka: Any) -> Values:
    """As an operator gives them."""
    return merged(
        LEAST,
        HTTP,
        {
            "config": {"kafka": {"bootstrap_servers": bootstrap, **kafka}},
            "dagster": {"postgresql": {"existingSecret": "dagster-postgresql-secret"}},
        },
    )


def of(kafka: RealBroker) -> Values:
    return values(kafka.bootstrap, group_id=kafka.group, topics=[kafka.topic])


@contextmanager
def started(container: LaidOut, **ports: int) -> Iterator[subprocess.Popen[str]]:
    """The image's command with a container's arguments; root is left without its power over folders.

    Several pods share one machine here, and must not share ports.
    """
    own = {f"ASSET_BRIDGE_{name}": str(port) for name, port in ports.items()}
    powerless = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.getuid() == 0 else []
    locked = container.folder / "locked"
    locked.mkdir(mode=0o555)
    process = subprocess.Popen(
        [*powerless, sys.executable, "-m", "asset_consumer", *container.arguments],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **container.environment, **own},
        cwd=locked,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
    assert not list(locked.iterdir())
    assert [path.name for path in Path(container.environment["DAGSTER_HOME"]).iterdir()] == ["dagster.yaml"]


def answers(port: int, path: str) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_consumer_of_the_chart_records_events_and_dead_letters(
    kafka: RealBroker, postgresql: Database, tmp_path: Path
) -> None:
    topics, home, port = two_topics(kafka), postgresql.new_home(), free_port()
    rendered = render(of(kafka))
    pod = rendered.one("Deployment", "-consumer")
    container = lay_out(rendered, pod["metadata"]["name"], "consumer", tmp_path, foreign(home))
    produce(topics.bootstrap, topics.topic, EVENT, BAD, EVENT)

    with started(container, MANAGEMENT__PORT=port) as process:
        eventually(lambda: answers(port, "/readyz"), START_S)
        eventually(lambda: sum(offset for offset in committed_offsets(topics, 2) if offset > 0) == 3)
        assert answers(port, "/livez")
        assert answers(port, "/metrics")
        process.terminate()
        assert process.wait(pod["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]) == 0

    with DagsterInstance.from_config(str(home)) as instance:
        assert [event.asset_key.to_user_string() for event in runless_events(instance)] == ["from/kafka"] * 2
    assert len(consume_all(topics.bootstrap, topics.dead_letters, 1)) == 1


def test_http_of_the_chart_takes_posts_with_a_key_and_shows_probes_elsewhere(
    kafka: RealBroker, postgresql: Database, tmp_path: Path
) -> None:
    home, port, apart = postgresql.new_home(), free_port(), free_port()
    rendered = render(of(kafka))
    pod = rendered.one("Deployment", "-http")
    container = lay_out(rendered, pod["metadata"]["name"], "http", tmp_path, foreign(home))

    with started(container, HTTP__PORT=port, HTTP__MANAGEMENT_PORT=apart) as process:
        eventually(lambda: answers(apart, "/readyz"), START_S)
        url = f"http://127.0.0.1:{port}/report_asset_materialization/from/http"
        assert requests.post(url, timeout=10).status_code == 401
        assert requests.post(url, headers={"X-API-Key": KEY}, timeout=10).json()["status"] == "success"
        assert not answers(port, "/metrics")
        process.terminate()
        assert process.wait(pod["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]) == 0

    with DagsterInstance.from_config(str(home)) as instance:
        assert [event.asset_key.to_user_string() for event in runless_events(instance)] == ["from/http"]


def test_notes_ask_a_pod_why_it_is_not_ready(postgresql: Database, tmp_path: Path) -> None:
    given, port = values(f"127.0.0.1:{free_port()}"), free_port()  # where no broker is
    (command,) = re.findall(r"python -c '([^']+)'", notes(given))
    rendered = render(given)
    pod = rendered.one("Deployment", "-consumer")["metadata"]["name"]
    container = lay_out(rendered, pod, "consumer", tmp_path, foreign(postgresql.new_home()))

    asks = [sys.executable, "-c", command.replace("8081", str(port))]
    with started(container, MANAGEMENT__PORT=port):
        eventually(lambda: answers(port, "/livez"), START_S)
        assert not answers(port, "/readyz")
        told = subprocess.run(asks, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert json.loads(told.stdout)["conditions"]["assignment"]["reason"]


@pytest.mark.parametrize("topics_exist", [True, False])
def test_test_pod_passes_where_all_is_well_and_fails_where_a_topic_is_missing(
    kafka: RealBroker,
    postgresql: Database,
    tmp_path: Path,
    topics_exist: bool,  # noqa: FBT001
) -> None:
    if topics_exist:
        two_topics(kafka)
    rendered = render(of(kafka))
    pod = rendered.one("Pod", "-test-consumer")
    container = lay_out(rendered, pod["metadata"]["name"], "check", tmp_path, foreign(postgresql.new_home()))
    with started(container) as process:
        assert process.wait(START_S) == (0 if topics_exist else 78)
