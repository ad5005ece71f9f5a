"""Where `asset-bridge report` sends its events: to a URL, or to the brokers of the arguments or the settings."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final, TypeAlias

import click

from asset_client import Delivered, Reported
from asset_client.reporter import Reporter
from asset_consumer.client import CONSUMER_ONLY
from asset_consumer.settings import KafkaSettings
from asset_consumer.settings_names import API_KEY_VARIABLE
from asset_consumer.settings_sources import load_settings

TlsFiles: TypeAlias = tuple[Path | None, Path | None, Path | None]
"""Authorities, our certificate, and its key."""

_BY_THE_DEADLINE: Final = {"message.timeout.ms", "delivery.timeout.ms"}


def open_reporter(  # noqa: PLR0913, PLR0917 # the options that say where to
    url: str | None,
    kafka: str | None,
    topic: str | None,
    api_key_file: Path | None,
    tls: TlsFiles,
    deadline_s: float,
    config: Path | None,
) -> Reporter[Reported] | Reporter[Delivered]:
    """Open the reporter that the options, and after them the settings, ask for."""
    if url is not None and (kafka is not None or topic is not None):
        raise click.UsageError("Give either --url, or --kafka and --topic.")
    if url is None and api_key_file is not None:
        raise click.UsageError("An API key is for --url.")
    if url is None and any(tls):
        raise click.UsageError("--ca-file, --cert-file and --key-file are for --url; Kafka's are settings.")
    try:
        if url is not None:
            return _by_http(url, _api_key(api_key_file), _ssl_context(*tls), deadline_s)
        return _by_kafka(load_settings(config, os.environ).kafka, kafka, topic, deadline_s)
    except ModuleNotFoundError as error:
        extra = {"httpx2": "client", "confluent_kafka": "client-kafka"}.get(str(error.name))
        if extra is None:
            raise
        needed = f"pip install 'dagster-asset-bridge[cli,{extra}]'"
        raise click.UsageError(f"asset-bridge report needs an extra for this: {needed}.") from error
    except ValueError as error:  # the client's own words, which repeat no value
        raise click.UsageError(str(error)) from error


def _by_http(
    url: str, api_key: str | None, ssl_context: ssl.SSLContext | None, deadline_s: float
) -> Reporter[Reported]:
    from asset_client.http import HttpReporter  # noqa: PLC0415 # each by its own extra

    return HttpReporter(url, api_key=api_key, deadline_s=deadline_s, ssl_context=ssl_context)


def _by_kafka(settings: KafkaSettings, kafka: str | None, topic: str | None, deadline_s: float) -> Reporter[Delivered]:
    servers = kafka or settings.bootstrap_servers
    if servers is None:
        raise click.UsageError("Say where to: --url, --kafka, or the setting kafka.bootstrap_servers.")
    topics = [topic] if topic is not None else [one.name for one in settings.topics]
    if len(topics) > 1:
        raise click.UsageError("The settings name several topics: say which by --topic.")
    passed = settings.librdkafka_plain()
    properties = {name: value for name, value in passed.items() if name not in CONSUMER_ONLY | _BY_THE_DEADLINE}
    from asset_client.kafka import KafkaReporter  # noqa: PLC0415 # each by its own extra

    return KafkaReporter(servers, topic=topics[0], librdkafka=properties, deadline_s=deadline_s)


def _ssl_context(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """How to know the server, and to be known; None: by the system's authorities, and not."""
    if key is not None and cert is None:
        raise click.UsageError("--key-file needs --cert-file.")
    if ca is None and cert is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            # The password is a function, or OpenSSL would ask for one at the terminal.
            context.load_cert_chain(cert, key, lambda: b"")
    except OSError:
        raise click.UsageError("The files of --ca-file, --cert-file and --key-file cannot be used.") from None
    return context


def _api_key(file: Path | None) -> str | None:
    """The key; never an argument, which every process of the machine could read."""
    if file is None:
        return os.environ.get(API_KEY_VARIABLE) or None
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise click.UsageError("The file of --api-key-file cannot be read.") from None
