"""`avatar key`: a new API key, and the lines of configuration that let its holder in."""

import argparse
import hashlib
import secrets

import yaml
from pydantic import ValidationError

from deployments.errors import BadInput
from serve_app.api_key import ApiKey

SECRET_BYTES = 24
_LIMITS = ("concurrent_turns", "turns_per_minute", "max_uploads")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = subparsers.add_parser(
        "key",
        help="make an API key with limits of its own",
        description="Makes up a secret for one program or person. The configuration gets its hash only: what is "
        "printed is the one time that the secret is seen.",
    )
    parser.add_argument("name", help="whose key it is; what is uploaded with it belongs to this name")
    for limit in _LIMITS:
        field = ApiKey.model_fields[limit]
        parser.add_argument(f"--{limit.replace('_', '-')}", type=int, metavar="N", help=field.description)
    parser.set_defaults(run=run_key)


def run_key(arguments: argparse.Namespace) -> int:
    """Raises BadInput for a name or a limit that cannot be one."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    given = {name: getattr(arguments, name) for name in _LIMITS if getattr(arguments, name) is not None}
    entry = {"name": arguments.name, "sha256": hashlib.sha256(secret.encode()).hexdigest(), **given}
    try:
        ApiKey.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadInput(f"{first['loc'][0]}: {first['msg']}.") from error
    line = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=200).strip()
    print(f"The key, for its holder only: {secret}")
    print("What the configuration gets, under the application's args.gateway.keys:")
    print(f"  - {line}")
    return 0
