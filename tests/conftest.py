"""The layers as markers, and real weights only where they are."""

from pathlib import Path

import pytest

from deployments.weights.manifest import load_manifest
from deployments.weights.resolver import present
from deployments.weights.settings import WeightsSettings

TESTS = Path(__file__).parent
LAYERS = ("plain", "contract", "serve", "door", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder's layer. Skip those marked `weights` or `weights("set", ...)` that lack theirs."""
    manifest, settings = load_manifest(), WeightsSettings()
    for item in items:
        layer = item.path.relative_to(TESTS).parts[0]
        if layer in LAYERS:
            item.add_marker(layer)
        for marker in item.iter_markers("weights"):
            sets = tuple(manifest.get(name) for name in marker.args) or manifest.defaults()
            missing = [weight_set.name for weight_set in sets if not present(weight_set, settings)]
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"weights missing: avatar models pull {' '.join(missing)}"))
