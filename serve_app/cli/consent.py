"""Asking a person whether the licence of a weight set is accepted."""

import sys
from collections.abc import Collection

from deployments.errors import BadInput
from deployments.weights.consent import Ask
from deployments.weights.manifest import Manifest, WeightSet

_YES = frozenset({"y", "yes"})


def asking(accepted: Collection[str]) -> Ask:
    """Asks at the terminal, unless the licence's key is among those accepted on the command line.

    Without a terminal nobody is asked: that is a no.
    """

    def ask(weight_set: WeightSet) -> str | None:
        licence = weight_set.licence
        if licence.key in accepted:
            return "--accept-licence"
        if not sys.stdin.isatty():
            return None
        print(f"{weight_set.name}: {weight_set.summary}")
        print(f"  Licence {licence.name}: {licence.notice}")
        print(f"  Its text: {licence.url}")
        try:
            answer = input("Do you accept it? [y/N] ")
        except EOFError:
            return None
        return "asked at the terminal" if answer.strip().lower() in _YES else None

    return ask


def known_keys(wanted: Collection[str], manifest: Manifest) -> frozenset[str]:
    """The keys, checked. Raises BadInput for one that no licence has."""
    keys = {weight_set.licence.key for weight_set in manifest.sets if weight_set.licence.consent}
    unknown = sorted(set(wanted) - keys)
    if unknown:
        raise BadInput(f"No licence is called {unknown[0]!r}. Those that want consent: {', '.join(sorted(keys))}.")
    return frozenset(wanted)
