"""What AWS does in IAM, ECR, SSM and DynamoDB that moto does not: fresh roles are not known everywhere at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.iam.models import IAMBackend

from controller.sandbox.world import ApiError

if TYPE_CHECKING:
    from controller.sandbox.bridge import Backing

ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}")


def install(current: Callable[[], Backing]) -> None:
    create_role = IAMBackend.create_role

    def checked(self: IAMBackend, role_name: str, assume_role_policy_document: str, *args: Any, **kwargs: Any) -> Any:
        if not ROLE_NAME.fullmatch(role_name):
            raise ApiError("ValidationError", f"The specified value for roleName is invalid: {role_name}")
        try:
            json.loads(assume_role_policy_document)
        except ValueError:
            raise ApiError("MalformedPolicyDocument", "This policy contains invalid Json") from None
        return create_role(self, role_name, assume_role_policy_document, *args, **kwargs)

    create_profile = IAMBackend.create_instance_profile

    def profiled(self: IAMBackend, *args: Any, **kwargs: Any) -> Any:
        """A fresh profile is invalid to EC2 and Auto Scaling for a while (aws.md 5.3, 11.1)."""
        profile: Any = create_profile(self, *args, **kwargs)
        at = current().now() + current().timings.iam
        profile.spread = lambda: current().now() >= at
        return profile

    IAMBackend.create_role = checked
    IAMBackend.create_instance_profile = profiled
    _parse_managed_policies_once()


def _parse_managed_policies_once() -> None:
    """moto parses AWS's fifteen hundred policies for each of six partitions of each account; one has users here."""
    load = IAMBackend._init_aws_policies
    parsed: list[Any] = []

    def loaded(self: IAMBackend) -> list[Any]:
        if self.partition != "aws":
            return []
        parsed[:] = parsed or load(self)
        return [twin(one) for one in parsed]

    IAMBackend._init_aws_policies = loaded


def twin(one: Any) -> Any:
    """A shallow copy, made without moto's constructor, which would keep a list of everything it ever made."""
    new = object.__new__(type(one))
    new.__dict__.update(one.__dict__)
    return new


def unknown_profile(backend: Any, name_or_arn: str) -> str | None:
    """Why EC2 would not take this instance profile now; None when it would (aws.md 5.3: fresh ones are invalid)."""
    name = name_or_arn.rsplit("/", 1)[-1]
    profile = next((one for one in backend.instance_profiles.values() if one.name == name), None)
    if profile is None or not profile.spread():
        parameter = "arn" if name_or_arn.startswith("arn:") else "name"
        noun = "Instance Profile ARN" if parameter == "arn" else "Instance Profile name"
        return f"Value ({name_or_arn}) for parameter iamInstanceProfile.{parameter} is invalid. Invalid IAM {noun}"
    return None
