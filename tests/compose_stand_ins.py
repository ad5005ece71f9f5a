"""What `compose_by_hand.py` starts in place of images that are not ours: Kafka, its tool that makes topics, PostgreSQL.

Each is told what the service's part of docker-compose.yml says, and gives the command that stands for its container.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka_jars import cached
from kafka_server import find_java
from postgres import find_binaries

_TOPICS_TOOL = """\
#!{python}
import sys
from confluent_kafka.admin import AdminClient, NewTopic
pairs = list(zip(sys.argv[1:], sys.argv[2:]))
said = dict(pairs)
config = dict(word.split("=", 1) for before, word in pairs if before == "--config")
admin = AdminClient({{"bootstrap.servers": said["--bootstrap-server"]}})
topic = NewTopic(said["--topic"], int(said["--partitions"]), 1, config=config)
admin.create_topics([topic])[topic.topic].result()
"""

_KAFKA_ANSWERS = """\
from confluent_kafka import Producer
Producer({"bootstrap.servers": "localhost:19092"}).list_topics(timeout=2)
"""


@dataclass(frozen=True, slots=True)
class Start:
    """A command, by which user it is run and where."""

    words: list[str]
    folder: Path
    user: int = 0


def kafka(service: Mapping[str, Any], folder: Path) -> Start:
    """A broker with the properties that the image would read out of the variables."""
    variables = {name: str(value) for name, value in service["environment"].items()}
    cluster = variables.pop("CLUSTER_ID")
    named = {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in variables.items()}
    properties = folder / "server.properties"
    lines = [f"{name}={value}\n" for name, value in {**named, "log.dirs": str(folder / "data")}.items()]
    properties.write_text("".join(lines))
    java = [find_java() or "java", "-Xmx512m", "-Dlog4j2.level=WARN", "-cp", f"{cached()}/*"]
    _quietly([*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)], cwd=folder)
    return Start([*java, "kafka.Kafka", str(properties)], folder)


def kafka_answers() -> bool:
    """What the image's health check asks with a tool that the jars do not have."""
    return subprocess.run([sys.executable, "-c", _KAFKA_ANSWERS], capture_output=True, check=False).returncode == 0


def topics(service: Mapping[str, Any], folder: Path) -> Start:
    """The job's own script, with a tool that understands what it asks of Kafka's."""
    tool = folder / "kafka-topics.sh"
    tool.write_text(_TOPICS_TOOL.format(python=sys.executable))
    tool.chmod(0o755)
    return Start([*service["entrypoint"], script_of(service, folder)], folder)


def script_of(service: Mapping[str, Any], folder: Path) -> str:
    """The job's script, with its tools in another folder; the loader keeps the `$$` that compose writes as `$`."""
    (script,) = service["command"]
    return str(script).replace("$$", "$").replace("/opt/kafka/bin", str(folder))


def postgres(service: Mapping[str, Any], folder: Path) -> Start:
    """A server with the user, the password and the database that the image would make."""
    said, user, binaries = service["environment"], pwd.getpwnam(service["user"]).pw_uid, find_binaries()
    os.chown(folder, user, user)
    (folder / "password").write_text(said["POSTGRES_PASSWORD"])
    as_user: dict[str, Any] = {"user": user, "group": user, "extra_groups": [], "cwd": folder}
    login = ["--auth=scram-sha-256", f"--pwfile={folder}/password", f"--username={said['POSTGRES_USER']}"]
    _quietly([f"{binaries}/initdb", "--pgdata", f"{folder}/data", *login], **as_user)
    create = f"CREATE DATABASE {said['POSTGRES_DB']}\n"
    _quietly([f"{binaries}/postgres", "--single", "-D", f"{folder}/data", "postgres"], input=create.encode(), **as_user)
    return Start([f"{binaries}/postgres", "-D", f"{folder}/data", "-k", str(folder)], folder, user)


def postgres_answers(command: list[str]) -> bool:
    """The health check of the file, by this machine's `pg_isready`."""
    return subprocess.run([f"{find_binaries()}/{command[0]}", *command[1:]], check=False).returncode == 0


def _quietly(words: list[str], **more: Any) -> None:
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True, **more)
