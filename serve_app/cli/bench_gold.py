"""`avatar bench gold`: the gold set, and whether anything has become worse."""

import argparse
import shutil
import sys
from pathlib import Path

from benchmarks.comparison import LEAST, Comparison
from benchmarks.gold.scenario import SCENARIO
from serve_app.cli.bench_run import add_option, add_server_options, comparison_lines, record_lines
from serve_app.cli.progress import Spinner

_SHOWN = ("success", "error_rate", "real_time_factor", "lip_sync", "closure_depth", "voice_by_judge")
"""Of each way and language; the rest is in the file."""


def add_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = verbs.add_parser(
        "gold",
        help="phrases in three languages that must come out right, as fast as before",
        description="Exit status 1 where a phrase does not come out right, or where something is worse than in the "
        "baseline by more than the noise. Times are compared with those of the same kind of machine only. What is "
        "seen and heard in the films is measured when the application has stopped, each film once.",
    )
    add_server_options(parser, SCENARIO.remote)
    for option in SCENARIO.options:
        add_option(parser, option)
    parser.add_argument(
        "--baseline", type=Path, help="result to compare with; by default benchmarks/gold/baseline.json"
    )
    parser.add_argument(
        "--slower", type=float, default=LEAST, help="share from which on times count as worse (%(default)s)"
    )
    parser.add_argument(
        "--write-baseline", action="store_true", help="keep the result as the baseline, if all is right"
    )
    parser.set_defaults(run=run_gold)


def run_gold(arguments: argparse.Namespace) -> int:
    """Run the phrases, print each, compare with the baseline. Raises AvatarError."""
    from benchmarks.gold.baseline import FILE, against, failures, table
    from benchmarks.scenarios.running import Wanted, perform

    options = {option.name: getattr(arguments, option.name) for option in SCENARIO.options}
    command = ("avatar", *sys.argv[1:])
    wanted = Wanted(options, arguments.config, command, arguments.url, arguments.port, arguments.out)
    with Spinner("the gold set") as spinner:
        path, record = perform(SCENARIO, wanted, spinner.say)
    print("\n".join([*table(record), "", *record_lines(path, record, _SHOWN)]))
    failed = failures(record)
    for failure in failed:
        print(f"FAILED {failure}")
    if arguments.write_baseline:
        return _keep(path, arguments.baseline or FILE, failed)
    worse = _worse(against(record, arguments.baseline or FILE, arguments.slower))
    return int(bool(failed) or worse)


def _worse(comparison: Comparison | None) -> bool:
    if comparison is None:
        print("There is no baseline to compare with. Keep one on a quiet machine: avatar bench gold --write-baseline")
        return False
    for line in comparison_lines(comparison):
        print(line)
    for row in comparison.worse:
        print(f"WORSE  {row.key}")
    return bool(comparison.worse)


def _keep(path: Path, baseline: Path, failed: list[str]) -> int:
    if failed:
        print("Not kept as the baseline: not everything came out right.")
        return 1
    baseline.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, baseline)
    print(f"Kept as the baseline: {baseline}")
    return 0
