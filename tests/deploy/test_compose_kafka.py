"""Kafka in docker-compose.yml: reached from inside and outside, its data kept, the topics made that are asked for."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

import pytest
from compose_file import environment, every_service, mounts, options, settings_of
from compose_stand_ins import script_of
from kafka_jars import KAFKA
from topic_commands import topic_made_by

from asset_consumer.consume import kafka_config
from asset_consumer.letter_topics import parking_topic
from asset_consumer.topics import TopicFacts, problems

pytestmark = pytest.mark.deploy


def addresses(variable: str) -> dict[str, str]:
    """The address of each listener."""
    return dict(re.findall(r"(\w+)://([\w.]*:\d+)", environment("kafka")[variable]))


def test_kafka_is_the_one_that_the_tests_run_on() -> None:
    assert every_service()["kafka"]["image"] == every_service()["topics"]["image"] == f"apache/kafka:{KAFKA}"


def test_the_clusters_name_is_an_identity_as_kafka_writes_it() -> None:
    name = environment("kafka")["CLUSTER_ID"]
    assert len(name) == 22
    assert len(base64.urlsafe_b64decode(f"{name}==")) == 16


def test_data_outlives_the_container_and_topics_are_made_on_purpose() -> None:
    assert mounts("kafka")[environment("kafka")["KAFKA_LOG_DIRS"]] == "kafka-data"
    assert environment("kafka")["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_the_address_that_kafka_tells_within_is_the_one_that_is_used() -> None:
    inside = addresses("KAFKA_ADVERTISED_LISTENERS")["INSIDE"]
    assert inside == f"kafka{addresses('KAFKA_LISTENERS')['INSIDE']}"
    assert inside == environment("consume")["ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS"]
    assert inside == options(every_service()["load"]["command"])["--bootstrap-servers"]
    assert f"--bootstrap-server {inside} " in " ".join(every_service()["topics"]["command"])
    asked = options(every_service()["kafka"]["healthcheck"]["test"])["--bootstrap-server"]
    assert asked == f"localhost{addresses('KAFKA_LISTENERS')['INSIDE']}"


def test_the_address_that_kafka_tells_outside_is_the_one_that_is_published() -> None:
    (port,) = every_service()["kafka"]["ports"]
    assert addresses("KAFKA_ADVERTISED_LISTENERS")["OUTSIDE"] == f"localhost:{port['published']}"
    assert addresses("KAFKA_LISTENERS")["OUTSIDE"] == f":{port['target']}"


def test_the_job_makes_the_topics_that_consume_asks_for(tmp_path: Path) -> None:
    made = topics_made(tmp_path)
    kafka = settings_of("consume").kafka
    asked = {topic.name: kafka.dead_letter_topic_of(topic.name) for topic in kafka.topics}
    parking = {parking_topic(dead) for dead in asked.values()}
    assert set(made) == {*asked, *asked.values(), *parking}
    assert problems([(made[topic], made[dead]) for topic, dead in asked.items()]) == []
    assert problems([(made[topic], made[parking_topic(dead)]) for topic, dead in asked.items()]) == []
    assert options(every_service()["load"]["command"])["--topic"] in asked
    assert kafka_config(settings_of("consume"))["bootstrap.servers"] == kafka.bootstrap_servers


def topics_made(folder: Path) -> dict[str, TopicFacts]:
    """Run the job's script with a tool that notes its arguments."""
    job = every_service()["topics"]
    assert job["entrypoint"] == ["/bin/sh", "-ec"]
    noted, tool = folder / "noted", folder / "kafka-topics.sh"
    tool.write_text(f'#!/bin/sh\necho "$@" >>{noted}\n')
    tool.chmod(0o755)
    subprocess.run([*job["entrypoint"], script_of(job, folder)], check=True)
    lines = noted.read_text().splitlines()
    assert all(" --if-not-exists " in line for line in lines), "the job would fail at the second start"
    made = [topic_made_by(line.split()) for line in lines]
    return {topic.name: topic for topic in made}
