"""From what is known to HTML: templates that escape by themselves, and the few forms of numbers and times."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from asset_consumer.one_line import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401 # a template takes anything
    """Answer with a page."""
    return HTMLResponse(_templates().get_template(template).render(**values), status)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("asset_consumer.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    filters: dict[str, Any] = {
        "duration": duration,
        "number": number,
        "rate": rate,
        "utc": utc,
        "ago": ago,
        "exact": exact,
        "points": points,
    }
    environment.filters |= filters  # pyright: ignore[reportUnknownMemberType] - of functions without a type
    return environment


def visible(value: Any) -> Any:  # noqa: ANN401 # jinja hands over whatever an expression gives
    """Show what would hide or turn text around, and what no page can be encoded with; line ends stay."""
    if isinstance(value, Markup) or not isinstance(value, str) or value.isprintable():
        return value
    return "\n".join("\t".join(one_line(cell) for cell in line.split("\t")) for line in value.split("\n"))


def exact(value: str) -> Markup:
    """Text that is edited and comes back: escaped for HTML, and nothing else."""
    return escape(value)


def duration(seconds: float | None) -> str:
    """A time span in its two largest units."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S:.0f} min {seconds % MINUTE_S:.0f} s"
    if seconds < DAY_S:
        return f"{seconds // HOUR_S:.0f} h {seconds % HOUR_S // MINUTE_S:.0f} min"
    return f"{seconds // DAY_S:.0f} d {seconds % DAY_S // HOUR_S:.0f} h"


def number(value: int | None) -> str:
    """A count with thin gaps between thousands."""
    return "\N{EN DASH}" if value is None else f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def rate(value: float | None) -> str:
    """Records per second."""
    if value is None:
        return "\N{EN DASH}"
    return number(round(value)) if value >= 10 or value == 0 else f"{value:.1f}"  # noqa: PLR2004 # two digits are enough


def utc(at: datetime | None) -> Markup:
    """A time of day in UTC, with its date where it is another day, and the whole of it for programs and pointers."""
    if at is None:
        return Markup("\N{EN DASH}")
    now = datetime.now(UTC)
    shown = at.astimezone(UTC)
    text = shown.strftime("%H:%M:%S" if shown.date() == now.date() else "%Y-%m-%d %H:%M:%S")
    whole = shown.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(whole, whole, text)


def ago(at: datetime | None) -> str:
    """How long ago it was."""
    return "\N{EN DASH}" if at is None else f"{duration(max(0.0, (datetime.now(UTC) - at).total_seconds()))} ago"


def points(values: Sequence[float | None], width: int, height: int) -> str:
    """A curve's points for SVG, the largest value at the top; where there is no value there is no point."""
    top = max(1.0, *(value for value in values if value is not None), 1.0)
    step = width / max(1, len(values) - 1)
    return " ".join(
        f"{index * step:.1f},{height - 1 - (height - 2) * value / top:.1f}"
        for index, value in enumerate(values)
        if value is not None
    )
