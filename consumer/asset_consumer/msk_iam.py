"""Logging in to Amazon MSK by IAM: short-lived tokens, signed on this machine by AWS's own package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from pydantic_core import PydanticCustomError

from asset_consumer.settings_error import SettingsError

Token: TypeAlias = tuple[str, float]
"""A token, and when it ends, in seconds since 1970."""

IAM_PROPERTIES: Final = {"security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER"}


_NO_CREDENTIALS: Final = {"AttributeError", "NoCredentialsError"}
"""What the signer raises where there are none; the first by having no better idea."""


class TokenError(Exception):
    """Raised when there is no token; says by its type why, for the words may hold what AWS was asked with."""


def check_iam(properties: Iterable[str]) -> None:
    """Refuse a second way to log in."""
    for name in sorted(properties):
        if name == "security.protocol" or name.startswith("sasl."):
            text = "is not taken beside kafka.msk_iam_region, which says how to log in"
            raise PydanticCustomError("refused", text, {"at": ("librdkafka", name)})


def iam_tokens(region: str) -> Callable[[str], Token]:
    """What a Kafka client calls whenever it needs a token; AWS's usual sources say as whom.

    Raises:
        SettingsError: The extra is not installed.
    """
    try:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-untyped] # noqa: PLC0415 # extra
    except ModuleNotFoundError:
        needed = "needs an extra: pip install 'dagster-asset-bridge[msk]'"
        raise SettingsError([f"ASSET_BRIDGE_KAFKA__MSK_IAM_REGION (kafka.msk_iam_region): {needed}"]) from None

    def token(_config: str) -> Token:
        try:
            text, ends_ms = MSKAuthTokenProvider.generate_auth_token(region)  # pyright: ignore[reportUnknownMemberType] - untyped
        except Exception as error:  # noqa: BLE001 # whatever it is, it becomes the reason
            found_none = type(error).__name__ in _NO_CREDENTIALS
            why = "AWS's usual sources name nobody" if found_none else type(error).__name__
            raise TokenError(f"no token for MSK: {why}") from None
        return text, ends_ms / 1000

    return token
