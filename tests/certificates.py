"""Certificates for tests: authorities, and whom they vouch for, as files in PEM."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM, _PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


@dataclass(frozen=True)
class Authority:
    """Vouches for others; `file` is what they are known by."""

    file: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def issue(
        self, folder: Path, name: str, *, hosts: tuple[str, ...] = ("127.0.0.1", "localhost"), password: str = ""
    ) -> tuple[Path, Path]:
        """The files `<name>.crt` and `<name>.key`, written anew where they are there."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [_host(host) for host in hosts]
        builder = _builder(name, self.certificate.subject, key)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate, secret = folder / f"{name}.crt", folder / f"{name}.key"
        locked = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        certificate.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(_PEM))
        secret.write_bytes(key.private_bytes(_PEM, _PKCS8, locked))
        return certificate, secret


def authority(folder: Path, name: str) -> Authority:
    """A new one, whose certificate is `<name>.crt`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(name, subject, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    file = folder / f"{name}.crt"
    file.write_bytes(certificate.public_bytes(_PEM))
    return Authority(file, certificate, key)


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
