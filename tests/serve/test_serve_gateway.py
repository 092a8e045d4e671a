"""`avatar serve` with the real gateway over fake stages: the child process, Serve's proxy, hanging up, the end."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml

from benchmarks.application import family_of
from deployments.errors import EngineFailed
from serve_app.client import AvatarClient
from serve_app.turn_report import report_in
from tests.door.conftest import wav
from tests.fakes.ports import free_port


class Served(NamedTuple):
    """A running application: its address, its process and what that has printed."""

    url: str
    child: "subprocess.Popen[str]"
    printed: list[str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    port = free_port()
    args = {"store": str(folder / "store"), "piece_seconds": 0.4, "coordinator": {"max_people": 2}}
    application = {
        "name": "avatar",
        "route_prefix": "/",
        "import_path": "tests.serve.fake_application:build",
        "args": args,
    }
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"proxy_location": "HeadOnly", "applications": [application]}))
    command = [sys.executable, "-m", "serve_app.cli.main", "serve", "--config", str(config)]
    child = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**_without_rays_settings(), "RAY_TMPDIR": str(_short_folder())},
    )
    assert child.stdout is not None
    printed: list[str] = []
    for line in child.stdout:
        printed.append(line)
        if "Ctrl-C" in line:
            break
    assert child.poll() is None, "the application did not start"
    try:
        yield Served(f"http://127.0.0.1:{port}", child, printed)
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            child.wait(60)


def _without_rays_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


def _short_folder() -> Path:
    folder = Path("/tmp") / f"avatar-test-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def test_a_turn_passes_through_serve(served: Served) -> None:
    with AvatarClient(served.url) as client:
        assert client.health().ok
        film = client.talk(wav())
        assert film.report.transcript == "What is the capital of France?"
        assert report_in(b"".join(client.fragments(text="Hello."))) is not None
        assert "".join(client.chat_stream("Hello.")).startswith("Well, that is Paris")


def test_ids_are_echoed_once(served: Served) -> None:
    answer = httpx.get(f"{served.url}/", headers={"X-Request-ID": "mine-1"})
    assert answer.headers.get_list("x-request-id") == ["mine-1"]
    missing = httpx.get(f"{served.url}/nowhere")
    assert missing.headers.get_list("x-request-id") == [missing.json()["error"]["request_id"]]


async def test_hanging_up_frees_the_place(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:

        async def turns_become(wanted: int) -> None:
            async with asyncio.timeout(30):
                while int((await client.get("/health")).json()["turns"]["now"]) != wanted:
                    await asyncio.sleep(0.05)

        for kind in ("fmp4", "events", "mp4"):  # a whole MP4 lets us wait; streams have begun
            ask = client.post(f"/conversation?format={kind}", content=wav(), headers={"Content-Type": "audio/wav"})
            asking = asyncio.create_task(ask)
            await turns_become(1)
            asking.cancel()
            await turns_become(0)


def test_a_stream_that_fails_half_way_is_cut(served: Served) -> None:
    script = "Here is a first sentence that can be spoken. And this one will explode."
    with AvatarClient(served.url) as client:
        with pytest.raises(EngineFailed, match="The voice engine failed"):
            list(client.say_events(script))
        with pytest.raises(EngineFailed, match="The voice engine failed"):
            client.say(script)
    with (
        httpx.stream("POST", f"{served.url}/generate?format=fmp4", json={"text": script}) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        assert answer.status_code == 200
        answer.read()


def test_the_gateways_metrics_are_exported(served: Served) -> None:
    addresses = [line.split()[1] for line in served.printed if line.startswith("Metrics")]
    wanted = {"ray_avatar_turn_seconds_count", "ray_avatar_gateway_places_taken", "ray_avatar_turn_failures_total"}
    wanted.add("ray_avatar_gateway_tasks_count")
    deadline = time.monotonic() + 40
    while wanted and time.monotonic() < deadline:
        exported = "".join(httpx.get(address, timeout=10).text for address in addresses)
        assert addresses
        wanted = {name for name in wanted if f"{name}{{" not in exported}
        time.sleep(1)
    assert not wanted


def test_the_dashboard_shows_each_deployment_to_those_with_the_token(served: Served) -> None:
    line = next(line for line in served.printed if line.startswith("Dashboard"))
    found = re.search(r"(http://127\.0\.0\.1:\d+)\s+\(token: (\w+)\)", line)
    assert found is not None, line
    address = f"{found[1]}/api/serve/applications/"
    assert httpx.get(address).status_code == 401
    shown = httpx.get(address, headers={"Authorization": f"Bearer {found[2]}"}).json()
    assert set(shown["applications"]["avatar"]["deployments"]) == {
        "Gateway",
        "Coordinator",
        "ASR",
        "LLM",
        "TTS",
        "Video",
    }


def test_rays_own_ports_are_not_reached_from_elsewhere(served: Served) -> None:
    """But for the ports between Serve's replicas, which ask for the token."""
    found = set()
    for process in family_of(served.child.pid):
        with contextlib.suppress(OSError):
            title = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
            found |= {(title.split(":")[2] if "::" in title else title, port) for port in _open_to_all(process)}
    assert {title for title, _ in found} <= {"ServeReplica"}, found


def _open_to_all(process: int) -> set[int]:
    """Ports on which a process listens at every address."""
    sockets = {os.readlink(entry) for entry in Path(f"/proc/{process}/fd").iterdir() if entry.is_symlink()}
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            address, port = local.rsplit(":", 1)
            if state == "0A" and not address.strip("0") and f"socket:[{inode}]" in sockets:
                ports.add(int(port, 16))
    return ports


def test_ctrl_c_ends_everything(served: Served) -> None:
    served.child.send_signal(signal.SIGINT)
    assert served.child.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{served.url}/health")
