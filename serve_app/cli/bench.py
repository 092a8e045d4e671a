"""`avatar bench`: measurements, what they are worth, and how many people the card in this machine holds."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from deployments.errors import BadInput
from deployments.gpu.nvml import NvmlCards, visible_card
from serve_app.cli import bench_gold, bench_read, bench_run
from serve_app.cli.configuration import read_config
from serve_app.coordinator.capacity import CAPACITY_FILE, Capacity, write_capacity

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "l4.yaml"
MOST_PEOPLE = 8
REPLICAS = (1, 2, 3)
SECONDS = 30.0
MARGIN = 0.3


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = subparsers.add_parser("bench", help="measure speed and capacity, compare results, write reports")
    actions = parser.add_subparsers(dest="action", required=True)
    bench_run.add_verbs(actions)
    bench_gold.add_verbs(actions)
    bench_read.add_verbs(actions)
    capacity = actions.add_parser(
        "capacity",
        help="how many people it animates at once; the Coordinator lets in as many from its next start on",
        description="Stop the application first: the card is to be free.",
    )
    capacity.add_argument("--config", type=Path, default=CONFIG, help="profile whose video engine is measured")
    capacity.add_argument("--people", type=int, default=MOST_PEOPLE, help="most to be tried")
    capacity.add_argument("--replicas", type=int, nargs="+", default=REPLICAS, help="numbers of replicas to be tried")
    capacity.add_argument("--seconds", type=float, default=SECONDS, help="of speech for each person and trial")
    capacity.add_argument("--margin", type=float, default=MARGIN, help="share of the time left to voice and ears")
    capacity.add_argument("-o", "--output", type=Path, default=None, help="where the number goes")
    capacity.set_defaults(run=run_capacity)


def run_capacity(arguments: argparse.Namespace) -> int:
    """Measure, and write the number down. Raises NoGpu without a card, WeightsMissing without weights."""
    from benchmarks.gpu.capacity import as_figures, as_measures, measured_in_processes, search
    from benchmarks.machine import write_result
    from serve_app.args import AppArgs  # it knows every stage and Ray: seconds that other commands need not wait

    if arguments.people < 1 or min(arguments.replicas) < 1 or not 0 <= arguments.margin < 1 or arguments.seconds < 1:
        raise BadInput("--people, --replicas and --seconds must be 1 or more, and --margin at least 0 and below 1.")
    (application,) = read_config(arguments.config, None, None)["applications"]
    args = AppArgs.model_validate(application.get("args", {}))
    cards = NvmlCards()
    card = cards.card(visible_card())
    measure = measured_in_processes(args, arguments.seconds)
    found = search(measure, arguments.people, tuple(arguments.replicas), arguments.margin)
    figures = as_figures(found, arguments.margin, arguments.seconds)
    for trial in figures["trials"]:
        print(
            f"{trial['people']} people, {trial['replicas']} replicas: {trial['frames_per_second_for_each']} frames a "
            f"second each; the slowest second took {trial['slowest_second']:.2f} s"
        )
    path = Path(arguments.output or args.coordinator.capacity.file or CAPACITY_FILE).expanduser()
    figures |= {"gpu": card.name, "driver": cards.driver(), "config": arguments.config.name}
    raw = write_result("capacity", sys.argv, figures, path.parent, as_measures(found))
    write_capacity(
        path,
        Capacity(
            gpu=card.name,
            people=found.people,
            source="measured",
            replicas=found.replicas,
            command=" ".join(["avatar", *sys.argv[1:]]),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
    )
    print(f"{found.people} people on this {card.name}, with {found.replicas} replicas: {path} (figures: {raw})")
    return 0
