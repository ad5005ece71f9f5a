"""Results of data quality assertions, and of runs themselves, as results of Dagster's checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asset_events.errors import InvalidEventError
from asset_events.events import Severity
from asset_events.explain import explain_document
from asset_events.limits import MAX_CHECK_NAME_CHARS
from asset_events.openlineage_metadata import Entry, shared_text, text
from asset_events.openlineage_run import Dataset, RunEvent

RUN_CHECK: Final = "openlineage_run"
"""The check that says whether the run that writes a dataset went well."""

_FACET: Final = "dataQualityAssertions"

_NAMELESS: Final = "assertion"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one dataset, and how it went."""

    check_name: str
    passed: bool
    severity: Severity
    entries: tuple[Entry, ...]


class _Assertion(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    assertion: Annotated[str, Field(min_length=1)]
    success: bool
    column: Any = None
    name: Any = None
    severity: Any = None
    description: Any = None
    expected: Any = None
    actual: Any = None

    @property
    def check_name(self) -> str:
        """The test's own name, else what it asserts and of which column."""
        said = (
            [self.name] if _is_text(self.name) else [self.assertion, *([self.column] if _is_text(self.column) else [])]
        )
        return "_".join(said).replace("\0", "")[:MAX_CHECK_NAME_CHARS] or _NAMELESS


class _Assertions(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    assertions: list[_Assertion]


def assertion_results(dataset: Dataset, path: str) -> Iterator[CheckResult]:
    """One result per check; `path` leads to the dataset in the run event.

    Raises:
        InvalidEventError: An assertion does not say what it asserts, or whether that holds: nobody may guess.
    """
    place, facet = dataset.find_facet(_FACET)
    if not facet:
        return
    try:
        assertions = _Assertions.model_validate(facet).assertions
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
    else:
        yield from _results(assertions)
        return
    raise InvalidEventError(explain_document(found, f"{path}/{place}/{_FACET}"))


def has_assertions(dataset: Dataset) -> bool:
    """Whether anything was asserted of a dataset."""
    return bool(dataset.facet(_FACET))


def run_result(event: RunEvent) -> CheckResult:
    """Whether the run went well."""
    message = event.run.facet("errorMessage").get("message")
    passed = event.event_type == "COMPLETE"
    return CheckResult(RUN_CHECK, passed, "ERROR", () if passed else (("openlineage/error", shared_text(message)),))


def _results(assertions: list[_Assertion]) -> Iterator[CheckResult]:
    """Results that share a name are one: in Dagster the last would hide a failure before it."""
    named: dict[str, list[_Assertion]] = {}
    for assertion in assertions:
        named.setdefault(assertion.check_name, []).append(assertion)
    for name, same in named.items():
        shown = next((one for one in same if not one.success), same[0])
        failed = sum(not one.success for one in same)
        many: tuple[Entry, ...] = (("openlineage/assertions", len(same)), ("openlineage/assertions_failed", failed))
        yield CheckResult(name, failed == 0, _severity(same), (*_entries(shown), *(many if len(same) > 1 else ())))


def _entries(assertion: _Assertion) -> Iterator[Entry]:
    yield "openlineage/assertion", text(assertion.assertion)
    for name in ("column", "description", "expected", "actual"):
        yield f"openlineage/{name}", text(getattr(assertion, name))


def _severity(same: list[_Assertion]) -> Severity:
    """The least that is said where nothing worse has failed; Dagster's own default where nothing is said."""
    decisive = [one for one in same if not one.success] or same
    return "WARN" if all(_is_text(one.severity) and one.severity.lower() == "warn" for one in decisive) else "ERROR"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
