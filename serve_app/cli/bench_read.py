"""`avatar bench compare | report`: results side by side, and as a page."""

import argparse
from pathlib import Path

from benchmarks.comparison import FALSE_ALARMS, LEAST, compare
from benchmarks.record import read_record
from deployments.errors import BadInput, NotFound
from serve_app.cli.bench_run import comparison_lines


def add_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verbs; their namespace gets `run`, a function of the namespace that returns the exit status."""
    comparing = verbs.add_parser(
        "compare",
        help="which differences of two results exceed the noise",
        description="A difference of medians counts if it exceeds both --least and the reach of chance: Student's t "
        "times the standard error of the difference, from the median absolute deviations within each question or "
        f"phrase, so that all measures together give a false alarm in {FALSE_ALARMS:.0%} of comparisons of equals.",
    )
    comparing.add_argument("first", type=Path, metavar="A.json")
    comparing.add_argument("second", type=Path, metavar="B.json")
    comparing.add_argument("--least", type=float, default=LEAST, help="share that is of no interest (%(default)s)")
    comparing.add_argument("--fail", action="store_true", help="exit status 1 where B is worse than A")
    comparing.add_argument("--all", action="store_true", help="also show what does not count")
    comparing.set_defaults(run=run_compare)
    reporting = verbs.add_parser("report", help="a folder of results as Markdown with plots")
    reporting.add_argument("folder", type=Path, metavar="FOLDER")
    reporting.add_argument("--out", type=Path, help="folder of report.md and its PNG files; by default the same")
    reporting.add_argument("--no-plots", action="store_true", help="Markdown alone, without matplotlib")
    reporting.set_defaults(run=run_report)


def run_compare(arguments: argparse.Namespace) -> int:
    """Print what changed. Exit status 1 with --fail where something got worse. Raises BadInput."""
    if not 0 <= arguments.least < 1:
        raise BadInput("--least is a share from 0 to below 1: 0.03 is three percent.")
    comparison = compare(read_record(arguments.first), read_record(arguments.second), arguments.least)
    if not comparison.rows:
        raise BadInput("There is nothing to compare: neither result has measures.")
    for line in comparison_lines(comparison, arguments.all):
        print(line)
    return int(arguments.fail and bool(comparison.worse))


def run_report(arguments: argparse.Namespace) -> int:
    """Write the page and its pictures. Raises NotFound, and Unsupported without matplotlib."""
    from benchmarks.report import write_report

    if not arguments.folder.is_dir():
        raise NotFound(f"There is no folder {arguments.folder}.")
    for path in write_report(arguments.folder, arguments.out or arguments.folder, not arguments.no_plots):
        print(path)
    return 0
