"""The part of a drafted spec that says where a service runs, and on which subnets. Pure."""

from __future__ import annotations

from typing import Any

from controller.aws.survey import Item, Survey
from controller.aws.task_sets import of_codedeploy
from controller.modes.draft_model import Draft
from controller.resources.service_shape import Service
from controller.resources.task_definition import TaskDefinition


def place_of(
    found: Survey, item: Item, live: Service, task: TaskDefinition, name: str, pools: dict[str, str], into: Draft
) -> dict[str, Any]:
    """Where it runs: a pool, Fargate, or a strategy. The network of the draft is written already."""
    strategy = item.get("capacityProviderStrategy", [])
    if live.own_address:
        _own_groups(item, name, into)
    if any(str(one.provider).startswith("FARGATE") for one in live.capacity):
        return _serverless(found, live, task, name, into)
    if live.own_address:
        private = sides(found, into)["private"]
        _tell_subnets(live, "private" if private else "public", found, name, into)
    if task.architecture:
        into.notes.append(
            f"service {name}: apply takes cpuArchitecture={task.architecture} off its tasks: hosts say it"
        )
    if len(strategy) > 1:
        return {
            "capacity": [_share(s, pools[s["capacityProvider"]]) for s in strategy if s["capacityProvider"] in pools]
        }
    if strategy and strategy[0]["capacityProvider"] in pools:
        return {"pool": pools[strategy[0]["capacityProvider"]]}
    if not of_codedeploy(item):
        into.notes.append(f"service {name} has the launch type EC2: apply moves it to the pool's capacity provider")
    return {"pool": next(iter(pools.values()), "main")}


def sides(found: Survey, into: Draft) -> dict[str, list[str]]:
    """The ids of the subnets that the draft calls public and private. A network of the stack's own has public ones."""
    network = into.document["network"]
    private = list(network.get("private_subnets", ())) if "vpc" in network else []
    return {"public": [one["SubnetId"] for one in found.subnets if one["SubnetId"] not in private], "private": private}


def _serverless(found: Survey, live: Service, task: TaskDefinition, name: str, into: Draft) -> dict[str, Any]:
    """Left out, they would be public subnets and addresses, x86_64 and the latest platform."""
    there = sides(found, into)
    mixed = bool(there["private"]) and not live.public_ip
    private = set(live.subnets) <= {*there["private"]} or (mixed and not set(live.subnets) <= {*there["public"]})
    side = "private" if private and live.subnets else "public"
    _tell_subnets(live, side, found, name, into)
    said: dict[str, Any] = {}
    if side == "private":
        said["subnets"] = side
    if live.public_ip != (side == "public"):
        said["public_ip"] = live.public_ip
    if live.platform != "LATEST":
        said["platform"] = live.platform
    if task.architecture != "X86_64":
        said["architecture"] = task.architecture.lower()
    shares = [(str(one.provider), one.base, one.weight) for one in live.capacity]
    if len(shares) > 1 and not said:
        return {"capacity": [{"provider": who, "base": base, "weight": weight} for who, base, weight in shares]}
    if len(shares) > 1:
        words = ", ".join(f"{who} base {base} weight {weight}" for who, base, weight in shares)
        into.notes.append(
            f"service {name}: apply takes its strategy ({words}) off, beside which no spec can say "
            f"{', '.join(said)}: it runs on FARGATE alone"
        )
    spot = [who for who, _, _ in shares] == ["FARGATE_SPOT"]
    return {"fargate": {**({"spot": True} if spot else {}), **said}}


def _tell_subnets(live: Service, side: str, found: Survey, name: str, into: Draft) -> None:
    wanted = sides(found, into)[side]
    if set(live.subnets) != {*wanted}:
        were = ", ".join(str(one) for one in live.subnets)
        into.notes.append(
            f"service {name}: apply starts its tasks in the {side} subnets {', '.join(wanted)}, not in {were}"
        )


def _share(one: Item, provider: str) -> dict[str, Any]:
    return {"provider": provider, "base": one.get("base", 0), "weight": one.get("weight", 0)}


def _own_groups(item: Item, name: str, into: Draft) -> None:
    """Security groups of tasks with addresses of their own: the first is the service's, which databases may admit."""
    first, *others = item["networkConfiguration"]["awsvpcConfiguration"].get("securityGroups", []) or [""]
    if first:
        into.names[f"security_group/tasks-{name}"] = first
    if others:
        into.notes.append(f"service {name}: apply takes the security groups {', '.join(others)} off its tasks")
