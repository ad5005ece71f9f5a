"""What a release does with single values, where the objects alone would not show that it is right."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_files import needed
from chart_value_sets import HTTP, LEAST, SASL, SETS, TLS, Values, merged, with_consumer, with_kafka, with_settings
from chart_values import Thresholds
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


def rules_of(values: Values) -> dict[str, dict[str, Any]]:
    groups = render(merged(LEAST, RULES, values)).one("PrometheusRule")["spec"]["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def alerts(values: Values) -> dict[str, str]:
    return {name: rule["expr"] for name, rule in rules_of(values).items()}


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


def test_each_threshold_is_the_one_number_of_its_alert_that_is_replaced() -> None:
    given: dict[str, float] = {
        "AssetBridgeRestarting": 0,
        "AssetBridgeFenced": 4000000,
        "AssetBridgeTransactionsLong": 0.25,
        "AssetBridgeLockContended": 2.5,
        "AssetBridgeTooSlow": 1234567,
        "AssetBridgeStalled": 60,
        "AssetBridgeRecordsOld": 86400,
        "AssetBridgeRefusesPosts": 0.5,
        "AssetBridgeUnauthorized": 1000,
        "AssetBridgeRebalances": 5,
    }
    assert set(given) == {field.alias for field in Thresholds.model_fields.values()}
    before, after = alerts({}), alerts({"metrics": {"prometheusRule": {"thresholds": given}}})
    for name, expression in before.items():
        other = re.sub(r"> [\d.]+", f"> {given[name]}", expression) if name in given else expression
        assert (after[name], other != expression) == (other, name in given)
        assert name not in given or len(re.findall(r"> [\d.]+", expression)) == 1


def test_a_runbook_can_be_clicked_at_where_its_page_has_an_address() -> None:
    url = "https://docs.example.org/bridge/operate"
    shown = rules_of({"metrics": {"prometheusRule": {"runbookUrl": url}}})
    for name, rule in rules_of({}).items():
        assert rule["annotations"]["runbook_url"] == f"docs/operate.md#{name.lower()}"
        assert shown[name] == rule | {"annotations": rule["annotations"] | {"runbook_url": f"{url}#{name.lower()}"}}


@pytest.mark.parametrize("group", ["g.1", 'a"b'])
def test_dashboard_shows_the_group_that_consumes(group: str) -> None:
    rendered = render(merged(with_settings(kafka={"group_id": group}), {"metrics": {"dashboard": {"enabled": True}}}))
    shown = json.loads(rendered.one("ConfigMap", "-dashboard")["data"]["asset-bridge.json"])
    (variable,) = [one for one in shown["templating"]["list"] if one["name"] == "group"]
    assert variable["current"] == {"text": [group], "value": [group]}


@pytest.mark.parametrize(("least", "there"), [(0, False), (1, True)])
def test_who_may_scale_to_nothing_is_not_missed(least: int, *, there: bool) -> None:
    rules = rules_of({"consumer": {"autoscaling": {"kind": "keda", "minReplicas": least}}})
    assert ("AssetBridgeGone" in rules) == there
    assert "AssetBridgeNotStarted" in rules


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
    secret = {"mechanism": "SCRAM-SHA-512", "existingSecret": "s", "usernameKey": "u"}
    (found,) = [one for one in container(render(with_kafka(sasl=secret)))["env"] if "SASL" in one["name"]]
    assert found["valueFrom"] == {"secretKeyRef": {"name": "s", "key": "u"}}


def commands(said: str) -> str:
    """What notes give to be typed, as one script."""
    return "\n".join(line for line in said.splitlines() if line.startswith("  "))


def typed_by_hand(script: str, folder: Path) -> str:
    """What it prints where each tool tells its own arguments; kubectl knows two pods."""
    answers = '*" --output name") echo pod/one; echo pod/two;;'
    for tool in ("helm", "curl", "kubectl", "kafka-console-producer.sh", "kafka-console-consumer.sh"):
        lines = ["#!/bin/sh", f'case "{tool} $*" in {answers} *) echo "{tool} $*";; esac', ""]
        (folder / tool).write_text("\n".join(lines), "utf-8")
        (folder / tool).chmod(0o755)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-eu", "-c", script], env=path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_notes_tell_what_to_do_next(tmp_path: Path) -> None:
    said = typed_by_hand(commands(notes(merged(LEAST, HTTP))), tmp_path)
    ours = "app.kubernetes.io/name=asset-bridge,app.kubernetes.io/instance=bridge"
    for command in (
        "helm test bridge --namespace data --logs",
        "kubectl --namespace data exec pod/one -- python -c ",
        "kubectl --namespace data exec pod/two -- python -c ",
        "helm rollback bridge --namespace data",
        f"kubectl --namespace data get pods --selector {ours}",
        "kubectl --namespace data logs POD --previous",
        "kafka-console-producer.sh --bootstrap-server broker:9092 --topic dagster.asset-events",
        "kafka-console-consumer.sh --bootstrap-server broker:9092 --topic dagster.asset-events.dlq --from-beginning",
        "kubectl --namespace data port-forward service/bridge-asset-bridge 3000:80",
        "curl -X POST http://127.0.0.1:3000/report_asset_materialization/my/asset -H X-API-Key: ...\n",
        f"kubectl --namespace data rollout restart deployment --selector {ours}",
    ):
        assert command in said


@pytest.mark.parametrize(
    "values", [LEAST, merged(LEAST, {"kafka": {"sasl": SASL, "tls": TLS}})], ids=["plain", "login"]
)
def test_notes_say_what_the_consoles_need(values: Values) -> None:
    assert ("--producer.config" in notes(values)) == ("kafka" in values)


def test_notes_know_every_dead_letter_topic() -> None:
    own = {"topics": ["a", {"name": "b"}], "dead_letter_topic": "dead.{topic}"}
    assert "is in: dead.a, dead.b\n" in notes(with_settings(kafka=own))
    assert "is in: dead\n" in notes(with_settings(kafka={**own, "dead_letter_topic": "dead"}))


def test_notes_say_that_there_is_no_password() -> None:
    assert "no DAGSTER_PG_PASSWORD" in notes(LEAST)
    given = {"dagster": {"postgresql": {"existingSecret": "s"}}}
    assert "DAGSTER_PG_PASSWORD" not in notes(merged(LEAST, given))
