"""Keep text from outside on one line: whoever writes an event must not be able to write log lines or move a cursor."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""The text with everything that is not printable escaped: a line break becomes `\n`, a lone surrogate `\udc80`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
