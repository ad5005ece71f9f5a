"""Every set of values renders, with Helm 3 and Helm 4, into objects that Kubernetes takes and that fit each other."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import chart_custom_resources as custom_resources
import chart_reach_rules as reach
import chart_rules as rules
import kubernetes_validate
import pytest
import yaml
from chart_pods import Dangling, Foreign, LaidOut, lay_out
from chart_value_sets import EVERYTHING, INLINE_DAGSTER, LEAST, SETS, Values
from charts import CHART, HELMS, Rendered, render, typed
from deploy_tools import Tool, run
from kubernetes import client
from rights import GROUP, READ, WRITE

from asset_consumer.letter_topics import parking_topic
from asset_consumer.serve import STOP_S
from asset_consumer.settings import Settings
from asset_consumer.settings_sources import load_settings
from asset_consumer.topics import HEADROOM_BYTES

pytestmark = pytest.mark.deploy

each_set = pytest.mark.parametrize("values", SETS.values(), ids=SETS.keys())
each_helm = pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)

OLDEST, NEWEST = "1.30", "1.37"
"""Kubernetes' versions: what Chart.yaml asks for at least, and the newest that the validator knows."""

MODELS = {
    "ConfigMap": client.V1ConfigMap,
    "Deployment": client.V1Deployment,
    "HorizontalPodAutoscaler": client.V2HorizontalPodAutoscaler,
    "Ingress": client.V1Ingress,
    "Job": client.V1Job,
    "NetworkPolicy": client.V1NetworkPolicy,
    "Pod": client.V1Pod,
    "PodDisruptionBudget": client.V1PodDisruptionBudget,
    "Service": client.V1Service,
    "ServiceAccount": client.V1ServiceAccount,
}

KEYS = dict.fromkeys(
    ["api-keys", "password", "postgresql-password", "user", "u", "secret", "ca.crt", "tls.crt", "tls.key", "user.crt",
     "user.key"], "a secret of sixteen characters at least",
)  # fmt: skip
SECRETS = [
    "keys",
    "pg",
    "dagster-postgresql-secret",
    "bridge-user",
    "cluster-cluster-ca-cert",
    "client",
    "s",
    "oidc",
    "https",
    "clients",
]
CONFIG_MAPS = {
    "dagster-instance": {"dagster.yaml": yaml.safe_dump(INLINE_DAGSTER), "other.yaml": yaml.safe_dump(INLINE_DAGSTER)},
    "dagster-workspace-yaml": {"workspace.yaml": "load_from: []"},
    "w": {"workspace.yaml": "load_from: []"},
}
FOREIGN = Foreign(dict.fromkeys(SECRETS, KEYS), CONFIG_MAPS)
"""What the sets of values name, and nobody makes."""


def containers(rendered: Rendered, folder: Path) -> dict[str, LaidOut]:
    """Each container of ours as it would start, by its name and its pod's."""
    return {
        f"{name}/{container['name']}": lay_out(rendered, name, container["name"], folder / name, FOREIGN)
        for name, pod in rendered.pods()
        for container in pod["spec"]["containers"]
        if container["name"] in {"consumer", "http", "check"}
    }


def strimzi(operations: tuple[str, ...]) -> set[str]:
    """Kafka's names of operations as Strimzi writes them."""
    return {"".join(word.capitalize() for word in operation.split("_")) for operation in operations}


def settings_of(container: LaidOut) -> Settings:
    return load_settings(container.config, container.environment)


@cache
def validate(document: str) -> None:
    """What Kubernetes' schemas say; most sets have most objects alike, and the schemas are read anew for each."""
    for version in (OLDEST, NEWEST):
        kubernetes_validate.validate(json.loads(document), version, strict=True)


@each_helm
@each_set
def test_helm_lints_it_strictly(values: Values, helm: Tool) -> None:
    said = run(helm, "lint", "--strict", CHART, "--values", "-", given=json.dumps(values))
    assert said.returncode == 0, said.stdout


@each_set
def test_both_helms_make_the_same(values: Values) -> None:
    first, second = (render(values, helm).documents for helm in HELMS)
    key = lambda one: (one["kind"], one["metadata"]["name"])  # noqa: E731
    assert sorted(first, key=key) == sorted(second, key=key)


