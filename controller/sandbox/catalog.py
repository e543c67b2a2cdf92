"""What the world asks of the services moto serves: templates, subnets, target groups, instance types, images."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping, Set
from datetime import timedelta
from functools import cached_property
from typing import Any

from moto.backends import get_backend
from moto.core.exceptions import ServiceException

from controller.sandbox.strict_elb import groups_of
from controller.sandbox.strict_iam import unknown_profile
from controller.sandbox.strict_ssm import NAME as BOTTLEROCKET
from controller.sandbox.timings import Timings
from controller.sandbox.world import ApiError, TargetGroup, Template

CPU_UNITS = 1024  # per vCPU
HIDDEN = 0.977  # of the memory a type has on paper: firmware and kernel keep the rest (aws.md section 8)
DAEMONS = 88  # MiB more that the agent does not offer


class MotoCatalog:
    """One account and region of moto, read only. Cheap enough to be asked several times in every step."""

    def __init__(self, account: str, region: str, timings: Timings) -> None:
        self.account = account
        self.region = region
        self.timings = timings
        self.moods: dict[str, str] = {}  # machine image -> how its hosts join, when not at once

    @cached_property
    def ec2(self) -> Any:
        return get_backend("ec2")[self.account][self.region]

    @cached_property
    def elb(self) -> Any:
        return get_backend("elbv2")[self.account][self.region]

    def template(self, id_or_name: str, version: str) -> Template:
        ec2 = self.ec2
        ident = ec2.launch_template_name_to_ids.get(id_or_name, id_or_name)
        found = ec2.launch_templates.get(ident)
        if found is None:
            raise ApiError(
                "ValidationError",
                "You must use a valid fully-formed launch template. The specified launch template, with template ID "
                f"{ident}, does not exist.",
            )
        try:
            one = found.get_version(version)
        except (ServiceException, ValueError, Exception) as error:  # moto raises its own kind for a missing version
            raise ApiError(
                "ValidationError",
                "You must use a valid fully-formed launch template. The specified launch template version "
                f"{version} does not exist.",
            ) from error
        data = one.data
        profile = data.get("IamInstanceProfile") or {}
        interfaces = data.get("NetworkInterfaces") or []
        groups = data.get("SecurityGroupIds") or (interfaces[0].get("Groups", []) if interfaces else [])
        return Template(
            found.id,
            found.name,
            str(one.number),
            self._resolved(data.get("ImageId", "")),
            data.get("InstanceType", ""),
            _decoded(data.get("UserData")),
            profile.get("Arn") or profile.get("Name") or "",
            tuple(groups),
            data.get("KeyName") or "",
            {
                one["ResourceType"]: {tag["Key"]: tag.get("Value", "") for tag in one.get("Tags") or []}
                for one in data.get("TagSpecifications") or []
            },
        )

    def _resolved(self, image: str) -> str:
        """`resolve:ssm:` names are looked up at each launch (aws.md 3.2)."""
        if not image.startswith("resolve:ssm:"):
            return image
        versions = get_backend("ssm")[self.account][self.region]._parameters[image.removeprefix("resolve:ssm:")]
        return str(versions[-1].value) if versions else image

    def capacity(self, instance_type: str) -> tuple[int, int]:
        facts = _facts(instance_type)
        if facts is None:
            return 2 * CPU_UNITS, 1900
        memory = int(facts["MemoryInfo"]["SizeInMiB"] * HIDDEN) - DAEMONS
        return int(facts["VCpuInfo"]["DefaultVCpus"]) * CPU_UNITS, memory

    def interfaces(self, instance_type: str) -> int:
        from moto.ec2.models.instance_types import INSTANCE_TYPES

        facts: Mapping[str, Any] | None = INSTANCE_TYPES.get(instance_type)
        return 4 if facts is None else int(facts["NetworkInfo"]["MaximumNetworkInterfaces"])

    def free_address(self, subnet: str, taken: Set[str]) -> str:
        """The last of the block that neither AWS (four and the last) nor an instance nor a task has."""
        found = self.ec2.get_subnet(subnet)
        used, block = taken | set(found._subnet_ips), ipaddress.ip_network(found.cidr_block)
        places = range(block.num_addresses - 2, 3, -1)  # from the end: instances are given the first ones
        free = next((str(block[place]) for place in places if str(block[place]) not in used), None)
        if free is None:
            raise ApiError("InvalidParameterException", f"The subnet '{subnet}' has no free addresses")
        return free

    def alarms(self, names: tuple[str, ...]) -> tuple[str, ...]:
        known = get_backend("cloudwatch")[self.account][self.region].alarms
        return tuple(name for name in names if name in known and known[name].state_value == "ALARM")

    def zone(self, subnet: str) -> str:
        try:
            return str(self.ec2.get_subnet(subnet).availability_zone)
        except ServiceException as error:
            raise ApiError("ValidationError", f"The subnet ID '{subnet}' does not exist") from error

    def target_group(self, arn: str) -> TargetGroup:
        group = self.elb.target_groups.get(arn)
        if group is None:
            raise ApiError("TargetGroupNotFound", f"Target groups '{arn}' not found")
        zones: set[str] = set()
        for balancer in self.elb.load_balancers.values():
            named = (
                arn == one
                for listener in balancer.listeners.values()
                for rule in listener.rules.values()
                for action in rule.actions
                for one, _ in groups_of(action.data)
            )
            if any(named):
                zones |= {subnet.availability_zone for subnet in balancer.subnets}
        delay = timedelta(seconds=int(group.attributes["deregistration_delay.timeout_seconds"]))
        return TargetGroup(
            arn, delay, bool(zones), tuple(sorted(zones)), int(group.port), group.target_type or "instance"
        )

    def group_named(self, name: str) -> str:
        found = next((arn for arn, group in self.elb.target_groups.items() if group.name == name), None)
        if found is None:
            raise ApiError("InvalidTargetGroupPairException", f"The target group {name} could not be found")
        return str(found)

    def leads(self, listener: str) -> frozenset[str]:
        found = (one for balancer in self.elb.load_balancers.values() for one in balancer.listeners.values())
        rules = [rule for one in found if one.arn == listener for rule in one.rules.values()]
        return frozenset(arn for rule in rules for action in rule.actions for arn, _ in groups_of(action.data))

    def image_exists(self, reference: str) -> bool:
        """Images of our own registry must have been pushed; of others we know nothing and assume the best."""
        registry, _, rest = reference.partition("/")
        if not registry.startswith(f"{self.account}.dkr.ecr."):
            return True
        name, _, tag = rest.partition(":")
        repository = get_backend("ecr")[self.account][self.region].repositories.get(name)
        return repository is not None and any((tag or "latest") in image.image_tags for image in repository.images)

    def instance_runs(self, instance: str) -> bool:
        return any(one.id == instance and one._state.name == "running" for one in self.ec2.all_instances())

    def joins(self, image: str) -> str:
        return self.moods.get(image, "yes")

    def reads_toml(self, image: str) -> bool:
        found = self.ec2.amis.get(image)
        return found is not None and str(found.name).startswith(BOTTLEROCKET)

    def check_launch(self, template: Template) -> None:
        """What RunInstances would refuse: an image, profile, key or security group that is not there (yet), a type that
        cannot run the image."""
        if template.image not in self.ec2.amis:
            raise ApiError("ValidationError", f"The image id '[{template.image}]' does not exist")
        runs, built = _architectures(template.type), self.ec2.amis[template.image].architecture
        if runs and built not in runs:
            raise ApiError(
                "ValidationError",
                f"The architecture '{','.join(runs)}' of the specified instance type does not match the architecture "
                f"'{built}' of the specified AMI. Specify an instance type and an AMI that have matching "
                "architectures, and try again.",
            )
        if template.key_pair and template.key_pair not in self.ec2.key_pairs:
            raise ApiError("ValidationError", f"The key pair '{template.key_pair}' does not exist")
        iam = get_backend("iam")[self.account]["aws"]
        if template.profile:
            problem = unknown_profile(iam, template.profile)
            if problem:
                raise ApiError("ValidationError", problem)
        for group in template.security_groups:
            if self.ec2.get_security_group_from_id(group) is None:
                raise ApiError("ValidationError", f"The security group '{group}' does not exist")


def _facts(instance_type: str) -> Mapping[str, Any] | None:
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    found: Mapping[str, Any] | None = INSTANCE_TYPES.get(instance_type)
    return found


def _architectures(instance_type: str) -> list[str]:
    facts = _facts(instance_type) or {}
    return [str(one) for one in facts.get("ProcessorInfo", {}).get("SupportedArchitectures", [])]


def _decoded(user_data: Any) -> str:
    if not user_data:
        return ""
    try:
        return base64.b64decode(str(user_data)).decode(errors="replace")
    except ValueError:
        return str(user_data)
