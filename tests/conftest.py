"""The layers as markers, and real weights only where they are."""

from pathlib import Path

import pytest

from deployments.weights.manifest import load_manifest
from deployments.weights.resolver import present
from deployments.weights.settings import WeightsSettings

TESTS = Path(__file__).parent
LAYERS = ("plain", "contract", "door", "serve", "browser")
"""In the order in which they run: the quick ones first. The browser's driver occupies this thread's event loop from its
first test on, so it comes last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the layers, and mark each test with its own. Skip those marked `weights` or `weights("set", ...)` that
    lack theirs."""
    manifest, settings = load_manifest(), WeightsSettings()
    items.sort(key=lambda item: LAYERS.index(_layer(item)))
    for item in items:
        item.add_marker(_layer(item))
        for marker in item.iter_markers("weights"):
            sets = tuple(manifest.get(name) for name in marker.args) or manifest.defaults()
            missing = [weight_set.name for weight_set in sets if not present(weight_set, settings)]
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"weights missing: avatar models pull {' '.join(missing)}"))


def _layer(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]
