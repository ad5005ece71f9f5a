"""The settings of OpenLineage: how its run events become asset events, by HTTP and from Kafka."""

from __future__ import annotations

import json

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from asset_consumer.settings_fields import Name, Section
from asset_events import LineageRules, naming_rule
from asset_events.lineage_rules import Failures, Inputs, Unmatched, check_template, name_pattern


class NamingRuleSettings(Section):
    """Which datasets are called what in Dagster."""

    namespace: Name = "*"
    """Datasets' namespace, with `*` and `?` for what may vary: `snowflake://*`."""
    name: Name = ".*"
    """Regular expression of the whole name; its named groups, `(?P<table>…)`, can stand in the key."""
    asset_key: Name = "{key}"
    """The key, components separated by `/`: `warehouse/{table}`; `{key}` is the default key."""

    @field_validator("name")
    @classmethod
    def _is_a_pattern(cls, name: str) -> str:
        name_pattern(name)
        return name

    @field_validator("asset_key")
    @classmethod
    def _is_a_template(cls, asset_key: str, info: ValidationInfo) -> str:
        name: str | None = info.data.get("name")  # not there when it is refused itself
        return asset_key if name is None else check_template(asset_key, name_pattern(name).groupindex)


class LineageSettings(Section):
    """How OpenLineage's run events become asset events."""

    rules: tuple[NamingRuleSettings, ...] = ()
    """From datasets to asset keys, the first that matches counts: a list of `{namespace, name, asset_key}`, or JSON."""
    unmatched: Unmatched = "key"
    """Datasets that no rule matches: `key` (named by default), `ignore` or `reject` (their run event)."""
    inputs: Inputs = "ignore"
    """What a run has read: `ignore`, or `observe` (an observation of each dataset)."""
    failures: Failures = "ignore"
    """Runs that fail: `ignore`, or `check` (each dataset that they write has a check `openlineage_run`)."""

    @field_validator("rules", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise PydanticCustomError("json", "must be a list of rules, in the environment as JSON") from None

    def rules_of(self) -> LineageRules:
        """The rules, compiled."""
        rules = tuple(naming_rule(rule.namespace, rule.name, rule.asset_key) for rule in self.rules)
        return LineageRules(rules, self.unmatched, self.inputs, self.failures)
