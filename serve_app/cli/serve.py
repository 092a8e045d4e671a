"""`avatar serve`: the application, until Ctrl-C."""

import argparse
from pathlib import Path

from serve_app.cli.server import DEFAULT_CONFIG, running
from serve_app.cli.weights_check import require_weights


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = subparsers.add_parser(
        "serve",
        help="run the application until Ctrl-C",
        description="Runs the whole application, every stage a Ray Serve deployment, until Ctrl-C.",
        epilog="Beyond this machine: AVATAR_API_KEY=... avatar serve --host 0.0.0.0",
    )
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="Serve configuration (%(default)s)")
    parser.add_argument("--host", help="address to listen at, instead of the configuration's")
    parser.add_argument("--port", type=int, help="port to listen at, instead of the configuration's")
    parser.set_defaults(run=run_serve)


def run_serve(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C, then exit status 0. Raises WeightsMissing before anything starts."""
    if arguments.config == DEFAULT_CONFIG:
        require_weights()
    try:
        with running(arguments.config, arguments.host, arguments.port) as server:
            print(f"Doors      {server.url}  (GET / lists them)")
            print(f"Health     {server.url}/health")
            token = f"  (token: {server.dashboard_token})" if server.dashboard_token else ""
            print(f"Dashboard  {server.dashboard_url or 'not available'}{token}")
            for address in server.metrics_addresses:
                print(f"Metrics    {address}")
            print(f"Log        {server.log}")
            print("Ctrl-C ends it.", flush=True)
            server.wait_until_ended()
    except KeyboardInterrupt:
        print("The application has ended.")
    return 0
