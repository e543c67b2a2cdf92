"""Public parameters: those that moto does not know, the machine images of Bottlerocket for ECS (aws.md section 8).

Nothing of the real image is needed here but that it is another one, of its architecture, whose hosts read TOML. And
they are AWS's, not the account's: moto would walk thousands of them whenever somebody asks what carries a tag.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from moto.backends import get_backend
from moto.core.resource_tagging import TaggedResource
from moto.ssm.models import ParameterDict, SimpleSystemManagerBackend
from moto.ssm.utils import parameter_arn

ROOT = "/aws/service/bottlerocket/"
LIKE = {  # architecture -> the parameter whose image is taken for a model
    "x86_64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
    "arm64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
}
NAME = "bottlerocket-aws-ecs-2-"  # how the names of its images begin


def install() -> None:
    check = ParameterDict._check_loading_status

    def checked(self: Any, key: str) -> None:
        check(self, key)
        if str(key or "").startswith(ROOT) and not self.__dict__.get("_bottlerocket"):
            self.__dict__["_bottlerocket"] = True
            for architecture, like in LIKE.items():
                _publish(self, architecture, like)

    ParameterDict._check_loading_status = checked
    SimpleSystemManagerBackend.iter_tagged_resources = _tagged


def _tagged(self: SimpleSystemManagerBackend) -> Iterator[TaggedResource]:
    for name, tags in self._resource_tags["Parameter"].items():
        if tags:
            yield TaggedResource(parameter_arn(self.account_id, self.region_name, name), dict(tags), "ssm:parameter")


def _publish(parameters: Any, architecture: str, like: str) -> None:
    """The image and the parameter that names it; nothing in a region without a model."""
    versions = parameters[like]
    ec2 = get_backend("ec2")[parameters.account_id][parameters.region_name]
    if not versions or versions[-1].value not in ec2.amis:
        return
    parameter, image = copy.copy(versions[-1]), copy.copy(ec2.amis[versions[-1].value])
    image.id = parameter.value = f"ami-{'b0771e' if architecture == 'x86_64' else 'b0771a'}{versions[-1].value[-11:]}"
    image.name = f"{NAME}{architecture}-v1.54.0"
    ec2.amis[image.id] = image
    parameter.name = f"{ROOT}aws-ecs-2/{architecture}/latest/image_id"
    parameters[parameter.name].append(parameter)
