"""The secrets of the tests, and where one of them was seen; `shown_secrets.py` fails tests for it."""

from __future__ import annotations

_SECRETS: dict[str, str] = {}
"""What the secrets are of, by the secrets."""

_shown: list[str] = []
"""Where a secret was seen that no test has failed for yet."""


def keep_secret(secret: str, of: str) -> str:
    """Tell of a secret, and give it back; it is looked for from now on."""
    _SECRETS[secret] = of
    return secret


def look_at(where: str, text: str | bytes | None) -> None:
    """See whether any secret stands in what was written there."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text or ""
    _shown.extend(f"The secret of {of} stands in {where}." for secret, of in _SECRETS.items() if secret in text)


def take_shown() -> list[str]:
    """What was seen since this was asked last."""
    taken = list(dict.fromkeys(_shown))
    _shown.clear()
    return taken
