"""Random events for property tests: everything the contract takes, typed metadata included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from check_partitions import where_held
from hypothesis import strategies as st

from asset_events import AssetEvent, CheckEvent, MaterializationEvent, ObservationEvent, TypedMetadata
from asset_events.json_values import RESERVED_KEYS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**64) + 1, max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
)

# Hypothesis reads the package's own constants and does draw `__set__`.
_keys = st.text(max_size=5).filter(lambda text: text not in RESERVED_KEYS)

json_values: SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)

_names = st.text(min_size=1, max_size=8).filter(lambda text: "\0" not in text)

_columns = st.fixed_dictionaries(
    {"name": st.text(max_size=5), "type": st.text(max_size=5)},
    optional={
        "description": st.none() | st.text(max_size=5),
        "tags": st.none() | st.dictionaries(_keys, st.text(max_size=5), max_size=2),
        "constraints": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "nullable": st.booleans(),
                "unique": st.booleans(),
                "other": st.none() | st.lists(st.text(max_size=5), max_size=2),
            },
        ),
    },
)

_records = st.lists(_keys, max_size=3, unique=True).flatmap(
    lambda names: st.lists(st.fixed_dictionaries(dict.fromkeys(names, _scalars)), max_size=3)
)

_dependencies = st.fixed_dictionaries(
    {"asset_key": st.lists(_names, min_size=1, max_size=2) | _names, "column_name": st.text(max_size=3)}
)


def _key(dependency: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    key = dependency["asset_key"]
    return (key,) if isinstance(key, str) else tuple(key), dependency["column_name"]


_RAW_VALUES: dict[str, SearchStrategy[Any]] = {
    "asset": st.lists(_names.filter(lambda name: "/" not in name), min_size=1, max_size=3).map("/".join),
    "bool": st.booleans(),
    "float": st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(min_value=-(2**64) + 1, max_value=2**64 - 1),
    "int": st.integers(min_value=-(2**64) + 1, max_value=2**64 - 1),
    "json": st.lists(json_values, max_size=3) | st.dictionaries(_keys, json_values, max_size=3),
    "null": st.none(),
    "table": st.fixed_dictionaries({"records": _records, "schema": st.lists(_columns, max_size=2)}),
    "table_schema": st.fixed_dictionaries({"columns": st.lists(_columns, max_size=2)}),
    "table_column_lineage": st.fixed_dictionaries(
        {"deps_by_column": st.dictionaries(_keys, st.lists(_dependencies, max_size=3, unique_by=_key), max_size=2)}
    ),
    "timestamp": st.floats(min_value=-3e10, max_value=3e10) | st.integers(min_value=-(10**10), max_value=10**10),
    **dict.fromkeys(["dagster_run", "md", "notebook", "path", "text", "url"], st.text(max_size=8)),
}

typed_metadata: SearchStrategy[TypedMetadata] = st.one_of(
    [st.builds(TypedMetadata, st.just(kind), raw) for kind, raw in _RAW_VALUES.items()]
)

_metadata = st.dictionaries(_keys, json_values | typed_metadata, max_size=4) | st.fixed_dictionaries(
    {"dagster/last_updated_timestamp": st.floats(min_value=1, max_value=3e10) | st.just("2024-01-15T10:30:00Z")}
)

_common: dict[str, SearchStrategy[Any]] = {
    "partition": st.none() | _names,
    "metadata": _metadata,
    "description": st.none() | st.text(max_size=20),
    "event_time": st.none() | st.floats(min_value=1e-3, max_value=3e10),
    "idempotency_key": st.none() | _names,
}

_tagged: dict[str, SearchStrategy[Any]] = {
    **_common,
    "data_version": st.none() | _names,
    "tags": st.dictionaries(
        st.from_regex(r"\A([a-z.]{1,5}/)?[A-Za-z0-9.-]{1,10}\Z"), st.from_regex(r"\A[A-Za-z0-9_.-]{0,10}\Z"), max_size=3
    ),
}

_asset_keys = st.lists(_names, min_size=1, max_size=3).map(tuple)

events: SearchStrategy[AssetEvent] = st.one_of(
    st.builds(MaterializationEvent, asset_key=_asset_keys, **_tagged),
    st.builds(ObservationEvent, asset_key=_asset_keys, **_tagged),
    st.builds(
        CheckEvent,
        asset_key=_asset_keys,
        check_name=_names,
        passed=st.booleans(),
        severity=st.sampled_from(["ERROR", "WARN", "INFO"]),
        **(_common | {"partition": _common["partition"].map(where_held)}),
    ),
)
