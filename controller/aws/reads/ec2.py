"""What EC2 tells of networks, launch templates and machines, asked by owner tag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from controller.aws.client import pages
from controller.aws.reads.base import Base, Item
from controller.base.errors import Gone
from controller.base.keys import NAME_TAG, Key

VERSION_MARK = "theseus "  # begins the description of every launch template version we make


class Ec2Reads(Base):
    """EC2."""

    def _tagged_or_given(
        self, kind: str, call: Callable[..., Any], result: str, member: str, filtered: str
    ) -> list[Item]:
        """Those with our tag, and those that the spec gives by an id and that do not carry it: under the key it gives
        them, whatever they say themselves."""
        found = pages(call, result, Filters=self._tagged())
        known = {item[member] for item in found}
        asked = {ident: key for key, ident in self.ids.items() if key.kind == kind and ident not in known}
        others = pages(call, result, Filters=_of(filtered, *asked)) if asked else []
        return found + [_called(item, asked[item[member]]) for item in others]

    def vpcs(self) -> list[Item]:
        return self.once(
            "vpcs", lambda: self._tagged_or_given("vpc", self.aws.ec2.describe_vpcs, "Vpcs", "VpcId", "vpc-id")
        )

    def vpc_dns_hostnames(self, vpc: str) -> bool:
        """Whether hosts of *vpc* get DNS names (an attribute that DescribeVpcs does not show)."""

        def ask() -> bool:
            answer = self.aws.ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
            return bool(answer["EnableDnsHostnames"]["Value"])

        return self.once(("vpc_dns_hostnames", vpc), ask)

    def subnets(self) -> list[Item]:
        ask = self.aws.ec2.describe_subnets
        return self.once("subnets", lambda: self._tagged_or_given("subnet", ask, "Subnets", "SubnetId", "subnet-id"))

    def vpc(self, ident: str) -> Item | None:
        """One VPC by its id, whoever made it; None when there is none (asked by filter: an unknown id is no error)."""

        def ask() -> Item | None:
            found = pages(self.aws.ec2.describe_vpcs, "Vpcs", Filters=_of("vpc-id", ident))
            return found[0] if found else None

        return self.once(("vpc", ident), ask)

    def subnets_by_id(self, ids: Sequence[str]) -> list[Item]:
        """Those of *ids* that exist, whoever made them."""
        ask = self.aws.ec2.describe_subnets
        return self.once(("subnets", tuple(ids)), lambda: pages(ask, "Subnets", Filters=_of("subnet-id", *ids)))

    def route_tables_of(self, vpc: str) -> list[Item]:
        """Every route table of a VPC, the main one included."""
        ask = self.aws.ec2.describe_route_tables
        return self.once(("route_tables", vpc), lambda: pages(ask, "RouteTables", Filters=_of("vpc-id", vpc)))

    def nat_gateways(self) -> list[Item]:
        """Ours in every state; one that is deleted stays to be seen for about an hour."""
        filters = self._tagged()  # `Filter`, of all EC2's lists this one
        ask = self.aws.ec2.describe_nat_gateways
        return self.once("nat_gateways", lambda: pages(ask, "NatGateways", Filter=filters))

    def addresses(self) -> list[Item]:
        """Our elastic IP addresses."""
        ask = self.aws.ec2.describe_addresses
        return self.once("addresses", lambda: pages(ask, "Addresses", Filters=self._tagged()))

    def vpc_endpoints(self) -> list[Item]:
        ask = self.aws.ec2.describe_vpc_endpoints
        return self.once("vpc_endpoints", lambda: pages(ask, "VpcEndpoints", Filters=self._tagged()))

    def internet_gateways(self) -> list[Item]:
        ask = self.aws.ec2.describe_internet_gateways
        ident = ("InternetGatewayId", "internet-gateway-id")
        return self.once("igws", lambda: self._tagged_or_given("internet_gateway", ask, "InternetGateways", *ident))

    def route_tables(self) -> list[Item]:
        ask = self.aws.ec2.describe_route_tables
        ident = ("RouteTableId", "route-table-id")
        return self.once("route_tables", lambda: self._tagged_or_given("route_table", ask, "RouteTables", *ident))

    def security_groups(self) -> list[Item]:
        ask = self.aws.ec2.describe_security_groups
        ident = ("GroupId", "group-id")
        return self.once(
            "security_groups", lambda: self._tagged_or_given("security_group", ask, "SecurityGroups", *ident)
        )

    def security_group_rules(self) -> list[Item]:
        """Every rule of our groups, foreign ones included (they carry no tag of ours): asked by group id."""

        def ask() -> list[Item]:
            ids = [group["GroupId"] for group in self.security_groups()]
            if not ids:
                return []
            filters: Any = [{"Name": "group-id", "Values": ids}]
            return pages(self.aws.ec2.describe_security_group_rules, "SecurityGroupRules", Filters=filters)

        return self.once("security_group_rules", ask)

    def launch_templates(self) -> list[Item]:
        ask = self.aws.ec2.describe_launch_templates
        return self.once("launch_templates", lambda: pages(ask, "LaunchTemplates", Filters=self._tagged()))

    def launch_template_versions(self, name: str) -> list[Item]:
        """Every version of one template, by its name; [] when there is no such template."""

        def ask() -> list[Item]:
            try:
                return pages(
                    self.aws.ec2.describe_launch_template_versions,
                    "LaunchTemplateVersions",
                    LaunchTemplateName=name,
                )
            except Gone:
                return []

        return self.once(("launch_template_versions", name), ask)

    def newest_version(self, template: str) -> Item | None:
        """The newest version of a template that we made (its description says so); one made by hand beside it,
        which no group uses, is nobody's drift."""
        versions = sorted(self.launch_template_versions(template), key=lambda item: int(item["VersionNumber"]))
        ours = [item for item in versions if str(item.get("VersionDescription", "")).startswith(VERSION_MARK)]
        return (ours or versions)[-1] if versions else None

    def instances(self) -> list[Item]:
        """Our hosts in every state but terminated."""

        def ask() -> list[Item]:
            states = ["pending", "running", "shutting-down", "stopping", "stopped"]
            return self._machines([*self._tagged(), {"Name": "instance-state-name", "Values": states}])

        return self.once("instances", ask)

    def instances_by_id(self, ids: Sequence[str]) -> list[Item]:
        """Those of *ids*, whatever their tags: members of our groups that somebody attached or untagged."""
        filters = [{"Name": "instance-id", "Values": list(ids)}]
        return self.once(("instances", tuple(ids)), lambda: self._machines(filters))

    def _machines(self, filters: Any) -> list[Item]:
        found = pages(self.aws.ec2.describe_instances, "Reservations", Filters=filters)
        return [instance for reservation in found for instance in reservation["Instances"]]

    def instance_types(self, types: Iterable[str]) -> dict[str, Item]:
        """EC2's description of each type, by name."""
        wanted = sorted(set(types))

        def ask() -> dict[str, Item]:
            request: Any = {"InstanceTypes": wanted}
            found = pages(self.aws.ec2.describe_instance_types, "InstanceTypes", **request) if wanted else []
            return {item["InstanceType"]: item for item in found}

        return self.once(("instance_types", tuple(wanted)), ask)


def _of(name: str, *values: str) -> list[Any]:
    return [{"Name": name, "Values": list(values)}]


def _called(item: Item, key: Key) -> Item:
    tags = [tag for tag in item.get("Tags", []) if tag["Key"] != NAME_TAG]
    return {**item, "Tags": [*tags, {"Key": NAME_TAG, "Value": str(key)}]}
