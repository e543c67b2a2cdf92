"""Which spec was applied last: a tag on the cluster, so that the loop and CI do not undo each other."""

from __future__ import annotations

from controller.aws.client import Aws
from controller.base.crumbs import SpecCrumb
from controller.base.keys import SPEC_TAG


def write(aws: Aws, cluster: str, crumb: SpecCrumb) -> None:
    """Record *crumb* on the cluster with that arn. AWS: ecs TagResource."""
    aws.ecs.tag_resource(resourceArn=cluster, tags=[{"key": SPEC_TAG, "value": crumb.text()}])
