"""Service models cut down to the operations we call: most of a cold start is spent parsing what is never used.

botocore reads the whole description of a service before its first call; EC2's alone is 700 operations. The cut models
of all our services are kept in one file in the user's cache, made on first use and named after what they were made of,
so that another botocore or another release of ours makes its own. Without a cache everything works, only slower.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import botocore
import botocore.loaders
from botocore import xform_name
from botocore.exceptions import DataNotFoundError

from controller.aws.operations import OPERATIONS, SPELLED
from controller.base.cache import cached, keep

SCHEME = "v1"
SHARED = ("endpoints", "partitions")  # not of a service: where regions and partitions are described
RULES = "endpoint-rule-set-1"
Json = dict[str, Any]


class CutLoader(botocore.loaders.Loader):
    """A botocore loader that answers from *files*, and for anything else as botocore does."""

    def __init__(self, files: Mapping[str, Any]) -> None:
        super().__init__()
        self._files = files

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        found = self._files.get(f"{service_name}/{type_name}")
        return found if found is not None else super().load_service_model(service_name, type_name, api_version)

    def load_data_with_path(self, name: str) -> Any:
        found = self._files.get(name)
        return (found, name) if found is not None else super().load_data_with_path(name)

    def load_data(self, name: str) -> Any:
        return self.load_data_with_path(name)[0]

    def determine_latest_version(self, service_name: str, type_name: str) -> Any:
        if f"{service_name}/{type_name}" in self._files:
            return self._files[f"{service_name}/service-2"]["metadata"]["apiVersion"]
        return super().determine_latest_version(service_name, type_name)


def loader(folders: str | None = None) -> botocore.loaders.Loader:
    """The fastest loader there is: cut models from the cache, made now when they are not there.

    *folders* is what the user's AWS configuration calls ``data_path``: more places with models of their own.
    """
    own = botocore.loaders.create_loader(folders)
    theirs = [Path(folder) for folder in own.search_paths if folder != own.BUILTIN_DATA_PATH]
    if any((folder / service).exists() for folder in theirs for service in _names(OPERATIONS)):
        return own  # the user's own models come first, as for any AWS tool
    path = cached(f"models-{_key()}.json")
    files = _kept(path)
    if files is None:
        files = cut(own, OPERATIONS)
        keep(path, json.dumps(files, separators=(",", ":")))
    return CutLoader(files)


def _kept(path: Path) -> Json | None:
    """What the cache holds at *path*; None when that is nothing, or not what we put there."""
    try:
        files = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    wanted = [*(f"{service}/service-2" for service in _names(OPERATIONS)), *SHARED]
    whole = isinstance(files, dict) and all(isinstance(files.get(name), dict) for name in wanted)
    return files if whole else None


def cut(own: botocore.loaders.Loader, operations: Mapping[str, Iterable[str]]) -> Json:
    """The models of *operations*, as botocore would load them, by ``service/type``."""
    files: Json = {}
    for service, methods in zip(_names(operations), operations.values(), strict=True):
        files[f"{service}/service-2"] = cut_model(own.load_service_model(service, "service-2"), set(methods))
        try:
            files[f"{service}/{RULES}"] = own.load_service_model(service, RULES)
        except DataNotFoundError:
            continue
    for name in SHARED:
        files[name] = own.load_data(name)
    files["endpoints"] = cut_endpoints(files["endpoints"], files)
    return files


def cut_model(model: Json, methods: set[str]) -> Json:
    """*model* with the operations whose client methods are *methods*, and the shapes these need."""
    kept = {name: _bare(item) for name, item in model["operations"].items() if xform_name(name) in methods}
    shapes: Json = {}
    frontier = _mentioned(kept)
    while frontier:
        shapes |= {name: _bare(model["shapes"][name]) for name in frontier}
        frontier = _mentioned({name: shapes[name] for name in frontier}) - shapes.keys()
    rest = {name: value for name, value in model.items() if name not in {"operations", "shapes", "documentation"}}
    return {**rest, "operations": kept, "shapes": shapes}


def cut_endpoints(document: Json, files: Mapping[str, Any]) -> Json:
    """The endpoints of our services only; regions stay."""
    prefixes = {item["metadata"]["endpointPrefix"] for name, item in files.items() if name.endswith("/service-2")}
    partitions = [
        {**one, "services": {name: item for name, item in one["services"].items() if name in prefixes}}
        for one in document["partitions"]
    ]
    return {**document, "partitions": partitions}


def _mentioned(value: Any) -> set[str]:
    """The names of the shapes that *value* refers to."""
    if isinstance(value, dict):
        own = {value["shape"]} if isinstance(value.get("shape"), str) else set()
        return own.union(*(_mentioned(item) for item in value.values()))
    return set().union(*(_mentioned(item) for item in value)) if isinstance(value, list) else set()


def _bare(value: Any) -> Any:
    """*value* without its prose. A member may be called ``documentation`` too: only text is prose."""
    if isinstance(value, dict):
        return {k: _bare(v) for k, v in value.items() if k != "documentation" or not isinstance(v, str)}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _names(services: Iterable[str]) -> list[str]:
    """As the models spell them."""
    return [SPELLED.get(one, one) for one in services]


def _key() -> str:
    wanted = {service: sorted(methods) for service, methods in OPERATIONS.items()}
    text = json.dumps([SCHEME, botocore.__version__, wanted], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
