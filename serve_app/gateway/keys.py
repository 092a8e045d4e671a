"""The ring of all API keys: who holds which, and what each allows."""

import hashlib
import hmac

from pydantic import SecretStr

from serve_app.api_key import ApiKey, hashed
from serve_app.gateway.identity import Identity


class KeyRing:
    """All keys of a server. `house` is the one without limits of its own, whose holder runs the server."""

    def __init__(self, house: SecretStr | None = None, keys: tuple[ApiKey, ...] = ()) -> None:
        self._holders = [(key.digest(), _identity(key)) for key in keys]
        if house is not None and house.get_secret_value():
            # the house's name is that of a server without keys: what was made before there was a key stays its own
            self._holders.append((hashed(house), Identity()))

    def __len__(self) -> int:
        return len(self._holders)

    def holder(self, secret: bytes) -> Identity | None:
        """Whose key that is. Takes the same time for any secret, of any length, right or wrong."""
        digest = hashlib.sha256(secret).digest()
        found = None
        for known, identity in self._holders:
            if hmac.compare_digest(known, digest):
                found = identity
        return found


def _identity(key: ApiKey) -> Identity:
    return Identity(key.name, key.concurrent_turns, key.turns_per_minute, key.max_uploads)
