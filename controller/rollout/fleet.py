"""The hands of a rollout: Move -> AWS. Thin: every decision is in `decide`, and what it rests on is looked at again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from controller.aws.client import Aws
from controller.base.crumbs import stamp
from controller.base.errors import Gone, Refused, Stale
from controller.base.keys import (
    AWAY_TAG,
    BASELINE_TAG,
    CORDONED_TAG,
    NOT_READY,
    READY_TAG,
    REBALANCE,
    SUSPENDED_TAG,
)
from controller.rollout.model import Fleet
from controller.rollout.moves import (
    Cordon,
    Deregister,
    Done,
    ForceDeregister,
    Forget,
    Halt,
    MarkAway,
    MarkBack,
    MarkReady,
    Move,
    Record,
    Resume,
    SetCapacity,
    StopTasks,
    Suspend,
    Terminate,
    Uncordon,
    Unprotect,
    Unready,
    Wait,
)

Item = dict[str, Any]

HOST_TAGS = (READY_TAG, CORDONED_TAG, AWAY_TAG)
PROTECT_PER_CALL = 50  # autoscaling SetInstanceProtection (aws.md 1.7)


def act(aws: Aws, fleet: Fleet, cluster: str, moves: Iterable[Move]) -> None:
    """Carry out *moves*. Raises Stale when what a disruptive move rests on has changed, Refused when AWS says no."""
    for move in moves:
        _perform(aws, fleet, cluster, move)


def _perform(aws: Aws, fleet: Fleet, cluster: str, move: Move) -> None:
    match move:
        case SetCapacity():
            _set_capacity(aws, fleet, move)
        case Record():
            _tag_group(aws, fleet, dict(move.tags))
            for arn, text in move.services:
                aws.ecs.tag_resource(resourceArn=arn, tags=[{"key": BASELINE_TAG, "value": text}])
        case Forget():
            _forget(aws, fleet, move)
        case Suspend():
            aws.autoscaling.suspend_processes(AutoScalingGroupName=fleet.group, ScalingProcesses=[REBALANCE])
        case Resume():
            names = list(move.processes)
            aws.autoscaling.resume_processes(AutoScalingGroupName=fleet.group, ScalingProcesses=names)
            _untag_group(aws, fleet, [SUSPENDED_TAG])
        case MarkReady():
            aws.ec2.create_tags(Resources=[move.host], Tags=[{"Key": READY_TAG, "Value": stamp(move.at)}])
            if not fleet.protects_new:  # else they are protected from birth, and ECS knows when to stop
                _protect(aws, fleet, [move.host], on=True)
        case Unready():
            aws.ec2.create_tags(Resources=[move.host], Tags=[{"Key": READY_TAG, "Value": NOT_READY}])
        case MarkAway():
            aws.ec2.create_tags(Resources=[move.host], Tags=[{"Key": AWAY_TAG, "Value": move.note.text()}])
        case MarkBack():
            aws.ec2.delete_tags(Resources=[move.host], Tags=[{"Key": AWAY_TAG}])
        case Unprotect():
            _protect(aws, fleet, list(move.hosts), on=False)
        case Cordon():
            aws.ec2.create_tags(Resources=[move.host], Tags=[{"Key": CORDONED_TAG, "Value": stamp(move.at)}])
            _set_state(aws, cluster, _node_of(fleet, move.host), "DRAINING")
            aws.lately.move(move.host, "DRAINING")
        case Uncordon():
            _set_state(aws, cluster, _node_of(fleet, move.host), "ACTIVE")
            aws.lately.move(move.host, "ACTIVE")
            aws.ec2.delete_tags(Resources=[move.host], Tags=[{"Key": CORDONED_TAG}])
        case StopTasks():
            for task in move.tasks:
                aws.ecs.stop_task(cluster=cluster, task=task, reason=f"theseus: {move.why}")
        case Deregister():
            _deregister(aws, move)
        case Terminate():
            _terminate(aws, fleet, move)
        case ForceDeregister():
            for node in move.container_instances:
                aws.ecs.deregister_container_instance(cluster=cluster, containerInstance=node, force=True)
        case Wait() | Halt() | Done():
            pass
        case _:
            assert_never(move)


def _set_capacity(aws: Aws, fleet: Fleet, move: SetCapacity) -> None:
    """Raise MaxSize first when asked, then desired; desired is never lowered, whatever it became meanwhile."""
    group = _look_again(aws, fleet)
    if move.max is not None and move.max != int(group["MaxSize"]):
        if move.max < int(group["DesiredCapacity"]):
            raise Stale(
                f"{fleet.group}: desired is {group['DesiredCapacity']} by now, MaxSize {move.max} would kill hosts"
            )
        aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName=fleet.group, MaxSize=move.max)
    if move.desired > int(group["DesiredCapacity"]):
        aws.autoscaling.set_desired_capacity(
            AutoScalingGroupName=fleet.group, DesiredCapacity=move.desired, HonorCooldown=False
        )


def _terminate(aws: Aws, fleet: Fleet, move: Terminate) -> None:
    """Terminate through the group, so that hooks run and the decrement is atomic with it."""
    group = _look_again(aws, fleet)
    member = next((m for m in group["Instances"] if m["InstanceId"] == move.host), None)
    if member is None or member["LifecycleState"].startswith("Terminat"):
        raise Stale(f"{move.host} is already leaving {fleet.group}")
    if move.shrink and int(group["DesiredCapacity"]) <= fleet.size:
        raise Stale(
            f"{fleet.group}: desired is {group['DesiredCapacity']} by now, a decrement would undercut {fleet.size}"
        )
    aws.autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=move.host, ShouldDecrementDesiredCapacity=move.shrink
    )
    aws.lately.move(move.host, "leaving")


def _deregister(aws: Aws, move: Deregister) -> None:
    for arn in sorted({target.group for target in move.targets}):
        targets: Any = [{"Id": one.id, "Port": one.port} for one in move.targets if one.group == arn]
        aws.elbv2.deregister_targets(TargetGroupArn=arn, Targets=targets)


def _look_again(aws: Aws, fleet: Fleet) -> Item:
    found = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[fleet.group])["AutoScalingGroups"]
    if not found:
        raise Gone(f"{fleet.group} is gone")
    return dict(found[0])


def _node_of(fleet: Fleet, host: str) -> str:
    node = next((h.container_instance for h in fleet.hosts if h.id == host), None)
    if node is None:
        raise Stale(f"{host} has no container instance any more")
    return node


def _set_state(aws: Aws, cluster: str, node: str, status: str) -> None:
    request: Any = {"cluster": cluster, "containerInstances": [node], "status": status}
    failures = aws.ecs.update_container_instances_state(**request)["failures"]
    if failures:  # partial failures come back with HTTP 200 (aws.md 1.1)
        raise Stale(f"{node}: {failures[0].get('reason', 'failed')} setting it {status}")


def _protect(aws: Aws, fleet: Fleet, hosts: list[str], *, on: bool) -> None:
    for start in range(0, len(hosts), PROTECT_PER_CALL):
        try:
            aws.autoscaling.set_instance_protection(
                AutoScalingGroupName=fleet.group,
                InstanceIds=hosts[start : start + PROTECT_PER_CALL],
                ProtectedFromScaleIn=on,
            )
        except Refused as refusal:  # one of them left the group: the next pass sees the others again
            raise Stale(str(refusal)) from refusal


def _forget(aws: Aws, fleet: Fleet, move: Forget) -> None:
    if move.hosts:
        aws.ec2.delete_tags(Resources=list(move.hosts), Tags=[{"Key": key} for key in HOST_TAGS])
    for arn in move.services:
        aws.ecs.untag_resource(resourceArn=arn, tagKeys=[BASELINE_TAG])
    if move.tags:
        _untag_group(aws, fleet, list(move.tags))


def _tag_group(aws: Aws, fleet: Fleet, tags: dict[str, str]) -> None:
    if tags:
        aws.autoscaling.create_or_update_tags(Tags=[_group_tag(fleet, key, value) for key, value in tags.items()])


def _untag_group(aws: Aws, fleet: Fleet, keys: list[str]) -> None:
    aws.autoscaling.delete_tags(Tags=[_group_tag(fleet, key, "") for key in keys])


def _group_tag(fleet: Fleet, key: str, value: str) -> Any:
    tag = {"ResourceId": fleet.group, "ResourceType": "auto-scaling-group", "Key": key, "PropagateAtLaunch": False}
    return tag | ({"Value": value} if value else {})
