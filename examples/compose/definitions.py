"""Assets whose events come from outside, and one that Dagster makes from them when they do."""

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


@dg.asset_check(asset=orders, description="Reported from outside; run by hand, it looks at the newest load.")
def no_null_ids(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Pass when the newest materialization says that no id is null."""
    newest = context.instance.get_latest_materialization_event(orders.key)
    metadata = newest.asset_materialization.metadata if newest and newest.asset_materialization else {}
    null_ids = metadata["null_ids"].value if "null_ids" in metadata else None
    return dg.AssetCheckResult(passed=null_ids == 0, metadata={"null_ids": str(null_ids)})


@dg.asset(
    key=["reports", "daily_kpis"],
    group_name="reports",
    deps=[orders],
    # A reported materialization of the orders requests a run; an observation or a check result does not.
    automation_condition=dg.AutomationCondition.eager(),
)
def daily_kpis(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Say which load of the orders it was made after."""
    newest = context.instance.get_latest_materialization_event(orders.key)
    metadata = newest.asset_materialization.metadata if newest and newest.asset_materialization else {}
    return dg.MaterializeResult(metadata={"orders": dict(metadata)})


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
