"""Checks of what moves a pool's size beside the spec, and of what AWS waits for when it brings and takes hosts."""

from __future__ import annotations

from itertools import pairwise

from controller.spec import cron
from controller.spec.check import Check, spell
from controller.spec.places import Path
from controller.spec.pools import Hook, Pool, Scheduled, StepScaling, TargetTracking
from controller.spec.types import Stack

WARMUP_MANAGED = 10000  # seconds; ecs ManagedScaling
WARMUP = 3600  # autoscaling PutScalingPolicy
HEARTBEAT = (30, 7200)  # aws.md 1.11
FORMS = ("target", "steps", "schedule")
BELONGS = {"target": {"metric", "scale_in", "warmup"}, "steps": {"warmup"}, "schedule": {"timezone", "size"}}


def check_scaling(pool: Pool, stack: Stack, one: Check) -> None:
    path: Path = ("hosts", pool.name)
    if pool.scaling is not None and pool.scaling_policies:
        one.fail((*path, "scaling_policies"), "given beside scaling: both would move the same number",
                 "give one of them", ((*path, "scaling"),))  # fmt: skip
    if pool.scaling is not None:
        at: Path = (*path, "scaling")
        one.between((*at, "warmup"), pool.scaling.warmup, 0, WARMUP_MANAGED)
        if pool.scaling.min_step > pool.scaling.max_step:
            numbers = f"min_step {pool.scaling.min_step} > max_step {pool.scaling.max_step}"
            one.fail((*at, "min_step"), numbers, "", ((*at, "max_step"),))
    for policy in pool.scaling_policies:
        where: Path = (*path, "scaling_policies", policy.name)
        if not _form(where, one):
            continue
        match policy:
            case TargetTracking():
                one.between((*where, "warmup"), policy.warmup, 0, WARMUP)
                if len(stack.pools) > 1 and policy.metric != "cpu_utilization":
                    words = f"measures the whole cluster, of which {pool.name} is one pool of {len(stack.pools)}"
                    one.warn((*where, "metric"), f"{policy.metric} {words}; cpu_utilization is the pool's own")
            case StepScaling():
                one.between((*where, "warmup"), policy.warmup, 0, WARMUP)
                _steps(policy, where, one)
            case Scheduled():
                if never := cron.fault(policy.schedule):
                    one.fail((*where, "schedule"), never)
                _sizes(policy, where, one)
    for hook in pool.lifecycle_hooks:
        _hook(hook, pool, one)
    upkeep = pool.maintenance
    if upkeep is not None and upkeep.max_healthy - upkeep.min_healthy > 100:
        numbers = f"max_healthy {upkeep.max_healthy} - min_healthy {upkeep.min_healthy}"
        one.fail((*path, "maintenance", "max_healthy"), f"{numbers} > 100: AWS allows no wider range",
                 f"at most {upkeep.min_healthy + 100}", ((*path, "maintenance", "min_healthy"),))  # fmt: skip


def _form(where: Path, one: Check) -> bool:
    """Whether a policy is one thing; what it has that belongs to another is a problem, too."""
    given = one.given(where) or {}
    forms = [form for form in FORMS if form in given]
    if not forms:
        one.fail(where, "has neither target nor steps nor schedule")
        return False
    if len(forms) > 1:
        one.fail((*where, forms[1]), f"given beside {forms[0]}", "a policy of its own")
        return False
    for key in sorted(given.keys() - BELONGS[forms[0]] - {forms[0]}):
        one.fail((*where, key), f"does not belong to {forms[0]}")
    return True


def _steps(policy: StepScaling, where: Path, one: Check) -> None:
    """Each ends where the next begins; only the outer ends may be open (autoscaling StepAdjustment)."""
    steps = sorted(policy.steps, key=lambda step: float("-inf") if step.low is None else step.low)
    if any(step.high is not None and step.low is not None and step.high <= step.low for step in steps):
        one.fail((*where, "steps"), "a step ends before it begins")
        return
    for before, after in pairwise(steps):
        if before.high is None or after.low is None or before.high != after.low:
            ends = "without end" if before.high is None else f"{before.high:g}"
            begins = "without beginning" if after.low is None else f"{after.low:g}"
            one.fail((*where, "steps"), f"a step ends {ends} and the next begins {begins}: they must meet")
            return


def _sizes(policy: Scheduled, where: Path, one: Check) -> None:
    at: Path = (*where, "size")
    given = [size for size in (policy.min, policy.desired, policy.max) if size is not None]
    if not given:
        one.fail(at, "is missing", "at least one of min, desired and max")
    elif given != sorted(given):
        numbers = {"min": policy.min, "desired": policy.desired, "max": policy.max}
        words = ", ".join(f"{name} {size}" for name, size in numbers.items() if size is not None)
        one.fail(at, f"expected min <= desired <= max, got {words}")


def _hook(hook: Hook, pool: Pool, one: Check) -> None:
    at: Path = ("hosts", pool.name, "lifecycle_hooks", hook.name)
    one.between((*at, "heartbeat"), hook.heartbeat, *HEARTBEAT)
    if hook.on == "terminating" and hook.default == "abandon":
        one.fail((*at, "default"), "abandon ends every other hook, too: ECS would not drain the host",
                 "continue", ((*at, "on"),))  # fmt: skip
    ready, limit = pool.rollout.ready_timeout, ("hosts", pool.name, "rollout", "ready_timeout")
    if hook.on == "launching" and hook.heartbeat >= ready:
        why = "while nobody answers the hook a new host counts as never ready"
        one.warn((*at, "heartbeat"), f"{spell(hook.heartbeat)} >= ready_timeout {spell(ready)}: {why}", (limit,))
