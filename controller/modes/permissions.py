"""iam-policy: what the credentials of a controller need for one spec, and nothing else. No AWS call."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Collection, Iterable
from typing import Any, Literal

from controller.aws.client import READ_PREFIXES
from controller.aws.lease import TABLE
from controller.aws.operations import SPELLED
from controller.aws.operations_by_kind import (
    BY_KIND,
    BYSTANDERS,
    COSTS,
    LEASE,
    PRUNE,
    RECORD,
    ROLL,
    SESSION,
    WATCH,
    Calls,
)
from controller.base.errors import SpecError
from controller.engine.observe import declare
from controller.resources import RECONCILERS
from controller.resources.instance_profile import InstanceProfile
from controller.resources.role import CODEDEPLOY, Role
from controller.resources.vpc_endpoint import VpcEndpoint
from controller.spec.load import load
from controller.spec.types import Stack

Mode = Literal["plan", "apply"]
PREFIXES = {
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
    **SPELLED,
}  # where IAM has another word than the SDK
USUAL = (WATCH, ROLL, RECORD, SESSION, BYSTANDERS)
ASKED_OF_DEPLOYERS = {  # by CreateDeployment, of whoever calls it
    "Sid": "DeployWithCodeDeploy",
    "Effect": "Allow",
    "Action": [
        "codedeploy:GetApplicationRevision",
        "codedeploy:GetDeploymentConfig",
        "codedeploy:RegisterApplicationRevision",
    ],
    "Resource": "*",
}
NAME_ENDPOINTS = {  # asked of whoever makes an interface endpoint with private DNS; Route 53 is in no region
    "Sid": "NameEndpoints",
    "Effect": "Allow",
    "Action": ["route53:AssociateVPCWithHostedZone"],
    "Resource": "*",
}
MANAGED_MAX, INLINE_MAX = 6_144, 10_240  # characters, white space not counted (IAM quotas)
SCALING = ["ecs.application-autoscaling.amazonaws.com"]
LINKED = ("autoscaling.amazonaws.com", "ecs.amazonaws.com", "elasticloadbalancing.amazonaws.com")


def iam_policy(options: argparse.Namespace) -> int:
    """Print the policy of a spec."""
    loaded = load(options.spec, tuple(options.set), os.environ)
    try:
        document = policy(loaded.stack, options.mode, prune=options.prune)
    except (LookupError, TypeError, ValueError) as error:
        if not loaded.unresolved:
            raise
        left = ", ".join(loaded.unresolved)
        raise SpecError(
            (f"{options.spec}: what is needed depends on {left}, which is not looked up here: say it with --set",)
        ) from error
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    size = len(json.dumps(document, separators=(",", ":")))
    if size > MANAGED_MAX:
        sys.stderr.write(
            f"note: {size} characters without spaces; a managed policy holds {MANAGED_MAX}: make it an inline policy "
            f"of the controller's role (all of a role's hold {INLINE_MAX}), aws iam put-role-policy\n"
        )
    return 0


def policy(stack: Stack, mode: Mode, *, prune: bool = False) -> dict[str, Any]:
    """An IAM policy document: ``plan`` (and `status`) only read; ``apply`` is for `apply`, `run` and `destroy`.

    Everything but IAM is bound to the region, roles and profiles to their names, the lease to its table. What an
    earlier spec left may be of any kind: it is looked for, and with *prune* deleted, roles by the stack's prefix.
    """
    desired = declare(stack, RECONCILERS)
    made = {key.kind for key, one in desired.items() if not getattr(one, "existing", "")}
    costs = [COSTS] if stack.cost_allocation_tags else []
    tables = [*(BY_KIND[kind] for kind in made), *USUAL, *costs, *([PRUNE] if prune else [])]
    called = _methods(tables)
    reads = {one for one in called | _methods(BY_KIND.values()) if one[1].startswith(READ_PREFIXES)}
    statements = [_allow("Look", reads)]
    if mode == "apply":
        writes = called - reads
        named = [value for value in desired.values() if isinstance(value, Role | InstanceProfile)]
        account = f"arn:aws:iam::{stack.account or '*'}"
        arns = [f"{account}:{_path(one)}/{one.name}" for one in named]
        ours = [f"{account}:{path}/{stack.name}-*" for path in ("instance-profile", "role")] if prune else []
        foreign = [one.task_role.arn for one in stack.services if one.task_role.arn]
        roles = [*(arn for arn in arns if ":role/" in arn), *foreign]
        here = {"StringEquals": {"aws:RequestedRegion": stack.region}}
        table = f"arn:aws:dynamodb:{stack.region}:{stack.account or '*'}:table/{TABLE}"
        statements += [
            _allow("Change", {one for one in writes if one[0] != "iam"}, condition=here),
            _allow("ChangeRoles", {one for one in writes if one[0] == "iam"}, [*arns, *ours]),
            _allow("HoldTheLease", _methods([LEASE]), [table]),
            *_of_others(sorted({*roles}), here, [*LINKED, *(SCALING if _scales(stack) else [])], _takers(made)),
            *([ASKED_OF_DEPLOYERS] if "codedeploy_deployment" in made else []),
            *_alarms(prune or any(key.kind == "scaling_policy" for key in desired), here),
            *(
                [NAME_ENDPOINTS]
                if any(isinstance(one, VpcEndpoint) and one.private_dns for one in desired.values())
                else []
            ),
        ]
    return {"Version": "2012-10-17", "Statement": statements}


def _scales(stack: Stack) -> bool:
    return any(service.scaling is not None for service in stack.services)


def _takers(made: Collection[str]) -> list[str]:
    """The services of AWS that a role is handed to."""
    return ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com", *([CODEDEPLOY] if "codedeploy_application" in made else [])]


def _of_others(roles: list[str], here: dict[str, Any], linked: list[str], services: list[str]) -> list[dict[str, Any]]:
    """What AWS asks of whoever has its services act: none of these is ever called."""
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
            "Condition": {"StringEquals": {"iam:AWSServiceName": sorted(linked)}},
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
