"""The Serve configuration that a server is started with, and what has to be in it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import serve_app
from deployments.errors import BadInput
from serve_app.cli.addresses import is_local
from serve_app.cli.certificate import Certificate, given

DEFAULT_CONFIG = Path(serve_app.__file__).parents[1] / "serve_config.yaml"


def read_config(
    path: Path, host: str | None, port: int | None, certificate: Certificate | None = None
) -> dict[str, Any]:
    """A Serve config with another address, and TLS, where they are given. Raises BadInput."""
    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise BadInput(f"The configuration {path} cannot be read: {error}") from error
    if not isinstance(config, dict) or "applications" not in config:
        raise BadInput(f"{path} is not a Serve configuration: it has no applications.")
    chosen: dict[str, object] = {"host": host, "port": port}
    if certificate is not None:
        chosen |= {"ssl_certfile": str(certificate.chain), "ssl_keyfile": str(certificate.key)}
    options = {
        **(config.get("http_options") or {}),
        **{name: value for name, value in chosen.items() if value is not None},
    }
    return {**config, "http_options": options}


def require_key(host: str, config: Mapping[str, Any]) -> None:
    """Raises BadInput for an address that others can reach where neither AVATAR_API_KEY nor the configuration has a
    key."""
    if is_local(host) or os.environ.get("AVATAR_API_KEY"):
        return
    for application in config.get("applications") or ():
        gateway = (application.get("args") or {}).get("gateway") or {}
        if gateway.get("api_key") or gateway.get("keys"):
            return
    raise BadInput(
        f"On {host or 'every address'} others can reach the server, so it needs a key. Make one up that is long, and "
        "give it to both sides: AVATAR_API_KEY=$(openssl rand -hex 16) avatar serve ... Or name several, each with "
        "limits of its own, in the configuration: args.gateway.keys"
    )


def configured_certificate(options: Mapping[str, Any]) -> Certificate | None:
    """That of the configuration's http_options."""
    chain, key = options.get("ssl_certfile"), options.get("ssl_keyfile")
    return given(Path(chain).expanduser(), Path(key).expanduser()) if chain and key else None
