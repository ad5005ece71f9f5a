"""Services in containers, for a machine that has Docker and nothing else. They are gone when the `with` block ends."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager


def docker_answers() -> bool:
    """Whether there is a Docker engine; the command alone, without an engine, is on many machines."""
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "version"], capture_output=True, timeout=20, check=False)
    return asked.returncode == 0


@contextmanager
def kafka_container(settings: dict[str, str]) -> Generator[str]:
    """A broker's bootstrap address; the settings are those of `server.properties`."""
    from testcontainers.community.kafka import KafkaContainer  # slow, and needed on few machines

    container = KafkaContainer().with_kraft()
    for name, value in settings.items():
        container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
    with container:
        yield container.get_bootstrap_server()


@contextmanager
def postgres_container() -> Generator[tuple[str, int, str]]:
    """Host, port and a user who needs no password."""
    from testcontainers.community.postgres import PostgresContainer  # slow, and needed on few machines

    container = PostgresContainer("postgres:17", username="postgres", driver=None)
    container.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
    with container:
        yield container.get_container_host_ip(), int(container.get_exposed_port(5432)), "postgres"