@each_set
def test_objects_are_what_kubernetes_knows(values: Values) -> None:
    for document in render(values).documents:
        if document["kind"] in MODELS:
            assert typed(document, MODELS[document["kind"]]).metadata.namespace in {"data", None}
            validate(json.dumps(document, sort_keys=True))
        else:
            assert custom_resources.problems(document) == []


def test_an_unknown_field_is_seen() -> None:
    deployment = copy.deepcopy(render(LEAST).one("Deployment"))
    deployment["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, NEWEST, strict=True)
    scaled = copy.deepcopy(render(EVERYTHING).one("ScaledObject"))
    scaled["spec"]["triggers"][0]["metadata"]["lagThreshold"] = 5  # KEDA takes text
    scaled["spec"]["maxReplicas"] = 5
    assert len(custom_resources.problems(scaled)) == 2


def test_chart_asks_for_the_oldest_kubernetes_that_is_tried() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["kubeVersion"] == f">={OLDEST}.0-0"


@each_set
@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.__name__)
def test_objects_fit_each_other(values: Values, rule: Callable[[Rendered], reach.Problems]) -> None:
    assert list(rule(render(values))) == []


@each_set
def test_settings_are_those_that_the_code_knows(values: Values, tmp_path: Path) -> None:
    found = containers(render(values), tmp_path)
    assert found
    for container in found.values():
        settings_of(container)


@each_set
def test_grace_period_holds_an_orderly_end(values: Values, tmp_path: Path) -> None:
    rendered = render(values)
    found = containers(rendered, tmp_path)
    for name, deployment in rendered.of_kind("Deployment").items():
        spec = deployment["spec"]["template"]["spec"]
        component = spec["containers"][0]
        if component["name"] == "consumer":
            needed = settings_of(found[f"{name}/consumer"]).kafka.shutdown_deadline_s
        else:
            needed = component["lifecycle"]["preStop"]["sleep"]["seconds"] + STOP_S + 5  # as `serve` bounds it
        assert spec["terminationGracePeriodSeconds"] >= needed + 5


@each_set
def test_a_check_before_needs_nothing_of_the_release(values: Values, tmp_path: Path) -> None:
    rendered = render(values)
    early = [
        one for one in rendered.documents if "pre-" in one["metadata"].get("annotations", {}).get("helm.sh/hook", "")
    ]
    for name in Rendered(tuple(early)).of_kind("Job"):
        lay_out(Rendered(tuple(early)), name, "check", tmp_path / name, FOREIGN)


@each_set
def test_topics_group_and_brokers_are_told_alike_everywhere(values: Values, tmp_path: Path) -> None:
    rendered = render(values)
    if not any(name.endswith("-consumer") for name in rendered.of_kind("Deployment")):
        return
    kafka = settings_of(
        containers(rendered, tmp_path)[f"{rendered.one('Deployment', '-consumer')['metadata']['name']}/consumer"]
    ).kafka
    topics = {topic.name for topic in kafka.topics}
    dead = {kafka.dead_letter_topic_of(topic) for topic in topics}
    for scaled in rendered.of_kind("ScaledObject").values():
        triggers = [trigger["metadata"] for trigger in scaled["spec"]["triggers"]]
        assert {trigger["topic"] for trigger in triggers} == topics
        assert {trigger["consumerGroup"] for trigger in triggers} == {kafka.group_id}
        assert {trigger["bootstrapServers"] for trigger in triggers} == {kafka.bootstrap_servers}
    made = {one["spec"]["topicName"]: one["spec"] for one in rendered.of_kind("KafkaTopic").values()}
    parked = {parking_topic(topic) for topic in dead}
    assert set(made) in (set(), topics | dead | parked)
    for topic in (dead | parked) & set(made):
        largest = max(made[one]["config"].get("max.message.bytes", 1_048_588) for one in topics)
        assert (
            made[topic]["config"]["max.message.bytes"]
            >= max(largest, rendered.config("consumer").get("max_event_bytes", 0)) + HEADROOM_BYTES
        )
    for topic in made.values():
        assert topic["config"]["min.insync.replicas"] <= topic["replicas"]
    for user in rendered.of_kind("KafkaUser").values():
        granted = {acl["resource"]["name"]: set(acl["operations"]) for acl in user["spec"]["authorization"]["acls"]}
        assert granted == {
            **{topic: strimzi(READ) for topic in topics},
            **{topic: strimzi(WRITE) for topic in dead},
            kafka.group_id: strimzi(GROUP),
        }


