"""How AWS's answers about tasks and targets become a fleet's: what is whose, and what it takes of a host."""

from __future__ import annotations

from typing import Any

import pytest

from controller.rollout import members

NODE = "arn:aws:ecs:r:1:container-instance/c/n"
INTERFACE = {"type": "ElasticNetworkInterface", "details": [{"name": "privateIPv4Address", "value": "10.0.0.9"}]}


def task(**more: Any) -> Any:
    return {"taskArn": "t", "lastStatus": "RUNNING", "group": "service:web", "containers": [{}], **more}


@pytest.mark.parametrize(
    ("containers", "memory"),
    [
        pytest.param([{"memory": "512"}], 512, id="the hard limit"),
        pytest.param([{"memory": "512", "memoryReservation": "128"}], 128, id="the soft limit counts"),
        pytest.param([{"memory": "512"}, {"memory": "64"}], 576, id="sidecars too"),
        pytest.param([{}], 1024, id="the task's own"),
    ],
)
def test_what_a_task_takes_of_its_host(containers: list[Any], memory: int) -> None:
    assert members.parse_task(task(containers=containers, memory="1024")).memory == memory


def test_what_is_known_of_a_service_is_known_of_its_tasks() -> None:
    """That it is a daemon, and the ports it fixes, stand on the service; a task shows neither."""
    one = members.parse_task(task(attachments=[INTERFACE]), {"web": (8080,)}, {"web"})

    assert (one.daemon, one.static_ports, one.addresses) == (True, (8080,), ("10.0.0.9",))
    other = members.parse_task(task(group="service:api"), {"web": (8080,)}, {"web"})
    assert (other.daemon, other.static_ports, other.addresses) == (False, (), ())


@pytest.mark.parametrize(
    ("ident", "homes", "found"),
    [
        pytest.param("i-1", {}, ("i-1", "", "i-1"), id="a host"),
        pytest.param("10.0.0.9", {"10.0.0.9": "i-1"}, ("i-1", "10.0.0.9", "10.0.0.9"), id="a task's on a host"),
        pytest.param("10.0.0.9", {}, ("10.0.0.9", "", "10.0.0.9"), id="a task's on Fargate"),
    ],
)
def test_a_target_belongs_to_the_host_of_its_task(ident: str, homes: dict[str, str], found: tuple[str, ...]) -> None:
    item = {"Target": {"Id": ident, "Port": 8080}, "TargetHealth": {"State": "healthy"}}
    one = members.parse_target("tg", item, homes)

    assert (one.host, one.address, one.id) == found


def test_an_address_given_out_again_is_the_running_tasks() -> None:
    """A stopped task keeps the address it had."""
    parsed = [members.parse_task(task(lastStatus=status, attachments=[INTERFACE])) for status in ("STOPPED", "RUNNING")]
    nodes = {"i-2": {"containerInstanceArn": "old"}, "i-1": {"containerInstanceArn": NODE}}

    assert members._homes(nodes, {"old": [parsed[0]], NODE: [parsed[1]]}) == {"10.0.0.9": "i-1"}
