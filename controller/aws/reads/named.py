"""What roles, logs and repositories tell, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from controller.aws.client import pages
from controller.aws.reads.base import Base, Item


class NamedReads(Base):
    """IAM, CloudWatch Logs, ECR, STS."""

    def identity(self) -> Item:
        """sts GetCallerIdentity."""
        return self.once("identity", lambda: cast("Item", self.aws.sts.get_caller_identity()))

    def role(self, name: str) -> Item | None:
        """iam GetRole, tags included."""
        return self._or_gone(("role", name), lambda: cast("Item", self.aws.iam.get_role(RoleName=name)["Role"]))

    def attached_policies(self, role: str) -> list[str]:
        """The arns of the managed policies attached to a role."""

        def ask() -> list[str]:
            found = pages(self.aws.iam.list_attached_role_policies, "AttachedPolicies", "Marker", RoleName=role)
            return [item["PolicyArn"] for item in found]

        return self._or_gone(("attached_policies", role), ask) or []

    def inline_policies(self, role: str) -> list[str]:
        """The names of the inline policies of a role."""

        def ask() -> list[str]:
            found: list[Any] = pages(self.aws.iam.list_role_policies, "PolicyNames", "Marker", RoleName=role)
            return [str(name) for name in found]

        return self._or_gone(("inline_policies", role), ask) or []

    def inline_policy(self, role: str, policy: str) -> Any:
        """One inline policy document of a role, decoded; None when there is none."""
        call = self.aws.iam.get_role_policy
        return self._or_gone(
            ("inline_policy", role, policy), lambda: call(RoleName=role, PolicyName=policy)["PolicyDocument"]
        )

    def instance_profile(self, name: str) -> Item | None:
        """iam GetInstanceProfile, roles and tags included."""
        call = self.aws.iam.get_instance_profile
        return self._or_gone(
            ("instance_profile", name), lambda: cast("Item", call(InstanceProfileName=name)["InstanceProfile"])
        )

    def log_group(self, name: str) -> Item | None:
        """The log group of that name: the first of those that begin with it, as CloudWatch sorts them by name."""

        def ask() -> Item | None:
            found = self.aws.logs.describe_log_groups(logGroupNamePrefix=name, limit=1)["logGroups"]
            return cast("Item", found[0]) if found and found[0]["logGroupName"] == name else None

        return self.once(("log_group", name), ask)

    def has_log_streams(self, name: str) -> bool:
        """Whether something was logged to a group (asked only before it might be deleted)."""
        call = self.aws.logs.describe_log_streams
        return self.once(("log_streams", name), lambda: bool(call(logGroupName=name, limit=1)["logStreams"]))

    def log_group_tags(self, arn: str) -> dict[str, str]:
        """The tags of one log group, by its arn without the trailing ``:*``."""
        call = self.aws.logs.list_tags_for_resource
        return self.once(("log_group_tags", arn), lambda: dict(call(resourceArn=arn).get("tags", {})))

    def repository(self, name: str) -> Item | None:
        call = self.aws.ecr.describe_repositories
        return self._or_gone(("repository", name), lambda: _first(call(repositoryNames=[name])["repositories"]))

    def repository_tags(self, arn: str) -> dict[str, str]:
        def ask() -> dict[str, str]:
            answer = self.aws.ecr.list_tags_for_resource(resourceArn=arn)
            return {item["Key"]: item["Value"] for item in answer["tags"]}

        return self.once(("repository_tags", arn), ask)

    def lifecycle_policy(self, repository: str) -> str | None:
        call = self.aws.ecr.get_lifecycle_policy
        return self._or_gone(
            ("lifecycle_policy", repository), lambda: str(call(repositoryName=repository)["lifecyclePolicyText"])
        )

    def image_count(self, repository: str) -> int:
        """How many images a repository holds (asked only before it might be deleted)."""
        call = self.aws.ecr.describe_images
        return self.once(
            ("image_count", repository),
            lambda: len(pages(call, "imageDetails", "nextToken", repositoryName=repository)),
        )

    def image(self, repository: str, tag: str) -> Item | None:
        """The image a tag names; None when it was not pushed yet."""
        call = self.aws.ecr.describe_images
        return self._or_gone(
            ("image", repository, tag),
            lambda: _first(call(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]),
        )


def _first(items: Sequence[Any]) -> Item | None:
    """The one item that was asked for by name; None when the list is empty instead of the call refused."""
    return cast("Item", items[0]) if items else None
