"""Which of AWS's own states a world is in: what a caller who acts at once would still have to wait for. Pure reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controller.sandbox.timings import Timings
from controller.sandbox.world import World, member_node


def busy(world: World, catalog: Any, now: datetime, timings: Timings) -> tuple[str, ...]:
    """The reasons, sorted; empty when nothing of AWS is under way."""
    reasons = set()
    if any(balancer.state == "provisioning" for balancer in catalog.elb.load_balancers.values()):
        reasons.add("load balancer provisioning")
    if any(gateway.state == "pending" and now < gateway.due for gateway in catalog.ec2.nat_gateways.values()):
        reasons.add("NAT gateway pending")
    for member in world.members.values():
        if member.lifecycle.startswith("Terminat"):
            reasons.add("host terminating")
        elif member.dead:
            reasons.add("host lost")
        elif member.joins != "never" and member_node(world.nodes, member.id) is None:
            reasons.add("host booting")
    for group in world.groups.values():
        live = sum(1 for m in world.members.values() if m.group == group.name and not m.lifecycle.startswith("Term"))
        if live < group.desired and not group.deleting:
            reasons.add("launch pending")
    for task in world.tasks.values():
        if task.last not in {"RUNNING", "STOPPED"}:
            reasons.add("task starting" if task.wanted == "RUNNING" else "task stopping")
    for target in world.targets.values():
        if target.draining is not None:
            reasons.add("target draining")
        elif not target.views or any(state == "initial" for state, _ in target.views.values()):
            reasons.add("target initial")
    for service in world.services.values():
        if service.status == "ACTIVE" and any(d.state == "IN_PROGRESS" for d in service.deployments):
            reasons.add("deployment in progress")
        elif service.status == "DRAINING":
            reasons.add("service draining")
    return tuple(sorted(reasons))
