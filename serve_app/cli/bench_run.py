"""`avatar bench list | run | gold`: measurements of this machine or of a running server."""

import argparse
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from benchmarks.comparison import COUNTING, Comparison, busy_note
from benchmarks.machine import RESULTS_FOLDER
from benchmarks.record import Record
from benchmarks.scenarios.contracts import Option, Scenario
from benchmarks.scenarios.registry import SCENARIOS, scenario
from benchmarks.tables import COMPARED_HEADINGS, HEADINGS, as_text, comparison_rows, measure_row
from serve_app.cli.configuration import DEFAULT_CONFIG
from serve_app.cli.progress import Spinner


def add_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verbs; their namespace gets `run`, a function of the namespace that returns the exit status."""
    listing = verbs.add_parser("list", help="what can be measured")
    listing.set_defaults(run=run_list)
    running = verbs.add_parser("run", help="measure something; the result is a JSON file with every sample")
    names = running.add_subparsers(title="scenarios", metavar="SCENARIO", dest="scenario", required=True)
    for entry in SCENARIOS:
        parser = names.add_parser(entry.name, help=entry.summary, description=f"Measures {entry.summary}.")
        add_server_options(parser, entry.remote)
        for option in entry.options:
            add_option(parser, option)
        parser.set_defaults(run=run_scenario)


def add_server_options(parser: argparse.ArgumentParser, remote: bool) -> None:
    if remote:
        parser.add_argument("--url", help="a server that is running; without it one is started")
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="what is started (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="where it is started (%(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS_FOLDER, help="folder of the result (%(default)s)")


def add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    flag, default = f"--{option.name.replace('_', '-')}", option.default
    if isinstance(default, tuple):
        words = " ".join(str(number) for number in default)
        parser.add_argument(flag, type=int, nargs="+", default=list(default), help=f"{option.help} ({words})")
    else:
        parser.add_argument(flag, type=type(default), default=default, help=f"{option.help} ({default})")


def run_list(arguments: argparse.Namespace) -> int:
    """Print every scenario, and how long it takes on two cores."""
    width = max(len(entry.name) for entry in SCENARIOS)
    for entry in SCENARIOS:
        print(f"{entry.name:<{width}}  {entry.minutes:3.0f} min  {entry.summary}")
    return 0


def run_scenario(arguments: argparse.Namespace) -> int:
    """Measure, write the result, print its medians and what must not be. Exit status 1 where there is such. Raises
    AvatarError."""
    from benchmarks.scenarios.running import Wanted, perform

    entry: Scenario = scenario(arguments.scenario)
    options = {option.name: getattr(arguments, option.name) for option in entry.options}
    url = getattr(arguments, "url", None)
    wanted = Wanted(options, arguments.config, ("avatar", *sys.argv[1:]), url, arguments.port, arguments.out)
    with Spinner(f"measuring {entry.name}") as spinner:
        path, record = perform(entry, wanted, spinner.say)
    print("\n".join(record_lines(path, record)))
    for what in record.figures.get("wrong", ()):
        print(f"WRONG  {what}")
    return int(bool(record.figures.get("wrong")))


def record_lines(path: Path, record: Record, names: Collection[str] = ()) -> list[str]:
    """The medians and spreads of a result, or of those of its measures that are named, and where it is."""
    shown = [measure for measure in record.measures if not names or measure.name in names]
    lines = as_text(HEADINGS, [measure_row(measure) for measure in shown])
    if note := busy_note(record):
        lines.append(f"Take these with care: {note}.")
    return [*lines, f"Raw: {path}"]


def comparison_lines(comparison: Comparison, everything: bool = False) -> Iterable[str]:
    """What counts, and everything else too if that is wanted; then why the two may not be comparable."""
    rows = comparison_rows(comparison)
    counting = [row for row in rows if everything or row[-1] in COUNTING]
    if counting:
        yield from as_text(COMPARED_HEADINGS, counting)
    same, unknown = (sum(row[-1] == verdict for row in rows) for verdict in ("same", "unknown"))
    changed = len(comparison.changed)
    yield f"{changed} differences exceed the noise, {same} do not; {unknown} cannot be judged, with too few samples."
    for note in comparison.notes:
        yield f"Mind: {note}."
