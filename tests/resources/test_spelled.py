"""Words that only AWS reads: a metric, an action, a service. One that is misspelt is taken, and never works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.base.keys import Key, Ref
from controller.engine.observe import declare
from controller.resources import RECONCILERS
from controller.resources.role import Grant, Role
from controller.resources.scaling_policy import Tracking
from controller.resources.service import SPREAD
from controller.spec.load import load
from controller.spec.network import SERVICES

SPECS = Path(__file__).parents[2] / "specs"
DEMO, PRIVATE = SPECS / "demo.yaml", SPECS / "private.yaml"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/"
MANY = f"{{A: '{PARAMETER}a', B: '{SECRET}b-AbCdEf:other::', C: '{SECRET}a-AbCdEf'}}"
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
LOG = Grant(("logs:CreateLogStream", "logs:PutLogEvents"), (Ref(Key("log_group", "web"), "stream_arn"),))
LOGIN = Grant(("ecr:GetAuthorizationToken",), ("*",))
OWN = Grant(PULL, (Ref(Key("repository", "shop"), "arn"),))


def declared(*overrides: str, spec: Path = DEMO) -> dict[Key, Any]:
    return declare(load(str(spec), overrides).stack, RECONCILERS)


@pytest.mark.parametrize(
    ("metric", "asked"),
    [
        ("cpu_reservation", "AWS/ECS CPUReservation Average ClusterName=demo"),
        ("memory_reservation", "AWS/ECS MemoryReservation Average ClusterName=demo"),
        ("cpu_utilization", "ASGAverageCPUUtilization"),
    ],
)
def test_the_metric_that_a_group_is_scaled_by(metric: str, asked: str) -> None:
    """ECS developer guide, "CloudWatch metrics"; autoscaling PredefinedMetricSpecification."""
    found = declared(f"hosts.main.scaling_policies={{some: {{metric: {metric}, target: 60}}}}")

    assert found[Key("scaling_policy", "main-some")].tracking == Tracking(asked, 60.0, scale_in=True)


@pytest.mark.parametrize(
    ("overrides", "grants"),
    [
        pytest.param([], (OWN, LOGIN, LOG), id="an image of ours, and its log"),
        pytest.param(
            ["services.web.image=nginx:1"], (Grant(PULL, ("*",)), LOGIN, LOG), id="an image of somebody else's"
        ),
        pytest.param(
            [f"services.web.secrets={{A: '{PARAMETER}a', B: '{SECRET}b-AbCdEf', C: '{SECRET}c-AbCdEf:key:stage:'}}"],
            (
                OWN,
                LOGIN,
                LOG,
                Grant(("secretsmanager:GetSecretValue",), (f"{SECRET}b-AbCdEf", f"{SECRET}c-AbCdEf")),
                Grant(("ssm:GetParameters",), (f"{PARAMETER}a",)),
            ),
            id="a parameter, a secret, and one key of a secret",
        ),
        pytest.param(
            [
                f"services.web.secrets={{A: '{SECRET}b-AbCdEf'}}",
                f"services.web.sidecars={{helper: {{image: 'helper:1', memory: 32, secrets: {MANY}}}}}",
            ],
            (
                OWN,
                LOGIN,
                LOG,
                Grant(("secretsmanager:GetSecretValue",), (f"{SECRET}a-AbCdEf", f"{SECRET}b-AbCdEf")),
                Grant(("ssm:GetParameters",), (f"{PARAMETER}a",)),
            ),
            id="those of a sidecar, one of them the service's own",
        ),
        pytest.param(
            ["services.web.sidecars={helper: {image: '9.dkr.ecr.us-east-1.amazonaws.com/helper:1', memory: 32}}"],
            (Grant(PULL, ("*",)), LOGIN, LOG),
            id="a sidecar's image in a registry of others",
        ),
    ],
)
def test_what_an_agent_may_do_for_a_service(overrides: list[str], grants: tuple[Grant, ...]) -> None:
    """Whole statements, and no more of them."""
    role = declared(*overrides)[Key("role", "execution-web")]

    assert (role.trust, role.policies, role.grants) == ("ecs-tasks.amazonaws.com", (), grants)


def test_what_a_shell_of_execute_command_talks_through() -> None:
    """ECS developer guide, "ECS Exec": task role permissions."""
    channels = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")

    plain, able = declared(), declared("services.web.execute_command=true")

    assert Key("role", "task-web") not in plain
    role: Role = able[Key("role", "task-web")]
    assert role.grants == (Grant(tuple(f"ssmmessages:{one}" for one in channels), ("*",)),)
    assert (role.trust, role.policies) == ("ecs-tasks.amazonaws.com", ())
    definition = able[Key("task_definition", "web")]
    assert definition.task_role == Ref(Key("role", "task-web"), "arn")


@pytest.mark.parametrize(
    ("said", "placed"),
    [
        pytest.param(
            "{constraints: ['memberOf:attribute:ecs.os-type == linux']}", SPREAD, id="nothing said of strategies"
        ),
        pytest.param("{strategies: []}", (), id="none wanted"),
        pytest.param("{strategies: [random]}", (("random", ""),), id="one"),
    ],
)
def test_how_tasks_are_placed(said: str, placed: tuple[tuple[str, str], ...]) -> None:
    """An empty list is one: ECS then places tasks as it likes."""
    found = declared(f"services.web.placement={said}")

    assert found[Key("service", "web")].placement == placed


ENDPOINTS = {  # what the spec says, and the services that AWS has for it
    "dynamodb": ["Gateway dynamodb"],
    "ecr": ["Interface ecr.api", "Interface ecr.dkr"],
    "ecs": ["Interface ecs", "Interface ecs-agent", "Interface ecs-telemetry"],
    "kms": ["Interface kms"],
    "logs": ["Interface logs"],
    "monitoring": ["Interface monitoring"],
    "s3": ["Gateway s3"],
    "secretsmanager": ["Interface secretsmanager"],
    "ssm": ["Interface ec2messages", "Interface ssm", "Interface ssmmessages"],
    "sts": ["Interface sts"],
}


@pytest.mark.parametrize("name", sorted({*ENDPOINTS, *SERVICES}))
def test_the_endpoints_behind_a_name(name: str) -> None:
    """Without all of them an agent cannot register, or an image is not pulled."""
    found = declared(f"network.endpoints=[{name}]", spec=PRIVATE)

    asked = sorted(f"{one.type} {one.service}" for key, one in found.items() if key.kind == "vpc_endpoint")
    assert asked == [one.replace(" ", " com.amazonaws.us-east-1.") for one in ENDPOINTS[name]]
    assert (Key("security_group", "endpoints") in found) == (name not in {"dynamodb", "s3"})
