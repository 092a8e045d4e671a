"""https: certificates made and kept, handshakes with them, and what programs do about trust."""

import asyncio
import ipaddress
import json
import ssl
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.routing import WebSocketRoute

from deployments.errors import BadInput, EngineFailed
from deployments.store.store import Store
from serve_app.authority import AUTHORITY_PATH, AUTHORITY_VARIABLE
from serve_app.cli import certificate as certificates
from serve_app.cli.certificate import Certificate, given, self_signed
from serve_app.cli.main import parser
from serve_app.cli.serve import address_lines, certificate_of
from serve_app.cli.server import Server
from serve_app.client import AsyncAvatarClient, AvatarClient
from serve_app.client.failures import Refused, Unreachable
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from tests.door.live import served_in_thread
from tests.door.test_door_access import HOUSE, KEYS, bearer, dummy
from tests.fakes.stages import FakeStages

NAMES = ("localhost", "127.0.0.1", "::1", "laptop.local")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(NAMES, tmp_path_factory.mktemp("tls"))


@pytest.fixture
def url(certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv(AUTHORITY_VARIABLE, str(certificate.authority))
    settings = GatewaySettings.model_validate({"keys": KEYS, "api_key": HOUSE})
    app = create_app(FakeStages(), Store(tmp_path / "store"), settings, ConversationSettings())
    app.router.routes.insert(0, WebSocketRoute("/v1/dummy", dummy))
    with served_in_thread(app, ssl_certfile=str(certificate.chain), ssl_keyfile=str(certificate.key)) as url:
        yield url


def test_the_certificate_names_this_machine_and_its_key_is_a_secret(certificate: Certificate) -> None:
    leaf, authority = x509.load_pem_x509_certificates(certificate.chain.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "laptop.local"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(name) for name in NAMES[1:3]]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=398)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    leaf.verify_directly_issued_by(authority)
    assert stat.S_IMODE(certificate.key.stat().st_mode) == 0o600
    key = serialization.load_pem_private_key(certificate.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == leaf.public_key() != authority.public_key(), "the authority's key is kept nowhere"
    assert len(certificate.fingerprint.split(":")) == 32


def test_it_is_made_once_and_renewed_when_it_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "deep" / "tls"
    first = self_signed(NAMES, folder).fingerprint
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert self_signed(NAMES[:2], folder).fingerprint == first, "it names all that is asked for"
    moved = self_signed((*NAMES, "192.168.1.7"), folder).fingerprint
    assert moved != first
    monkeypatch.setattr(certificates, "RENEWED_BEFORE_END", timedelta(days=400))
    renewed = self_signed(NAMES, folder).fingerprint
    assert renewed != moved
    monkeypatch.undo()
    for broken in ("certificate.pem", "key.pem"):
        (folder / broken).write_text("nonsense")
        again = self_signed(NAMES, folder)
        assert given(again.chain, again.key).fingerprint == again.fingerprint != renewed


@pytest.mark.parametrize("wrong", ["missing", "nonsense", "another", "locked"])
def test_what_cannot_be_used_is_refused_before_anything_starts(
    certificate: Certificate, tmp_path: Path, wrong: str
) -> None:
    key = tmp_path / "key.pem"
    secret = ec.generate_private_key(ec.SECP256R1())
    locks = {"another": serialization.NoEncryption(), "locked": serialization.BestAvailableEncryption(b"password")}
    if wrong == "nonsense":
        key.write_text("nonsense")
    elif wrong in locks:
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key.write_bytes(secret.private_bytes(encoding, form, locks[wrong]))
    with pytest.raises(BadInput, match=r"key\.pem"):
        given(certificate.chain, key)


def test_programs_trust_whom_they_are_told_to(
    url: str, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert url.startswith("https://")
    assert certificate.authority is not None
    with AvatarClient(url, HOUSE, verify=certificate.authority) as client:
        assert client.chat("Hello.")
    with AvatarClient(url.replace("127.0.0.1", "localhost"), HOUSE, verify=False) as client:
        assert client.chat("Hello.")
    with AvatarClient(url, HOUSE) as client, pytest.raises(Unreachable, match="SSL_CERT_FILE"):
        client.chat("Hello.")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with AvatarClient(url, HOUSE) as client:
        assert client.chat("Hello.")
    with pytest.raises(BadInput, match="PEM"):
        AvatarClient(url, verify=certificate.key)
    with pytest.raises(BadInput, match="PEM"):
        AvatarClient(url, verify="/no/such/file.pem")


def test_the_wrong_scheme_is_told(url: str, tmp_path: Path) -> None:
    with AvatarClient(url.replace("https", "http")) as client, pytest.raises(EngineFailed, match="https://"):
        client.health()
    app = create_app(FakeStages(), Store(tmp_path), GatewaySettings(), ConversationSettings())
    with served_in_thread(app) as plain:
        client = AvatarClient(plain.replace("http", "https"))
        with client, pytest.raises(Unreachable, match="http://"):
            client.health()


async def test_a_program_with_an_event_loop_too(url: str, certificate: Certificate) -> None:
    async with AsyncAvatarClient(url, HOUSE, verify=certificate.authority or False) as client:
        assert await client.chat("Hello.")


async def test_a_conversation_trusts_as_its_client_does(url: str, certificate: Certificate) -> None:
    """With a wrong key: the refusal comes over the trusted line."""
    async with AsyncAvatarClient(url, "wrong") as client:
        with pytest.raises(Unreachable, match="SSL_CERT_FILE"):
            async with client.realtime():
                pass
    for verify in (certificate.authority, False):
        async with AsyncAvatarClient(url, "wrong", verify=verify or False) as client:
            with pytest.raises(Refused, match="key"):
                async with client.realtime():
                    pass


async def test_a_name_that_it_does_not_have_is_refused(url: str, certificate: Certificate) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.authority))
    reader = asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), ssl=trusting, server_hostname="evil.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        await reader


