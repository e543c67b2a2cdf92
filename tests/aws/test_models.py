"""Cut models behave as the full ones for everything we call, and no cache, broken or forbidden, is ever in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session
import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from controller.aws import models
from controller.aws.models import CutLoader, loader
from controller.aws.operations import OPERATIONS, SPELLED
from controller.base.cache import cached, keep

REGION = "eu-central-1"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache, a home and a configuration of the test's own."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)  # clients are looked at here, and ask nobody
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setattr(botocore.loaders.Loader, "CUSTOMER_DATA_PATH", str(tmp_path / "models"))
    return tmp_path / "cache" / "theseus"


@pytest.fixture(scope="module")
def files() -> dict[str, Any]:
    """The cut models, made once for this file and handed out through JSON as the cache does."""
    made: dict[str, Any] = json.loads(json.dumps(models.cut(botocore.loaders.Loader(), OPERATIONS)))
    return made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, files: dict[str, Any]) -> list[int]:
    """Cutting costs nothing and is counted: what is tested is what becomes of the result."""
    made: list[int] = []

    def cut(*_: Any) -> Any:
        made.append(1)
        return json.loads(json.dumps(files))  # botocore writes into what it is given

    monkeypatch.setattr(models, "cut", cut)
    return made


def client(own: botocore.loaders.Loader, service: str) -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", own)
    return session.create_client(
        SPELLED.get(service, service), region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
    )


def shape_of(shape: Shape | None, above: tuple[str, ...] = ()) -> Any:
    """A shape as a plain value: type, members, what is required and how each is spelled on the wire."""
    if shape is None or shape.name in above:
        return shape and shape.name
    below = (*above, shape.name)
    wire = {name: value for name, value in shape.serialization.items() if name != "documentation"}
    facts: list[Any] = [shape.name, shape.type_name, wire, getattr(shape, "enum", None), shape.metadata]
    if isinstance(shape, StructureShape):
        facts += [shape.required_members, {name: shape_of(one, below) for name, one in shape.members.items()}]
    elif isinstance(shape, ListShape):
        facts.append(shape_of(shape.member, below))
    elif isinstance(shape, MapShape):
        facts += [shape_of(shape.key, below), shape_of(shape.value, below)]
    return facts


def operation_of(one: OperationModel) -> dict[str, Any]:
    return {
        "name": one.name,
        "http": one.http,
        "input": shape_of(one.input_shape),
        "output": shape_of(one.output_shape),
        "errors": [shape.name for shape in one.error_shapes],
        "tokens": one.idempotent_members,
        "auth": one.auth_type,
    }


@pytest.mark.parametrize("service", sorted(OPERATIONS))
def test_what_we_call_is_described_as_in_full(service: str, files: dict[str, Any]) -> None:
    """Members, requirements, wire names, tokens, errors, protocol and endpoint."""
    cut, full = client(CutLoader(files), service), client(botocore.loaders.Loader(), service)

    for method in OPERATIONS[service]:
        name = full.meta.method_to_api_mapping[method]
        expected = operation_of(full.meta.service_model.operation_model(name))
        assert operation_of(cut.meta.service_model.operation_model(name)) == expected
    assert cut.meta.service_model.metadata == full.meta.service_model.metadata
    assert cut.meta.endpoint_url == full.meta.endpoint_url
    assert set(cut.meta.method_to_api_mapping) == set(OPERATIONS[service])


def test_regions_and_partitions_are_all_there(files: dict[str, Any]) -> None:
    def regions(own: botocore.loaders.Loader) -> dict[str, list[str]]:
        session = botocore.session.Session()
        session.register_component("data_loader", own)
        names = session.get_available_partitions()
        return {name: session.get_available_regions("ec2", name) for name in names}

    assert regions(CutLoader(files)) == regions(botocore.loaders.Loader())


def test_models_are_cut_once_and_the_file_says_the_same(cache: Path, quick: list[int], files: dict[str, Any]) -> None:
    for _ in range(3):
        own = loader()

    [kept] = list(cache.iterdir())
    assert isinstance(own, CutLoader)
    assert (len(quick), json.loads(kept.read_text())) == (1, files)
    assert client(own, "sts").meta.method_to_api_mapping == {"get_caller_identity": "GetCallerIdentity"}


@pytest.mark.parametrize(
    "rubbish",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"ec2/service-2": {"ope', id="cut off"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b'{"ec2/service-2": 3, "endpoints": {}, "partitions": {}}', id="something else in it"),
    ],
)
def test_rubbish_in_the_cache_is_replaced(cache: Path, quick: list[int], rubbish: bytes, files: dict[str, Any]) -> None:
    loader()
    [kept] = list(cache.iterdir())
    kept.write_bytes(rubbish)

    own = loader()

    assert client(own, "sts").meta.endpoint_url == f"https://sts.{REGION}.amazonaws.com"
    assert (len(quick), json.loads(kept.read_text())) == (2, files)


def test_a_cache_that_cannot_be_written_costs_time_only(cache: Path, quick: list[int]) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")

    assert [isinstance(loader(), CutLoader) for _ in range(2)] == [True, True]
    assert len(quick) == 2


def test_a_file_of_the_cache_is_whole_or_not_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up between the draft and its name: what was there stays, and no draft is left."""
    keep(cache / "one", "before")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    keep(cache / "one", "after")

    assert [(path.name, path.read_text()) for path in cache.iterdir()] == [("one", "before")]


@pytest.mark.parametrize(
    ("asked", "home", "expected"),
    [
        pytest.param("/c", "/h", "/c/theseus/x", id="as asked"),
        pytest.param("", "/h", "/h/.cache/theseus/x", id="empty is not asked"),
        pytest.param("rel", "/h", "/h/.cache/theseus/x", id="relative does not count"),
    ],
)
def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, asked: str, home: str, expected: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", asked)
    monkeypatch.setenv("HOME", home)

    assert cached("x") == Path(expected)


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a number that no passwd file knows."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)

    keep(cached("x"), "text")

    assert not cached("x").exists()


@pytest.mark.parametrize("where", ["home", "data_path"])
def test_the_users_own_models_come_first(cache: Path, tmp_path: Path, quick: list[int], where: str) -> None:
    """In ``~/.aws/models``, and in the folders of the configuration's ``data_path``."""
    folder = tmp_path / ("models" if where == "home" else "more")
    place = folder / "sts" / "2011-06-15"
    place.mkdir(parents=True)
    full = botocore.loaders.Loader().load_service_model("sts", "service-2")
    mine = {**full, "metadata": {**full["metadata"], "serviceId": "Mine"}}
    (place / "service-2.json").write_text(json.dumps(mine))

    own = loader(None if where == "home" else str(folder))

    assert own.load_service_model("sts", "service-2")["metadata"]["serviceId"] == "Mine"
    assert (len(quick), cache.exists()) == (0, False)
