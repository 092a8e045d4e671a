"""Which form of the answer a client gets, and the report at its end."""

import pytest

from serve_app.gateway.negotiation import Form, form_of
from serve_app.gateway.rendering import server_timing
from serve_app.media.boxes import box
from serve_app.turn_report import TurnReport, report_in


@pytest.mark.parametrize(
    ("query", "accept", "form"),
    [
        (None, None, Form.MP4),
        (None, "", Form.MP4),
        (None, "*/*", Form.MP4),
        (None, "video/mp4", Form.MP4),
        (None, "application/json", Form.MP4),
        (None, "video/mp4;fragmented=true", Form.FMP4),
        (None, "video/mp4; fragmented=TRUE; q=0.9, text/event-stream; q=0.5", Form.FMP4),
        (None, "video/mp4;q=0.2, text/event-stream", Form.EVENTS),
        (None, "text/html, video/*;q=0.8", Form.MP4),
        (None, "text/event-stream;q=0, video/mp4", Form.MP4),
        (None, "text/event-stream;q=much, video/mp4;q=0.1", Form.MP4),
        ("events", "video/mp4", Form.EVENTS),
        ("fmp4", None, Form.FMP4),
    ],
)
def test_the_query_wins_over_accept(query: str | None, accept: str | None, form: Form) -> None:
    assert form_of(query, accept) is form


def test_the_report_is_read_back_from_among_other_boxes() -> None:
    report = TurnReport("turn-1", "¿Qué tal?", "很好。", "zh", 1.2, 0.0, {"asr": 0.31})
    film = box(b"ftyp", b"isom") + box(b"uuid", bytes(16), b"something else") + box(b"mdat", b"x") + report.as_box()
    assert report_in(film) == report
    assert report_in(film[:-1]) is None, "a stream that was cut has no report"
    assert report_in(b"not a film") is None


def test_server_timing_is_in_milliseconds() -> None:
    assert server_timing({"asr": 0.3101, "total": 1.5}) == "asr;dur=310, total;dur=1500"
