"""A real broker behind TLS that asks who is there (SCRAM, OAUTHBEARER, certificates), and what they may do."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import confluent_kafka.admin
import pytest
from certificates import Authority, authority
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from kafka_server import MORE_LISTENERS, ThrowAwayKafka
from ports import free_ports
from rights import Rights

WITHIN_S: Final = 20.0
_SECURITY: Final = "org.apache.kafka.common.security"
_ALLOWED_URLS: Final = "org.apache.kafka.sasl.oauthbearer.allowed.urls"

_admin: Any = confluent_kafka.admin  # most of its names are documented, not declared


@dataclass(frozen=True)
class TokenKey:
    """Signs tokens; the broker knows it by a file, as it would know a provider's keys by their address."""

    key: rsa.RSAPrivateKey

    def file(self, folder: Path) -> Path:
        numbers = self.key.public_key().public_numbers()
        one = {"kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig", "n": _number(numbers.n), "e": _number(numbers.e)}
        file = folder / "jwks.json"
        file.write_text(json.dumps({"keys": [one]}))
        return file

    def token(self, user: str, lives_s: int = 300) -> str:
        now = int(time.time())
        claims = {"sub": user, "iat": now, "exp": now + lives_s, "scope": "kafka", "aud": "kafka", "iss": "tests"}
        signed = ".".join(_text(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "k"}, claims))
        return f"{signed}.{_text(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@dataclass(frozen=True)
class GuardedKafka:
    """`bootstrap` lets everybody do everything; `door` asks for a login, `passage` for a certificate."""

    server: ThrowAwayKafka
    folder: Path
    known: Authority
    door: str
    passage: str
    tokens: TokenKey

    @property
    def bootstrap(self) -> str:
        return self.server.bootstrap

    @property
    def tls(self) -> dict[str, str]:
        return {"security.protocol": "ssl", "ssl.ca.location": str(self.known.file)}

    def login(self, user: str, password: str) -> dict[str, str]:
        return {
            "security.protocol": "sasl_ssl",
            "ssl.ca.location": str(self.known.file),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
        }

    def set_password(self, user: str, password: str) -> None:
        client = _admin.AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        how = _admin.ScramCredentialInfo(_admin.ScramMechanism.SCRAM_SHA_512, 4096)
        change = _admin.UserScramCredentialUpsertion(user, how, password.encode())
        for future in client.alter_user_scram_credentials([change]).values():
            future.result(WITHIN_S)

    def rights(self, user: str) -> Rights:
        return Rights(self.bootstrap, user)


@contextmanager
def guarded_kafka(jars: Path, folder: Path) -> Iterator[GuardedKafka]:
    """A broker with its certificates in `folder`."""
    known = authority(folder, "known")
    certificate, key = known.issue(folder, "broker", hosts=("127.0.0.1",))
    both = folder / "broker.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    tokens = TokenKey(rsa.generate_private_key(65537, 2048))
    keys = tokens.file(folder).as_uri()
    door, passage = (f"127.0.0.1:{port}" for port in free_ports(2))
    settings = {
        MORE_LISTENERS: f"DOOR://{door},PASSAGE://{passage}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DOOR:SASL_SSL,PASSAGE:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(known.file),
        "listener.name.passage.ssl.client.auth": "required",
        "listener.name.door.sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
        "listener.name.door.scram-sha-512.sasl.jaas.config": f"{_SECURITY}.scram.ScramLoginModule required;",
        "listener.name.door.oauthbearer.sasl.jaas.config": f"{_SECURITY}.oauthbearer.OAuthBearerLoginModule required;",
        "listener.name.door.oauthbearer.sasl.server.callback.handler.class": (
            f"{_SECURITY}.oauthbearer.OAuthBearerValidatorCallbackHandler"
        ),
        "listener.name.door.oauthbearer.sasl.oauthbearer.jwks.endpoint.url": keys,
        "listener.name.door.oauthbearer.sasl.oauthbearer.expected.audience": "kafka",
        "listener.name.door.oauthbearer.sasl.oauthbearer.expected.issuer": "tests",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JAVA_TOOL_OPTIONS", f"-D{_ALLOWED_URLS}={keys}")
        with closing(ThrowAwayKafka(jars, settings)) as server:
            yield GuardedKafka(server, folder, known, door, passage, tokens)


def _number(number: int) -> str:
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
