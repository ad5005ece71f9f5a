"""The settings of a listening server's TLS, the same for each that listens."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from asset_consumer.settings_fields import Section


class TlsSettings(Section):
    """With which certificate a server listens, and whether it asks for one."""

    tls_cert_file: Path | None = None
    """Certificate in PEM, the intermediate ones behind it. Given, HTTPS is spoken; a renewed file is taken up."""
    tls_key_file: Path | None = None
    """Its private key; unset, it stands in the same file."""
    tls_key_password_file: Path | None = None
    """File of the private key's password, where it has one."""
    tls_client_ca_file: Path | None = None
    """Authorities in PEM. Given, nobody connects without a certificate of one of them."""

    @field_validator("tls_key_file", "tls_key_password_file", "tls_client_ca_file")
    @classmethod
    def _need_a_certificate(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is not None and info.data.get("tls_cert_file") is None:
            raise PydanticCustomError("tls", "would be ignored, and nothing encrypted: also set tls_cert_file")
        return file
