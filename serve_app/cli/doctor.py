"""`avatar doctor`: can a profile run here, and if not, what is missing and how to get it."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from deployments.weights.settings import WeightsSettings
from serve_app.cli.config_checks import config_checks
from serve_app.cli.machine_checks import Check, all_checks, check_cores, check_memory, check_python


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = subparsers.add_parser("doctor", help="what is missing on this machine, and how to get it")
    parser.add_argument(
        "--config", type=Path, help="check what the engines of this Serve configuration need, not the default profile's"
    )
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.set_defaults(run=run_doctor)


def run_doctor(arguments: argparse.Namespace) -> int:
    """Print the findings. Exit status 1 where the profile cannot run. Raises BadInput for an unreadable one."""
    checks = all_checks(WeightsSettings()) if arguments.config is None else profile_checks(arguments.config)
    profile = "The default profile" if arguments.config is None else str(arguments.config)
    able = all(check.ok for check in checks if check.required)
    if arguments.json:
        print(json.dumps({"able": able, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        print("\n".join(report_lines(checks)))
        print(f"{profile} can run here." if able else f"{profile} cannot run here yet.")
    return 0 if able else 1


def profile_checks(config: Path) -> list[Check]:
    """What any profile needs of the machine, and what the configured engines need."""
    return [check_python(), check_cores(), check_memory(), *config_checks(config)]


def report_lines(checks: list[Check]) -> list[str]:
    """A line for each finding, and one more with the remedy where something is amiss."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        state = "ok" if check.ok else ("MISSING" if check.required else "warning")
        lines.append(f"{state:<7}  {check.name:<{width}}  {check.detail}")
        if not check.ok and check.remedy:
            lines.append(f"{'':<7}  {'':<{width}}  → {check.remedy}")
    return lines
