"""docs/deploy.md: its values render, its commands are of this chart, its rights those that are tried on a broker."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from pathlib import Path

import pytest
import yaml
from chart_value_sets import HTTP, LEAST, Values, merged, with_consumer
from charts import CHART, NAMESPACE, render
from deploy_tools import HELM_4, run
from rights import least
from topic_commands import topic_made_by

from asset_consumer.settings import Settings
from asset_consumer.topics import problems
from asset_events import parse_event

pytestmark = pytest.mark.deploy

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "deploy.md").read_text("utf-8")
POSTGRESQL = (PROJECT / "docs" / "performance.md").read_text("utf-8").split("### ")[1]
README = (CHART / "README.md").read_text("utf-8")
VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))


def blocks(page: str, language: str) -> list[str]:
    return [textwrap.dedent(block) for block in re.findall(rf"(?m)^ *```{language}\n((?s:.*?))^ *```", page)]


def test_every_block_of_values_renders() -> None:
    found = [yaml.safe_load(block) for block in blocks(PAGE, "yaml")]
    assert len(found) == 2
    for values in found:
        render(merged(LEAST, values))


def commands(page: str, start: str) -> list[list[str]]:
    """The commands of a page that begin so, as a shell would split them."""
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith(start)]


def template(*arguments: str) -> str:
    made = run(HELM_4, "template", "asset-bridge", CHART, "--namespace", NAMESPACE, *arguments)
    assert made.returncode == 0, made.stderr
    return made.stdout


@pytest.mark.parametrize("page", [PAGE, README], ids=["deploy.md", "README.md"])
def test_install_command_renders_and_can_be_given_again(page: str) -> None:
    (words,) = commands(page, "helm upgrade --install")
    assert words[3:5] == ["asset-bridge", "charts/asset-bridge"]
    assert "name: asset-bridge-consumer\n" in template(*words[5:])


def test_the_image_that_is_pushed_is_the_one_that_is_installed() -> None:
    (install,) = commands(PAGE, "helm upgrade --install")
    (built,), (pushed,) = commands(PAGE, "docker build"), commands(PAGE, "docker push")
    assert built[built.index("--tag") + 1] == pushed[-1]
    assert built[-1] == "."
    assert f"image: {pushed[-1]}\n" in template(*install[5:]).replace('"', "")


def test_an_upgrade_has_the_values_of_the_release() -> None:
    (got,), (given,) = commands(PAGE, "helm get values"), commands(PAGE, "helm upgrade asset-bridge")
    assert [got[3], *got[-2:]] == [given[2], ">", given[-1]]
    assert given[3:5] == ["charts/asset-bridge", "--values"]


def test_what_dagsters_chart_has_made_is_found_and_used() -> None:
    (looked,) = re.findall(r"grep -E '(.+)'", PAGE)
    (install,) = commands(PAGE, "helm upgrade --install")
    named = [word.partition("=")[2] for word in install if ".existing" in word]
    assert named == ["dagster-instance", "dagster-postgresql-secret"]
    assert all(re.search(looked, name) for name in named)


def test_topics_are_those_that_are_consumed_and_can_hold_a_letter() -> None:
    topics = [topic_made_by(words) for words in commands(PAGE, "kafka-topics.sh")]
    made = {topic.name: topic for topic in topics}
    kafka = Settings().kafka
    asked = [(topic.name, kafka.dead_letter_topic_of(topic.name)) for topic in kafka.topics]
    assert set(made) == {name for pair in asked for name in pair}
    assert problems([(made[topic], made[dead]) for topic, dead in asked]) == []
    assert [topic.partitions for topic in topics] == [
        VALUES["strimzi"]["topics"]["partitions"],
        VALUES["strimzi"]["topics"]["deadLetterPartitions"],
    ]


def test_the_first_event_is_accepted_where_it_is_sent() -> None:
    (event,) = re.findall(r"echo '(.+)'", PAGE)
    assert parse_event(event.encode()).asset_key == ("my", "asset")
    assert set(re.findall(r"--topic (\S+?)(?:\.dlq)?\s", PAGE)) == {topic.name for topic in Settings().kafka.topics}
    assert set(re.findall(r"--bootstrap-server (\S+)", PAGE)) == {"BROKER:9092"}


def test_several_brokers_are_given_as_one_value() -> None:
    (said,) = re.findall(r"`--set '(config[^']+)'`", PAGE)
    assert "bootstrap_servers: B1:9092,B2:9092\n" in template(*flags(LEAST), "--set", said)


def test_names_that_are_typed_are_those_of_the_release() -> None:
    everything = list(yaml.safe_load_all(template(*flags(merged(LEAST, HTTP, {"check": {"enabled": True}})))))
    named = {f"{one['kind'].lower()} {one['metadata']['name']}" for one in everything if one}
    typed = re.findall(r"logs (job)/([\w-]+)", PAGE)
    assert typed == [("job", "asset-bridge-check-consumer")]
    assert {" ".join(words) for words in typed} <= named
    (selector,) = re.findall(r"--selector (\S+?)`", PAGE)
    wanted = dict(pair.split("=") for pair in selector.split(","))
    deployments = [one for one in everything if one and one["kind"] == "Deployment"]
    assert len(deployments) == 2
    assert all(wanted.items() <= one["metadata"]["labels"].items() for one in deployments)


def test_keys_of_secrets_are_those_that_are_looked_for() -> None:
    assert re.findall(r"# .*?\bkey ([\w.-]+)", PAGE) == [
        VALUES["kafka"]["tls"]["ca"]["key"],
        VALUES["kafka"]["sasl"]["passwordKey"],
        VALUES["http"]["auth"]["key"],
    ]
    client = VALUES["kafka"]["tls"]["client"]
    assert f"the keys `{client['certKey']}` and `{client['keyKey']}`" in PAGE
    (made,) = commands(PAGE, "kubectl create secret generic")
    (_, http) = (yaml.safe_load(block) for block in blocks(PAGE, "yaml"))
    assert made[4] == http["http"]["auth"]["existingSecret"]
    assert made[5] == f"--from-file={VALUES['http']['auth']['key']}"  # the file's name is the Secret's key


def test_no_consumer_is_left_while_offsets_are_reset() -> None:
    (stop,) = re.findall(r"`helm upgrade asset-bridge \S+ --reuse-values (.+?)`", PAGE)
    scaled = with_consumer(replicas=3, autoscaling={"kind": "keda"})
    stopped = [one for one in yaml.safe_load_all(template(*flags(scaled), *stop.split())) if one]
    assert [one["spec"]["replicas"] for one in stopped if one["kind"] == "Deployment"] == [0]
    assert "ScaledObject" not in {one["kind"] for one in stopped}


def test_numbers_are_those_of_the_chart_and_of_what_was_measured() -> None:
    consumer = VALUES["consumer"]
    measured = dict(re.findall(r"^\| (asset-bridge [^|]+) \|(.+)\|$", POSTGRESQL, re.MULTILINE))
    cells = {name: [cell.strip() for cell in row.split("|")] for name, row in measured.items()}
    rate, cpu, kafka = cells["asset-bridge Kafka"][0], cells["asset-bridge Kafka"][5], Settings().kafka
    posts = [float(row[5]) for name, row in cells.items() if "HTTP" in name]
    threshold = consumer["autoscaling"]["keda"]["lagThreshold"]
    assert round(threshold / int(rate.replace(",", "")), 1) == 0.2
    assert consumer["resources"]["limits"]["memory"] == "512Mi"
    for told in (
        f"Kubernetes {yaml.safe_load((CHART / 'Chart.yaml').read_text('utf-8'))['kubeVersion'][2:6]} or newer",
        f"port ({Settings().management.port})",
        f"`terminationGracePeriodSeconds` ({consumer['terminationGracePeriodSeconds']})",
        f"`config.kafka.shutdown_deadline_s` ({kafka.shutdown_deadline_s:g})",
        f"`config.kafka.group_id` (`{kafka.group_id}`)",
        f"`consumer.autoscaling.keda.lagThreshold` ({threshold}) is a fifth of a second at the {rate} events a second",
        "the limit of 512 MiB",
        f"{round(min(int(row[6]) for row in cells.values()), -1)} to 200 MB a process",
        f"{cpu} s for a thousand events from Kafka, {min(posts):.1f} to {max(posts):.0f} s for a thousand posts",
        f"keep `minReplicas` at {consumer['autoscaling']['minReplicas']}",
    ):
        assert told in PAGE, told


def test_rights_of_the_page_are_those_that_are_tried() -> None:
    rows = re.findall(r"^\| (.+?) \| ((?:Read|Write)(?:, \w+)?) \| (.+?) \|$", PAGE, re.MULTILINE)
    told = {
        (name, operation): re.findall(r"`(.+?)`", why)[0]
        for name, operations, why in rows
        for operation in operations.split(", ")
    }
    names = "each input topic", "each dead-letter topic", "the group (`config.kafka.group_id`)"
    parking = "`<dead-letter topic>.parking`"
    needed = least(*names)
    assert told == {
        (name.replace(f"{names[1]}.parking", parking), spoken((operation,))): why
        for (_, name, operation), why in needed.items()
    }


def test_values_that_the_page_names_are_there() -> None:
    known = set(re.findall(r"^\| `([\w.]+)` \|", README, re.MULTILINE))
    parts = {name.rpartition(".")[2] for name in known}
    named = set(
        re.findall(r"`((?:consumer|http|kafka|dagster|metrics|strimzi|check|networkPolicy)\.[\w.]+\w)[`=]", PAGE)
    )
    assert len(named) > 10
    assert named - {"dagster.yaml"} <= known
    assert {"terminationGracePeriodSeconds", "minReplicas"} <= parts


def flags(values: Values, prefix: str = "") -> list[str]:
    """Values as options of Helm's."""
    options = []
    for name, value in values.items():
        if isinstance(value, dict):
            options += flags(value, f"{prefix}{name}.")
        else:
            options += ["--set-json", f"{prefix}{name}={json.dumps(value)}"]
    return options


def spoken(operations: tuple[str, ...]) -> str:
    return ", ".join("".join(word.capitalize() for word in name.split("_")) for name in operations)
