"""Checks of host pools: sizes against each other and against the surge, and a rollout that can end."""

from __future__ import annotations

from datetime import timedelta

from controller.base.words import plural
from controller.spec.check import Check, spell
from controller.spec.checks_hosts import check_launch
from controller.spec.checks_scaling import check_scaling
from controller.spec.places import Path
from controller.spec.types import Pool, Stack

HOOK_LIFE = timedelta(hours=48)  # aws.md 1.6: no terminating host is held for longer
BOOT = timedelta(minutes=1)  # what a host needs at the very least, to boot and to join
IDLE = timedelta(minutes=15)  # of the fifteen datapoints that managed scaling wants before it scales in (aws.md 1.7)


def check_pool(pool: Pool, stack: Stack, one: Check) -> None:
    path: Path = ("hosts", pool.name)
    size = pool.size
    if not size.min <= size.desired <= size.max:
        numbers = f"min {size.min}, desired {size.desired}, max {size.max}"
        hint = f"desired from {size.min} to {size.max}" if size.min <= size.max else "raise max, or lower min"
        wrong = "desired" if size.min <= size.max else "max"
        one.fail((*path, "size", wrong), f"expected min <= desired <= max, got {numbers}", hint, ((*path, "size"),))
    check_launch(pool, one)
    check_scaling(pool, stack, one)
    _idle(pool, stack, one)
    _surge(pool, one)
    _times(pool, one)
    if pool.image.id is not None and pool.image.ssm is not None:
        one.fail((*path, "image"), "has both id and ssm", "give one of them")
    elif pool.image.id is not None and pool.image.update == "auto":
        one.fail((*path, "image", "update"), f"auto, but {pool.image.id} is always the same image",
                 "name the SSM parameter that says which is newest")  # fmt: skip
    acknowledged = one.given((*path, "managed_draining", "acknowledge")) is True
    if not pool.managed_draining and not acknowledged:
        one.fail((*path, "managed_draining"),
                 "off: hosts that others terminate (scale-in, zone rebalancing, a console) lose their requests",
                 "leave it on, or write {enabled: false, acknowledge: true}")  # fmt: skip


def _idle(pool: Pool, stack: Stack, one: Check) -> None:
    """Hosts come from `desired`, not from the tasks that want them, unless ECS scales."""
    if pool.scaling is not None:
        return
    wanting = {s.name: s.desired for s in stack.services if s.pools == (pool.name,) and s.desired}
    if pool.size.desired == 0 and wanting:
        tasks = plural(sum(wanting.values()), "task")
        reads = tuple(("services", name, field) for name in wanting for field in ("pool", "desired"))
        one.fail(("hosts", pool.name, "size", "desired"),
                 f"0 hosts for {tasks} of {', '.join(wanting)}: none could run",
                 "at least 1, or desired: 0 for the services too", reads)  # fmt: skip


def _surge(pool: Pool, one: Check) -> None:
    path: Path = ("hosts", pool.name)
    surge, unavailable = (*path, "rollout", "max_surge"), (*path, "rollout", "max_unavailable")
    sizes = ((*path, "size", "desired"), (*path, "size", "max"))
    size, rollout = pool.size, pool.rollout
    if rollout.max_surge == 0 and rollout.max_unavailable == 0:
        one.fail(surge, "0 with max_unavailable 0: no host could ever be replaced",
                 "allow one more (max_surge: 1) or one less (max_unavailable: 1)", (unavailable,))  # fmt: skip
    if rollout.max_unavailable >= size.desired > 0:
        floor = f"desired {size.desired} - max_unavailable {rollout.max_unavailable} leaves a floor of 0 hosts"
        hint = f"at most {size.desired - 1}" + (", with max_surge: 1" if size.desired == 1 else "")
        one.fail(unavailable, floor, hint, sizes[:1])
    peak = size.desired + rollout.max_surge
    if peak <= size.max or rollout.allow_raise_max or not size.min <= size.desired <= size.max:
        return
    sum_ = f"desired {size.desired} + max_surge {rollout.max_surge} = {peak} > max {size.max}"
    if rollout.max_unavailable == 0 and size.desired == size.max:
        one.fail((*path, "size", "max"), f"{sum_}, and allow_raise_max is false: no host could ever be replaced",
                 f"raise max to {peak}, or allow_raise_max: true, or max_unavailable: 1",
                 (surge, unavailable, *sizes))  # fmt: skip
    else:
        room = f"{sum_}, and allow_raise_max is false: at most {size.max - size.desired} of {rollout.max_surge} surge"
        one.warn((*path, "size", "max"), room, (surge, *sizes))


def _times(pool: Pool, one: Check) -> None:
    path: Path = ("hosts", pool.name, "rollout")
    rollout = pool.rollout
    ready, bake, drain = rollout.ready_timeout, rollout.bake, rollout.drain_timeout
    if ready < timedelta(seconds=1):
        one.fail((*path, "ready_timeout"), f"{spell(ready)}: every new host would be removed at once")
    elif bake >= ready:
        one.fail((*path, "ready_timeout"), f"ready_timeout {spell(ready)} <= bake {spell(bake)}: a host must join and "
                 "then bake before it counts, and would be removed first",
                 f"at least {spell(bake + BOOT)}, with a minute to boot", ((*path, "bake"),))  # fmt: skip
    elif ready - bake < BOOT:
        one.warn((*path, "ready_timeout"), f"ready_timeout {spell(ready)} - bake {spell(bake)} leaves "
                 f"{spell(ready - bake)} to boot and join; most hosts need more", ((*path, "bake"),))  # fmt: skip
    scaled = pool.scaling is not None and pool.scaling.termination_protection
    if scaled and IDLE <= bake < ready:
        one.fail((*path, "bake"), f"{spell(bake)}: with termination_protection ECS decides which hosts may be scaled "
                 f"in, and gives up one that runs nothing for {spell(IDLE)}: no new host would last",
                 f"less than {spell(IDLE)}", (("hosts", pool.name, "scaling", "termination_protection"),))  # fmt: skip
    if drain < timedelta(seconds=1):
        one.fail((*path, "drain_timeout"), f"{spell(drain)}: every drain would be undone at once")
        one.spoil((*path, "drain_timeout"))
    elif drain > HOOK_LIFE:
        one.fail((*path, "drain_timeout"), f"expected at most {spell(HOOK_LIFE)}, got {spell(drain)}",
                 "AWS holds no terminating host for longer")  # fmt: skip
