"""Assets whose events come from outside, and one that Dagster makes from them when they do."""

from typing import Any

import dagster as dg

# Nothing here makes these: Dagster knows of them what is reported to it.
orders = dg.AssetSpec(
    ["warehouse", "orders"],
    group_name="warehouse",
    description="Written by a streaming job, which reports each load to asset-bridge.",
)
customers = dg.AssetSpec(
    ["warehouse", "customers"],
    group_name="warehouse",
    description="Written by a nightly job, which reports each load to asset-bridge.",
)


def newest_load(instance: dg.DagsterInstance) -> dict[str, dg.MetadataValue]:
    """What the newest materialization of the orders says, by whichever road it came."""
    entry = instance.get_latest_materialization_event(orders.key)
    return dict(entry.asset_materialization.metadata) if entry and entry.asset_materialization else {}


@dg.asset_check(asset=orders.key, description="Reported from outside; run by hand, it looks at the newest load.")
def no_null_ids(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Pass when the newest load says that no id is null."""
    null_ids = newest_load(context.instance).get("null_ids")
    return dg.AssetCheckResult(passed=null_ids is not None and null_ids.value == 0)


@dg.asset(
    key=["reports", "daily_kpis"],
    group_name="reports",
    deps=[orders],
    # A reported materialization of the orders requests a run; an observation or a check result does not.
    automation_condition=dg.AutomationCondition.eager(),
)
def daily_kpis(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Say of which load it was made."""
    load = newest_load(context.instance)
    return dg.MaterializeResult(metadata={f"orders/{name}": value for name, value in load.items()})


defs = dg.Definitions(
    assets=[orders, customers, daily_kpis],
    asset_checks=[no_null_ids],
    sensors=[
        # On from the start: Dagster's own default waits to be switched on in the UI, and looks every 30 seconds.
        dg.AutomationConditionSensorDefinition(
            "automation",
            target=dg.AssetSelection.all(),
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=5,
        )
    ],
)
