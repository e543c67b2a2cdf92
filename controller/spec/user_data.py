"""What tells a host its cluster: a shell script on Amazon Linux, TOML settings on Bottlerocket (aws.md section 8).

Settings are merged with those of the pool and written in one order, so that equal settings are equal text.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from controller.base.keys import Key
from controller.spec.names import live_name
from controller.spec.types import Pool, Stack

BARE = re.compile(r"[A-Za-z0-9_-]+")
OURS = ("cluster", "awsvpc-block-imds", "container-stop-timeout", "enable-spot-instance-draining")  # of settings.ecs


def user_data(stack: Stack, pool: Pool) -> str:
    """The user data of a pool's hosts, decoded. The pool's own lines, or settings, come after ours."""
    cluster = live_name(stack, Key("cluster", "main"))
    longest = max((s.stop_timeout for s in stack.services if pool.name in s.pools), default=None)
    spot = pool.spot is not None
    if pool.os == "bottlerocket":
        return _settings(cluster, longest, pool.user_data, spot=spot)
    settings = [
        f"ECS_CLUSTER={cluster}",
        "ECS_AWSVPC_BLOCK_IMDS=true",
        *([f"ECS_CONTAINER_STOP_TIMEOUT={int(longest.total_seconds())}s"] if longest else []),
        *(["ECS_ENABLE_SPOT_INSTANCE_DRAINING=true"] if spot else []),
    ]
    own = pool.user_data.strip("\n")
    body = ["#!/bin/bash", "cat <<'EOF' >> /etc/ecs/ecs.config", *settings, "EOF", *([own] if own else [])]
    return "\n".join(body) + "\n"


def own_settings(text: str) -> str | None:
    """What settings in TOML say beside ours, as a spec says it; None where they are none, a shell script for one."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    settings = given.get("settings")
    if not isinstance(settings, dict) or not isinstance(settings.get("ecs", {}), dict):
        return None
    ecs = {key: one for key, one in settings.get("ecs", {}).items() if key not in OURS}
    rest = {**{key: one for key, one in settings.items() if key != "ecs"}, **({"ecs": ecs} if ecs else {})}
    try:
        return "\n".join(_tables({**given, "settings": rest}, ())) if rest else ""
    except TypeError:
        return text


def why_not(text: str) -> str:
    """Why *text* cannot be merged into the settings of a Bottlerocket host; "" when it can."""
    if text.lstrip().startswith("#!"):
        return "a shell script, and bottlerocket takes settings in TOML"
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return f"not TOML: {error}"
    settings = given.get("settings", {})
    ecs = settings.get("ecs", {}) if isinstance(settings, dict) else settings
    if other := sorted(given.keys() - {"settings"}):
        return f"{other[0]} is not a setting: everything stands under settings"
    if not isinstance(ecs, dict):
        return "settings.ecs is not a table"
    if taken := [key for key in OURS if key in ecs]:
        return f"settings.ecs.{taken[0]} is set by theseus"
    try:
        "".join(_tables(given, ()))
    except TypeError as error:
        return str(error)
    return ""


def _settings(cluster: str, longest: timedelta | None, text: str, *, spot: bool) -> str:
    given = tomllib.loads(text) if not why_not(text) else {}
    settings = dict(given.get("settings", {}))
    ours: dict[str, Any] = {"cluster": cluster, "awsvpc-block-imds": True}
    if longest:
        ours["container-stop-timeout"] = f"{int(longest.total_seconds())}s"
    if spot:
        ours["enable-spot-instance-draining"] = True
    settings["ecs"] = {**settings.get("ecs", {}), **ours}
    return "\n".join(_tables({"settings": settings}, ()))


def _tables(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Every table that has values of its own, under its header, keys in order."""
    values = {key: one for key, one in table.items() if not isinstance(one, dict)}
    inner = {key: one for key, one in table.items() if isinstance(one, dict)}
    if path and (values or not inner):
        lines = [f"{_key(key)} = {_value(one)}" for key, one in sorted(values.items())]
        yield "\n".join([f"[{'.'.join(_key(part) for part in path)}]", *lines, ""])
    for key, one in sorted(inner.items()):
        yield from _tables(one, (*path, key))


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    """A value as TOML spells it. Raises TypeError for a time, which no setting of Bottlerocket is."""
    match value:
        case bool() | int() | float():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(_value(one) for one in value)}]"
        case dict():
            return f"{{{', '.join(f'{_key(key)} = {_value(one)}' for key, one in sorted(value.items()))}}}"
        case _:
            raise TypeError(f"{value} is a time, and no setting is one")
