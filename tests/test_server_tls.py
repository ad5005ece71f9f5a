"""HTTP by TLS: whom a server lets in, and certificates that are renewed while it serves."""

from __future__ import annotations

import logging
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from certificates import Authority, authority
from command_line import asset_bridge, without_test_variables
from kept_secrets import keep_secret
from ports import free_port
from processes import Process
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asset_consumer.__main__ import EXIT_CONFIG
from asset_consumer.cli import run
from asset_consumer.server_tls import server_tls
from asset_consumer.settings import HttpSettings
from asset_consumer.settings_sources import SettingsError, load_settings
from asset_reporting import tls as tls_module
from asset_reporting.server import HttpServer
from asset_reporting.tls import RenewedTls, TlsError, TlsFiles

SECRET = keep_secret("CANARY-of-the-key", "a private key")


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return authority(tmp_path, "ours")


@pytest.fixture(autouse=True)
def _looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_module, "LOOK_EVERY_S", 0)


async def scheme(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.url.scheme)


@contextmanager
def serving(files: TlsFiles) -> Iterator[HttpServer]:
    server = HttpServer(Starlette(routes=[Route("/", scheme)]), "127.0.0.1", 0, RenewedTls(files))
    server.start()
    try:
        yield server
    finally:
        assert server.stop(3)


def ask(server: HttpServer, known: Authority, own: tuple[Path, Path] | None = None) -> str:
    files = (str(own[0]), str(own[1])) if own else None
    return requests.get(f"https://127.0.0.1:{server.port}/", verify=str(known.file), cert=files, timeout=10).text


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_answers_by_https_alone_and_by_no_old_version(tmp_path: Path, ours: Authority) -> None:
    with serving(TlsFiles(*ours.issue(tmp_path, "server"))) as server:
        assert ask(server, ours) == "https"
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        old = ssl.create_default_context(cafile=str(ours.file))
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", server.port)) as plain, pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_renewed_certificate_is_served_and_one_that_cannot_be_used_is_not(
    tmp_path: Path, ours: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    files = TlsFiles(*ours.issue(tmp_path, "server"))
    other = authority(tmp_path, "other")
    with serving(files) as server:
        assert ask(server, ours) == "https"
        other.issue(tmp_path, "server")
        assert ask(server, other) == "https"
        with pytest.raises(requests.exceptions.SSLError):
            ask(server, ours)
        files.cert.write_text(SECRET)
        assert [ask(server, other), ask(server, other)] == ["https", "https"]
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert [f"{files.cert} and {files.key}: no certificate" in line for line in told] == [True]
    assert SECRET not in caplog.text


def test_nobody_comes_in_without_a_certificate_of_the_authority_as_it_is_now(tmp_path: Path, ours: Authority) -> None:
    trusted = tmp_path / "clients.crt"
    trusted.write_bytes(ours.file.read_bytes())
    other = authority(tmp_path, "other")
    mine, foreign = ours.issue(tmp_path, "mine"), other.issue(tmp_path, "foreign")
    with serving(TlsFiles(*ours.issue(tmp_path, "server"), client_ca=trusted)) as server:
        assert ask(server, ours, mine) == "https"
        for own in (None, foreign):
            with pytest.raises(requests.ConnectionError):
                ask(server, ours, own)
        trusted.write_bytes(other.file.read_bytes())
        assert ask(server, ours, foreign) == "https"
        with pytest.raises(requests.ConnectionError):
            ask(server, ours, mine)


