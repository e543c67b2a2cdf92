"""What carries our tag though this pass does not ask for it by name: what a spec no longer has.

Auto scaling groups and EC2's resources are listed by their owner tag anyway. For the others one call finds them all;
IAM and task definition families have no such call, and are listed only by a pass that is `thorough`: such a list
grows with the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from controller.aws import tags
from controller.aws.client import pages
from controller.aws.reads.base import Base
from controller.base.keys import OWNER_TAG, Key, key_of

SWEPT = (  # what GetResources is asked for: kinds otherwise found by name only, or listed only where there are some
    "codedeploy:application",
    "codedeploy:deploymentgroup",
    "ec2:elastic-ip",
    "ec2:natgateway",
    "ec2:vpc-endpoint",
    "ecr:repository",
    "ecs:capacity-provider",
    "ecs:service",
    "elasticloadbalancing:loadbalancer",
    "elasticloadbalancing:targetgroup",
    "logs:log-group",
)
PAGE = 100
T = TypeVar("T")


class OwnedReads(Base):
    """Resource Groups Tagging; lists of IAM and ECS."""

    def tagged(self) -> dict[str, dict[str, str]]:
        """The tags of everything of ours among `SWEPT`, by arn. It lags moments behind the services themselves: it
        says where to look, not what is there."""

        def ask() -> dict[str, dict[str, str]]:
            request: Any = {
                "TagFilters": [{"Key": OWNER_TAG, "Values": [self.owner]}],
                "ResourceTypeFilters": list(SWEPT),
                "ResourcesPerPage": PAGE,
            }
            call = self.aws.resourcegroupstaggingapi.get_resources
            found = pages(call, "ResourceTagMappingList", "PaginationToken", **request)
            return {item["ResourceARN"]: tags.read(item.get("Tags")) for item in found}

        return self.once("tagged", ask)

    def any_left(self, kind: str) -> bool:
        """Whether to ask for resources of *kind* although the spec wants none."""
        return self.thorough or any(key_of(live, kind) for live in self.tagged().values())

    def unnamed(self, kind: str) -> list[str]:
        """Arns of resources of *kind* that are tagged as ours and have none of the names this pass asks for."""
        wanted = set(self.wanted(kind))
        return sorted(
            arn for arn, live in self.tagged().items() if key_of(live, kind) and live_name_of(arn, kind) not in wanted
        )

    def leftover(self, kind: str, wanted: Mapping[Key, Any]) -> dict[Key, str]:
        """Their live names, by key."""
        names = [(live_name_of(arn, kind), arn) for arn in self.unnamed(kind)]
        return keyed(kind, wanted, ((name, self.tagged()[arn], name) for name, arn in names))

    def born_as(self, key: Key) -> set[str]:
        """The live names of what is tagged as *key*: its successors and predecessors are."""
        return {live_name_of(arn, key.kind) for arn, live in self.tagged().items() if key_of(live, key.kind) == key}

    def unnamed_roles(self) -> list[str]:
        """Names of roles that begin like the stack's and are not asked for anyway; () unless the pass is thorough."""
        return self._listed("role", "Roles", "RoleName", self.aws.iam.list_roles)

    def unnamed_profiles(self) -> list[str]:
        """The same of instance profiles."""
        return self._listed(
            "instance_profile", "InstanceProfiles", "InstanceProfileName", self.aws.iam.list_instance_profiles
        )

    def unnamed_families(self) -> list[str]:
        """The same of task definition families with an ACTIVE revision."""
        if not self.thorough:
            return []

        def ask() -> list[str]:
            found: list[str] = []
            request: Any = {"familyPrefix": f"{self.owner}-", "status": "ACTIVE"}
            while True:
                answer = self.aws.ecs.list_task_definition_families(**request)
                found += answer["families"]
                if not answer.get("nextToken"):
                    return sorted(set(found) - set(self.wanted("task_definition")))
                request["nextToken"] = answer["nextToken"]

        return self.once("unnamed_families", ask)

    def _listed(self, kind: str, result: str, member: str, call: Any) -> list[str]:
        if not self.thorough:
            return []
        names = self.once(("listed", kind), lambda: [str(one[member]) for one in pages(call, result, "Marker")])
        return sorted(name for name in names if name.startswith(f"{self.owner}-") and name not in self.wanted(kind))


def live_name_of(arn: str, kind: str) -> str:
    """The name that an arn of *kind* holds.

    >>> live_name_of("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/shop-web-blue/0123", "target_group")
    'shop-web-blue'
    >>> live_name_of("arn:aws:logs:us-east-1:1:log-group:/ecs/shop/web:*", "log_group")
    '/ecs/shop/web'
    """
    resource = arn.split(":", 5)[5]
    match kind:
        case "log_group":
            return resource.removeprefix("log-group:").removesuffix(":*")
        case "repository":
            return resource.removeprefix("repository/")
        case "codedeploy_application" | "codedeploy_deployment_group":
            return resource.rpartition(":")[2].rpartition("/")[2]
        case "load_balancer" | "target_group":
            return resource.split("/")[-2]
        case _:
            return resource.rsplit("/", 1)[-1]


def keyed(kind: str, wanted: Mapping[Key, Any], items: Iterable[tuple[str, Mapping[str, str], T]]) -> dict[Key, T]:
    """Each of *items* (live name, tags, item) under its key: that of the wanted resource of its name, whoever owns it;
    else the one it was born with. Where that belongs to another by now, the live name tells them apart."""
    names = {one.name: key for key, one in wanted.items()}
    found: dict[Key, T] = {}
    others: list[tuple[str, Key, T]] = []
    for name, live, item in items:
        if name in names:
            found[names[name]] = item
        elif (born := key_of(live, kind)) is not None:
            others.append((name, born, item))
    for name, born, item in sorted(others, key=lambda other: other[0]):
        found[born if born not in wanted and born not in found else Key(kind, f"{born.name}@{name}")] = item
    return found


def apart(items: Iterable[tuple[Key, str, T]]) -> dict[Key, T]:
    """Each of *items* (key, arn, item) under its key; of several born with one, as a successor is, all but the first
    have the end of their arn with it. For kinds without names.

    >>> [str(key) for key in apart([(Key("listener", "http"), "l/2", 0), (Key("listener", "http"), "l/1", 0)])]
    ['listener/http', 'listener/http@2']
    """
    found: dict[Key, T] = {}
    for key, arn, item in sorted(items, key=lambda one: one[1]):
        found[key if key not in found else Key(key.kind, f"{key.name}@{arn.rsplit('/', 1)[-1]}")] = item
    return found
