"""The parameter classes name what dagster-webserver's and Pipes' own name (its test C11)."""

from __future__ import annotations

import inspect

import pytest
from dagster_pipes import PipesContext
from dagster_webserver import external_assets as stock

import asset_events


def names(parameters: type) -> set[str]:
    return {value for name, value in vars(parameters).items() if not name.startswith("_")}


@pytest.mark.parametrize(
    ("name", "later"),  # what dagster-webserver has come to take since the oldest release we work with
    [("ReportAssetMatParam", set()), ("ReportAssetCheckEvalParam", {"partition"}), ("ReportAssetObsParam", set())],
)
def test_c11_parameter_names_are_dagster_webservers(name: str, later: set[str]) -> None:
    assert names(getattr(asset_events, name)) == names(getattr(stock, name)) | later


def test_c11_parameter_names_agree_with_pipes() -> None:
    mat, check = asset_events.ReportAssetMatParam, asset_events.ReportAssetCheckEvalParam
    pipes_mat = set(inspect.signature(PipesContext.report_asset_materialization).parameters)
    pipes_check = set(inspect.signature(PipesContext.report_asset_check).parameters)

    assert names(mat) - pipes_mat == {"partition", "description"}
    assert names(check) - pipes_check == {"partition"}
    assert names(asset_events.ReportAssetObsParam) == names(mat)


def test_every_documented_parameter_is_a_field_of_its_event() -> None:
    assert names(asset_events.ReportAssetMatParam) <= set(asset_events.MaterializationEvent.model_fields)
    assert names(asset_events.ReportAssetCheckEvalParam) <= set(asset_events.CheckEvent.model_fields)
    assert names(asset_events.ReportAssetObsParam) <= set(asset_events.ObservationEvent.model_fields)
