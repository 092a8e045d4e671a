"""Answers are written as the doors send them before they are measured, and say what they hold."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.quality import measure
from benchmarks.quality.answers import film_of, spoken
from benchmarks.quality.closures import Closures
from benchmarks.quality.film import pictures
from benchmarks.quality.measures import film_measures, film_row, language_in
from benchmarks.quality.metrics import faults_of, values_of
from deployments.weights.settings import WeightsSettings
from serve_app.events import TurnRequest
from serve_app.turn_report import report_in
from tests.fakes.stages import FakeStages

pytestmark = pytest.mark.plain


async def test_an_answer_becomes_a_film_with_its_report(tmp_path: Path) -> None:
    film = await film_of(FakeStages(), spoken("en-sky"))
    report = report_in(film)
    assert report is not None and report.turn_id == "en-sky" and report.transcript == FakeStages().heard
    assert report.reply.startswith("Well, that is Paris")
    path = tmp_path / "answer.mp4"
    path.write_bytes(film)
    assert len(list(pictures(path))) == round(report.media_seconds * 25)


async def test_a_film_without_a_face_is_measured_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "script.mp4"
    path.write_bytes(await film_of(FakeStages(), TurnRequest("script", script="Good morning, everybody.")))
    found = measure(path, weights=WeightsSettings(cache_dir=tmp_path / "none", offline=True))
    assert found.face_seen == 0 and found.lip_sync is found.blinks is found.head is found.identity is None
    assert any("no face" in note for note in found.notes) and any("avatar models pull" in note for note in found.notes)
    values = values_of(found)
    assert values["lip_sync"] is values["blinks"] is values["head_turning_beyond"] is None and values["gaps"] == 0
    assert values["film_seconds"] == found.timing.seconds and language_in(path, found) == "en"
    assert any(fault.startswith("face_seen 0, should be at least 0.9") for fault in faults_of(found))
    measures = {measure.name: measure for measure in film_measures([film_row(found, "script", "en")])}
    said = [replace(found, closures=Closures((0.2,) * count, (0.0,) * count, 0.1, 0.9, 0.8)) for count in (2, 3)]
    assert [values_of(each)["closure_depth"] for each in said] == [None, 0.8], "two closures say too little"
    assert measures["loudness"].unit == "LUFS" and "lip_sync" not in measures and "blinks" not in measures
    assert found.timing.drift_ms == 0 and found.stillness.pictures > 10 and found.loudness.integrated_lufs < 0
