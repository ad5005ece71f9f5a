"""A schema registry behind TLS: it is known by its authority, and we by our certificate."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from asset_consumer.registry_client import open_schema_registry
from asset_consumer.settings_sources import SettingsError, load_settings

PREFIX = "ASSET_BRIDGE_KAFKA__SCHEMA_REGISTRY__"


class Empty(BaseHTTPRequestHandler):
    """A registry without schemas."""

    def do_GET(self) -> None:
        body = json.dumps({"error_code": 40403, "message": "Schema not found"}).encode()
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is theirs
        pass


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One certificate for both sides, which vouches for itself, with its key, open and with a passphrase."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked = serialization.BestAvailableEncryption(b"passphrase")
    (folder / "cert").write_bytes(certificate.public_bytes(pem))
    (folder / "key").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    (folder / "locked").write_bytes(key.private_bytes(pem, pkcs8, locked))
    return folder


@pytest.fixture
def url(files: Path) -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files / "cert")
    context.load_cert_chain(files / "cert", files / "key")
    context.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer(("127.0.0.1", 0), Empty) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()


def reason(url: str, **given: Path) -> str | None:
    environ = {f"{PREFIX}{name}": str(value) for name, value in given.items()}
    with open_schema_registry(load_settings(None, {f"{PREFIX}URL": url, **environ})) as registry:
        assert registry is not None
        return registry.probe()


def test_each_side_knows_the_other_by_the_files_of_the_settings(files: Path, url: str) -> None:
    assert reason(url, CA_FILE=files / "cert", CERT_FILE=files / "cert", KEY_FILE=files / "key") is None


def test_a_registry_that_nobody_vouches_for_is_an_outage(files: Path, url: str) -> None:
    assert reason(url, CERT_FILE=files / "cert", KEY_FILE=files / "key") == "registry: ConnectError"


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(files: Path) -> None:
    with pytest.raises(SettingsError, match="key_file cannot be used"):
        reason("https://registry", CA_FILE=files / "cert", CERT_FILE=files / "cert", KEY_FILE=files / "locked")
