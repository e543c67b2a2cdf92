"""A spec that is right in every line, and a judge: what is wrong with a spec, place by place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from controller.base.errors import SpecError
from controller.spec.load import Loaded, load

GOOD = """\
version: 1
stack: shop
region: us-east-1
tags: {team: shop}
network:
  cidr: 10.0.0.0/16
  public_subnets: [10.0.1.0/24, 10.0.2.0/24]
registry: {shop: {keep_images: 30}}
load_balancer:
  listeners: {http: {port: 80}}
hosts:
  main:
    instance_type: t3.small
    size: {min: 2, desired: 3, max: 6}
    rollout: {max_surge: 1, drain_timeout: 5m, bake: 30s}
services:
  web:
    image: {repository: shop, tag: v1}
    cpu: 256
    memory: 512
    port: 8080
    desired: 4
    route: {path: "/*", priority: 100}
    health: {interval: 10s, timeout: 5s}
    stop_timeout: 30s
    deployment: {min_percent: 100, max_percent: 200}
"""
Judge = Callable[..., list[str]]


def swapped(text: str, swaps: Mapping[str, str]) -> str:
    """*text* with each key, which stands in it once, replaced by its value."""
    for old, new in swaps.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write files into an empty working directory: ``write(spec=..., base=...)`` makes spec.yaml and base.yaml."""
    monkeypatch.chdir(tmp_path)

    def files(**texts: str | bytes) -> None:
        for name, text in texts.items():
            Path(f"{name}.yaml").write_bytes(text.encode() if isinstance(text, str) else text)

    return files


@pytest.fixture
def loads(write: Callable[..., None]) -> Callable[..., Loaded]:
    """Load a text as spec.yaml; keywords go to `load`."""

    def one(text: str | bytes, *sets: str, **more: object) -> Loaded:
        write(spec=text)
        return load("spec.yaml", sets, **more)  # type: ignore[arg-type]

    return one


@pytest.fixture
def judge(loads: Callable[..., Loaded]) -> Judge:
    """The problems of a text: place, field and words of each, then ``| hint`` where there is one."""

    def one(text: str | bytes, *sets: str, **more: object) -> list[str]:
        try:
            loads(text, *sets, **more)
        except SpecError as error:
            return [short(block) for block in error.problems]
        return []

    return one


def short(block: str) -> str:
    first, *rest = block.split("\n")
    hint = [line.removeprefix("  hint: ") for line in rest if line.startswith("  hint: ")]
    return " | ".join([first.removeprefix("spec.yaml:"), *hint])