@pytest.mark.parametrize(
    ("kind", "spoil", "rule"),
    [
        ("Deployment", lambda one: one["spec"]["selector"]["matchLabels"].update(a="b"), reach.selectors_match),
        ("Service", lambda one: one["spec"]["selector"].pop("app.kubernetes.io/component"), reach.selectors_match),
        ("Deployment", lambda one: one["spec"].update(replicas=1), rules.scaled_is_there),
        ("ScaledObject", lambda one: one["spec"]["scaleTargetRef"].update(name="x"), rules.scaled_is_there),
        ("Service", lambda one: one["spec"]["ports"][0].update(targetPort="web"), reach.ports_exist),
        ("Deployment", lambda one: _container(one)["ports"][0].update(containerPort=99999), reach.ports_exist),
        ("Deployment", lambda one: _container(one)["ports"][0].update(name="a" * 16), reach.ports_exist),
        ("Deployment", lambda one: _probe(one).update(path="/healthz"), reach.probes_are_served),
        ("Deployment", lambda one: _probe(one).update(path="/readyz"), reach.probes_are_served),
        ("Deployment", lambda one: _probe(one, "readiness").update(path="/livez"), reach.probes_are_served),
        ("Deployment", lambda one: _container(one)["ports"][0].update(containerPort=81), reach.pods_listen),
        ("Service", lambda one: one["spec"]["ports"][0].update(targetPort="management"), reach.pods_listen),
        ("Deployment", lambda one: one["spec"]["strategy"].update(type="Recreate"), rules.strategies_are_whole),
        ("NetworkPolicy", lambda one: one["spec"]["podSelector"]["matchLabels"].update(a="b"), reach.policies_cover),
        ("Job", lambda one: one["metadata"].pop("annotations"), reach.policies_cover),
        ("Pod", lambda one: one["metadata"]["labels"].pop("app.kubernetes.io/component"), reach.policies_cover),
        ("Deployment", lambda one: _container(one)["resources"]["requests"].update(memory="1Gi"), rules.requests_fit),
        ("Deployment", lambda one: _container(one)["volumeMounts"].pop(), rules.volumes_and_mounts_match),
        ("Deployment", lambda one: _container(one)["args"].insert(1, "--verbose"), rules.commands_exist),
        ("Deployment", lambda one: _container(one)["args"].__setitem__(0, "run"), rules.commands_exist),
        ("Service", lambda one: one["metadata"].update(name="a_b"), rules.names_are_legal),
        ("Job", lambda one: _pod(one)["securityContext"].update(runAsUser=0), rules.pods_are_restricted),
        ("Pod", lambda one: one["spec"]["containers"][0].pop("securityContext"), rules.pods_are_restricted),
    ],
)  # fmt: skip
def test_each_rule_sees_what_breaks_it(
    kind: str, spoil: Callable[[Any], None], rule: Callable[[Rendered], reach.Problems]
) -> None:
    documents = copy.deepcopy(render(EVERYTHING).documents)
    assert list(rule(Rendered(documents))) == []
    spoil(next(one for one in documents if one["kind"] == kind))
    assert list(rule(Rendered(documents)))


def test_a_reference_to_what_is_not_there_is_seen(tmp_path: Path) -> None:
    rendered = render(EVERYTHING)
    for foreign in (Foreign({}, CONFIG_MAPS), Foreign(FOREIGN.secrets, {})):
        with pytest.raises(Dangling):
            lay_out(rendered, "bridge-asset-bridge-consumer", "consumer", tmp_path, foreign)


@each_set
def test_no_secret_is_in_a_config_map(values: Values) -> None:
    for config_map in render(values).of_kind("ConfigMap").values():
        for content in config_map.get("data", {}).values():
            assert not re.search(r"(password|secret): (?!/)\S", content)


def _pod(owner: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = owner["spec"]["template"]["spec"]
    return pod


def _container(owner: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = _pod(owner)["containers"][0]
    return container


def _probe(owner: dict[str, Any], name: str = "liveness") -> dict[str, Any]:
    probe: dict[str, Any] = _container(owner)[f"{name}Probe"]["httpGet"]
    return probe
