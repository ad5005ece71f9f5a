"""Settings: where they come from, what is refused and how it is said, and that secrets stay masked."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Consumer

from asset_consumer.consume import consumer_options
from asset_consumer.settings import Settings, TopicSettings
from asset_consumer.settings_sources import SettingsError, load_settings

SECRET = "hunter2-canary"
LOGIN = {
    "SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "SCRAM-SHA-512", "SASL_USERNAME": "u", "SASL_PASSWORD": "p",
}  # fmt: skip


def from_env(**variables: str) -> Settings:
    return load_settings(None, {f"ASSET_BRIDGE_{name}": value for name, value in variables.items()})


def from_yaml(tmp_path: Path, text: str, **variables: str) -> Settings:
    file = tmp_path / "bridge.yaml"
    file.write_text(text, "utf-8")
    return load_settings(file, {f"ASSET_BRIDGE_{name}": value for name, value in variables.items()})


def problems_of(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        from_env(**variables)
    return refused.value.problems


def problems_in(tmp_path: Path, text: str, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        from_yaml(tmp_path, text, **variables)
    return [problem.replace(str(tmp_path), "") for problem in refused.value.problems]


def test_nothing_given_gives_the_defaults() -> None:
    settings = from_env()
    assert settings.kafka.bootstrap_servers is None
    assert settings.kafka.topics == (TopicSettings(name="dagster.asset-events"),)
    assert settings.kafka.dead_letter_topic_of("dagster.asset-events") == "dagster.asset-events.dlq"
    assert (settings.http.host, settings.http.port, settings.management.port) == ("127.0.0.1", 3000, 8081)


def test_environment_wins_over_file_and_file_over_default(tmp_path: Path) -> None:
    text = "kafka: {group_id: file, client_id: file, librdkafka: {fetch.min.bytes: 1, fetch.wait.max.ms: 2}}"
    settings = from_yaml(tmp_path, text, KAFKA__GROUP_ID="env", KAFKA__LIBRDKAFKA__FETCH_MIN_BYTES="9")
    assert settings.kafka.group_id == "env"
    assert settings.kafka.client_id == "file"
    assert settings.kafka.start == "earliest"
    assert settings.kafka.librdkafka_plain() == {"fetch.min.bytes": "9", "fetch.wait.max.ms": "2"}


def test_only_the_given_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__GROUP_ID", "of this process")
    assert from_env().kafka.group_id == "asset-bridge"


@pytest.mark.parametrize("text", ["", "kafka:", "kafka: {group_id: }", "# nothing\n"])
def test_a_name_without_a_value_counts_as_not_set(tmp_path: Path, text: str) -> None:
    assert from_yaml(tmp_path, text, KAFKA__GROUP_ID="") == Settings()


def test_topics_are_names_separated_by_commas_or_a_list_with_event_types(tmp_path: Path) -> None:
    assert from_env(KAFKA__TOPICS="a, b,").kafka.topics == (TopicSettings(name="a"), TopicSettings(name="b"))
    text = "kafka: {topics: [a, {name: b, event_type: asset_check}]}"
    bound = TopicSettings(name="b", event_type="asset_check")
    assert from_yaml(tmp_path, text).kafka.topics == (TopicSettings(name="a"), bound)


def test_topic_of_run_events_has_no_event_type(tmp_path: Path) -> None:
    text = "kafka: {topics: [a, {name: b, format: openlineage}]}"
    options = consumer_options(from_yaml(tmp_path, text))
    assert sorted(options.topics) == ["a", "b"]
    assert [*options.run_event_topics] == ["b"]
    text = "kafka: {topics: [{name: b, event_type: asset_check, format: openlineage}, {name: c, format: x}]}"
    assert problems_in(tmp_path, text) == [
        "kafka.topics[0].format in /bridge.yaml must be event where the topic has an event_type.",
        "kafka.topics[1].format in /bridge.yaml must be 'event' or 'openlineage'.",
    ]


def test_naming_rules_come_as_a_list_or_as_json_and_reach_the_consumer(tmp_path: Path) -> None:
    rule = r'{"namespace": "pg://*", "name": "(?P<db>\\w+)\\.(?P<table>\\w+)", "asset_key": "{db}/t/{table}"}'
    for settings in (
        from_yaml(tmp_path, f"lineage: {{rules: [{rule}], inputs: observe}}"),
        from_env(LINEAGE__RULES=f"[{rule}]", LINEAGE__INPUTS="observe"),
    ):
        lineage = consumer_options(settings).lineage
        assert lineage.asset_key("pg://a:1", "shop.orders") == ("shop", "t", "orders")
        assert lineage.asset_key("s3://a", "shop.orders") == ("shop", "orders")
        assert (lineage.inputs, lineage.unmatched, lineage.failures) == ("observe", "key", "ignore")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("name: '('", "name in /bridge.yaml must be a regular expression, as Python writes it."),
        ("asset_key: '{table}'", "asset_key in /bridge.yaml must have no placeholder but key."),
        (
            "{name: '(?P<a>.)(?P<b>.)', asset_key: '{a.real}'}",
            "asset_key in /bridge.yaml must have no placeholder but a, b, key.",
        ),
        ("asset_key: '{key!r}'", "asset_key in /bridge.yaml must have no placeholder but key."),
        ("asset_key: '{}'", "asset_key in /bridge.yaml must have no placeholder but key."),
        ("asset_key: 'a}'", "asset_key in /bridge.yaml must be a template such as warehouse/{table}."),
        ("asset_key: '/'", "asset_key in /bridge.yaml must not be empty."),
        (
            "asset_kee: a",
            "asset_kee in /bridge.yaml is no setting; did you mean lineage.rules[0].asset_key?",
        ),
    ],
)
def test_naming_rule_that_cannot_work_is_refused_at_start(tmp_path: Path, rule: str, problem: str) -> None:
    rule = rule if rule.startswith("{") else f"{{{rule}}}"
    assert problems_in(tmp_path, f"lineage: {{rules: [{rule}]}}") == [f"lineage.rules[0].{problem}"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RULES", "canary", "must be a list of rules, in the environment as JSON."),
        ("RULES", "{}", "must be a list."),
        ("UNMATCHED", "canary", "must be 'key', 'ignore' or 'reject'."),
        ("INPUTS", "canary", "must be 'ignore' or 'observe'."),
        ("FAILURES", "canary", "must be 'ignore' or 'check'."),
    ],
)
def test_bad_lineage_setting_is_refused_by_its_name(name: str, value: str, words: str) -> None:
    assert problems_of(**{f"LINEAGE__{name}": value}) == [f"ASSET_BRIDGE_LINEAGE__{name} {words}"]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("KAFKA__GOUP_ID", "KAFKA__GROUP_ID"),
        ("KAFKA_GROUP_ID", "KAFKA__GROUP_ID"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("http__port", "HTTP__PORT"),
    ],
)
def test_unknown_variable_is_refused_with_the_nearest_known_name(name: str, nearest: str) -> None:
    expected = f"ASSET_BRIDGE_{name} is no setting"
    suggestion = f"; did you mean ASSET_BRIDGE_{nearest}?" if name.isupper() else "."
    assert problems_of(**{name: "3"}) == [expected + suggestion]


def test_unknown_name_in_the_file_is_refused_with_the_nearest_known_name(tmp_path: Path) -> None:
    text = "kafak: {}\nkafka:\n  goup_id: x\n  topics: [{nam: a}]\n"
    assert sorted(problems_in(tmp_path, text)) == [
        "kafak in /bridge.yaml is no setting; did you mean kafka?",
        "kafka.goup_id in /bridge.yaml is no setting; did you mean kafka.group_id?",
        "kafka.topics[0].nam in /bridge.yaml is no setting; did you mean kafka.topics[0].name?",
        "kafka.topics[0].name in /bridge.yaml is missing.",
    ]


def test_variables_that_kubernetes_sets_for_our_services_are_not_settings() -> None:
    links = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "3000",
        "SERVICE_PORT_HTTP": "3000",
        "PORT": "tcp://10.0.0.1:3000",
        "PORT_3000_TCP": "tcp://10.0.0.1:3000",
        "PORT_3000_TCP_PROTO": "tcp",
        "PORT_3000_TCP_ADDR": "10.0.0.1",
        "HTTP_PORT": "tcp://10.0.0.2:3000",
        "HTTP_SERVICE_HOST": "10.0.0.2",
    }
    assert from_env(**links) == Settings()
    assert problems_of(HTTP_PORT="3000") == [
        "ASSET_BRIDGE_HTTP_PORT is no setting; did you mean ASSET_BRIDGE_HTTP__PORT?"
    ]


def test_every_problem_is_told_at_once() -> None:
    problems = problems_of(KAFKA__BATCH_MAX_RECORDS="0", HTTP__PORT="70000", LOG_LEVEL="loud", NOPE="1")
    assert [problem.split()[0].removeprefix("ASSET_BRIDGE_") for problem in problems] == [
        "NOPE", "KAFKA__BATCH_MAX_RECORDS", "HTTP__PORT", "LOG_LEVEL",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KAFKA__BATCH_MAX_RECORDS", "many", "must be a whole number."),
        ("KAFKA__BATCH_MAX_RECORDS", "-1", "must be greater than or equal to 1."),
        ("KAFKA__SHUTDOWN_DEADLINE_S", "0", "must be greater than 0."),
        ("KAFKA__SHUTDOWN_DEADLINE_S", "nan", "must be a finite number."),
        ("KAFKA__SHUTDOWN_DEADLINE_S", "1e9", "must be less than or equal to 3600."),
        ("STORAGE__WORKERS", "0", "must be greater than or equal to 1."),
        ("KAFKA__START", "latests", "must be 'earliest', 'latest' or 'error'."),
        ("KAFKA__PROVENANCE", "maybe", "must be true or false."),
        ("KAFKA__TOPICS", "a,b c", "must be a Kafka topic name: letters, digits, '.', '_' and '-'."),
        ("KAFKA__TOPICS", "..", "must be a Kafka topic name: letters, digits, '.', '_' and '-'."),
        ("KAFKA__TOPICS", "a,a", "must name each topic once."),
        ("KAFKA__TOPICS", ",", "must name at least one topic."),
        ("KAFKA__DEAD_LETTER_TOPIC", "{topic}", "must differ from every topic that is read."),
        ("KAFKA__DEAD_LETTER_TOPIC", "dagster.asset-events", "must differ from every topic that is read."),
        ("KAFKA__DEAD_LETTER_TOPIC", "{t}.dlq", "must be a Kafka topic name: letters, digits, '.', '_' and '-'."),
    ],
)
def test_bad_value_is_refused_by_the_variables_name(name: str, value: str, words: str) -> None:
    assert problems_of(**{name: value}) == [f"ASSET_BRIDGE_{name} {words}"]


def test_dead_letters_of_one_topic_never_go_to_another_input() -> None:
    assert problems_of(KAFKA__TOPICS="a,a.dlq") == [
        "ASSET_BRIDGE_KAFKA__DEAD_LETTER_TOPIC must differ from every topic that is read."
    ]


def test_bad_value_is_refused_by_its_name_in_the_file(tmp_path: Path) -> None:
    types = "'asset_materialization', 'asset_check' or 'asset_observation'"
    text = "kafka: {topics: [a, {name: b, event_type: x}], batch_max_records: [5]}\nhttp: 3\n"
    assert problems_in(tmp_path, text) == [
        f"kafka.topics[1].event_type in /bridge.yaml must be {types}.",
        "kafka.batch_max_records in /bridge.yaml must be a whole number.",
        "http in /bridge.yaml must be a section with names below it.",
    ]


@pytest.mark.parametrize("mode", ["warn", "reject"])
def test_unknown_targets_can_only_be_told_with_a_workspace(mode: str, tmp_path: Path) -> None:
    words = "is needed when unknown targets are not simply accepted."
    assert problems_of(TARGETS__UNKNOWN_CHECKS=mode) == [f"ASSET_BRIDGE_TARGETS__WORKSPACE {words}"]
    text = f"targets: {{unknown_checks: {mode}}}"
    assert problems_in(tmp_path, text) == [f"targets.workspace in /bridge.yaml {words}"]
    settings = from_env(TARGETS__UNKNOWN_CHECKS=mode, TARGETS__WORKSPACE="workspace.yaml")
    assert settings.targets.workspace == Path("workspace.yaml")


def test_partitions_can_only_be_added_with_a_workspace() -> None:
    (problem,) = problems_of(TARGETS__ADD_DYNAMIC_PARTITIONS="true")
    assert problem == "ASSET_BRIDGE_TARGETS__WORKSPACE is needed to know which partitions are dynamic."


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("kafka: [", " (line 1, column 9)"),
        ("kafka:\n  group_id: a\n  group_id: b", " (line 2, column 3): group_id is written twice"),
        (f"kafka:\n  sasl: {SECRET}\n bad", ""),
        ("a: !!python/name:os.system x", " (line 1, column 4)"),
        ("\x00", ""),
    ],
)
def test_file_that_is_no_yaml_is_one_problem_without_its_text(tmp_path: Path, text: str, where: str) -> None:
    (problem,) = problems_in(tmp_path, text)
    assert problem.startswith(f"/bridge.yaml is not readable as YAML{where}")
    assert SECRET not in problem


def test_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path / "missing.yaml", {})
    assert refused.value.problems == [f"{tmp_path}/missing.yaml cannot be read: No such file or directory."]
    assert problems_in(tmp_path, "- a list") == [
        "/bridge.yaml must hold settings by name, such as `kafka:` with `group_id:` below it."
    ]


def test_problems_of_file_and_environment_are_told_together(tmp_path: Path) -> None:
    problems = problems_in(tmp_path, "kafka: [", KAFKA__GOUP_ID="x", HTTP__PORT="x")
    assert [problem.split()[0] for problem in problems] == [
        "ASSET_BRIDGE_KAFKA__GOUP_ID", "/bridge.yaml", "ASSET_BRIDGE_HTTP__PORT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "ENABLE_AUTO_COMMIT", "ENABLE_AUTO_OFFSET_STORE", "GROUP_ID", "BOOTSTRAP_SERVERS", "AUTO_OFFSET_RESET",
        "ISOLATION_LEVEL", "PARTITION_ASSIGNMENT_STRATEGY", "GROUP_PROTOCOL", "GROUP_INSTANCE_ID",
        "ALLOW_AUTO_CREATE_TOPICS", "ENABLE_IDEMPOTENCE", "ACKS", "REQUEST_REQUIRED_ACKS", "ERROR_CB", "STATS_CB",
        "TRANSACTIONAL_ID", "DELIVERY_REPORT_ONLY_ERROR",
    ],
)  # fmt: skip
def test_librdkafka_property_that_a_promise_rests_on_is_refused_with_the_reason(name: str) -> None:
    (problem,) = problems_of(**{f"KAFKA__LIBRDKAFKA__{name}": "1"})
    said, reason = problem.split(" is not taken: ")
    assert said == f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name}"
    assert len(reason) > 20


def test_static_membership_is_refused_so_that_no_static_member_can_be_fenced(tmp_path: Path) -> None:
    words = "is not taken: two consumers with one instance id fence each other off"
    name = "ASSET_BRIDGE_KAFKA__LIBRDKAFKA__GROUP_INSTANCE_ID"
    (problem,) = problems_of(KAFKA__LIBRDKAFKA__GROUP_INSTANCE_ID="pod-0")
    assert problem.startswith(f"{name} {words}")
    text = "kafka: {librdkafka: {group.instance.id: pod-0}}"
    (problem,) = problems_in(tmp_path, text)
    assert problem.startswith(f"kafka.librdkafka.group.instance.id in /bridge.yaml {words}")


@pytest.mark.parametrize("name", ["group.id", "group_id"])
def test_refused_property_is_refused_in_the_file_too(tmp_path: Path, name: str) -> None:
    assert problems_in(tmp_path, f"kafka: {{librdkafka: {{{name}: x}}}}") == [
        f"kafka.librdkafka.{name} in /bridge.yaml is not taken: it has a setting of its own: kafka.group_id."
    ]


@pytest.mark.parametrize("value", ["59999", "-1", "0x10", "soon"])
def test_poll_interval_that_would_evict_a_slow_consumer_is_refused(value: str) -> None:
    (problem,) = problems_of(KAFKA__LIBRDKAFKA__MAX_POLL_INTERVAL_MS=value)
    assert problem.startswith("ASSET_BRIDGE_KAFKA__LIBRDKAFKA__MAX_POLL_INTERVAL_MS must be a number of at least 60000")
    settings = from_env(KAFKA__LIBRDKAFKA__MAX_POLL_INTERVAL_MS="60000")
    assert settings.kafka.librdkafka_plain() == {"max.poll.interval.ms": "60000"}


@pytest.mark.parametrize("name", ["SESSION_TIMEOUT_MS", "HEARTBEAT_INTERVAL_MS"])
def test_what_the_brokers_decide_with_the_new_group_protocol_is_refused_with_their_setting(name: str) -> None:
    given = {f"KAFKA__LIBRDKAFKA__{name}": "6000"}
    assert from_env(**given, KAFKA__GROUP_PROTOCOL="classic").kafka.librdkafka_plain()
    words = f"the brokers decide it (group.consumer.{name.lower().replace('_', '.')})."
    assert problems_of(**given, KAFKA__GROUP_PROTOCOL="consumer") == [
        f"ASSET_BRIDGE_KAFKA__LIBRDKAFKA__{name} is not taken with the group protocol consumer: {words}"
    ]


@pytest.mark.parametrize("where", ["LIBRDKAFKA", "LIBRDKAFKA_FILES"])
@pytest.mark.parametrize("protocol", [None, "PLAINTEXT", "ssl"])
def test_credentials_without_a_sasl_protocol_are_refused(where: str, protocol: str | None) -> None:
    given = {f"KAFKA__{where}__SASL_PASSWORD": "x"}
    if protocol:
        given["KAFKA__LIBRDKAFKA__SECURITY_PROTOCOL"] = protocol
    words = "would be ignored, and the connection made without authentication: also set security.protocol to sasl_ssl."
    assert problems_of(**given) == [f"ASSET_BRIDGE_KAFKA__{where}__SASL_PASSWORD {words}"]


def test_certificates_without_a_tls_protocol_are_refused(tmp_path: Path) -> None:
    text = "kafka: {librdkafka: {ssl.ca.location: /ca.pem, security.protocol: sasl_plaintext}}"
    words = "would be ignored, and the connection made without encryption"
    assert problems_in(tmp_path, text) == [
        f"kafka.librdkafka.ssl.ca.location in /bridge.yaml {words}: also set security.protocol to ssl or sasl_ssl."
    ]


def test_librdkafka_takes_what_passes_through(tmp_path: Path) -> None:
    text = "kafka: {librdkafka: {check.crcs: true, fetch.min.bytes: 2, security.protocol: sasl_plaintext}}"
    variables = {"SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "u", "SASL_PASSWORD": SECRET, "LOG_LEVEL": "3"}
    settings = from_yaml(tmp_path, text, **{f"KAFKA__LIBRDKAFKA__{name}": value for name, value in variables.items()})
    Consumer({"group.id": "g", **settings.kafka.librdkafka_plain()}).close()
    assert settings.kafka.librdkafka_plain()["log_level"] == "3"
    assert settings.kafka.librdkafka_plain()["check.crcs"] == "true"


def test_secret_from_a_file_needs_no_variable(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n", "utf-8")
    login = {f"KAFKA__LIBRDKAFKA__{name}": value for name, value in LOGIN.items() if name != "SASL_PASSWORD"}
    given = {**login, "KAFKA__LIBRDKAFKA_FILES__SASL_PASSWORD": str(file)}
    settings = from_env(**given)
    assert settings.kafka.librdkafka_plain()["sasl.password"] == SECRET
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json() + str(settings.model_dump())
    name = "ASSET_BRIDGE_KAFKA__LIBRDKAFKA_FILES__SASL_PASSWORD"
    file.write_text(" \n", "utf-8")
    assert problems_of(**given) == [f"{name}: the file is empty."]
    file.write_bytes(b"\xff\xfe")
    assert problems_of(**given) == [f"{name}: the file is not text in UTF-8."]
    file.unlink()
    assert problems_of(**given) == [f"{name}: the file cannot be read: No such file or directory."]
    assert problems_of(**given, KAFKA__LIBRDKAFKA__SASL_PASSWORD=SECRET) == [
        f"{name} is given twice: in librdkafka and in librdkafka_files."
    ]


def test_only_secrets_come_from_files() -> None:
    assert problems_of(KAFKA__LIBRDKAFKA_FILES__MAX_POLL_INTERVAL_MS="/x") == [
        "ASSET_BRIDGE_KAFKA__LIBRDKAFKA_FILES__MAX_POLL_INTERVAL_MS is no secret: set it in kafka.librdkafka."
    ]


@pytest.mark.parametrize(
    "name",
    [
        "SASL_PASSWORD", "SSL_KEY_PASSWORD", "SSL_KEY_PEM", "SSL_KEYSTORE_PASSWORD", "SASL_OAUTHBEARER_CLIENT_SECRET",
        "SASL_OAUTHBEARER_CONFIG", "SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_PASSPHRASE", "SASL_JAAS_CONFIG",
    ],
)  # fmt: skip
def test_secrets_are_masked_wherever_settings_are_shown(name: str) -> None:
    given = {**LOGIN, "SSL_CERTIFICATE_LOCATION": "/c", "SSL_KEY_LOCATION": "/k", name: SECRET}
    settings = from_env(**{f"KAFKA__LIBRDKAFKA__{name}": value for name, value in given.items()})
    shown = repr(settings) + str(settings) + settings.model_dump_json() + str(settings.model_dump())
    assert SECRET not in shown
    assert "SASL_SSL" in shown
    assert SECRET in settings.kafka.librdkafka_plain().values()


def test_problems_never_repeat_a_value(tmp_path: Path) -> None:
    names = ["KAFKA__START", "KAFKA__BATCH_MAX_RECORDS", "KAFKA__TOPICS", "HTTP__PORT", "LOG_FORMAT", "UNKNOWN_FIELDS"]
    told = problems_of(**dict.fromkeys(names, f"{SECRET} x"), NOPE=SECRET, KAFKA__LIBRDKAFKA__GROUP_ID=SECRET)
    text = f"kafka: {{start: {SECRET}, batch_max_records: {{a: {SECRET}}}, librdkafka: {{a: [{SECRET}]}}, x: {SECRET}}}"
    told += problems_in(tmp_path, text)
    assert len(told) == 12
    assert SECRET not in "".join(told)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        from_env().http.port = 1  # type: ignore[misc]  # the very mistake
