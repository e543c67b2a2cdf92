"""What the examples come to: every default of the shortest spec, and every field of the longest."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.spec.check import spell
from controller.spec.load import Loaded, digest, load

ROOT = Path(__file__).parent.parent.parent
GOLDEN = Path(__file__).parent / "minimal.golden.txt"

DESIGN = """\
# yaml-language-server: $schema=./stack.schema.json
version: 1
stack: shop-dev
region: us-east-1
account: "123456789012"
tags: {team: shop}
network:
  cidr: 10.20.0.0/16
  public_subnets: [10.20.1.0/24, 10.20.2.0/24]
registry: {shop: {scan_on_push: true, keep_images: 30, on_destroy: retain}}
load_balancer:
  allow: [0.0.0.0/0]
  listeners: {http: {port: 80}}
cluster: {container_insights: true}
hosts:
  main:
    instance_type: t3.small
    image: {ssm: /aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id, update: manual}
    size: {min: 2, desired: 3, max: 6}
    # scaling: {target_capacity: 80}
    rollout: {strategy: rolling, max_surge: 1, max_unavailable: 0, ready_timeout: 10m, drain_timeout: 15m, bake: 30s}
services:
  web:
    pool: main
    image: {repository: shop, tag: "${env:TAG}"}
    environment: {APP_MSG: hello}
    secrets: {DB_URL: arn:aws:ssm:...}
    cpu: 256
    memory: 512
    port: 8080
    desired: 4
    route: {listener: http, path: "/*", priority: 100}
    health: {path: /health, interval: 10s, timeout: 5s, healthy: 2, unhealthy: 3, grace: 30s}
    deregistration_delay: 30s
    stop_timeout: 30s
    log_retention: 7d
    # scaling: {min: 4, max: 12, target_cpu: 60}
    deployment: {strategy: rolling, min_percent: 100, max_percent: 200, circuit_breaker: true}
gates:
  probe: {path: /health, max_error_ratio: 0.0}
  alarms: [shop-5xx]
  no_data: {wait: 2m, then: halt}
names: {}
"""


def lines(value: Any, path: str = "") -> list[str]:
    """A stack as one line per value."""
    if dataclasses.is_dataclass(value):
        return [line for f in dataclasses.fields(value) for line in lines(getattr(value, f.name), f"{path}.{f.name}")]
    if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        return [line for place, one in enumerate(value) for line in lines(one, f"{path}[{place}]")]
    text = spell(value) if isinstance(value, timedelta) else repr(value)
    return [f"{path[1:]} = {text}"]


def test_golden_defaults_of_the_shortest_spec() -> None:
    """Whoever writes eleven lines gets these values; a default that changes rolls somebody's fleet."""
    stack = dataclasses.replace(load(str(ROOT / "specs" / "minimal.yaml")).stack, source="", digest="")
    text = "\n".join(lines(stack)) + "\n"
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(text)

    assert text == GOLDEN.read_text()


def test_the_example_of_the_design_loads_whole(loads: Callable[..., Loaded]) -> None:
    stack = loads(DESIGN, env={"TAG": "v3"}).stack
    web = stack.services[0]

    assert (stack.account, stack.tags, stack.names) == ("123456789012", (("team", "shop"),), ())
    assert (stack.repositories[0].keep_images, stack.repositories[0].on_destroy) == (30, "retain")
    assert (stack.pools[0].image.update, stack.pools[0].rollout.strategy) == ("manual", "rolling")
    assert (web.image.tag, web.secrets, web.route and web.route.path) == (
        "v3",
        (("DB_URL", "arn:aws:ssm:..."),),
        ("/*",),
    )
    assert (stack.gates.probe and stack.gates.probe.max_error_ratio, stack.gates.alarms) == (0.0, ("shop-5xx",))
    assert stack.gates.no_data.wait == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param("    # scaling: {min: 4, max: 12, target_cpu: 60}",
                     "37:5: services.web.scaling: is not supported yet", id="services"),
    ],
)  # fmt: skip
def test_what_the_design_promises_for_later_is_refused_by_name(
    line: str, problem: str, judge: Callable[..., list[str]]
) -> None:
    """Never "unknown": the author reads that the field is right and the release is too old."""
    assert judge(DESIGN.replace(line, line.replace("# ", "")), env={"TAG": "v3"}) == [problem]


def test_the_digest_is_of_what_a_spec_says(loads: Callable[..., Loaded]) -> None:
    """Comments, order and the files it came from do not matter; every value does."""
    first = loads(DESIGN, env={"TAG": "v3"}).stack.digest
    reordered = re.sub(r"    cpu: 256\n    memory: 512\n", "    memory: 512  # MiB\n    cpu: 256\n", DESIGN)

    assert loads(reordered, env={"TAG": "v3"}).stack.digest == first
    assert loads(DESIGN, "services.web.image.tag=v3").stack.digest == first
    assert loads(DESIGN, env={"TAG": "v4"}).stack.digest != first
    assert len(first) == 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"a": "1"}, {"a": 1}, id="text and number"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, id="order of a list"),
        pytest.param({"a": None}, {}, id="nothing and not there"),
    ],
)
def test_the_digest_tells_apart(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)
