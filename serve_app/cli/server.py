"""The application as a child process: `serve run` in the right environment, watched until ready, ended cleanly."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from deployments.errors import AvatarError, BadInput, EngineFailed, TimedOut
from serve_app.authority import AUTHORITY_VARIABLE
from serve_app.cli.addresses import EVERY_ADDRESS, is_local, lan_addresses
from serve_app.cli.certificate import Certificate
from serve_app.cli.configuration import DEFAULT_CONFIG, configured_certificate, read_config, require_key
from serve_app.cli.progress import Spinner
from serve_app.client import AvatarClient
from serve_app.client.failures import Unreachable
from serve_app.patience import PROXY_CALLBACK, PROXY_VARIABLE

READY_SECONDS = 300.0
STOP_SECONDS = 40.0
_DASHBOARD = re.compile(r"dashboard at\s+(?:\x1b\[[0-9;]*m)*(https?://)?([0-9.]+:\d+)")
_LAST_LINES = 25


class Server:
    """One application. `start`, `wait_until_ready`, `stop`; the child's own output goes to `log`."""

    def __init__(
        self,
        config: Path = DEFAULT_CONFIG,
        host: str | None = None,
        port: int | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        """Raises BadInput for a config that cannot be read, a certificate that cannot be used, or a host beyond this
        machine without an API key."""
        self._config = read_config(config, host, port, certificate)
        options = self._config["http_options"]
        self.host, self.port = str(options.get("host", "127.0.0.1")), int(options.get("port", 8000))
        require_key(self.host, self._config)
        self.certificate = certificate or configured_certificate(options)
        self._folder = tempfile.TemporaryDirectory(prefix="avatar-")
        self._own_folder, self._ray_folder = own_folder(self.port), ray_folder(self.port)
        self.log = self._ray_folder / f"serve-{self.port}.log"
        self._environment = environment(self._ray_folder)
        if certificate is not None and certificate.authority is not None:
            self._environment[AUTHORITY_VARIABLE] = str(certificate.authority)
        self._started_at = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        return self._url_at("127.0.0.1" if self.host in EVERY_ADDRESS else self.host)

    @property
    def outer_urls(self) -> list[str]:
        """Where others reach it."""
        if is_local(self.host):
            return []
        return [self._url_at(host) for host in (lan_addresses() if self.host in EVERY_ADDRESS else [self.host])]

    def _url_at(self, host: str) -> str:
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def dashboard_url(self) -> str | None:
        """Ray's dashboard, once the child has named it."""
        found = _DASHBOARD.search(self.log.read_text(errors="replace")) if self.log.exists() else None
        return f"http://{found[2]}" if found else None

    @property
    def dashboard_token(self) -> str | None:
        """What the dashboard asks for once in each browser."""
        return self._environment["RAY_AUTH_TOKEN"] if self._environment["RAY_AUTH_MODE"] == "token" else None

    @property
    def metrics_addresses(self) -> list[str]:
        """Where Prometheus finds Ray's metrics and ours, once Ray has written it down."""
        return exporters(self._ray_folder, self._started_at)

    def start(self) -> None:
        """Raises BadInput where the port is taken."""
        if port_taken(self.host, self.port):
            raise BadInput(f"Port {self.port} is in use. Stop what uses it, or choose another: --port {self.port + 1}")
        # what an earlier application at this port has left: logs, which would pile up
        shutil.rmtree(self._own_folder, ignore_errors=True)
        self._ray_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = Path(self._folder.name) / "serve_config.yaml"
        config.write_text(yaml.safe_dump(self._config, allow_unicode=True, sort_keys=False))
        program = str(Path(sys.executable).with_name("serve"))
        self._started_at = time.time()
        with self.log.open("wb") as log:
            # a session of its own: Ctrl-C reaches the child through `stop` alone, once
            self._child = subprocess.Popen(
                [program, "run", "--address", "local", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=DEFAULT_CONFIG.parent,
                start_new_session=True,
            )

    def wait_until_ready(self, tell: Callable[[str], None], seconds: float = READY_SECONDS) -> None:
        """Returns once every stage is healthy; `tell` hears what is still missing.

        Raises EngineFailed where the application ends or cannot be deployed, TimedOut after `seconds`.
        """
        deadline = time.monotonic() + seconds
        # our own child, on this machine, by an address that its certificate need not name
        with AvatarClient(self.url, timeout_seconds=10, verify=False) as client:
            while time.monotonic() < deadline:
                self._check_alive()
                self._check_deployed()
                try:
                    health = client.health()
                except AvatarError:
                    tell("starting Ray and the stages")
                else:
                    if health.ok:
                        return
                    tell(f"waiting for {', '.join(health.troubles)}")
                time.sleep(0.3)
        raise TimedOut(f"The application was not ready after {seconds:.0f} s. {self._last_words()}")

    def wait_until_ended(self) -> None:
        """Blocks while the application runs. Raises EngineFailed when it ends by itself."""
        if self._child is not None:
            self._child.wait()
        self._check_alive()

    def stop(self) -> None:
        """Asks the child to shut Serve and Ray down; after a while without effect it is killed."""
        child, self._child = self._child, None
        if child is not None:
            for wanted, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
                if child.poll() is None:
                    child.send_signal(wanted)
                    try:
                        child.wait(seconds)
                    except subprocess.TimeoutExpired:
                        continue
        self._folder.cleanup()

    def _check_alive(self) -> None:
        if self._child is None or self._child.poll() is not None:
            raise EngineFailed(f"The application ended. {self._last_words()}")

    def _check_deployed(self) -> None:
        if (trouble := self._deployment_failure()) is not None:
            raise EngineFailed(f"The application cannot be deployed: {trouble}\n{self._last_words()}")

    def _deployment_failure(self) -> str | None:
        """What Serve's own status says where it has given up."""
        if self.dashboard_url is None:
            return None
        try:
            answer = httpx.get(f"{self.dashboard_url}/api/serve/applications/", timeout=5)
            applications = answer.json().get("applications", {}) if answer.is_success else {}
        except (httpx.HTTPError, ValueError):
            return None  # the dashboard is not up yet; the doors tell the rest
        for name, application in applications.items():
            if application.get("status") == "DEPLOY_FAILED":
                return f"{name}: {application.get('message', '')}"
        return None

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"The end of its log {self.log}:", *lines[-_LAST_LINES:]])


