"""`avatar serve`: the application, until Ctrl-C."""

import argparse
from pathlib import Path

from deployments.errors import BadInput
from serve_app.authority import AUTHORITY_PATH
from serve_app.cli.addresses import own_names
from serve_app.cli.certificate import Certificate, given, self_signed
from serve_app.cli.configuration import DEFAULT_CONFIG, read_config
from serve_app.cli.server import Server, running
from serve_app.cli.weights_check import require_weights


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = subparsers.add_parser(
        "serve",
        help="run the application until Ctrl-C",
        description="Runs the whole application, every stage a Ray Serve deployment, until Ctrl-C.",
        epilog="For a phone in the same network: AVATAR_API_KEY=... avatar serve --host 0.0.0.0 --tls-self-signed. "
        "Browsers give their microphone to https pages only, and to localhost.",
    )
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="Serve configuration (%(default)s)")
    parser.add_argument("--host", help="address to listen at, instead of the configuration's")
    parser.add_argument("--port", type=int, help="port to listen at, instead of the configuration's")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve https: certificate chain, PEM")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM, without a password")
    parser.add_argument(
        "--tls-self-signed", action="store_true", help="serve https with a certificate made for this machine's names"
    )
    parser.set_defaults(run=run_serve)


def run_serve(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C, then exit status 0. Raises BadInput and WeightsMissing before anything starts."""
    certificate = certificate_of(arguments)
    require_weights(arguments.config)
    try:
        with running(arguments.config, arguments.host, arguments.port, certificate) as server:
            print("\n".join(address_lines(server)))
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


def certificate_of(arguments: argparse.Namespace) -> Certificate | None:
    """What the options ask for; None leaves it to the configuration. Raises BadInput."""
    files = (arguments.tls_cert, arguments.tls_key)
    if arguments.tls_self_signed:
        if any(files):
            raise BadInput("Either --tls-self-signed, or --tls-cert and --tls-key.")
        options = read_config(arguments.config, arguments.host, None)["http_options"]
        return self_signed(own_names(str(options.get("host", "127.0.0.1"))))
    if not any(files):
        return None
    if arguments.tls_cert is None or arguments.tls_key is None:
        raise BadInput("--tls-cert and --tls-key go together.")
    return given(*files)


def address_lines(server: Server) -> list[str]:
    """Where the server is found and, where browsers will not know its certificate, how they get to."""
    lines = [f"Doors      {server.url}  (GET / lists them)"]
    lines += [f"           {url}  from other machines, with the key" for url in server.outer_urls]
    certificate = server.certificate
    if certificate is not None and certificate.authority is not None:
        url = (server.outer_urls or [server.url])[0]
        lines += [
            f"TLS        made by this machine, SHA-256 {certificate.fingerprint}",
            "           Browsers warn of it. Go on (Advanced, Proceed) if they show this fingerprint, or let a device",
            f"           trust it: open {url}{AUTHORITY_PATH} there and install what comes.",
            "           iPhone: Settings, Profile Downloaded; then General, About, Certificate Trust Settings.",
            "           Android: Settings, Security, Encryption and credentials, Install a certificate.",
            f"           Programs here: SSL_CERT_FILE={certificate.authority}",
        ]
    return lines
