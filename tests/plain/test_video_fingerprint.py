"""What the video stage says its frames depend on."""

from deployments.video.fingerprint import fingerprint


def test_it_changes_with_the_configuration_alone() -> None:
    assert fingerprint(b"one") == fingerprint(b"one") != fingerprint(b"two")
    assert len(bytes.fromhex(fingerprint(b"one"))) == 16