def own_folder(port: int) -> Path:
    """Where Ray keeps sockets and logs of the application at this port, unless RAY_TMPDIR names another folder."""
    return Path(tempfile.gettempdir()) / f"avatar-ray-{os.getuid()}" / str(port)


def ray_folder(port: int) -> Path:
    """Where Ray keeps sockets and logs of the application at this port."""
    chosen = os.environ.get("RAY_TMPDIR")
    return Path(chosen) if chosen else own_folder(port)


def exporters(folder: Path, since: float = 0.0) -> list[str]:
    """Addresses of Ray's metrics, as Ray has written them down in its folder; none where that was before `since`,
    seconds since 1970: then they are an earlier application's."""
    file = folder / "ray" / "prom_metrics_service_discovery.json"
    if not file.exists() or file.stat().st_mtime < since:
        return []
    return [f"http://{target}/metrics" for group in json.loads(file.read_text()) for target in group["targets"]]


def environment(ray_folder: Path) -> dict[str, str]:
    """The child's environment. What the user has set stays.

    Whoever reaches Ray's own ports can run code. So they are bound to this machine, and ask for a token: Serve binds
    the ports between its replicas to every address, whatever the rest is bound to.
    """
    wanted = {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # 0 is loopback only, on Linux too
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Serve's controller looks ten times a second whether anything is to be done, for 5 % of a core. A dead replica
        # is then replaced this much later at the most.
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.4",
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "1000",
        "RAY_TMPDIR": str(ray_folder),  # short: paths of Unix sockets end at 107 characters
        "PYTHONUNBUFFERED": "1",
        PROXY_VARIABLE: PROXY_CALLBACK,
    }
    return {**wanted, **os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def port_taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


@contextmanager
def running(
    config: Path = DEFAULT_CONFIG,
    host: str | None = None,
    port: int | None = None,
    certificate: Certificate | None = None,
) -> Iterator[Server]:
    """A server that is ready, for the length of the block."""
    server = Server(config, host, port, certificate)
    try:
        with Spinner("starting Ray and the stages") as spinner:
            server.start()
            server.wait_until_ready(spinner.say)
            spinner.note(f"Ready after {spinner.seconds:.1f} s.")
        yield server
    finally:
        with Spinner("shutting down"):
            server.stop()


@contextmanager
def reachable(url: str | None, verify: bool = True) -> Iterator[AvatarClient]:
    """A client of the server at `url`, which must be there; without one, of the server that runs on this machine, or
    else of one that is started for the length of the block."""
    with AvatarClient(url, verify=verify) as client:
        try:
            client.health()
        except Unreachable:
            if url is not None or os.environ.get("AVATAR_URL"):
                raise
        else:
            yield client
            return
    with running() as server, AvatarClient(server.url) as client:
        yield client
