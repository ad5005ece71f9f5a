"""The TLS of whoever listens, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asset_consumer.settings_names import variable_name
from asset_consumer.settings_problems import SettingsError
from asset_reporting.tls import RenewedTls, TlsError, TlsFiles

if TYPE_CHECKING:
    from asset_consumer.settings_tls import TlsSettings


def server_tls(settings: TlsSettings, section: str) -> RenewedTls | None:
    """What to listen with, of the settings' section of this name; None: without TLS.

    Raises:
        SettingsError: The files cannot be used.
    """
    if settings.tls_cert_file is None:
        return None
    files = TlsFiles(
        settings.tls_cert_file, settings.tls_key_file, settings.tls_key_password_file, settings.tls_client_ca_file
    )
    try:
        return RenewedTls(files)
    except TlsError as error:
        name = variable_name((section, "tls_cert_file"))
        raise SettingsError([f"{name} ({section}.tls_cert_file): {error}"]) from None
