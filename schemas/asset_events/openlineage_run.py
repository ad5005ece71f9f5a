"""The part of an OpenLineage run event that must be right: what ran, when, how it went, and on which datasets.

Of the standard (https://openlineage.io, spec/OpenLineage.json) only what is used here is asked for. Facets are taken as
they are: any of them may be left out, and those that nobody here knows are passed over.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from asset_events.errors import InvalidEventError
from asset_events.explain import explain_document
from asset_events.limits import MAX_ERRORS
from asset_events.refusals import refusal
from asset_events.times import Time

EVENT_TYPES: Final = ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")

Facet: TypeAlias = dict[str, JsonValue]
"""Facets are objects; nothing else of them is sure."""

_Name: TypeAlias = Annotated[str, Field(min_length=1)]


def _check_event_type(value: object) -> object:
    if value not in (None, *EVENT_TYPES):
        raise refusal(f"must be one of {', '.join(EVENT_TYPES)}")
    return value


def as_object(value: object) -> Facet:
    """A JSON object as it is, anything else as an empty one."""
    return cast("Facet", value) if isinstance(value, dict) else {}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


_Facets: TypeAlias = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]


class Run(_Part):
    """One execution of a job."""

    run_id: _Name = Field(alias="runId")
    facets: _Facets = {}

    def facet(self, name: str) -> Facet:
        """A facet by its name; empty where it is not there."""
        return as_object(self.facets.get(name))


class Job(_Part):
    """What was executed."""

    namespace: _Name
    name: _Name


class Dataset(_Part):
    """What was read or written."""

    namespace: _Name
    name: _Name
    facets: _Facets = {}
    input_facets: _Facets = Field(default={}, alias="inputFacets")
    output_facets: _Facets = Field(default={}, alias="outputFacets")

    def facet(self, name: str) -> Facet:
        """A facet by its name, from wherever it stands; empty where it is not there, or is deleted."""
        return self.find_facet(name)[1]

    def find_facet(self, name: str) -> tuple[str, Facet]:
        """A facet, and where it stands: some senders put it where the standard had it once."""
        places = {"outputFacets": self.output_facets, "inputFacets": self.input_facets, "facets": self.facets}
        for place, facets in places.items():
            if facet := as_object(facets.get(name)):
                return place, {} if facet.get("_deleted") is True else facet
        return "facets", {}


_Datasets: TypeAlias = Annotated[list[Dataset], BeforeValidator(lambda value: [] if value is None else value)]


class RunEvent(_Part):
    """A run has begun, goes on, or has come to an end."""

    event_type: Annotated[str | None, BeforeValidator(_check_event_type)] = Field(default=None, alias="eventType")
    event_time: Time = Field(alias="eventTime")
    producer: Any = None
    run: Run
    job: Job
    inputs: _Datasets = []
    outputs: _Datasets = []


def parse_run(fields: dict[str, Any]) -> RunEvent:
    """Check a run event.

    Raises:
        InvalidEventError: `field.missing` or `schema.invalid`, each with its path in the run event.
    """
    try:
        return RunEvent.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
    raise InvalidEventError(explain_document(found)[:MAX_ERRORS])


def is_about_no_run(fields: dict[str, Any]) -> bool:
    """Whether it is the standard's other kind of event, which describes a job or a dataset while nothing runs."""
    return not {"run", "eventType"} & fields.keys() and bool({"job", "dataset"} & fields.keys())
