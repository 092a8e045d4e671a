"""`avatar serve --host 0.0.0.0 --tls-self-signed` with keys, through Serve's own proxy: what a phone will meet."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets.sync.client
import yaml
from websockets.exceptions import ConnectionClosed

from deployments.errors import NotFound
from serve_app.cli.addresses import lan_addresses, own_names
from serve_app.cli.certificate import Certificate, self_signed
from serve_app.cli.server import Server, running
from serve_app.client import AvatarClient
from serve_app.client.failures import Refused, Unreachable
from tests.door.conftest import photo
from tests.fakes.ports import free_port

pytestmark = pytest.mark.timeout(400)
ROOT = Path(__file__).resolve().parents[2]
ANA, BEN = "ana-0123456789abcdef", "ben-0123456789abcdef"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(own_names("0.0.0.0"), tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """serve_config.yaml over fakes, with two keys."""
    folder = tmp_path_factory.mktemp("config")
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    (application,) = config["applications"]
    application["import_path"] = "tests.serve.fake_app:build_app"
    application["args"]["store"] = {"url": str(folder / "store")}
    application["args"].setdefault("gateway", {})["keys"] = [{"name": "ana", "key": ANA}, {"name": "ben", "key": BEN}]
    file = folder / "serve_config.yaml"
    file.write_text(yaml.safe_dump(config))
    with running(file, "0.0.0.0", free_port(), certificate) as server:
        yield server


def test_programs_come_in_with_a_key_and_trust(server: Server, certificate: Certificate) -> None:
    assert server.url.startswith("https://127.0.0.1:")
    for url in (server.url, *server.outer_urls):
        with AvatarClient(url, ANA, verify=certificate.authority or False) as client:
            assert client.chat("Hello.")
        with AvatarClient(url, "wrong", verify=False) as client, pytest.raises(Refused) as refused:
            client.chat("Hello.")
        assert refused.value.status == 401
        with AvatarClient(url, ANA) as client, pytest.raises(Unreachable, match="SSL_CERT_FILE"):
            client.chat("Hello.")
    assert len(server.outer_urls) == len(lan_addresses())


def test_what_one_key_uploads_the_other_does_not_have(server: Server) -> None:
    with AvatarClient(server.url, ANA, verify=False) as ana, AvatarClient(server.url, BEN, verify=False) as ben:
        avatar = ana.add_avatar(photo(), consent=True, name="Ana")
        assert avatar in ana.avatars()
        assert avatar not in ben.avatars()
        with pytest.raises(NotFound):
            ben.portrait(avatar.id)
        ana.delete_avatar(avatar.id)


def test_a_socket_without_a_key_is_told_so_and_closed(server: Server, certificate: Certificate) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.authority))
    url = server.url.replace("https", "wss") + "/v1/realtime"
    protocols = [websockets.Subprotocol("realtime"), websockets.Subprotocol("openai-insecure-api-key.wrong")]
    with websockets.sync.client.connect(url, ssl=trusting, subprotocols=protocols) as socket:
        assert socket.subprotocol == "realtime"
        assert json.loads(socket.recv())["error"]["code"] == "unauthorised"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
    foreign = {"Authorization": f"Bearer {ANA}", "Origin": "https://evil.example"}
    with websockets.sync.client.connect(url, ssl=trusting, additional_headers=foreign) as socket:
        assert json.loads(socket.recv())["error"]["code"] == "forbidden"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4403