def test_a_session_begun_by_an_authority_that_is_trusted_no_more_is_not_taken_up(
    tmp_path: Path, ours: Authority
) -> None:
    """TLS 1.2 finds a session by its id, and asks for no certificate again."""
    trusted = tmp_path / "clients.crt"
    trusted.write_bytes(ours.file.read_bytes())
    client = ssl.create_default_context(cafile=str(ours.file))
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.load_cert_chain(*ours.issue(tmp_path, "mine"))

    def connect(server: HttpServer, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
        with (
            socket.create_connection(("127.0.0.1", server.port)) as plain,
            client.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as connection,
        ):
            assert connection.session_reused == (session is not None)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while connection.recv(65536):  # one that was broken off cannot be taken up
                pass
            return connection.session

    with serving(TlsFiles(*ours.issue(tmp_path, "server"), client_ca=trusted)) as server:
        session = connect(server, None)
        assert connect(server, session) is not None
        trusted.write_bytes(authority(tmp_path, "other").file.read_bytes())
        for begun in (session, None):
            with pytest.raises((ssl.SSLError, OSError)):
                connect(server, begun)


def test_the_keys_password_is_read_from_its_file_and_is_in_no_message(tmp_path: Path, ours: Authority) -> None:
    files = ours.issue(tmp_path, "server", password=SECRET)
    password = tmp_path / "password"
    password.write_text(f"{SECRET}\n")
    RenewedTls(TlsFiles(*files, password))
    password.write_text(f"{SECRET}-not")
    with pytest.raises(TlsError, match="private key has another password") as refused:
        RenewedTls(TlsFiles(*files, password))
    assert SECRET not in str(refused.value)
    with pytest.raises(TlsError, match="private key needs a password"):
        RenewedTls(TlsFiles(*files))


def test_files_that_do_not_fit_are_refused_by_the_settings_name(tmp_path: Path, ours: Authority) -> None:
    certificate, key = ours.issue(tmp_path, "server")
    _, foreign = ours.issue(tmp_path, "foreign")
    cases = {
        "the private key is not the certificate's": HttpSettings(tls_cert_file=certificate, tls_key_file=foreign),
        "No such file": HttpSettings(tls_cert_file=certificate, tls_key_file=tmp_path / "none"),
        "no certificates in PEM": HttpSettings(
            tls_cert_file=certificate, tls_key_file=key, tls_client_ca_file=key, management_port=0
        ),
    }
    for why, settings in cases.items():
        with pytest.raises(SettingsError, match=rf"^ASSET_BRIDGE_HTTP__TLS_CERT_FILE \(http.tls_cert_file\): .*{why}"):
            server_tls(settings, "http")


def test_settings_that_would_leave_something_open_are_refused_by_name() -> None:
    def problems(**given: str) -> list[str]:
        with pytest.raises(SettingsError) as refused:
            load_settings(None, {f"ASSET_BRIDGE_{name}": value for name, value in given.items()})
        return refused.value.problems

    for section in ("HTTP", "CONSOLE"):
        for name in ("TLS_KEY_FILE", "TLS_KEY_PASSWORD_FILE", "TLS_CLIENT_CA_FILE"):
            given = {f"{section}__{name}": "/x", "HTTP__MANAGEMENT_PORT": "1"}
            words = "would be ignored, and nothing encrypted: also set tls_cert_file."
            assert problems(**given) == [f"ASSET_BRIDGE_{section}__{name} {words}"]
    (problem,) = problems(HTTP__TLS_CERT_FILE="/x", HTTP__TLS_CLIENT_CA_FILE="/y")
    assert problem.startswith("ASSET_BRIDGE_HTTP__MANAGEMENT_PORT is needed with tls_client_ca_file")


@pytest.mark.heavy
def test_serve_and_report_speak_tls_with_certificates_and_probes_need_none(tmp_path: Path, ours: Authority) -> None:
    certificate, key = ours.issue(tmp_path, "server", password=SECRET)
    (tmp_path / "password").write_text(SECRET)
    mine, my_key = ours.issue(tmp_path, "mine", hosts=())
    management = free_port()
    environment = {
        "ASSET_BRIDGE_HTTP__PORT": "0",
        "ASSET_BRIDGE_HTTP__MANAGEMENT_PORT": str(management),
        "ASSET_BRIDGE_HTTP__TLS_CERT_FILE": str(certificate),
        "ASSET_BRIDGE_HTTP__TLS_KEY_FILE": str(key),
        "ASSET_BRIDGE_HTTP__TLS_KEY_PASSWORD_FILE": str(tmp_path / "password"),
        "ASSET_BRIDGE_HTTP__TLS_CLIENT_CA_FILE": str(ours.file),
        "ASSET_BRIDGE_LOG_LEVEL": "DEBUG",
    }
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").touch()
    with Process("serve", home=home, environment=environment) as serving:
        (url,) = re.findall(r"https://127\.0\.0\.1:\d+", serving.line("asset-bridge ready"))
        report = "report", "materialization", "a", "--url", url, "--deadline", "3", "--ca-file", str(ours.file)
        own = "--cert-file", str(mine), "--key-file", str(my_key)
        refused, known = asset_bridge(*report), asset_bridge(*report, *own)
        assert (refused.returncode, known.returncode) == (1, 0), refused.stderr + known.stderr
        assert known.stdout.startswith("event ")
        assert requests.get(f"http://127.0.0.1:{management}/readyz", timeout=5).status_code == 200
    assert SECRET not in "".join(serving.out + serving.err)


def test_report_takes_certificates_for_a_url_alone(
    tmp_path: Path, ours: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_test_variables(monkeypatch)
    certificate, key = ours.issue(tmp_path, "mine", password=SECRET)
    report = ["report", "materialization", "a"]
    for arguments, words in (
        ([*report, "--kafka", "b:1", "--ca-file", str(ours.file)], "are for --url"),
        ([*report, "--url", "https://b", "--key-file", str(key)], "--key-file needs --cert-file"),
        (
            [*report, "--url", "https://b", "--cert-file", str(certificate), "--key-file", str(key)],
            "The files of --ca-file, --cert-file and --key-file cannot be used",
        ),
    ):
        assert run(arguments) == EXIT_CONFIG
        assert words in capsys.readouterr().err
