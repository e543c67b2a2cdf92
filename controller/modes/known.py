"""Which specs met the schema before, in the user's cache: loading the validator is a tenth of a cold start.

Only what the schema says is skipped for a known document; reading, lookups and the checks across fields are not. What
is kept is named after this release and its schema, so that neither outlives the other.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources

from controller import __version__
from controller.base.cache import cached, keep

KEPT_MAX = 200


class KnownSpecs:
    """A `spec.load.Known` in a file. A cache that cannot be read or written knows nothing, and that is all."""

    def __init__(self) -> None:
        text = resources.files("controller.spec").joinpath("schema.json").read_bytes()
        name = hashlib.sha256(__version__.encode() + text).hexdigest()[:16]
        self._path = cached(f"valid-{name}.json")
        try:
            self._digests: list[str] = [str(one) for one in json.loads(self._path.read_bytes())]
        except (OSError, ValueError, TypeError):
            self._digests = []

    def __contains__(self, digest: str) -> bool:
        return digest in self._digests

    def add(self, digest: str) -> None:
        self._digests = [*self._digests, digest][-KEPT_MAX:]
        keep(self._path, json.dumps(self._digests))
