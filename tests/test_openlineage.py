"""OpenLineage run events: what becomes of each event type, dataset and facet; and what is refused, with its path."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from run_events import (
    AIRFLOW,
    ASSERTIONS,
    DBT_MODEL,
    DBT_TESTS,
    FLINK,
    RUN_ID,
    SPARK,
    TIME_S,
    dataset,
    facet,
    read,
    run_event,
    without,
)

from asset_events import (
    AssetEvent,
    CheckEvent,
    InvalidEventError,
    LineageRules,
    MaterializationEvent,
    ObservationEvent,
    TypedMetadata,
    naming_rule,
    parse_event,
    read_run_event,
)
from asset_events.limits import MAX_IDEMPOTENCY_KEY_CHARS, MAX_METADATA_BYTES, MAX_RUN_EVENT_ASSET_EVENTS
from asset_events.openlineage_schema import run_event_schema

LEFT_OUT = "openlineage/left_out"
OBSERVE = LineageRules(inputs="observe")
CHECK = LineageRules(failures="check")


def plain(event: AssetEvent) -> dict[str, Any]:
    """Metadata without the types that it is given."""
    return {
        name: value.raw_value if isinstance(value, TypedMetadata) else value for name, value in event.metadata.items()
    }


def told(event: AssetEvent) -> dict[str, Any]:
    """Metadata of the dataset, without what is known of the run."""
    common = ("openlineage/run_id", "openlineage/job", "openlineage/producer", "openlineage/dataset")
    return {name: value for name, value in plain(event).items() if not name.startswith(common)}


def of_output(**members: Any) -> dict[str, Any]:
    (event,) = read(run_event(dataset(**members)))
    return told(event)


def refused(event: object, rules: LineageRules | None = None) -> list[tuple[str, str]]:
    with pytest.raises(InvalidEventError) as caught:
        read(event, rules)
    return [(error.code, error.path) for error in caught.value.errors]


def test_write_of_spark_becomes_a_materialization_with_all_that_its_facets_say() -> None:
    (event,) = read(SPARK)

    assert isinstance(event, MaterializationEvent)
    assert (event.asset_key, event.event_time) == (("warehouse", "shop", "orders"), TIME_S)
    assert (event.data_version, event.description) == ("8765309871", None)
    assert event.metadata["dagster/column_schema"] == TypedMetadata(
        "table_schema",
        {
            "columns": [
                {"name": "id", "type": "long"},
                {"name": "address", "type": "struct", "description": "Where to"},
                {"name": "address.city", "type": "string"},
                {"name": "address.zip", "type": "unknown"},
            ]
        },
    )
    assert event.metadata["dagster/column_lineage"] == TypedMetadata(
        "table_column_lineage",
        {"deps_by_column": {"id": [{"asset_key": ["raw", "orders"], "column_name": "order_id"}]}},
    )
    others = {name: value for name, value in plain(event).items() if not name.startswith("dagster/column")}
    assert others == {
        "openlineage/run_id": RUN_ID,
        "openlineage/job_namespace": "shop",
        "openlineage/job_name": "app.execute_insert_into.orders",
        "openlineage/producer": "https://github.com/OpenLineage/OpenLineage/tree/1.40.0/integration/spark",
        "openlineage/dataset_namespace": "s3://lake",
        "openlineage/dataset_name": "warehouse/shop/orders",
        "openlineage/data_source": "s3://lake",
        "openlineage/storage_layer": "iceberg",
        "openlineage/file_format": "parquet",
        "openlineage/lifecycle_state_change": "OVERWRITE",
        "dagster/row_count": 1000,
        "openlineage/size_bytes": 4096,
        "openlineage/file_count": 2,
    }


def test_model_of_dbt_becomes_a_materialization_with_its_documentation() -> None:
    (event,) = read(DBT_MODEL)

    assert (event.asset_key, event.description) == (("shop", "analytics", "orders"), "All orders")
    assert told(event)["dagster/partition_row_count"] == 42


def test_tests_of_dbt_become_checks_also_where_the_run_failed() -> None:
    first, second = read(DBT_TESTS)

    assert isinstance(first, CheckEvent)
    assert isinstance(second, CheckEvent)
    assert (first.asset_key, first.check_name, first.passed) == (
        ("shop", "analytics", "orders"),
        "not_null_orders_id",
        False,
    )
    assert (first.severity, second.severity) == ("WARN", "ERROR")
    assert (second.check_name, second.passed) == ("unique_id", True)
    assert told(first) == {
        "openlineage/assertion": "not_null",
        "openlineage/column": "id",
        "openlineage/expected": "0",
        "openlineage/actual": "3",
    }


@pytest.mark.parametrize(
    ("event", "key"),
    [(AIRFLOW, ("d_daily", "public", "orders")), (FLINK, ("orders", "enriched"))],
    ids=["airflow", "flink"],
)
def test_tasks_of_airflow_and_jobs_of_flink_become_materializations(
    event: dict[str, Any], key: tuple[str, ...]
) -> None:
    (materialized,) = read(event)

    assert isinstance(materialized, MaterializationEvent)
    assert (materialized.asset_key, materialized.event_time) == (key, TIME_S)


@pytest.mark.parametrize("event", [SPARK, DBT_MODEL, DBT_TESTS, AIRFLOW, FLINK])
def test_what_is_made_is_what_a_sender_could_have_sent(event: dict[str, Any]) -> None:
    rules = LineageRules(inputs="observe", failures="check")

    for made in read(event, rules):
        assert parse_event(made.model_dump_json(exclude_none=True).encode()) == made


@pytest.mark.parametrize("event_type", ["START", "RUNNING", None])
@pytest.mark.parametrize("rules", [LineageRules(), LineageRules(inputs="observe", failures="check")])
def test_nothing_is_told_of_a_run_that_goes_on(event_type: str | None, rules: LineageRules) -> None:
    output = dataset(outputFacets={"dataQualityAssertions": ASSERTIONS})

    assert read(run_event(output, eventType=event_type), rules) == []


@pytest.mark.parametrize("event_type", ["COMPLETE", "OTHER", "FAIL", "ABORT"])
def test_results_of_assertions_are_told_whatever_became_of_the_run(event_type: str) -> None:
    output = dataset(outputFacets={"dataQualityAssertions": ASSERTIONS})
    events = read(
        run_event(
            output, inputs=[dataset("a.b", inputFacets={"dataQualityAssertions": ASSERTIONS})], eventType=event_type
        )
    )

    checks = [(event.asset_key[-1], event.check_name) for event in events if isinstance(event, CheckEvent)]
    assert checks == [
        ("orders", "not_null_orders_id"),
        ("orders", "unique_id"),
        ("b", "not_null_orders_id"),
        ("b", "unique_id"),
    ]
    assert len(events) - len(checks) == (1 if event_type == "COMPLETE" else 0)


@pytest.mark.parametrize(
    "event",
    [
        {"eventTime": "x", "job": {"namespace": "a", "name": "b"}, "outputs": [dataset()]},
        {"eventTime": "x", "dataset": dataset()},
    ],
    ids=["job", "dataset"],
)
def test_events_that_describe_jobs_and_datasets_are_passed_over(event: dict[str, Any]) -> None:
    assert read(event) == []


def test_inputs_are_observed_where_that_is_wished() -> None:
    event = run_event(
        inputs=[
            dataset(
                "a.b",
                facets={"version": facet(datasetVersion="7")},
                inputFacets={"inputStatistics": facet(rowCount=5, size=6)},
            )
        ]
    )

    (observed,) = read(event, OBSERVE)

    assert read(event) == []
    assert isinstance(observed, ObservationEvent)
    assert (observed.asset_key, observed.data_version) == (("a", "b"), "7")
    assert told(observed) == {"openlineage/rows_read": 5, "openlineage/size_bytes": 6}
    assert read({**event, "eventType": "FAIL"}, OBSERVE) == []


@pytest.mark.parametrize(("event_type", "passed"), [("FAIL", False), ("ABORT", False), ("COMPLETE", True)])
def test_runs_are_checks_of_what_they_write_where_that_is_wished(event_type: str, passed: bool) -> None:  # noqa: FBT001 # pytest's
    failure = facet(message="no space left", programmingLanguage="JAVA", stackTrace="at …")
    event = run_event(dataset(), eventType=event_type, run={"runId": RUN_ID, "facets": {"errorMessage": failure}})

    checks = [one for one in read(event, CHECK) if isinstance(one, CheckEvent)]

    assert [(one.check_name, one.passed, one.severity) for one in checks] == [("openlineage_run", passed, "ERROR")]
    assert told(checks[0]) == ({} if passed else {"openlineage/error": "no space left"})
    assert not [one for one in read(event) if isinstance(one, CheckEvent)]


def test_dropped_dataset_is_not_materialized() -> None:
    dropped = dataset(facets={"lifecycleStateChange": facet(lifecycleStateChange="DROP")})

    assert read(run_event(dropped)) == []


FACETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rows of a new table": (
        {
            "facets": {"lifecycleStateChange": facet(lifecycleStateChange="CREATE")},
            "outputFacets": {"outputStatistics": facet(rowCount=1)},
        },
        {"openlineage/lifecycle_state_change": "CREATE", "dagster/row_count": 1},
    ),
    "rows added": ({"outputFacets": {"outputStatistics": facet(rowCount=0)}}, {"dagster/partition_row_count": 0}),
    "rows as text": (
        {"outputFacets": {"outputStatistics": facet(rowCount="12", size=True, fileCount=1.5)}},
        {
            LEFT_OUT: [
                "dagster/partition_row_count: must be an integer",
                "openlineage/size_bytes: must be an integer",
                "openlineage/file_count: must be an integer",
            ]
        },
    ),
    "rows unknown": (
        {"outputFacets": {"outputStatistics": facet(rowCount=-1)}},
        {LEFT_OUT: ["dagster/partition_row_count: must not be negative"]},
    ),
    "rows beyond 64 bits": (
        {"outputFacets": {"outputStatistics": facet(rowCount=2**64)}},
        {LEFT_OUT: ["dagster/partition_row_count: must not contain an integer beyond 64 bits"]},
    ),
    "owners": (
        {"facets": {"ownership": facet(owners=[{"name": "team:data", "type": "OWNER"}])}},
        {"openlineage/owners": ["team:data"]},
    ),
    "owners without a name": (
        {"facets": {"ownership": facet(owners=["me"])}},
        {LEFT_OUT: ["openlineage/owners: must have a name for each owner"]},
    ),
    "owners are no list": (
        {"facets": {"ownership": facet(owners={"name": "me"})}}, {LEFT_OUT: ["openlineage/owners: must be a list"]}
    ),
    "two columns of one name": (
        {"facets": {"schema": facet(fields=[{"name": "a.b"}, {"name": "a", "fields": [{"name": "b"}]}])}},
        {LEFT_OUT: ["dagster/column_schema: two columns have the same name"]},
    ),
    "column without a name": (
        {"facets": {"schema": facet(fields=[{"type": "int"}])}},
        {LEFT_OUT: ["dagster/column_schema: must be a list of fields with names"]},
    ),
    "columns are no list": (
        {"facets": {"schema": facet(fields="a")}},
        {LEFT_OUT: ["dagster/column_schema: must be a list of fields with names"]},
    ),
    "type is no text": (
        {"facets": {"schema": facet(fields=[{"name": "a", "type": {"kind": "int"}}])}},
        {LEFT_OUT: ["dagster/column_schema: must be a string"]},
    ),
    "no columns": ({"facets": {"schema": facet(fields=[])}}, {}),
    "too many columns": (
        {"facets": {"schema": facet(fields=[{"name": f"{number:0100}"} for number in range(3000)])}},
        {LEFT_OUT: ["dagster/column_schema: too large"]},
    ),
    "a column that Dagster's serialiser reserves": (
        {"facets": {"columnLineage": facet(fields={"__class__": {"inputFields": [{**dataset(), "field": "a"}]}})}},
        {
            LEFT_OUT: [
                "dagster/column_lineage: must not use a key that Dagster's serialiser reserves (such as __class__)"
            ]
        },
    ),
    "lineage without a field": (
        {"facets": {"columnLineage": facet(fields={"a": {"inputFields": [dataset()]}})}},
        {LEFT_OUT: ["dagster/column_lineage: must have namespace, name and field for each input field"]},
    ),
    "lineage that tells nothing": ({"facets": {"columnLineage": facet(fields={"a": {"inputFields": []}})}}, {}),
    "deleted": ({"facets": {"ownership": facet(_deleted=True, owners=[{"name": "a"}])}}, {}),
    "facets are null": ({"facets": None, "outputFacets": None}, {}),
    "facets are no objects": ({"facets": {"schema": 1, "ownership": [], "acme_unknown": None}}, {}),
    "version is no text": (
        {"facets": {"version": facet(datasetVersion=7)}}, {LEFT_OUT: ["data_version: must be a string"]}
    ),
    "documentation too long": (
        {"facets": {"documentation": facet(description="x" * 20_000)}},
        {LEFT_OUT: ["description: must not be longer than 16384 bytes of UTF-8"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FACETS)
def test_facets_become_metadata_and_never_cost_the_event(name: str) -> None:
    members, expected = FACETS[name]

    assert of_output(**members) == expected


def test_what_is_large_is_left_out_and_the_rest_stays_within_the_limit() -> None:
    wide = [{"name": f"{number:0100}", "type": "int"} for number in range(1500)]
    lineage = {column["name"]: {"inputFields": [{**dataset(), "field": column["name"]}]} for column in wide}

    (event,) = read(run_event(dataset(facets={"schema": facet(fields=wide), "columnLineage": facet(fields=lineage)})))

    assert "dagster/column_schema" in event.metadata
    assert event.metadata[LEFT_OUT] == ["dagster/column_lineage: must not be larger than 262144 bytes as JSON"]
    assert len(json.dumps(plain(event))) < MAX_METADATA_BYTES


def test_small_event_becomes_no_large_one() -> None:
    """Names of columns repeat those above them, and each asset event repeats what is known of the run."""
    field: dict[str, Any] = {"name": "x" * 2000}
    for _ in range(90):
        field = {"name": "x" * 2000, "fields": [field]}
    long = "y" * 50_000
    failure = facet(message=long)
    tables = [dataset(f"t{number}") for number in range(300)]
    event = run_event(dataset(facets={"schema": facet(fields=[field])}), *tables, producer=long)
    event["run"] = {"runId": long, "facets": {"errorMessage": failure}}
    event["job"] = {"namespace": long, "name": long}

    first, *others = read(event)
    failed = read({**event, "eventType": "FAIL"}, CHECK)

    assert told(first)[LEFT_OUT] == ["dagster/column_schema: too large"]
    assert max(len(json.dumps(plain(made))) for made in [first, *others, *failed]) < 10_000


def test_what_fits_by_itself_is_left_out_where_there_is_no_room_beside_the_rest() -> None:
    columns = [f"{number:0100}" for number in range(1200)]
    upstream = {name: {"inputFields": [{**dataset("a"), "field": name}]} for name in columns[:800]}
    schema = facet(fields=[{"name": name} for name in columns])

    (event,) = read(run_event(dataset(facets={"schema": schema, "columnLineage": facet(fields=upstream)})))

    assert "dagster/column_schema" in event.metadata
    assert told(event)[LEFT_OUT] == ["dagster/column_lineage: too large"]


@pytest.mark.parametrize(
    ("assertion", "name"),
    [
        ({"assertion": "not_null"}, "not_null"),
        ({"assertion": "not_null", "column": "id"}, "not_null_id"),
        ({"assertion": "not_null", "column": "id", "name": "mine"}, "mine"),
        ({"assertion": "a", "column": 7, "name": ""}, "a"),
        ({"assertion": "a\0b"}, "ab"),
        ({"assertion": "\0"}, "assertion"),
        ({"assertion": "x" * 300}, "x" * 255),
    ],
)
def test_check_is_named_by_its_test_or_by_what_it_asserts(assertion: dict[str, Any], name: str) -> None:
    output = dataset(outputFacets={"dataQualityAssertions": facet(assertions=[{**assertion, "success": True}])})

    (check,) = read(run_event(output, eventType="OTHER"))

    assert isinstance(check, CheckEvent)
    assert check.check_name == name


@pytest.mark.parametrize(
    ("results", "severity"),
    [
        ([(True, "error"), (False, "warn")], "WARN"),
        ([(True, "warn"), (False, "error")], "ERROR"),
        ([(False, "warn"), (False, None)], "ERROR"),
        ([(True, "WARN")], "WARN"),
        ([(True, "info")], "ERROR"),
    ],
)
def test_severity_is_that_of_what_failed(results: list[tuple[bool, str | None]], severity: str) -> None:
    assertions = [{"assertion": "a", "success": success, "severity": said} for success, said in results]
    output = dataset(outputFacets={"dataQualityAssertions": facet(assertions=assertions)})

    (check,) = read(run_event(output, eventType="OTHER"))

    assert isinstance(check, CheckEvent)
    assert check.severity == severity


def test_results_that_share_a_name_are_one_which_passes_when_all_do() -> None:
    between = {"assertion": "between", "column": "x", "severity": "warn"}
    same = [{**between, "success": True}, {**between, "success": False, "actual": "9"}, {**between, "success": True}]
    output = dataset(outputFacets={"dataQualityAssertions": facet(assertions=same)})

    (check,) = read(run_event(output, eventType="OTHER"))

    assert isinstance(check, CheckEvent)
    assert (check.check_name, check.passed, check.severity) == ("between_x", False, "WARN")
    assert (told(check)["openlineage/assertions"], told(check)["openlineage/assertions_failed"]) == (3, 1)
    assert told(check)["openlineage/actual"] == "9"


def test_dataset_named_twice_is_told_once_and_the_last_counts() -> None:
    first, last = (dataset(facets={"version": facet(datasetVersion=version)}) for version in "12")

    (event,) = read(run_event(first, last))

    assert isinstance(event, MaterializationEvent)
    assert event.data_version == "2"


def test_event_sent_again_has_the_same_idempotency_keys_and_any_other_has_others() -> None:
    output = dataset(outputFacets={"dataQualityAssertions": ASSERTIONS})
    event = run_event(output, dataset("a"), inputs=[output, dataset("x" * 300)])
    rules = LineageRules(inputs="observe", failures="check")
    events = [
        event,
        {**event, "eventType": "FAIL"},
        {**event, "eventTime": "2024-01-15T10:30:00.124Z"},
        {**event, "run": {"runId": "other"}},
    ]

    keys = [cast("str", made.idempotency_key) for one in events for made in read(one, rules)]

    assert len(set(keys)) == len(keys) > 30
    assert keys == [made.idempotency_key for one in events for made in read(one, rules)]
    assert max(map(len, keys)) <= MAX_IDEMPOTENCY_KEY_CHARS


RULES = LineageRules(
    rules=(
        naming_rule("snowflake://*", r"(?P<db>\w+)\.(?P<schema>\w+)\.(?P<table>\w+)", "{schema}/{table}"),
        naming_rule("s3://lake", r"tmp/.*", "scratch"),
        naming_rule("s3://*", r".*", "lake/{key}"),
        naming_rule("file", r"/data/(?P<path>.*?)(?P<suffix>\.\w+)?", "files/{path}"),
    ),
)


@pytest.mark.parametrize(
    ("namespace", "name", "key"),
    [
        ("snowflake://acme", "DB.SALES.ORDERS", ["SALES", "ORDERS"]),
        ("snowflake://acme", "SALES.ORDERS", ["SALES", "ORDERS"]),
        ("snowflake://acme", "x.DB.SALES.ORDERS", ["x", "DB", "SALES", "ORDERS"]),
        ("s3://lake", "tmp/1", ["scratch"]),
        ("s3://other", "tmp/1", ["lake", "tmp", "1"]),
        ("file", "/data/in/a.csv", ["files", "in", "a"]),
        ("file", "/etc/hosts", ["etc", "hosts"]),
        ("hdfs://nn:8020", "/user//orders.v1", ["user", "orders.v1"]),
        ("kafka://b:9092", "orders", ["orders"]),
        ("postgres://db", ".orders.", ["orders"]),
    ],
)
def test_first_rule_that_matches_names_the_asset_and_the_default_does_otherwise(
    namespace: str, name: str, key: list[str]
) -> None:
    (event,) = read(run_event(dataset(name, namespace)), RULES)

    assert list(event.asset_key) == key


@pytest.mark.parametrize("name", [".", "///", "x" * 600, "a\0b"])
def test_name_that_gives_no_asset_key_is_refused_with_its_place(name: str) -> None:
    assert refused(run_event(dataset(), dataset(name))) == [("schema.invalid", "/outputs/1/name")]


def test_datasets_that_no_rule_matches_are_passed_over_or_refused_by_setting() -> None:
    rule = (naming_rule("*", "shop.*", "{key}"),)
    event = run_event(dataset("shop.a"), dataset("other.b"), inputs=[dataset("other.c")])

    (kept,) = read(event, LineageRules(rule, "ignore"))
    assert kept.asset_key == ("shop", "a")
    assert refused(event, LineageRules(rule, "reject")) == [("schema.invalid", "/outputs/1/name")]
    assert refused(event, LineageRules(rule, "reject", "observe")) == [
        ("schema.invalid", "/outputs/1/name"), ("schema.invalid", "/inputs/0/name")
    ]  # fmt: skip
    assert read({**event, "eventType": "START"}, LineageRules(rule, "reject")) == []


def test_columns_of_datasets_without_an_asset_key_are_left_out_of_the_lineage() -> None:
    fields = {"a": {"inputFields": [{**dataset("shop.x"), "field": "x"}, {**dataset("other.y"), "field": "y"}]}}
    event = run_event(dataset("shop.a", facets={"columnLineage": facet(fields=fields)}))

    (made,) = read(event, LineageRules((naming_rule("*", "shop.*", "{key}"),), "reject"))

    assert told(made)["dagster/column_lineage"] == {
        "deps_by_column": {"a": [{"asset_key": ["shop", "x"], "column_name": "x"}]}
    }


def with_assertion(**members: Any) -> dict[str, Any]:
    return run_event(dataset(), inputs=[dataset(inputFacets={"dataQualityAssertions": facet(assertions=[members])})])


REFUSED: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "no object": ([1], [("json.malformed", "")]),
    "nothing": ({}, [("field.missing", "/eventTime"), ("field.missing", "/run"), ("field.missing", "/job")]),
    "no run": (without(run_event(), "run"), [("field.missing", "/run")]),
    "no run id": (without(run_event(), "run", "runId"), [("field.missing", "/run/runId")]),
    "run id is empty": (run_event(run={"runId": ""}), [("schema.invalid", "/run/runId")]),
    "no job name": (without(run_event(), "job", "name"), [("field.missing", "/job/name")]),
    "no time": (without(run_event(), "eventTime"), [("field.missing", "/eventTime")]),
    "time without an offset": (run_event(eventTime="2024-01-15T10:30:00"), [("schema.invalid", "/eventTime")]),
    "another event type": (run_event(eventType="DONE"), [("schema.invalid", "/eventType")]),
    "event type is no text": (run_event(eventType=[]), [("schema.invalid", "/eventType")]),
    "outputs are no list": (run_event(outputs={}), [("schema.invalid", "/outputs")]),
    "output is no object": (run_event(outputs=[1]), [("schema.invalid", "/outputs/0")]),
    "dataset without a name": (run_event(dataset(), {"namespace": "a"}), [("field.missing", "/outputs/1/name")]),
    "namespace is no text": (run_event(inputs=[dataset(namespace=1)]), [("schema.invalid", "/inputs/0/namespace")]),  # type: ignore[arg-type] # that is the case
    "facets are no object": (run_event(dataset(facets=[1])), [("schema.invalid", "/outputs/0/facets")]),
    "assertions are no list": (
        run_event(dataset(outputFacets={"dataQualityAssertions": facet(assertions=1)})),
        [("schema.invalid", "/outputs/0/outputFacets/dataQualityAssertions/assertions")],
    ),
    "result is no boolean": (
        with_assertion(assertion="a", success="yes"),
        [("schema.invalid", "/inputs/0/inputFacets/dataQualityAssertions/assertions/0/success")],
    ),
    "assertion without a result": (
        with_assertion(assertion="a"),
        [("field.missing", "/inputs/0/inputFacets/dataQualityAssertions/assertions/0/success")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_run_event_is_refused_whole_with_its_path(name: str) -> None:
    event, errors = REFUSED[name]

    assert refused(event) == errors


def test_no_reason_repeats_a_value() -> None:
    events = [
        run_event(eventType="canary"),
        run_event(eventTime="canary"),
        run_event(dataset("canary/" + "x" * 600)),
        with_assertion(assertion="a", success="canary"),
    ]
    for event in events:
        with pytest.raises(InvalidEventError) as caught:
            read(event)
        assert "canary" not in repr(caught.value.errors) + str(caught.value)
    strange = facet(rowCount="canary", size={"canary": 1}, fileCount=["canary"])
    assert "canary" not in repr(of_output(outputFacets={"outputStatistics": strange}))


@pytest.mark.parametrize("event", [SPARK, DBT_TESTS, DBT_MODEL, AIRFLOW, FLINK, run_event_schema()["examples"][0]])
def test_published_schema_takes_what_is_taken(event: dict[str, Any]) -> None:
    Draft202012Validator(run_event_schema()).validate(event)
    assert read(event)


@pytest.mark.parametrize(
    "name", ["no run", "run id is empty", "no job name", "no time", "another event type", "output is no object"]
)
def test_published_schema_refuses_what_is_refused(name: str) -> None:
    assert not Draft202012Validator(run_event_schema()).is_valid(REFUSED[name][0])


def test_run_event_of_too_many_datasets_is_refused() -> None:
    many = [dataset(f"t{number}") for number in range(MAX_RUN_EVENT_ASSET_EVENTS + 1)]

    assert refused(run_event(*many)) == [("schema.invalid", "")]
    assert len(read(run_event(*many[1:]))) == MAX_RUN_EVENT_ASSET_EVENTS


def test_size_and_encoding_are_judged_as_with_any_event() -> None:
    with pytest.raises(InvalidEventError, match=r"event\.too_large"):
        read_run_event(b" " * 101, LineageRules(), max_bytes=100)
    with pytest.raises(InvalidEventError, match=r"encoding\.unsupported"):
        read_run_event(b"\x1f\x8b\x08", LineageRules())
