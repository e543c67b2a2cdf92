"""Calls of ECS, straight to the world: its requests and answers are JSON in the names of AWS's own model.

moto would look for every field of every answer under a dozen names: a fifth of what a rollout costs the sandbox. What
is said is the same (`tests/sandbox/test_same_answers.py`).
"""

from __future__ import annotations

import calendar
import json
import os
from datetime import datetime
from typing import Any

from moto.core.utils import get_service_model
from moto.iam.models import get_account_id_from

from controller.sandbox import bridge
from controller.sandbox.api import ACTIONS

TARGET = "AmazonEC2ContainerServiceV20141113."
JSON = "application/x-amz-json-1.1"


def answer(env: dict[str, Any], access_key: str, region: str) -> bytes | None:
    """The body of what the world says; None for what is not asked of it in JSON. Raises ApiError as AWS would."""
    action = str(env.get("HTTP_X_AMZ_TARGET", "")).removeprefix(TARGET)
    elsewhere = "HTTP_X_MOTO_ACCOUNT_ID" in env or "MOTO_ACCOUNT_ID" in os.environ
    if action not in ACTIONS["ecs"] or env.get("CONTENT_TYPE") != JSON or elsewhere:
        return None
    try:
        params = _given(json.loads(env["wsgi.input"].getvalue() or b"{}"))
    except ValueError:
        return None
    if not isinstance(params, dict):
        return None
    said = bridge.current().call(get_account_id_from(access_key), region, "ecs", action, params)
    shape = get_service_model("ecs").operation_model(action).output_shape
    return json.dumps(_shaped(said, shape)).encode()


def _given(value: Any) -> Any:
    """*value* without members that are null: that is how JSON leaves something out."""
    if isinstance(value, dict):
        return {name: _given(one) for name, one in value.items() if one is not None}
    return [_given(one) for one in value] if isinstance(value, list) else value


def _shaped(value: Any, shape: Any) -> Any:
    """*value* with the members that *shape* has and that are there, times as AWS's JSON has them."""
    match shape.type_name:
        case "structure":
            members = shape.members.items()
            return {name: _shaped(value[name], one) for name, one in members if value.get(name) is not None}
        case "list":
            return [_shaped(one, shape.member) for one in value]
        case "map":
            return {name: _shaped(one, shape.value) for name, one in value.items()}
        case "timestamp":
            return _moment(value)
        case "integer" | "long":
            return int(value)
        case "double" | "float":
            return float(value)
        case "string":
            return str(value)
    return value


def _moment(value: datetime) -> float:
    """Seconds since 1970, to the millisecond."""
    seconds = calendar.timegm(value.timetuple())
    return seconds + (value.microsecond // 1000) / 1000 if value.microsecond else seconds
