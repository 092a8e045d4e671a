"""`avatar bench run soak`: an hour of conversation with faults on the whole application, and what it has shown."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from benchmarks.configuration import default_args
from benchmarks.conversation import ask
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.scenarios.turn import LANGUAGES, questions_in_turn
from benchmarks.soak.drive import Place, Plan, soak
from benchmarks.soak.slow_ways import Limits
from benchmarks.soak.verdict import verdict
from benchmarks.sound import recording
from deployments.contracts import HEARING_RATE_HZ, Float32
from serve_app.args import AppArgs
from serve_app.cli.server import exporters, ray_folder
from serve_app.samples.catalogue import questions


def run(bench: Bench) -> Outcome:
    """Starts the application, warms it up, lets everybody loose on it, waits until it is calm, and judges."""
    folder, args = ray_folder(bench.port), AppArgs.model_validate(default_args({}, bench.config))
    with bench.application(changes_of(bench)) as application:
        bench.tell("warming up")
        with httpx.Client(base_url=application.url, timeout=300) as client:
            for path in questions_in_turn(len(LANGUAGES)):
                ask(client, path)
        place = Place(application.url, lambda: exporters(folder), store_folder(args))
        plan = plan_of(bench, application.process_id, args)
        watched = asyncio.run(soak(place, plan, sounds(plan.seed), bench.tell))
    found = verdict(watched)
    return Outcome(found.measures, found.figures)


def changes_of(bench: Bench) -> dict[str, Any]:
    """A place for everybody: where the house is full, an upload is refused for that, and nobody looks at what it is."""
    people = sum(int(bench.options[name]) for name in ("regulars", "visitors", "slow", "vandals"))
    return {"coordinator": {"max_people": people}}


def plan_of(bench: Bench, process_id: int, args: AppArgs) -> Plan:
    """As the options and the application's own limits say."""
    options = bench.options
    return Plan(
        minutes=float(options["minutes"]),
        regulars=int(options["regulars"]),
        visitors=int(options["visitors"]),
        slow=int(options["slow"]),
        vandals=int(options["vandals"]),
        kill=str(options["kill"]).split(),
        kill_seconds=float(options["kill_seconds"]),
        seed=int(options["seed"]),
        process_id=process_id,
        limits=slow_limits(args),
    )


def sounds(seed: int) -> Callable[[], Float32]:
    """English sample questions at 16 kHz, by chance."""
    chance = random.Random(f"{seed} sounds")
    spoken = [recording(question, HEARING_RATE_HZ) for question in questions() if question.language == "en"]
    return lambda: chance.choice(spoken)


def slow_limits(args: AppArgs) -> Limits:
    """What the server bears."""
    return Limits(args.realtime.stall_seconds, args.realtime.pause_seconds, args.gateway.body_timeout_seconds)


def store_folder(args: AppArgs) -> Path | None:
    """Where an application keeps uploads and jobs, if that is a folder."""
    url = args.store.url
    return None if "://" in url else Path(url).expanduser()
