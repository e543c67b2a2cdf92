"""EC2 instances of the world's hosts, in moto: born with the world's ids, running when the world says so, purged.

moto would keep terminated instances for ever and never give their addresses back (moto.md sections 4 and 10).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.backends import get_backend
from moto.core.types import Base64EncodedString
from moto.ec2.models.instances import InstanceState

from controller.sandbox.world import LaunchHost, World

PURGE_AFTER = timedelta(minutes=3)  # terminated instances stay visible for about an hour (aws.md 3.1), divided by 20


def launch(account: str, region: str, effect: LaunchHost) -> None:
    """The instance in EC2's eyes, pending."""
    ec2 = get_backend("ec2")[account][region]
    template, member = effect.template, effect.member
    reservation = ec2.run_instances(
        template.image,
        1,
        Base64EncodedString(base64.b64encode(template.user_data.encode()).decode()),
        [],
        security_group_ids=list(template.security_groups),
        instance_type=template.type,
        is_instance_type_default=False,
        subnet_id=member.subnet,
        region_name=region,
        block_device_mappings=[],
        iam_instance_profile=_profile(account, template.profile),
    )
    instance = reservation.instances[0]
    instance.id = member.id
    instance.launch_time = member.launched.replace(tzinfo=None)  # the world's clock; moto's times are naive UTC
    instance.add_tags({**template.tags.get("instance", {}), **effect.tags})
    for nic in instance.nics.values():
        nic.add_tags(dict(template.tags.get("network-interface", {})))
    instance._state = InstanceState("pending", 0)


def terminate(account: str, region: str, ident: str) -> None:
    ec2 = get_backend("ec2")[account][region]
    if any(one.id == ident for one in ec2.all_instances()):
        ec2.terminate_instances([ident])


def sync(account: str, region: str, world: World, now: datetime, gone: dict[str, datetime]) -> None:
    """Instances run when their hosts do; terminated ones give back their address at once and are forgotten later."""
    ec2 = get_backend("ec2")[account][region]
    for key, reservation in list(ec2.reservations.items()):
        for instance in list(reservation.instances):
            member = world.members.get(instance.id)
            if member is not None and member.running and instance._state.name == "pending":
                instance._state = InstanceState("running", 16)
            if instance._state.name != "terminated":
                continue
            if instance.id not in gone:
                gone[instance.id] = now
                _release(ec2, instance)
            elif now - gone[instance.id] > PURGE_AFTER:
                reservation.instances.remove(instance)
        if not reservation.instances:
            del ec2.reservations[key]


def seen() -> list[tuple[str, str]]:
    """(instance, state) of every one that EC2 shows."""
    regions = (region for account in get_backend("ec2").values() for region in account.values())
    machines = (one for ec2 in regions for reservation in ec2.reservations.values() for one in reservation.instances)
    return [(one.id, one._state.name) for one in machines]


def _release(ec2: Any, instance: Any) -> None:
    subnet = ec2.get_subnet(instance.subnet_id) if _there(ec2, instance.subnet_id) else None
    for nic in list(instance.nics.values()):
        if subnet is not None and nic.private_ip_address:
            subnet.del_subnet_ip(nic.private_ip_address)
        ec2.enis.pop(nic.id, None)


def _there(ec2: Any, subnet: str) -> bool:
    return any(subnet in by_zone for by_zone in ec2.subnets.values())


def _profile(account: str, name_or_arn: str) -> Any:
    """moto keeps the profile itself on an instance."""
    name = name_or_arn.rsplit("/", 1)[-1]
    profiles: Mapping[str, Any] = get_backend("iam")[account]["aws"].instance_profiles
    return next((one for one in profiles.values() if one.name == name), None)
