"""How the clients reach a server, and httpx's errors as ours."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deployments.errors import BadInput, EngineFailed, TimedOut
from serve_app.client.failures import Unreachable, broken_off

CONNECT_SECONDS = 5.0


def default_url() -> str:
    """That of the environment's AVATAR_URL, else localhost."""
    return os.environ.get("AVATAR_URL") or "http://127.0.0.1:8000"


def trust(verify: bool | str | Path) -> bool | ssl.SSLContext:
    """What a server's certificate has to be signed by: a public authority or those of the environment's SSL_CERT_FILE
    (True), the PEM file named, or anybody (False: whoever stands between can read along). Raises BadInput for a file
    that holds no certificates."""
    if isinstance(verify, bool):
        return verify
    try:
        return ssl.create_default_context(cafile=str(verify))
    except OSError as error:
        raise BadInput(f"{verify} cannot be read as certificates in PEM form: {error}.") from error


def socket_trust(base_url: str, verify: bool | str | Path) -> ssl.SSLContext | None:
    """The same for a socket; None where the address is not https."""
    if not base_url.startswith("https"):
        return None
    trusted = trust(verify)
    if isinstance(trusted, ssl.SSLContext):
        return trusted
    context = ssl.create_default_context()
    if not trusted:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connection(
    base_url: str, api_key: str | None, timeout_seconds: float, verify: bool | str | Path = True
) -> dict[str, Any]:
    """The arguments of an httpx client. The key is that of AVATAR_API_KEY where none is given; `verify` as in
    `trust`."""
    key = api_key or os.environ.get("AVATAR_API_KEY")
    return {
        "base_url": base_url,
        "headers": {"Authorization": f"Bearer {key}"} if key else {},
        "verify": trust(verify),
        "timeout": httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS),
    }


@contextmanager
def translated(base_url: str) -> Iterator[None]:
    """Raises TimedOut, EngineFailed for an answer that broke off, and Unreachable."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TimedOut(f"No answer from {base_url} in time. Is it busy? See its /health.") from error
    except httpx.RemoteProtocolError as error:
        if base_url.startswith("http:") and "without sending" in str(error):
            raise EngineFailed(
                f"{base_url} hung up without an answer. If it serves https, its address begins with https://; "
                "otherwise the server's log knows why."
            ) from error
        raise broken_off() from error
    except httpx.ConnectError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise untrusted(base_url, error) from error
        if "WRONG_VERSION_NUMBER" in str(error):
            raise Unreachable(f"{base_url} does not speak https: its address begins with http://") from error
        raise Unreachable(f"Nothing answers at {base_url}. Start a server with: avatar serve") from error
    except httpx.TransportError as error:
        raise Unreachable(f"Nothing answers at {base_url}. Start a server with: avatar serve") from error


def untrusted(base_url: str, error: Exception) -> Unreachable:
    return Unreachable(
        f"The certificate of {base_url} is not trusted here: {error}. Name the authority that signed it, as "
        "`avatar serve --tls-self-signed` prints it: SSL_CERT_FILE=..., or verify=FILE in Python."
    )
