"""A bar chart as SVG, written by hand: it follows the reader's light or dark theme, and needs no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

ROW, TOP, LEFT, WIDTH, RIGHT = 30, 48, 250, 420, 90

# Colours with enough contrast on GitHub's white (#ffffff) and dark (#0d1117) pages.
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.other { fill: #8c959f } .ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .other { fill: #6e7681 } .ours { fill: #4493f8 }
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; those whose name begins with the project's are drawn in its colour."""

    name: str
    value: float


def draw(title: str, bars: Sequence[Bar]) -> str:
    """The chart; bars are to one linear scale that begins at zero."""
    longest = max(bar.value for bar in bars)
    height = TOP + ROW * len(bars) + 8
    width = LEFT + WIDTH + RIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    parts = [head, f"<title>{escape(title)}</title>", f"<style>{_STYLE}</style>"]
    parts.append(f'<text class="title" x="12" y="26">{escape(title)}</text>')
    for index, bar in enumerate(bars):
        parts += _row(bar, TOP + ROW * index, WIDTH * bar.value / longest)
    return "\n".join([*parts, "</svg>", ""])


def _row(bar: Bar, y: int, length: float) -> list[str]:
    kind = "ours" if bar.name.startswith("asset-bridge") else "other"
    middle = y + ROW * 0.62
    return [
        f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(bar.name)}</text>',
        f'<rect class="{kind}" x="{LEFT}" y="{y + 5}" width="{max(length, 1):.1f}" height="{ROW - 10}" rx="2"/>',
        f'<text x="{LEFT + length + 8:.1f}" y="{middle:.0f}">{bar.value:,.0f}</text>',
    ]
