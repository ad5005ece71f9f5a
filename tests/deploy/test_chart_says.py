"""What a release does with single values, where the objects alone would not show that it is right."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_files import needed
from chart_value_sets import HTTP, LEAST, SASL, SETS, TLS, Values, merged, with_consumer, with_kafka, with_settings
from chart_values import Values as Model
from charts import CHART, HELMS, Rendered, notes, render
from deploy_tools import Tool
from pydantic import BaseModel

pytestmark = pytest.mark.deploy

RULES: Values = {"metrics": {"prometheusRule": {"enabled": True}}}


def checksum(values: Values) -> dict[str, str]:
    annotations = render(values).one("Deployment", "-consumer")["spec"]["template"]["metadata"]["annotations"]
    return {name: value for name, value in annotations.items() if name.startswith("checksum/")}


def container(rendered: Rendered, component: str = "consumer") -> dict[str, Any]:
    pod = rendered.one("Deployment", f"-{component}")["spec"]["template"]["spec"]
    (found,) = [one for one in pod["containers"] if one["name"] == component]
    return dict(found)


def alerts(values: Values) -> dict[str, str]:
    groups = render(merged(LEAST, RULES, values)).one("PrometheusRule")["spec"]["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_a_changed_setting_starts_new_pods_and_a_changed_scale_does_not() -> None:
    assert checksum(with_settings(log_level="DEBUG")) != checksum(LEAST)
    assert checksum(with_consumer(replicas=3)) == checksum(LEAST)
    own = [SETS["an instance of its own"], {"dagster": {"instance": {"config": {"telemetry": {"enabled": False}}}}}]
    assert checksum(merged(*own))["checksum/dagster"] != checksum(own[0])["checksum/dagster"]


def test_long_names_that_begin_alike_stay_apart() -> None:
    names = {render(LEAST, release=f"{'a' * 45}{last}").one("Deployment")["metadata"]["name"] for last in "bc"}
    assert len(names) == 2
    assert {len(name) for name in names} == {len("-consumer") + 40}


@pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)
def test_chart_is_one_among_others_below_a_parent(helm: Tool, tmp_path: Path) -> None:
    parent = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [
        {"name": "asset-bridge", "version": "*", "condition": "asset-bridge.enabled"}
    ]}  # fmt: skip
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(parent), "utf-8")
    shutil.copytree(CHART, tmp_path / "charts" / "asset-bridge")
    values = {"global": {"imageRegistry": "x"}, "asset-bridge": {"enabled": True, **LEAST}}
    assert render(values, helm, chart=tmp_path).of_kind("Deployment")
    assert not render(merged(values, {"asset-bridge": {"enabled": False}}), helm, chart=tmp_path).documents


@pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)
def test_null_takes_out_what_says_nothing(helm: Tool) -> None:
    """Any value that the schema lets go can go, and those that stay do not stumble over it."""
    needed = {"config", "http.auth.existingSecret", "dagster.instance.existingConfigMap"}
    whole = merged(LEAST, HTTP, SETS["everything"])
    for path in set(may_be_null(Model())) - needed:
        name, *others = reversed(path.split("."))
        gone: Values = {name: None}
        for group in others:
            gone = {group: gone}
        whole = merged(whole, gone)
    ingress = {
        "http": {"ingress": {"enabled": False}, "pdb": {"enabled": False}},
        "consumer": {"pdb": {"enabled": False}},
    }
    rendered = render(merged(whole, ingress), helm)
    assert {pod["spec"]["automountServiceAccountToken"] for _, pod in rendered.pods()} == {False}


def may_be_null(part: BaseModel, above: str = "") -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from may_be_null(value, f"{above}{field.alias}.")
        elif field.alias not in needed(part):
            yield f"{above}{field.alias}"


def test_secrets_of_kafka_do_not_reach_http() -> None:
    rendered = render(merged(with_kafka(sasl=SASL, tls=TLS), HTTP))
    assert "kafka" not in rendered.config("http")
    assert "bridge-user" not in yaml.safe_dump(rendered.one("Deployment", "-http"))
    assert rendered.config("consumer")["kafka"]["librdkafka_files"] == {
        "sasl.password": "/etc/asset-bridge/kafka/sasl.password"
    }


def test_keys_of_http_do_not_reach_the_consumer() -> None:
    rendered = render(merged(LEAST, HTTP))
    assert "http" not in rendered.config("consumer")
    assert "keys" not in [
        volume.get("secret", {}).get("secretName")
        for volume in rendered.one("Deployment", "-consumer")["spec"]["template"]["spec"]["volumes"]
    ]


def test_large_numbers_arrive_as_they_were_given() -> None:
    config = render(with_settings(max_event_bytes=33554432, kafka={"librdkafka": {"fetch.max.bytes": 52428800}}))
    assert config.config("consumer")["max_event_bytes"] == 33554432
    assert config.config("consumer")["kafka"]["librdkafka"]["fetch.max.bytes"] == 52428800


def test_a_digest_wins_over_a_tag() -> None:
    digest = f"sha256:{'a' * 64}"
    image = {"repository": "registry.example/bridge", "tag": "1", "digest": digest}
    assert container(render(merged(LEAST, {"image": image})))["image"] == f"registry.example/bridge@{digest}"


def test_labels_of_the_user_do_not_move_a_pod_away_from_its_selector() -> None:
    pod = render(with_consumer(podLabels={"app.kubernetes.io/component": "x", "a": "b"})).one("Deployment")["spec"]
    assert pod["selector"]["matchLabels"].items() <= pod["template"]["metadata"]["labels"].items()
    assert pod["template"]["metadata"]["labels"]["a"] == "b"


def test_alerts_are_those_that_are_tested_with_the_group_that_consumes() -> None:
    shipped = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text("utf-8"))
    tested = {rule["alert"]: rule["expr"] for group in shipped["groups"] for rule in group["rules"]}
    ours = alerts(with_settings(kafka={"group_id": "g.1"}))
    assert ours == {
        name: expression.replace('consumergroup=~".*asset-bridge.*"', 'consumergroup="g.1"')
        for name, expression in tested.items()
    }
    assert ours != tested


def test_an_alert_can_be_left_out_and_groups_can_be_added() -> None:
    first, *others = alerts({})
    more = [{"name": "more", "rules": [{"alert": "Mine", "expr": "vector(1)"}]}]
    own = {"metrics": {"prometheusRule": {"disabled": [first], "additionalGroups": more}}}
    assert set(alerts(own)) == {*others, "Mine"}


def test_http_takes_posts_until_everybody_knows_that_it_ends() -> None:
    values = merged(LEAST, HTTP, {"http": {"preStopSeconds": 7}})
    assert container(render(values), "http")["lifecycle"] == {"preStop": {"sleep": {"seconds": 7}}}
    assert "lifecycle" not in container(render(values))
    assert "lifecycle" not in container(render(merged(values, {"http": {"preStopSeconds": 0}})), "http")


def test_probes_and_metrics_are_on_no_service_unless_a_service_monitor_needs_it() -> None:
    ports = [
        port["name"] for one in render(merged(LEAST, HTTP)).of_kind("Service").values() for port in one["spec"]["ports"]
    ]
    assert ports == ["http"]
    assert render(LEAST).of_kind("Service") == {}


def test_username_of_kafka_comes_by_value_or_from_the_secret() -> None:
    by_value = container(render(with_kafka(sasl=SASL)))["env"]
    assert {"name": "ASSET_BRIDGE_KAFKA__LIBRDKAFKA__SASL_USERNAME", "value": "bridge"} in by_value
    secret = {"mechanism": "PLAIN", "existingSecret": "s", "usernameKey": "u"}
    (found,) = [one for one in container(render(with_kafka(sasl=secret)))["env"] if "SASL" in one["name"]]
    assert found["valueFrom"] == {"secretKeyRef": {"name": "s", "key": "u"}}


def test_notes_tell_what_to_do_next() -> None:
    said = notes(merged(LEAST, HTTP))
    assert "helm test bridge --namespace data" in said
    assert "/readyz" in said
    assert "dagster.asset-events" in said
    assert "curl -X POST http://127.0.0.1:3000/report_asset_materialization/my/asset" in said
    assert "rollout restart deployment" in said
