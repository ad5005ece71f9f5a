"""Values that cannot work are refused before anything is installed, with a sentence that says what to do."""

from __future__ import annotations

import pytest
from chart_value_sets import DAGSTER, HTTP, LEAST, SASL, TLS, Values, merged, with_consumer, with_http, with_kafka
from chart_value_sets import with_settings as settings
from charts import HELMS, Refused, render
from deploy_tools import Tool

pytestmark = pytest.mark.deploy

SENTENCES: dict[str, tuple[Values, str]] = {
    "nothing to install": (with_consumer(enabled=False), "set consumer.enabled or http.enabled"),
    "no instance": ({"config": LEAST["config"]}, "dagster.instance.existingConfigMap is needed"),
    "two instances": (
        merged(LEAST, {"dagster": {"instance": {"config": {"storage": {}}}}}),
        "dagster.instance.existingConfigMap and dagster.instance.config exclude each other",
    ),
    "an instance without a storage": (
        {"config": LEAST["config"], "dagster": {"instance": {"config": {"telemetry": {"enabled": False}}}}},
        "dagster.instance.config names no storage",
    ),
    "no brokers": (DAGSTER, "config.kafka.bootstrap_servers is needed"),
    "HTTP without keys": (merged(LEAST, {"http": {"enabled": True}}), "http.auth.existingSecret is needed"),
    "SASL without a secret": (
        with_kafka(sasl={"mechanism": "PLAIN", "username": "u"}), "kafka.sasl.existingSecret is needed",
    ),
    "SASL without a name": (
        with_kafka(sasl={"mechanism": "PLAIN", "existingSecret": "s"}), "kafka.sasl.username or kafka.sasl.usernameKey",
    ),
    "SASL with two names": (
        with_kafka(sasl={**SASL, "usernameKey": "u"}), "kafka.sasl.username and kafka.sasl.usernameKey exclude",
    ),
    "a password for nothing": (with_kafka(sasl={"existingSecret": "s"}), "made without authentication"),
    "certificates for nothing": (with_kafka(tls={**TLS, "enabled": False}), "made without encryption"),
    "two mechanisms": (
        merged(settings(kafka={"librdkafka": {"sasl.mechanism": "PLAIN"}}), {"kafka": {"sasl": SASL}}),
        "sasl.mechanism follows from kafka.tls and kafka.sasl",
    ),
    "a password in values": (
        settings(kafka={"librdkafka": {"ssl.key.password": "p"}}), "ssl.key.password is a secret, and values are none",
    ),
    "two authorities": (
        merged(settings(kafka={"librdkafka": {"ssl.ca.location": "/x"}}), {"kafka": {"tls": TLS}}),
        "ssl.ca.location follows from kafka.tls",
    ),
    "encrypted and not": (
        merged(settings(kafka={"librdkafka": {"security.protocol": "plaintext"}}), {"kafka": {"tls": TLS}}),
        "contradict each other",
    ),
    "targets without a workspace": (
        settings(targets={"unknown_checks": "warn"}), "dagster.workspace.existingConfigMap is needed",
    ),
    "no time to drain": (with_consumer(terminationGracePeriodSeconds=24), "must be at least 25"),
    "a longer shutdown": (settings(kafka={"shutdown_deadline_s": 35.5}), "must be at least 41"),
    "no time for requests": (with_http(terminationGracePeriodSeconds=24), "must be at least 25"),
    "two monitors": (
        merged(LEAST, {"metrics": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}}),
        "metrics.podMonitor and metrics.serviceMonitor exclude each other",
    ),
    "an ingress to nowhere": (with_http(ingress={"enabled": True}), "http.ingress.hosts is needed"),
    "an ingress for nobody": (
        merged(LEAST, {"http": {"ingress": {"enabled": True, "hosts": ["a.example"]}}}), "needs http.enabled",
    ),
    "Strimzi without a cluster": (
        merged(LEAST, {"strimzi": {"topics": {"enabled": True}}}), "strimzi.cluster is needed",
    ),
    "fewer at most than at least": (
        with_consumer(autoscaling={"kind": "keda", "minReplicas": 4}), "maxReplicas must not be below minReplicas",
    ),
    "none by CPU": (
        with_consumer(autoscaling={"kind": "hpa", "minReplicas": 0}), "minReplicas must be at least 1",
    ),
    "a share of nothing": (
        merged(LEAST, HTTP, {"http": {"autoscaling": {"kind": "hpa"}, "resources": {"requests": {"cpu": None}}}}),
        "http.resources.requests.cpu is needed",
    ),
    "two budgets": (with_consumer(pdb={"minAvailable": 1}), "set the other one to null"),
}  # fmt: skip

NAMES: dict[str, tuple[Values, str]] = {
    "an unknown value": (merged(LEAST, {"replicas": 2}), "replicas"),
    "an unknown value of a component": (with_consumer(replicaCount=2), "replicaCount"),
    "an unknown setting": (settings(kafka={"bootstrap_server": "b"}), "bootstrap_server"),
    "a setting of the chart": (settings(management={"port": 1}), "management"),
    "a path of the chart": (settings(http={"api_keys_file": "/keys"}), "api_keys_file"),
    "a setting out of its range": (settings(kafka={"batch_max_records": 0}), "batch_max_records"),
    "a setting that is no number": (settings(max_event_bytes="much"), "max_event_bytes"),
    "a word that is none of those": (settings(event_time="now"), "event_time"),
    "a property the promises rest on": (settings(kafka={"librdkafka": {"acks": "1"}}), "acks"),
    "an unknown autoscaler": (with_consumer(autoscaling={"kind": "vpa"}), "kind"),
    "lag scales HTTP": (with_http(autoscaling={"kind": "keda"}), "kind"),
    "an unknown mechanism": (with_kafka(sasl={**SASL, "mechanism": "GSSAPI"}), "mechanism"),
    "a wrong digest": (merged(LEAST, {"image": {"digest": "sha256:abc"}}), "digest"),
    "a port that is none": (with_http(service={"port": 70_000}), "port"),
    "replicas in words": (with_consumer(replicas="two"), "replicas"),
    "a secret property without a key": (
        with_kafka(secretProperties={"sasl.oauthbearer.client.secret": {"existingSecret": "s"}}), "key",
    ),
}  # fmt: skip
"""What the schema of the values refuses: its words differ between Helm 3 and Helm 4, what is named does not."""


@pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)
@pytest.mark.parametrize(("values", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_what_cannot_work_is_refused_with_a_sentence(values: Values, sentence: str, helm: Tool) -> None:
    said = refusal(values, helm)
    assert "execution error" in said
    assert sentence in said


@pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)
@pytest.mark.parametrize(("values", "name"), NAMES.values(), ids=NAMES.keys())
def test_what_is_no_value_is_refused_by_its_name(values: Values, name: str, helm: Tool) -> None:
    said = refusal(values, helm)
    assert "values don't meet the specifications of the schema" in said
    assert name in said


@pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)
def test_a_refusal_repeats_no_password(helm: Tool) -> None:
    assert "CANARYVALUE" not in refusal(settings(kafka={"librdkafka": {"sasl.password": "CANARYVALUE"}}), helm)


def refusal(values: Values, helm: Tool) -> str:
    with pytest.raises(Refused) as refused:
        render(values, helm)
    return str(refused.value)
