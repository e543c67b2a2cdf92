"""The CodeDeploy application of a stack: the roof over the deployment groups of its services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.aws import tags
from controller.aws.reads import keyed
from controller.base.keys import OWNER_TAG, Key, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Application:
    platform: str = spec(forever="name another application")
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")


class ApplicationKind:
    kind = "codedeploy_application"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Application]]:
        if any(service.by_codedeploy for service in stack.services):
            key = Key(self.kind, "main")
            yield key, Application("ECS", live_name(stack, key), born_tags(stack, key))

    def observe(
        self, reads: Reads, wanted: Mapping[Key, Application], owner: str
    ) -> Mapping[Key, Observed[Application]]:
        if not wanted and not reads.any_left(self.kind):
            return {}
        names = [*(one.name for one in wanted.values()), *reads.leftover(self.kind, wanted).values()]
        there = [item for name in names if (item := reads.deploy_application(name)) is not None]
        live = {item["applicationName"]: reads.deploy_tags("application", item["applicationName"]) for item in there}
        named = ((item["applicationName"], live[item["applicationName"]], item) for item in there)
        found = {}
        for key, item in keyed(self.kind, wanted, named).items():
            name = item["applicationName"]
            as_desired = Application(item["computePlatform"], name, lasting_tags(live[name]))
            outputs = {"name": name, "arn": reads.deploy_arn("application", name)}
            found[key] = Observed(as_desired, outputs, live[name].get(OWNER_TAG))
        return found

    def create(self, aws: Aws, key: Key, desired: Application) -> Mapping[str, str]:
        aws.codedeploy.create_application(
            applicationName=desired.name, computePlatform="ECS", tags=tags.pascal(desired.tags)
        )
        return {"name": desired.name}

    def update(
        self, aws: Aws, observed: Observed[Application], desired: Application, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        if any(change.field == "tags" for change in changes):
            aws.codedeploy.tag_resource(ResourceArn=observed.outputs["arn"], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[Application]) -> None:
        aws.codedeploy.delete_application(applicationName=observed.as_desired.name)


KIND = ApplicationKind()