async def test_a_secure_socket(url: str, certificate: Certificate) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.authority))
    address = url.replace("https", "wss") + "/v1/dummy"
    async with websockets.connect(address, ssl=trusting, additional_headers=bearer(HOUSE)) as socket:
        assert json.loads(await socket.recv())["name"] == ""
    own = url  # a page of this very server
    async with websockets.connect(address, ssl=trusting, additional_headers=bearer(HOUSE), origin=own) as socket:  # type: ignore[arg-type]
        await socket.recv()
    async with websockets.connect(address, ssl=trusting) as socket:
        assert "unauthorised" in str(await socket.recv())
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


def test_a_phone_can_fetch_what_it_is_to_trust(url: str, certificate: Certificate) -> None:
    fetched = httpx.get(url + AUTHORITY_PATH, verify=False)
    assert fetched.status_code == 200
    assert fetched.headers["content-type"] == "application/x-x509-ca-cert"
    assert certificate.authority is not None
    assert fetched.content == certificate.authority.read_bytes()
    assert b"PRIVATE" not in fetched.content


def test_without_a_certificate_of_our_own_there_is_nothing_to_fetch(tmp_path: Path) -> None:
    app = create_app(FakeStages(), Store(tmp_path), GatewaySettings(), ConversationSettings())
    with served_in_thread(app) as url:
        assert httpx.get(url + AUTHORITY_PATH).status_code == 404


def options(*words: str) -> Certificate | None:
    return certificate_of(parser().parse_args(["serve", *words]))


def test_the_options_of_the_command(certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "FOLDER", tmp_path / "tls")
    monkeypatch.setenv("AVATAR_API_KEY", "key")
    assert options() is None
    files = ("--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key))
    assert options(*files) == Certificate(certificate.chain, certificate.key)
    for wrong in (files[:2], files[2:], (*files, "--tls-self-signed")):
        with pytest.raises(BadInput, match="--tls"):
            options(*wrong)
    with pytest.raises(BadInput, match=r"nothing\.pem"):
        options("--tls-cert", "nothing.pem", "--tls-key", "nothing.pem")


def test_the_address_says_how_it_is_served(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_API_KEY", "key")
    config = tmp_path / "config.yaml"
    config.write_text("applications: []\n")
    server = Server(config, "192.168.1.7", 9000, certificate)
    assert (server.url, server.outer_urls) == ("https://192.168.1.7:9000", ["https://192.168.1.7:9000"])
    told = "\n".join(address_lines(server))
    assert certificate.fingerprint in told
    assert f"https://192.168.1.7:9000{AUTHORITY_PATH}" in told
    config.write_text(
        f"http_options: {{ssl_certfile: {certificate.chain}, ssl_keyfile: {certificate.key}}}\napplications: []"
    )
    server = Server(config)
    assert (server.url, server.outer_urls) == ("https://127.0.0.1:8000", [])
    assert "SHA-256" not in "\n".join(address_lines(server)), "whoever made that one knows how to trust it"
    config.write_text(
        f"http_options: {{ssl_certfile: {certificate.chain}, ssl_keyfile: /no/key.pem}}\napplications: []"
    )
    with pytest.raises(BadInput, match=r"key\.pem"):
        Server(config)
