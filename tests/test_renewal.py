"""Certificates and secrets that a Kafka client reads once: a change on disk is taken up by a new client."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from certificates import authority
from consuming import happened
from kept_secrets import keep_secret

from asset_consumer import renewal
from asset_consumer.renewal import UntilRenewed
from asset_consumer.settings import Settings
from asset_consumer.settings_sources import load_settings

SECRET, OTHER = (keep_secret(f"CANARY-{name}", "a file") for name in ("first", "second"))


@pytest.fixture(autouse=True)
def _looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0)


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[], Settings]:
    """A certificate of ours, whose key has a password, and a login with one."""
    certificate, key = authority(tmp_path, "ours").issue(tmp_path, "mine", password=SECRET)
    for name in ("key-password", "password"):
        (tmp_path / name).write_text(SECRET)
    given = {
        "BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "LIBRDKAFKA__SECURITY_PROTOCOL": "sasl_ssl",
        "LIBRDKAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
        "LIBRDKAFKA__SASL_USERNAME": "u",
        "LIBRDKAFKA_FILES__SASL_PASSWORD": str(tmp_path / "password"),
        "LIBRDKAFKA__SSL_CERTIFICATE_LOCATION": str(certificate),
        "LIBRDKAFKA__SSL_KEY_LOCATION": str(key),
        "LIBRDKAFKA_FILES__SSL_KEY_PASSWORD": str(tmp_path / "key-password"),
    }
    environ = {f"ASSET_BRIDGE_KAFKA__{name}": value for name, value in given.items()}
    return lambda: load_settings(None, environ)


def test_what_a_client_reads_once_asks_for_a_new_client_when_all_of_it_is_there(
    settings: Callable[[], Settings], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    until = UntilRenewed(threading.Event(), settings())
    assert not any(until.is_set() for _ in range(4))
    authority(tmp_path, "ours").issue(tmp_path, "mine", password=OTHER)
    assert not any(until.is_set() for _ in range(4))  # the key's password is not the new one yet
    assert happened(caplog.records) == {"kafka_files_refused"}
    (tmp_path / "key-password").unlink()
    assert not any(until.is_set() for _ in range(4))
    (tmp_path / "key-password").write_text(OTHER)
    assert any(until.is_set() for _ in range(4))
    assert until.take_up().kafka.librdkafka_plain()["ssl.key.password"] == OTHER
    assert not any(until.is_set() for _ in range(4))
    assert happened(caplog.records) == {"kafka_files_refused", "kafka_files_renewed"}
    assert "CANARY" not in caplog.text


def test_a_login_that_clients_take_up_by_themselves_asks_for_none(
    settings: Callable[[], Settings], tmp_path: Path
) -> None:
    stop = threading.Event()
    until = UntilRenewed(stop, settings())
    (tmp_path / "password").write_text(OTHER)
    assert not any(until.is_set() for _ in range(4))
    stop.set()
    assert until.is_set()
