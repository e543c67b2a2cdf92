"""What somebody registered, or took the tag off, is followed by a revision of ours; no setting goes without a word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.aws.containers import others_in
from controller.base.keys import OWNER_TAG
from controller.resources.launch_template import parse_template
from tests.resources.stacks import SPECS, World, built, converge

LOG = {"awslogs-group": "/ecs/x", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"}
OWN = {"name": "app", "image": "nginx:1", "essential": True}
FILLED = {
    "cpu": 0,
    "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}],
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "systemControls": [],
    "interactive": False,
    "logConfiguration": {
        "logDriver": "awslogs",
        "options": {**LOG, "awslogs-create-group": "true"},
        "secretOptions": [],
    },
}
FILE = "arn:aws:s3:::bucket/x.env"


@pytest.fixture(scope="module")
def world() -> World:
    return built(SPECS / "minimal.yaml")


def running(world: World) -> Any:
    """The service, and the definition that it runs."""
    ecs: Any = world.aws.ecs
    cluster = world.stack.name
    (service,) = ecs.describe_services(cluster=cluster, services=[f"{cluster}-web"])["services"]
    return service, ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])


def deploy_by_hand(world: World, tags: Any, **more: Any) -> None:
    """Register what runs once more, with *more* in its container, and have the service run it."""
    service, answer = running(world)
    live, (container,) = answer["taskDefinition"], answer["taskDefinition"]["containerDefinitions"]
    kept: Any = {name: live[name] for name in ("family", "networkMode", "requiresCompatibilities", "executionRoleArn")}
    made = world.aws.ecs.register_task_definition(**kept, containerDefinitions=[{**container, **more}], tags=tags)
    world.aws.ecs.update_service(
        cluster=world.stack.name,
        service=service["serviceName"],
        taskDefinition=made["taskDefinition"]["taskDefinitionArn"],
    )
    world.sim.sleep(timedelta(minutes=3))


def planned(world: World) -> dict[str, Any]:
    """What differs of the task definition, by field, as it is."""
    seen = world.tick()
    assert seen.plan.problems == ()
    (step,) = [one for one in seen.plan.pending if one.key.kind == "task_definition"]
    assert (step.action, step.risk) == ("update", "new_deployment")
    return {change.field: change.before for change in step.changes}


def corrected(world: World) -> None:
    assert converge(world).plan.pending == ()
    _, answer = running(world)
    (container,) = answer["taskDefinition"]["containerDefinitions"]
    assert "user" not in container
    assert {"key": OWNER_TAG, "value": world.stack.name} in answer["tags"]


def test_a_setting_that_no_spec_can_say_is_planned_and_goes(world: World) -> None:
    _, answer = running(world)
    deploy_by_hand(world, answer["tags"], user="root", entryPoint=["sh"])

    assert planned(world) == {"others": ("entryPoint=['sh']", "user=root")}
    corrected(world)


def test_a_variable_that_no_spec_can_name_is_planned_as_such_and_goes(world: World) -> None:
    """``proxy/A`` of our container is no variable A of a sidecar called proxy."""
    _, answer = running(world)
    deploy_by_hand(world, answer["tags"], environment=[{"name": "proxy/A", "value": "mine"}])

    assert planned(world)["others"] == ("environment proxy/A",)
    corrected(world)


def test_a_revision_of_others_that_our_service_runs_is_followed_by_ours(world: World) -> None:
    """It carries no tag of ours: that is no reason to plan nothing at all."""
    deploy_by_hand(world, [], user="root")

    assert planned(world)["others"] == ("user=root", "no revision of ours")
    corrected(world)


def test_a_revision_that_lost_its_tag_is_followed_by_another(world: World) -> None:
    service, _ = running(world)
    world.aws.ecs.untag_resource(resourceArn=service["taskDefinition"], tagKeys=[OWNER_TAG])

    assert planned(world)["others"] == ("no revision of ours",)
    corrected(world)


def test_what_ecs_fills_in_is_no_setting_of_others() -> None:
    task = {"placementConstraints": [], "runtimePlatform": {"operatingSystemFamily": "LINUX"}}

    assert others_in(task, {**OWN, **FILLED}, [{**OWN, **FILLED, "name": "proxy"}]) == ()


@pytest.mark.parametrize(
    ("task", "own", "beside", "words"),
    [
        pytest.param({"pidMode": "host"}, {}, {}, ("pidMode=host",), id="of the task"),
        pytest.param({}, {"essential": False}, {}, ("essential=False",), id="a container the task can do without"),
        pytest.param({}, {"dockerLabels": {"token": "s3cret"}}, {}, ("dockerLabels",), id="what may be a secret"),
        pytest.param({}, {"environmentFiles": [{"value": FILE, "type": "s3"}]}, {}, (f"environmentFiles={FILE}",),
                     id="a file of variables"),
        pytest.param({}, {"logConfiguration": {"logDriver": "awsfirelens", "options": {"apikey": "s3cret"}}}, {},
                     ("logDriver=awsfirelens",), id="another log driver"),
        pytest.param({}, {"logConfiguration": {"logDriver": "awslogs", "options": {**LOG, "mode": "blocking"}}}, {},
                     ("mode",), id="an option of the log"),
        pytest.param({}, {"portMappings": [{"containerPort": 80, "appProtocol": "grpc"}]}, {}, ("appProtocol=grpc",),
                     id="what a port speaks"),
        pytest.param({}, {"environment": [{"name": "proxy/A", "value": "s3cret"}, {"name": "A", "value": ""}]},
                     {"secrets": [{"name": "A/B", "valueFrom": "arn"}]}, ("environment proxy/A", "proxy/secrets A/B"),
                     id="variables that no spec can name"),
        pytest.param({}, {}, {"user": "1", "stopTimeout": 9}, ("proxy/stopTimeout=9", "proxy/user=1"),
                     id="a sidecar's"),
        pytest.param({}, {}, {"logConfiguration": {"options": {**LOG, "awslogs-group": "/other"}}},
                     ("proxy/awslogs-group",), id="another log of a sidecar"),
    ],
)  # fmt: skip
def test_settings_of_others_in_words(task: Any, own: Any, beside: Any, words: tuple[str, ...]) -> None:
    assert others_in(task, {**OWN, **FILLED, **own}, [{**OWN, **FILLED, "name": "proxy", **beside}]) == words


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param({"EbsOptimized": False, "HibernationOptions": {"Configured": False}}, (), id="EC2's own defaults"),
        pytest.param({"InstanceMarketOptions": {"MarketType": "spot"}}, ("InstanceMarketOptions",), id="spot"),
        pytest.param({"EnclaveOptions": {"Enabled": True}}, ("EnclaveOptions",), id="a switch"),
        pytest.param({"MetadataOptions": {"HttpEndpoint": "disabled"}}, ("HttpEndpoint",), id="no metadata"),
        pytest.param({"TagSpecifications": [{"ResourceType": "volume"}]}, ("tags of volume",), id="tags"),
        pytest.param({"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": "s"}, {"DeviceIndex": 1}]},
                     ("NetworkInterfaces[1]", "SubnetId"), id="interfaces"),
        pytest.param({"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}]},
                     ("/dev/xvda kept on termination",), id="a volume that outlives its host"),
    ],
)  # fmt: skip
def test_settings_of_others_in_a_launch_template(data: Any, words: tuple[str, ...]) -> None:
    version = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "n", "VersionNumber": 1, "LaunchTemplateData": data}

    assert parse_template(version, {}).as_desired.others == words
