"""iam-policy: what the credentials of a controller need for one spec, and nothing else. No AWS call."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, Literal

from controller.aws.client import READ_PREFIXES
from controller.aws.lease import TABLE
from controller.aws.operations_by_kind import BY_KIND, LEASE, RECORD, ROLL, SESSION, WATCH, Calls
from controller.engine.observe import declare
from controller.resources import RECONCILERS
from controller.resources.instance_profile import InstanceProfile
from controller.resources.role import Role
from controller.spec.load import load
from controller.spec.types import Stack

Mode = Literal["plan", "apply"]
PREFIXES = {
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
}  # where IAM has another word than the SDK
LINKED = ("autoscaling.amazonaws.com", "ecs.amazonaws.com", "elasticloadbalancing.amazonaws.com")


def iam_policy(options: argparse.Namespace) -> int:
    """Print the policy of a spec."""
    stack = load(options.spec, tuple(options.set), os.environ).stack
    sys.stdout.write(json.dumps(policy(stack, options.mode), indent=2) + "\n")
    return 0


def policy(stack: Stack, mode: Mode) -> dict[str, Any]:
    """An IAM policy document: ``plan`` (and `status`) only read; ``apply`` is for `apply`, `run` and `destroy`.

    Everything but IAM is bound to the region, roles and profiles to their names, the lease to its table.
    """
    desired = declare(stack, RECONCILERS)
    needed = [BY_KIND[kind] for kind in sorted({key.kind for key in desired})]
    called = _methods([*needed, WATCH, ROLL, RECORD, SESSION])
    reads = {one for one in called if one[1].startswith(READ_PREFIXES)}
    statements = [_allow("Look", reads)]
    if mode == "apply":
        writes = called - reads
        named = [value for value in desired.values() if isinstance(value, Role | InstanceProfile)]
        arns = [f"arn:aws:iam::{stack.account or '*'}:{_path(one)}/{one.name}" for one in named]
        roles = [arn for arn in arns if ":role/" in arn]
        here = {"StringEquals": {"aws:RequestedRegion": stack.region}}
        table = f"arn:aws:dynamodb:{stack.region}:{stack.account or '*'}:table/{TABLE}"
        statements += [
            _allow("Change", {one for one in writes if one[0] != "iam"}, condition=here),
            _allow("ChangeRoles", {one for one in writes if one[0] == "iam"}, arns),
            _allow("HoldTheLease", _methods([LEASE]), [table]),
            *_of_others(roles, here),
            *_alarms(any(key.kind == "scaling_policy" for key in desired), here),
        ]
    return {"Version": "2012-10-17", "Statement": statements}


def _of_others(roles: list[str], here: dict[str, Any]) -> list[dict[str, Any]]:
    """What AWS asks of whoever has its services act: none of these is ever called."""
    services = ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]
    return [
        {
            "Sid": "HandRolesToHostsAndTasks",
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": sorted(roles),
            "Condition": {"StringEquals": {"iam:PassedToService": services}},
        },
        {
            "Sid": "LaunchByGroup",  # a group launches from a template with the rights of whoever made it
            "Effect": "Allow",
            "Action": ["ec2:RunInstances"],
            "Resource": "*",
            "Condition": here,
        },
        {
            "Sid": "FirstUseOfAService",
            "Effect": "Allow",
            "Action": ["iam:CreateServiceLinkedRole"],
            "Resource": "arn:aws:iam::*:role/aws-service-role/*",
            "Condition": {"StringEquals": {"iam:AWSServiceName": list(LINKED)}},
        },
    ]


def _alarms(scales: bool, here: dict[str, Any]) -> list[dict[str, Any]]:
    """A scaling policy brings alarms, made with the rights of whoever puts it."""
    calls = {("cloudwatch", "put_metric_alarm"), ("cloudwatch", "delete_alarms")}
    return [_allow("AlarmsOfScalingPolicies", calls, condition=here)] if scales else []


def _allow(
    name: str, called: Iterable[tuple[str, str]], resources: list[str] | None = None, condition: Any = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": name,
        "Effect": "Allow",
        "Action": sorted(action(service, method) for service, method in called),
        "Resource": sorted(resources) if resources is not None else "*",
    }
    return statement | ({"Condition": condition} if condition else {})


def action(service: str, method: str) -> str:
    """As IAM spells it.

    >>> action("elbv2", "create_rule")
    'elasticloadbalancing:CreateRule'
    """
    return f"{PREFIXES.get(service, service)}:{''.join(part.title() for part in method.split('_'))}"


def _methods(tables: Iterable[Calls]) -> set[tuple[str, str]]:
    return {(service, method) for table in tables for service, methods in table.items() for method in methods.split()}


def _path(one: Role | InstanceProfile) -> str:
    return "role" if isinstance(one, Role) else "instance-profile"
