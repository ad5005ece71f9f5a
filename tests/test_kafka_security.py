"""Ways to reach Kafka that only look safe, or can never log in, are refused by the name of the setting."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest
from consuming import happened

from asset_consumer import kafka_clients
from asset_consumer.client import admin_config, consumer_config, producer_config
from asset_consumer.kafka_clients import AdminClient, Consumer, Producer
from asset_consumer.librdkafka import FromFile
from asset_consumer.settings import Settings
from asset_consumer.settings_sources import SettingsError, load_settings
from asset_consumer.topic_check import topic_problems
from asset_consumer.topics import BrokersUnavailableError

SECRET = "CANARY-of-kafka"
TLS = {"security.protocol": "ssl"}
SCRAM = {
    "security.protocol": "sasl_ssl",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "u",
    "sasl.password": SECRET,
}
PLAIN = {**SCRAM, "sasl.mechanism": "PLAIN"}
OPEN = {**PLAIN, "security.protocol": "sasl_plaintext"}
TOKEN = {
    "security.protocol": "sasl_ssl",
    "sasl.mechanism": "OAUTHBEARER",
    "sasl.oauthbearer.method": "oidc",
    "sasl.oauthbearer.token.endpoint.url": "https://login",
    "sasl.oauthbearer.client.id": "id",
    "sasl.oauthbearer.client.secret": SECRET,
}


def load(properties: dict[str, str], **kafka: str) -> Settings:
    """From the environment; what is named in small letters is a property, in capitals a setting."""
    variables = {f"LIBRDKAFKA__{name.upper().replace('.', '_')}": value for name, value in properties.items()}
    given = {"BOOTSTRAP_SERVERS": "broker.example:9093", **variables, **kafka}
    return load_settings(None, {f"ASSET_BRIDGE_KAFKA__{name}": value for name, value in given.items()})


def problem(properties: dict[str, str], **kafka: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load(properties, **kafka)
    (one,) = refused.value.problems
    assert SECRET not in one
    return one.removeprefix("ASSET_BRIDGE_KAFKA__LIBRDKAFKA__")


def without(properties: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in properties.items() if name not in names}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {**TLS, "enable.ssl.certificate.verification": "False"},
            "ENABLE_SSL_CERTIFICATE_VERIFICATION would let",
        ),
        ({**TLS, "enable.ssl.certificate.verification": "0"}, "ENABLE_SSL_CERTIFICATE_VERIFICATION would let"),
        ({**SCRAM, "ssl.endpoint.identification.algorithm": "NONE"}, "SSL_ENDPOINT_IDENTIFICATION_ALGORITHM would let"),
        (OPEN, "SECURITY_PROTOCOL would send the password or token readable over the network with PLAIN"),
        (
            {**TOKEN, "security.protocol": "SASL_PLAINTEXT"},
            "SECURITY_PROTOCOL would send the password or token readable",
        ),
        (
            {**without(TOKEN, "sasl.oauthbearer.method"), "enable.sasl.oauthbearer.unsecure.jwt": "true"},
            "ENABLE_SASL_OAUTHBEARER_UNSECURE_JWT would log in by a token that nobody has signed",
        ),
        (
            {**TOKEN, "sasl.oauthbearer.token.endpoint.url": "HTTP://login.example/token"},
            "SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL would send the client's secret, and get the token, readable",
        ),
    ],
)
def test_what_only_looks_safe_needs_to_be_allowed(given: dict[str, str], words: str) -> None:
    said = problem(given)
    assert said.startswith(words)
    assert said.endswith("or set kafka.allow_insecure if that is wanted.")
    load(given, ALLOW_INSECURE="true")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"security.protocol": "sasl_ssl"},
            "SECURITY_PROTOCOL needs a way to log in: also set sasl.mechanism to PLAIN,",
        ),
        ({**SCRAM, "sasl.mechanism": "gssapi"}, "SASL_MECHANISM cannot be GSSAPI: the Kafka client is built without"),
        (without(SCRAM, "sasl.password"), "SASL_MECHANISM needs credentials: also set sasl.password."),
        (without(PLAIN, "sasl.username"), "SASL_MECHANISM needs credentials: also set sasl.username."),
        (without(TOKEN, "sasl.oauthbearer.method"), "SASL_MECHANISM needs a source of tokens"),
        (without(TOKEN, "sasl.oauthbearer.token.endpoint.url"), "SASL_OAUTHBEARER_METHOD needs the means to ask"),
        (without(TOKEN, "sasl.oauthbearer.client.id"), "SASL_OAUTHBEARER_METHOD needs the means to ask"),
        (without(TOKEN, "sasl.oauthbearer.client.secret"), "SASL_OAUTHBEARER_METHOD needs the means to ask"),
        ({**TLS, "ssl.certificate.location": "/c"}, "SSL_CERTIFICATE_LOCATION needs its private key"),
        ({**TLS, "ssl.key.pem": SECRET}, "SSL_KEY_PEM needs its certificate"),
        ({**SCRAM, "security.protocol": "ssl"}, "SASL_MECHANISM would be ignored, and the connection made without"),
    ],
)
@pytest.mark.parametrize("insecure", ["true", "false"])
def test_what_cannot_work_is_refused_whatever_is_allowed(given: dict[str, str], words: str, insecure: str) -> None:
    assert problem(given, ALLOW_INSECURE=insecure).startswith(words)


@pytest.mark.parametrize(
    ("given", "brokers"),
    [
        ({}, "broker.example:9092"),
        (TLS, "broker.example:9092"),
        (SCRAM, "broker.example:9092"),
        (TOKEN, "broker.example:9092"),
        (without(TOKEN, "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret")
         | {"sasl.oauthbearer.assertion.file": "/token"}, "broker.example:9092"),
        ({"security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER",
          "sasl.oauthbearer.metadata.authentication.type": "azure_imds"}, "broker.example:9092"),
        ({**SCRAM, "security.protocol": "sasl_plaintext"}, "broker.example:9092"),
        ({**TLS, "ssl.certificate.location": "/c", "ssl.key.location": "/k"}, "broker.example:9092"),
        (OPEN, "127.0.0.1:9092, localhost:9093,SASL_PLAINTEXT://[::1]:9094"),
    ],
)  # fmt: skip
def test_what_is_safe_and_complete_is_taken(given: dict[str, str], brokers: str) -> None:
    load(given, BOOTSTRAP_SERVERS=brokers)


def test_one_broker_beyond_this_machine_is_enough_to_refuse_a_readable_password() -> None:
    assert "readable over the network" in problem(OPEN, BOOTSTRAP_SERVERS="127.0.0.1:9092,broker.example:9092")
    assert "readable over the network" in problem(OPEN, BOOTSTRAP_SERVERS="[fd00::1]:9092")


@pytest.mark.heavy  # boto3 takes seconds to import
def test_iam_is_the_one_way_to_log_in_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "is not taken beside kafka.msk_iam_region"
    assert problem(SCRAM, MSK_IAM_REGION="eu-central-1").startswith(f"SASL_MECHANISM {words}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    passthrough = load({}, MSK_IAM_REGION="eu-central-1").kafka.librdkafka_plain()
    token, ends = passthrough["oauth_cb"]("")
    assert len(token) > 100
    assert time.time() + 60 < ends < time.time() + 3600
    options: dict[str, Any] = {"bootstrap_servers": "127.0.0.1:1", "passthrough": {**passthrough, "log_level": "0"}}
    # Each of them asks for its token when it is made.
    Consumer(consumer_config(group_id="g", **options)).close()
    Producer(producer_config(**options)).close()
    AdminClient(admin_config(**options))


@pytest.mark.heavy  # boto3 takes seconds to import
def test_iam_without_credentials_is_an_error_without_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    settings = load({}, MSK_IAM_REGION="eu-central-1")
    # An outage, not a refusal: asked again.
    with pytest.raises(BrokersUnavailableError, match="no token for MSK: AWS's usual sources name nobody"):
        topic_problems(settings)


def test_a_renewed_password_is_given_to_clients_that_are_open_and_a_secret_is_in_no_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    login = {**SCRAM, "sasl.password": FromFile(file), "bootstrap.servers": "127.0.0.1:1", "log_level": "0"}
    closed = Consumer({**login, "group.id": "g"}), Producer(login)
    for client in closed:
        client.close()
    file.write_text("")  # as between two steps of a replacement
    kafka_clients._WATCH.look()
    file.unlink()
    kafka_clients._WATCH.look()
    file.write_text(f"{SECRET}-2\n")
    kafka_clients._WATCH.look()
    assert "password_renewed" not in happened(caplog.records)
    still_open = AdminClient({**login, "sasl.password": FromFile(file)})
    file.write_text(f"{SECRET}-3\n")
    for _ in range(2):
        kafka_clients._WATCH.look()
    assert [record.__dict__.get("happening") for record in caplog.records].count("password_renewed") == 1
    assert SECRET not in caplog.text
    del still_open
