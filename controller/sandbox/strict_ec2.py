"""What AWS does in EC2 that moto does not: refuse to delete what is in use, keep launch templates as they were given.

Line numbers of moto's faults: reference/moto.md sections 4, 9 and 12.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend
from moto.core.responses import ActionResult
from moto.ec2.models.amis import AmiBackend
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.responses.internet_gateways import InternetGateways
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.responses.nat_gateways import NatGateways
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.subnets import Subnets
from moto.ec2.responses.vpcs import VPCs
from moto.ec2.utils import parse_user_data

from controller.sandbox import strict_network
from controller.sandbox.strict_iam import twin
from controller.sandbox.strict_network import before
from controller.sandbox.world import ApiError, HostDied

if TYPE_CHECKING:
    from controller.sandbox.bridge import Backing

PAGE = 200  # launch template versions per page


def install(current: Callable[[], Backing]) -> None:
    _launch_templates()
    _deletes(current)
    _blocks()
    _instances(current)
    _pages()
    _parse_images_once()


def _parse_images_once() -> None:
    """moto parses thirteen hundred images, and invents a snapshot for each, whenever it starts anew."""
    load = AmiBackend._load_amis
    parsed: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def loaded(self: Any) -> None:
        if self.region_name not in parsed:
            load(self)
            parsed[self.region_name] = (dict(self.amis), dict(self.snapshots))
        for mine, known in zip((self.amis, self.snapshots), parsed[self.region_name], strict=True):
            for name, one in known.items():
                mine[name] = twin(one)
                mine[name].ec2_backend = self

    AmiBackend._load_amis = loaded


# ------------------------------------------------------------------------------------------------ launch templates
def _launch_templates() -> None:
    LaunchTemplate.tags = property(
        lambda self: self.get_tags(), lambda *_: None
    )  # moto shows those of its birth for ever
    create, create_version = LaunchTemplates.create_launch_template, LaunchTemplates.create_launch_template_version

    def created(self: Any) -> Any:
        """Tags of the template do not leak into its data; a replayed client token finds the first one (aws.md 3.2)."""
        token = self._get_param("ClientToken")
        made = _tokens(self.ec2_backend)
        name = made.get(("template", token)) if token else None
        if name is not None and name in self.ec2_backend.launch_template_name_to_ids:
            return ActionResult({"LaunchTemplate": _summary(self.ec2_backend.get_launch_template_by_name(name))})
        given = list(self._get_param("LaunchTemplateData", {}).get("TagSpecifications", []))
        result = create(self)
        name = self._get_param("LaunchTemplateName")
        data = self.ec2_backend.get_launch_template_by_name(name).versions[0].data
        data.pop("TagSpecifications", None)
        if given:
            data["TagSpecifications"] = given
        if data.get("UserData") is None:
            data.pop("UserData", None)
        if token:
            made["template", token] = name
        return result

    def versioned(self: Any) -> Any:
        token = self._get_param("ClientToken")
        made = _tokens(self.ec2_backend)
        found = made.get(("version", token)) if token else None
        if found is not None and found[0] in self.ec2_backend.launch_templates:
            template = self.ec2_backend.get_launch_template(found[0])
            return ActionResult({"LaunchTemplateVersion": _version(template, template.versions[found[1] - 1])})
        data = self._get_param("LaunchTemplateData", {})
        template = _template_of(self)
        source = self._get_param("SourceVersion")
        if source:
            data.update({**template.get_version(source).data, **data})
        if data.get("UserData") is not None:
            data["UserData"] = parse_user_data(str(data["UserData"]))
        result = create_version(self)
        if token:
            made["version", token] = (template.id, len(template.versions))
        return result

    def described(self: Any) -> Any:
        """All versions, paged; moto shows fifteen and no token. A template that is not there is an error, by id too."""
        if not self._get_param("LaunchTemplateName") and not self._get_param("LaunchTemplateId"):
            return original(self)
        template = _template_of(self)
        wanted = self._get_param("Versions", [])
        low, high = self._get_int_param("MinVersion", 1), self._get_int_param("MaxVersion", 1 << 30)
        rows = (
            [template.get_version(one) for one in wanted]
            if wanted
            else [one for one in reversed(template.versions) if low <= one.number <= high]
        )
        start = int(self._get_param("NextToken") or 0)
        page = min(self._get_int_param("MaxResults", PAGE), PAGE)
        answer: dict[str, Any] = {"LaunchTemplateVersions": [_version(template, v) for v in rows[start : start + page]]}
        if start + page < len(rows):
            answer["NextToken"] = str(start + page)
        return ActionResult(answer)

    def listed(self: Any) -> Any:
        """All of them; moto stops at fifteen and gives no token."""
        names, idents = self._get_param("LaunchTemplateNames", []), self._get_param("LaunchTemplateIds", [])
        filters = self._filters_from_querystring()
        found = self.ec2_backend.describe_launch_templates(names, idents, filters)
        return ActionResult({"LaunchTemplates": [_summary(one) for one in found]})

    original = LaunchTemplates.describe_launch_template_versions
    LaunchTemplates.create_launch_template = created
    LaunchTemplates.create_launch_template_version = versioned
    LaunchTemplates.describe_launch_template_versions = described
    LaunchTemplates.describe_launch_templates = listed
    before(LaunchTemplates, "describe_launch_templates", _known_templates)


def _known_templates(self: Any) -> None:
    missing = [one for one in self._get_param("LaunchTemplateIds", []) if one not in self.ec2_backend.launch_templates]
    if missing:
        raise ApiError(
            "InvalidLaunchTemplateId.NotFound", f"The specified launch template, with template ID {missing[0]}, "
            "does not exist."
        )  # fmt: skip


def _template_of(self: Any) -> Any:
    name, ident = self._get_param("LaunchTemplateName"), self._get_param("LaunchTemplateId")
    return self.ec2_backend.get_launch_template_by_name(name) if name else self.ec2_backend.get_launch_template(ident)


def _tokens(backend: Any) -> dict[Any, Any]:
    tokens: dict[Any, Any] = backend.__dict__.setdefault("_client_tokens", {})
    return tokens


def _summary(template: Any) -> dict[str, Any]:
    return {
        "CreateTime": template.create_time,
        "CreatedBy": f"arn:aws:iam::{template.ec2_backend.account_id}:root",
        "DefaultVersionNumber": template.default_version_number,
        "LatestVersionNumber": template.latest_version_number,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Tags": template.tags,
    }


def _version(template: Any, version: Any) -> dict[str, Any]:
    return {
        "CreateTime": version.create_time,
        "CreatedBy": f"arn:aws:iam::{template.ec2_backend.account_id}:root",
        "DefaultVersion": template.is_default(version),
        "LaunchTemplateData": version.data,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionDescription": version.description,
        "VersionNumber": version.number,
    }


# ------------------------------------------------------------------------------------------------ pages
def _pages() -> None:
    """MaxResults and NextToken (aws.md 6.3); moto shows everything at once here (reference/moto.md 4)."""
    _paged(VPCs, "describe_vpcs", "Vpcs")
    _paged(Subnets, "describe_subnets", "Subnets")
    _paged(SecurityGroups, "describe_security_groups", "SecurityGroups")
    _paged(SecurityGroups, "describe_security_group_rules", "SecurityGroupRules")
    _paged(RouteTables, "describe_route_tables", "RouteTables", most=100)
    _paged(InternetGateways, "describe_internet_gateways", "InternetGateways")
    _paged(NatGateways, "describe_nat_gateways", "NatGateways")
    _paged(VPCs, "describe_vpc_endpoints", "VpcEndpoints")
    _paged(LaunchTemplates, "describe_launch_templates", "LaunchTemplates", most=PAGE)


def _paged(cls: type, method: str, rows: str, most: int = 1000) -> None:
    original = getattr(cls, method)

    def paged(self: Any) -> Any:
        size = self._get_int_param("MaxResults", 0)
        if size and not 5 <= size <= most:
            raise ApiError("InvalidParameterValue", f"MaxResults must be between 5 and {most}, got {size}")
        answer = original(self)
        start = int(self._get_param("NextToken") or 0)
        found = list(answer.result[rows])
        result = {**answer.result, rows: found[start : start + size] if size else found[start:]}
        if size and start + size < len(found):
            result["NextToken"] = str(start + size)
        return ActionResult(result)

    setattr(cls, method, paged)


# ------------------------------------------------------------------------------------------------ deletes
def _deletes(current: Callable[[], Backing]) -> None:
    def vpc(self: Any) -> None:
        ident, ec2 = self._get_param("VpcId"), self.ec2_backend
        groups = [g for g in ec2.describe_security_groups(filters={"vpc-id": [ident]}) if g.name != "default"]
        gateways = ec2.describe_internet_gateways(filters={"attachment.vpc-id": [ident]})
        tables = [t for t in ec2.describe_route_tables(filters={"vpc-id": [ident]}) if not _is_main(t)]
        endpoints = strict_network.endpoints_of(ec2, ident)
        if ec2.describe_subnets(filters={"vpc-id": [ident]}) or groups or gateways or tables or endpoints:
            raise _violation("vpc", ident)

    def subnet(self: Any) -> None:
        ident = self._get_param("SubnetId")
        if any(ident in subnets for subnets, _, _ in _interfaces(self, current())):
            raise _violation("subnet", ident)

    def group(self: Any) -> None:
        ident, ec2 = self._get_param("GroupId"), self.ec2_backend
        used = any(ident in groups for _, groups, _ in _interfaces(self, current()))
        named = any(
            ident == _peer(rule)
            for other in ec2.describe_security_groups()
            if other.group_id != ident
            for rule in [*other.ingress_rules, *other.egress_rules]
        )
        if used or named:
            raise ApiError("DependencyViolation", f"resource {ident} has a dependent object")

    def gateway(self: Any) -> None:
        vpc_id = self._get_param("VpcId")
        subnets = {one.id for one in self.ec2_backend.describe_subnets(filters={"vpc-id": [vpc_id]})}
        if any(public and subnets & set(held) for held, _, public in _interfaces(self, current())):
            raise ApiError(
                "DependencyViolation", f"Network {vpc_id} has some mapped public address(es). "
                "Please unmap those public address(es) before detaching the gateway."
            )  # fmt: skip

    def one_gateway(self: Any) -> None:
        vpc_id = self._get_param("VpcId")
        if self.ec2_backend.describe_internet_gateways(filters={"attachment.vpc-id": [vpc_id]}):
            raise ApiError("InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached")

    def attached(self: Any) -> None:
        ident = self._get_param("InternetGatewayId")
        found = self.ec2_backend.internet_gateways.get(ident)
        if found is not None and found.vpc is not None:
            raise ApiError(
                "DependencyViolation", f"The internetGateway '{ident}' has dependencies and cannot be deleted."
            )

    before(VPCs, "delete_vpc", vpc)
    before(Subnets, "delete_subnet", subnet)
    before(SecurityGroups, "delete_security_group", group)
    before(InternetGateways, "detach_internet_gateway", gateway)
    before(InternetGateways, "attach_internet_gateway", one_gateway)
    before(InternetGateways, "delete_internet_gateway", attached)


def _blocks() -> None:
    """A rule names an address block as one; moto takes any word for a block of a rule that is not there."""

    def blocks(self: Any) -> None:
        asked = [*self._get_param("IpPermissions", []), {"IpRanges": [{"CidrIp": self._get_param("CidrIp")}]}]
        ranges = [one.get("CidrIp") for permission in asked for one in permission.get("IpRanges", [])]
        if wrong := [block for block in ranges if block is not None and not _is_block(block)]:
            raise ApiError("InvalidParameterValue", f"CIDR block {wrong[0]} is malformed")

    for verb in ("authorize", "revoke"):
        for direction in ("ingress", "egress"):
            before(SecurityGroups, f"{verb}_security_group_{direction}", blocks)


def _is_block(text: str) -> bool:
    try:
        return "/" in text and bool(ipaddress.IPv4Network(text, strict=False))
    except ValueError:
        return False


def _violation(kind: str, ident: str) -> ApiError:
    return ApiError("DependencyViolation", f"The {kind} '{ident}' has dependencies and cannot be deleted.")


def _is_main(table: Any) -> bool:
    return table.main_association_id is not None


def _peer(rule: Any) -> str:
    return str(rule.source_group.get("GroupId", ""))


def _interfaces(self: Any, cloud: Backing) -> Iterator[tuple[list[str], list[str], bool]]:
    """(subnets, security groups, whether it may have a public address) of everything that has a network interface:
    instances, tasks, load balancers, gateways, endpoints, and for a while those of deleted ones (aws.md 5.5)."""
    for reservation in self.ec2_backend.reservations.values():
        for instance in reservation.instances:
            if instance._state.name != "terminated":
                yield [instance.subnet_id], [group.id for group in instance.security_groups], True
    elb = get_backend("elbv2")[self.current_account][self.region]
    for balancer in elb.load_balancers.values():
        yield [subnet.id for subnet in balancer.subnets], list(balancer.security_groups), True
    for task in cloud.world(self.current_account, self.region).tasks.values():
        if task.open and task.interface is not None:
            yield [task.interface.subnet], list(task.interface.groups), True
    for until, subnets, groups in elb.__dict__.get("_lingering", []):
        if until > cloud.now():
            yield subnets, groups, True
    yield from strict_network.interfaces(self.ec2_backend, cloud.now())


# ------------------------------------------------------------------------------------------------ instances
def _instances(current: Callable[[], Backing]) -> None:
    terminate = InstanceBackend.terminate_instances

    def terminated(self: Any, instance_ids: list[str]) -> Any:
        """TerminateInstances on a member of a group: no hook, no drain; the group notices later (aws.md 3.1)."""
        result = terminate(self, instance_ids)
        for ident in instance_ids:
            current().tell(self.account_id, self.region_name, HostDied(ident))
        return result

    InstanceBackend.terminate_instances = terminated
