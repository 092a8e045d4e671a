"""Completion callbacks: signed as the specification says, to public addresses only, tried until they are heard."""

import base64
import ipaddress
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import openai
import pytest

from deployments.errors import InvalidField
from serve_app.coordinator.database import Database
from serve_app.gateway.meter import Uncounted
from serve_app.jobs.callbacks import Caller, secret_of, signed
from serve_app.jobs.contracts import Callback, Job, JobStatus
from serve_app.jobs.destinations import checked_url, destination, is_public
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.store import JobStore
from serve_app.jobs.upkeep import Upkeep
from tests.fakes.jobs import Clock, order
from tests.fakes.stages import FakeStages

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
PRIVATE = JobSettings(
    callback_private=True, callback_secret=SECRET, callback_retry_seconds=0, callback_timeout_seconds=1.0
)


class Receiver(HTTPServer):
    """Notes what it gets, and answers as told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/done?job=1"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ended(url: str | None, status: JobStatus = JobStatus.COMPLETED) -> Job:
    return Job("video_1", order("Hello.", callback_url=url), status, 1_800_000_000.0, completed_at=1_800_000_060.0)


def test_the_specifications_own_example() -> None:
    """The example of Standard Webhooks' reference libraries."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_receiver_can_verify_it(receiver: Receiver) -> None:
    secret = secret_of(PRIVATE)
    assert secret is not None
    caller = Caller(PRIVATE, secret)
    assert await caller.call(Callback(ended(receiver.url), 1), (384, 578))
    await caller.close()
    headers, body = receiver.got[0]
    client = openai.OpenAI(api_key="none", webhook_secret=SECRET)
    client.webhooks.verify_signature(body, headers)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.verify_signature(body + b" ", headers)
    said = json.loads(body)
    assert (said["type"], said["data"]["id"], said["data"]["size"]) == ("video.completed", "video_1", "384x578")
    assert (headers["content-type"], headers["host"]) == ("application/json", f"127.0.0.1:{receiver.server_port}")


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500])
async def test_anything_but_a_yes_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    caller = Caller(PRIVATE, b"secret")
    assert not await caller.call(Callback(ended(receiver.url), 1), None)
    assert len(receiver.got) == 1  # a redirect is not followed
    assert await caller.call(Callback(ended(receiver.url, JobStatus.FAILED), 2), None)
    await caller.close()
    first, second = (headers["webhook-id"] for headers, _ in receiver.got)
    assert first == second
    assert json.loads(receiver.got[1][1])["type"] == "video.failed"


async def test_nobody_there(receiver: Receiver) -> None:
    caller = Caller(PRIVATE, b"secret")
    assert not await caller.call(Callback(ended("http://127.0.0.1:9/"), 1), None)
    assert not await caller.call(Callback(ended("http://no-such-host.invalid/"), 1), None)
    await caller.close()
    public = Caller(PRIVATE.model_copy(update={"callback_private": False}), b"secret")
    assert not await public.call(Callback(ended(receiver.url), 1), None)
    assert receiver.got == []
    await public.close()


async def test_a_job_that_ends_is_told_of_until_it_is_heard(receiver: Receiver) -> None:
    clock = Clock()
    queue = JobStore(Database("sqlite://"), PRIVATE, clock=clock)
    await queue.create(order("Hello.", callback_url=receiver.url))
    lease = await queue.lease("w1")
    assert lease is not None
    await queue.finish(lease, replace(lease.job, status=JobStatus.COMPLETED))
    receiver.statuses = [500, 503]
    upkeep = Upkeep(queue, None, FakeStages(), PRIVATE, Uncounted())  # type: ignore[arg-type]
    caller = Caller(PRIVATE, b"secret")
    calls = 0
    while await upkeep.call(caller):
        calls += 1
    await caller.close()
    assert (calls, len(receiver.got)) == (3, 3)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8000/",
        "http://10.1.2.3/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fd00::1]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://224.0.0.1/",
        "http://no-such-host.invalid/",
        "ftp://example.com/",
        "https://user:word@example.com/",
        "https:///path",
        "//example.com",
        "not a url",
        "https://example.com/#fragment",
        "https://example.com/" + "x" * 3000,
        "http://exa mple.com/",
        "http://[::1/",
    ],
)
async def test_where_no_call_goes(url: str) -> None:
    with pytest.raises(InvalidField) as refused:
        await destination(url, private=False)
    assert refused.value.field == "callback_url"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("100.64.0.1", False),
        ("192.168.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("::ffff:8.8.8.8", True),
        ("::ffff:10.0.0.1", False),
        ("ff02::1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


async def test_the_call_goes_to_the_address_that_was_checked() -> None:
    found = await destination("http://127.0.0.1:8123/hook?x=1", private=True)
    named = replace(found, url=checked_url("https://hooks.example:8443/in?x=1"))
    async with httpx.AsyncClient() as client:
        request = named.request(client, b"{}", {})
    assert str(request.url) == "https://127.0.0.1:8443/in?x=1"
    assert request.headers["host"] == "hooks.example:8443"
    assert request.extensions["sni_hostname"] == "hooks.example"


def test_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AVATAR_WEBHOOK_SECRET", raising=False)
    assert secret_of(JobSettings()) is None
    monkeypatch.setenv("AVATAR_WEBHOOK_SECRET", SECRET)
    assert secret_of(JobSettings()) == b"a secret of twenty-four b"
    assert secret_of(JobSettings(callback_secret="plain words")) == b"plain words"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="base64"):
        secret_of(JobSettings(callback_secret="whsec_%%%"))  # type: ignore[arg-type]
