"""The eyes of a rollout: AWS's answers, through `Reads`, as a `Fleet` and as what deployments amount to.

A no-op pass reads only what every pass needs. Refreshes, activities, alarms and the probe are asked for only while
something is to be rolled.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.request
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from controller.aws.reads import Reads
from controller.aws.task_sets import deployments, history, of_codedeploy, target
from controller.base.crumbs import BaselineCrumb, HaltCrumb, RollCrumb
from controller.base.keys import (
    BASELINE_TAG,
    HALTED_TAG,
    OWNER_TAG,
    PAUSED_TAG,
    ROLL_TAG,
    SUSPENDED_TAG,
    Key,
    key_of,
)
from controller.rollout.members import judged, parse_generation, parse_hosts, tags_of, with_interfaces
from controller.rollout.model import Fleet, Probe, Service, policy_of
from controller.rollout.verdict import Deployment, PastDeployment, ServiceState
from controller.spec.names import live_name
from controller.spec.types import Listener, Pool, Stack
from controller.spec.types import Service as Spec

Item = dict[str, Any]
REFRESHING = {"Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress"}
CAPACITY_TROUBLE = ("InsufficientInstanceCapacity", "sufficient", "Spot capacity", "InsufficientFreeAddresses")
PROBES = 5
EARLY_BARE = (Reads.target_health, Reads.tagged)  # the same where there are no hosts
EARLY = (  # what `observe` joins, and what tells which of it is ours
    Reads.instances,
    Reads.container_instances,
    Reads.tasks,
    Reads.target_health,
    Reads.tagged,
)


def observe(reads: Reads, stack: Stack, pool: Pool, now: datetime) -> Fleet | None:
    """The pool as it is now; None while it has no group of ours."""
    name = live_name(stack, Key("auto_scaling_group", pool.name))
    group = next((item for item in reads.groups() if item["AutoScalingGroupName"] == name), None)
    if group is None or tags_of(group).get(OWNER_TAG) != stack.name or group.get("Status"):
        return None
    tags = tags_of(group)
    roll = RollCrumb.parse(tags.get(ROLL_TAG))
    static = {
        item["serviceName"]: one.static_ports for item in reads.services() if (one := spec_of(item, stack)) is not None
    }
    hosts = parse_hosts(group, reads, static)
    if any(one.own_address and pool.name in one.pools for one in stack.services):
        hosts = with_interfaces(hosts, reads)
    hosts = judged(hosts, roll, policy_of(stack, pool.name), now)
    elastic = _elastic(pool, group, roll, reads)
    fleet = Fleet(
        pool=pool.name,
        group=name,
        generation=parse_generation(group),
        size=size_of(pool, int(group["DesiredCapacity"]), roll, elastic=elastic),
        elastic=elastic,
        min=int(group["MinSize"]),
        max=int(group["MaxSize"]),
        desired=int(group["DesiredCapacity"]),
        hosts=hosts,
        services=live_services(reads, stack),
        roll=roll,
        halted=HaltCrumb.parse(tags.get(HALTED_TAG)),
        paused=tags.get(PAUSED_TAG, ""),
        suspended=tuple(sorted(item["ProcessName"] for item in group.get("SuspendedProcesses", []))),
        suspended_by_us=tuple(part for part in tags.get(SUSPENDED_TAG, "").split(",") if part),
        spec_max=pool.most,
        leftovers=_leftovers(
            group, reads, _providers(group, reads, live_name(stack, Key("capacity_provider", pool.name)))
        ),
        attached=_attached(group, reads),
        protects_new=bool(group.get("NewInstancesProtectedFromScaleIn")),
        zones=tuple(sorted(group.get("AvailabilityZones", []))),
    )
    busy = fleet.old or fleet.roll or len(fleet.live) != fleet.size or fleet.desired != fleet.size
    return _with_gates(fleet, reads, stack) if busy else fleet


def live_services(reads: Reads, stack: Stack) -> tuple[Service, ...]:
    """The services of the stack that are there."""
    return tuple(parse_service(item, reads, stack) for item in reads.services() if item["status"] == "ACTIVE")


def services(
    reads: Reads, stack: Stack, wanted: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, ServiceState]:
    """The deployments of our services by logical name; history only where the wanted definition does not run.

    wanted   logical name -> task definition arn that should run, where it is known
    names    logical name -> live name
    """
    logical = {names[service.name]: service for service in stack.services}
    found = {}
    for item in reads.services():
        service = logical.get(item["serviceName"])
        if service is None or item["status"] != "ACTIVE":
            continue
        shown, past = _deployed(reads, item, wanted.get(service.name))
        state = parse_state(service.name, {**item, "deployments": shown}, past, *service.reserved)
        found[service.name] = replace(state, pools=service.pools, healthy=_answering(item, reads))
    return found


def _answering(item: Item, reads: Reads) -> int | None:
    """How many of a service's targets are healthy, in the group with the fewest; None without a group of ours. Targets
    that no rule leads to, or in a zone that the load balancer has not, will never be: they count as if they were."""
    health = reads.target_health()
    arns = [arn for one in item.get("loadBalancers", []) if (arn := one.get("targetGroupArn")) in health]
    states = [[one["TargetHealth"]["State"] for one in health[arn]] for arn in arns]
    return min((sum(one in {"healthy", "unused"} for one in several) for several in states), default=None)


def _deployed(reads: Reads, item: Item, wanted: str | None) -> tuple[list[Item], list[Item]]:
    """The deployments of a service, and those that ended, newest first; these only where *wanted* does not run."""
    name = item["serviceName"]
    if of_codedeploy(item):
        under_way = reads.deploy_under_way(name)
        runs = target(item, under_way)
        past = history(reads.deploy_history(name)) if wanted and runs != wanted else []
        return deployments(item, under_way), past
    return item.get("deployments", []), (
        reads.service_history(name) if wanted and item["taskDefinition"] != wanted else []
    )


def _elastic(pool: Pool, group: Item, roll: RollCrumb | None, reads: Reads) -> bool:
    """Whether somebody else owns the number of hosts: the spec says so, or it may be another one than the spec's where
    a scaling policy is live that the spec does not know; all through a roll, whose surge would be taken for theirs."""
    moved = int(group["DesiredCapacity"]) != pool.size.desired or roll is not None
    return pool.elastic or (moved and bool(reads.scaling_policies(group["AutoScalingGroupName"])))


def size_of(pool: Pool, desired: int, roll: RollCrumb | None, *, elastic: bool) -> int:
    """How many hosts are wanted: the spec's number, or where it is *elastic*, what that had come to be: now, and during
    a roll when it began (our surge is in what it is now)."""
    if not elastic:
        return pool.size.desired
    return min(roll.desired if roll is not None else desired, pool.most)


def spec_of(item: Item, stack: Stack) -> Spec | None:
    """What the spec says of a live service: by the key it was born with, whatever its name, else by that name."""
    born = key_of({tag["key"]: tag["value"] for tag in item.get("tags", [])}, "service")
    named = (one for one in stack.services if live_name(stack, Key("service", one.name)) == item["serviceName"])
    return next((one for one in stack.services if born is not None and one.name == born.name), next(named, None))


def parse_service(item: Item, reads: Reads, stack: Stack) -> Service:
    """One DescribeServices entry with the healthy targets of its target groups."""
    config = item.get("deploymentConfiguration", {})
    tags = {tag["key"]: tag["value"] for tag in item.get("tags", [])}
    groups = [one["targetGroupArn"] for one in item.get("loadBalancers", []) if one.get("targetGroupArn")]
    health = reads.target_health()
    healthy = sum(1 for arn in groups for one in health.get(arn, []) if one["TargetHealth"]["State"] == "healthy")
    spec = spec_of(item, stack)
    shown = deployments(item)
    return Service(
        name=item["serviceName"],
        desired=int(item["desiredCount"]),
        running=int(item["runningCount"]),
        pending=int(item["pendingCount"]),
        healthy=healthy if groups else None,
        min_percent=int(config.get("minimumHealthyPercent", 100)),
        max_percent=int(config.get("maximumPercent", 200)),
        deploying=reads.deploy_under_way(item["serviceName"]) is not None
        if of_codedeploy(item)
        else len(shown) > 1 or any(d.get("rolloutState") == "IN_PROGRESS" for d in shown),
        daemon=item.get("schedulingStrategy") == "DAEMON",
        ours=tags.get(OWNER_TAG) == stack.name,
        arn=item["serviceArn"],
        baseline=BaselineCrumb.parse(tags.get(BASELINE_TAG)),
        cpu=spec.reserved[0] if spec else 0,
        memory=spec.reserved[1] if spec else 0,
        static_ports=spec.static_ports if spec else (),
        interfaces=int(spec.own_address) if spec else 0,
        last_event=str(item["events"][0]["message"]) if item.get("events") else "",
    )


def parse_state(name: str, item: Item, history: Iterable[Item], cpu: int, memory: int) -> ServiceState:
    """One DescribeServices entry as its deployments, with the history of `Reads.service_history`."""
    return ServiceState(
        name,
        item["serviceName"],
        int(item["desiredCount"]),
        int(item["runningCount"]),
        item["taskDefinition"],
        tuple(
            Deployment(
                d["id"],
                d["status"],
                d["taskDefinition"],
                d.get("rolloutState", "COMPLETED"),
                d.get("rolloutStateReason", ""),
                int(d.get("desiredCount", 0)),
                int(d.get("runningCount", 0)),
                int(d.get("pendingCount", 0)),
                int(d.get("failedTasks", 0)),
                d.get("createdAt"),
            )
            for d in item.get("deployments", [])
        ),
        tuple(
            PastDeployment(p["taskDefinition"], p["status"], p.get("statusReason", ""), p.get("createdAt"))
            for p in history
        ),
        tuple(str(event["message"]) for event in item.get("events", [])[:5]),
        cpu,
        memory,
    )


def _with_gates(fleet: Fleet, reads: Reads, stack: Stack) -> Fleet:
    """*fleet* with what only a roll needs to know."""

    refreshes = [r for r in reads.instance_refreshes(fleet.group) if r.get("Status") in REFRESHING]
    failure, final = "", False
    if fleet.desired > len(fleet.live) or fleet.roll:
        failure, final = parse_failure(reads.activities(fleet.group), fleet.roll.since if fleet.roll else None)
    wanted = [name for name in stack.gates.alarms if name not in stack.ignore_alarms]
    alarms = reads.alarms(wanted) if wanted else {}
    states = {name: str(alarms[name]["StateValue"]) if name in alarms else "INSUFFICIENT_DATA" for name in wanted}
    return replace(
        fleet,
        refresh=str(refreshes[0]["InstanceRefreshId"]) if refreshes else "",
        launch_failure=failure,
        launch_failure_final=final,
        alarms=tuple(name for name, state in states.items() if state == "ALARM"),
        no_data=(silent := tuple(name for name, state in states.items() if state == "INSUFFICIENT_DATA")),
        no_data_since=tuple(
            (n, alarms[n]["StateUpdatedTimestamp"]) for n in silent if "StateUpdatedTimestamp" in alarms.get(n, {})
        ),
        probe=probe(reads, stack),
    )


def parse_failure(activities: Iterable[Item], since: datetime | None) -> tuple[str, bool]:
    """(words, final) of the newest launch that failed since the roll began with no success after it.

    Capacity comes back, so those are waited for; everything else is the launch template's fault (aws.md 3.4).
    """
    for item in activities:
        if not str(item.get("Description", "")).startswith("Launching"):
            continue
        if since is not None and item["StartTime"] < since:
            break
        if item["StatusCode"] == "Successful":
            return "", False
        if item["StatusCode"] == "Failed":
            words = str(item.get("StatusMessage") or item.get("Description"))
            return words, not any(part in words for part in CAPACITY_TROUBLE)
    return "", False


def probe(reads: Reads, stack: Stack) -> Probe:
    """A few requests of our own through the load balancer, when the spec asks for them; made once in a pass."""
    return reads.once("probe", lambda: _probe(reads, stack))


def _probe(reads: Reads, stack: Stack) -> Probe:
    if stack.gates.probe is None or stack.load_balancer is None or not stack.load_balancer.serving:
        return Probe(None)
    scheme = stack.load_balancer.scheme  # while one replaces another there are two
    balancer = min(reads.load_balancers(), key=lambda one: one["Scheme"] != scheme, default=None)
    if balancer is None:
        return Probe(None, "no load balancer yet")
    address = address_of(stack.load_balancer.serving[0], balancer["DNSName"]) + stack.gates.probe.path
    failed = [why for _ in range(PROBES) if (why := _get(address))]
    ratio = len(failed) / PROBES
    if ratio <= stack.gates.probe.max_error_ratio:
        return Probe(True)
    return Probe(False, f"{len(failed)} of {PROBES} requests to {stack.gates.probe.path} failed: {failed[0]}")


def address_of(listener: Listener, host: str) -> str:
    """The URL of *listener* at a load balancer's own name, which may bring a port along for plain HTTP.

    >>> address_of(Listener("http", 81), "lb"), address_of(Listener("https", 443, "arn"), "lb:8080")
    ('http://lb:81', 'https://lb')
    """
    if listener.protocol == "HTTP":
        return f"http://{host}{'' if listener.port == 80 or ':' in host else f':{listener.port}'}"
    return f"https://{host.partition(':')[0]}{'' if listener.port == 443 else f':{listener.port}'}"


def _get(address: str) -> str:
    """Why a GET of *address* failed; "" when it did not.

    A certificate is for the names of the service, never for the load balancer's own, which is what we ask by: whose it
    is was not the question.
    """
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(address, timeout=5, context=unverified) as answer:
            answer.read()
        return ""
    except (http.client.HTTPException, OSError, ValueError) as error:  # an answer that is no HTTP is a failure, too
        return f"{type(error).__name__}: {error}"


def _providers(group: Item, reads: Reads, born: str) -> frozenset[str]:
    """What its hosts may say they came by: the provider in front of it, whose name a successor made of *born*."""
    fronts = ((one["name"], one.get("autoScalingGroupProvider", {})) for one in reads.capacity_providers())
    return frozenset(
        {born, *(name for name, to in fronts if to.get("autoScalingGroupArn") == group["AutoScalingGroupARN"])}
    )


def _leftovers(group: Item, reads: Reads, providers: Collection[str]) -> tuple[str, ...]:
    """Container instances of this pool whose EC2 instance is gone: ECS keeps those whose agent went first (1.5).

    A member of the group is alive, whatever tags somebody took from it.
    """
    alive = {item["InstanceId"] for item in (*reads.instances(), *group["Instances"])}
    return tuple(
        item["containerInstanceArn"]
        for item in reads.container_instances()
        if item.get("capacityProviderName") in providers
        and item.get("ec2InstanceId") not in alive
        and not item.get("agentConnected")
        and item["status"] in {"ACTIVE", "DRAINING"}
    )


def _attached(group: Item, reads: Reads) -> tuple[str, ...]:
    """The target groups attached to the group itself that are not ours, by name (arn: ...:targetgroup/NAME/ID)."""
    ours = {one["TargetGroupArn"] for one in reads.target_groups()}
    others = [arn for arn in group.get("TargetGroupARNs", []) if arn not in ours]
    return tuple(sorted(arn.split("/")[-2] if "/" in arn else arn for arn in others))
