"""What others attach to a service of ours goes over to its successor, or nothing moves until somebody takes it off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.aws.attached import attached_in, held, request
from controller.engine.scope import Scope
from tests.resources.stacks import SPECS, World, built, converge, stack_of

MINIMAL = SPECS / "minimal.yaml"
ARN = "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-abc"
BY_PORT = {"registryArn": ARN, "containerName": "app", "containerPort": 80}
CLIENT = {"enabled": True, "namespace": "shop"}
EVERYTHING = Scope(replace=frozenset(["service/web", "target_group/web-blue", "target_group/web-green"]))
ALONE: tuple[tuple[str, int], ...] = (("app", 80), ("proxy", 81))


def live(world: World) -> dict[str, tuple[Any, Any]]:
    """Of each service its registries, and what it knows of Service Connect."""
    ecs: Any = world.aws.ecs
    arns = ecs.list_services(cluster="tiny")["serviceArns"]
    return {
        one["serviceName"]: (one["serviceRegistries"], one["deployments"][0].get("serviceConnectConfiguration"))
        for one in ecs.describe_services(cluster="tiny", services=arns)["services"]
    }


def attach(world: World, **what: Any) -> None:
    ecs: Any = world.aws.ecs
    ecs.update_service(cluster="tiny", service="tiny-web", **what)
    assert converge(world).plan.pending == ()


def test_a_successor_is_found_where_others_registered_the_service() -> None:
    world = built(MINIMAL)
    attach(world, serviceRegistries=[BY_PORT], serviceConnectConfiguration=CLIENT)
    world.stack = stack_of(MINIMAL, "services.web.network_mode=awsvpc")
    assert world.tick(scope=EVERYTHING).plan.problems == ()

    last = converge(world, scope=EVERYTHING)

    assert last.plan.pending == ()
    ((name, told),) = live(world).items()
    assert (name != "tiny-web", told) == (True, ([BY_PORT], CLIENT))


def test_a_successor_that_could_not_be_found_there_is_refused_until_it_is_taken_off() -> None:
    """Tasks that share the addresses of hosts are registered by a container and its port only."""
    world = built(MINIMAL, "services.web.network_mode=awsvpc")
    attach(world, serviceRegistries=[{"registryArn": ARN}])
    world.stack = stack_of(MINIMAL)

    off = "take that off (aws ecs update-service --service-registries '[]'), or leave own_address as it is"
    why = "service/web: service discovery (srv-abc) has addresses of its tasks, which its successor cannot have"
    assert world.tick(scope=EVERYTHING).plan.problems == (f"{why}: {off}",)

    ecs: Any = world.aws.ecs
    ecs.update_service(cluster="tiny", service="tiny-web", serviceRegistries=[])
    assert converge(world, scope=EVERYTHING).plan.pending == ()
    ((name, told),) = live(world).items()
    assert (name != "tiny-web", told) == (True, ([], None))


@pytest.mark.parametrize(
    ("what", "addressed", "words"),
    [
        pytest.param({}, False, [], id="nothing"),
        pytest.param({"serviceRegistries": [BY_PORT]}, False, [], id="a port, without addresses"),
        pytest.param({"serviceRegistries": [BY_PORT]}, True, [], id="a port, with addresses"),
        pytest.param({"serviceRegistries": [{**BY_PORT, "containerName": "proxy", "containerPort": 81}]}, False, [],
                     id="a sidecar's port"),
        pytest.param({"serviceRegistries": [{**BY_PORT, "containerPort": 81}]}, True,
                     ["service discovery (srv-abc) has port 81 of its app"], id="a port of before"),
        pytest.param({"serviceRegistries": [{"registryArn": ARN}]}, True, [], id="addresses"),
        pytest.param({"serviceRegistries": [{"registryArn": ARN, "port": 80}]}, True, [], id="addresses, with a port"),
        pytest.param({"serviceRegistries": [{"registryArn": ARN, "port": 80}]}, False,
                     ["service discovery (srv-abc) has addresses of its tasks"], id="addresses, without any"),
        pytest.param({"serviceConnectConfiguration": CLIENT}, True, [], id="a client of Service Connect"),
        pytest.param({"serviceConnectConfiguration": {**CLIENT, "services": [{"portName": "web"}]}}, True,
                     ["Service Connect knows it as web"], id="a name in Service Connect"),
        pytest.param({"vpcLatticeConfigurations": [{"portName": "web"}], "volumeConfigurations": [{"name": "data"}]},
                     True, ["VPC Lattice asks it at a port with a name", "its tasks get a volume data"],
                     id="all that cannot be is said at once"),
    ],
)  # fmt: skip
def test_what_a_successor_cannot_have(what: dict[str, Any], addressed: bool, words: list[str]) -> None:
    """ecs ServiceRegistry, ServiceConnectService, VpcLatticeConfiguration, ServiceVolumeConfiguration."""
    attached = tuple((name, json.dumps(value)) for name, value in what.items())

    said = held(attached, ALONE, addressed=addressed)

    assert [one.partition(", which its successor cannot have")[0] for one in said.split("; ") if one] == words


def test_what_is_attached_is_read_where_ecs_shows_it() -> None:
    """Registries of the service, all else of its newest deployment; what is switched off is nothing."""
    newest = {"status": "PRIMARY", "serviceConnectConfiguration": CLIENT, "volumeConfigurations": []}
    older = {"status": "ACTIVE", "vpcLatticeConfigurations": [{"portName": "web"}]}

    found = request(attached_in({"serviceRegistries": [BY_PORT], "deployments": [older, newest]}))

    assert found == {"serviceRegistries": [BY_PORT], "serviceConnectConfiguration": CLIENT}
    off = {"status": "PRIMARY", "serviceConnectConfiguration": {"enabled": False}}
    assert attached_in({"serviceRegistries": [], "deployments": [off]}) == ()
