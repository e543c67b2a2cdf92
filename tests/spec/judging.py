"""A spec that is right in every line, and how problems with it are said shortly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


def short(block: str) -> str:
    """A problem as place, field and words, then ``| hint`` where there is one; the quoted line left out."""
    first, *rest = block.split("\n")
    hint = [line.removeprefix("  hint: ") for line in rest if line.startswith("  hint: ")]
    return " | ".join([first.removeprefix("spec.yaml:"), *hint])
