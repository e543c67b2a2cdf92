"""One log group per service. Destroy keeps one that holds data, unless the spec says to delete it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.base.errors import NotYet
from controller.base.keys import OWNER_TAG, Key, Tags, lasting_tags
from controller.engine.reconciler import Change, Home, Observed, spec
from controller.spec.names import born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import OnDestroy, Stack


@dataclass(frozen=True, slots=True)
class LogGroup:
    """`retention_days` 0: never expires."""

    retention_days: int
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    on_destroy: OnDestroy = spec(compare=False, default="retain")


class LogGroupKind:
    kind = "log_group"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, LogGroup]]:
        for service in stack.services:
            key = Key(self.kind, service.name)
            name = live_name(stack, key)
            born = born_tags(stack, key)
            yield key, LogGroup(service.log_retention.days, name, born, service.log_on_destroy)

    def observe(self, reads: Reads, wanted: Mapping[Key, LogGroup], owner: str) -> Mapping[Key, Observed[LogGroup]]:
        asked: dict[Key, tuple[str, OnDestroy]] = {key: (one.name, one.on_destroy) for key, one in wanted.items()}
        asked |= {key: (name, "retain") for key, name in reads.leftover(self.kind, wanted).items()}
        found = {}
        for key, (name, on_destroy) in asked.items():
            if item := reads.log_group(name):
                live = reads.log_group_tags(_arn(item))
                held = reads.thorough and on_destroy == "retain" and reads.has_log_streams(name)
                found[key] = parse_group(item, live, on_destroy, held)
        return found

    def create(self, aws: Aws, key: Key, desired: LogGroup) -> Mapping[str, str]:
        aws.logs.create_log_group(logGroupName=desired.name, tags=dict(desired.tags))
        _retain(aws, desired)
        found = aws.logs.describe_log_groups(logGroupNamePrefix=desired.name, limit=1)["logGroups"]
        if not found or found[0]["logGroupName"] != desired.name:
            raise NotYet(f"log group {desired.name} is not listed yet")
        return _outputs(found[0])

    def foretold(self, desired: LogGroup, home: Home) -> Mapping[str, str]:
        arn = f"arn:{home.partition}:logs:{home.region}:{home.account}:log-group:{desired.name}"
        return _named(desired.name, arn)

    def update(
        self, aws: Aws, observed: Observed[LogGroup], desired: LogGroup, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        for change in changes:
            if change.field == "retention_days":
                _retain(aws, desired)
            if change.field == "tags":
                aws.logs.tag_resource(resourceArn=observed.outputs["arn"], tags=dict(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[LogGroup]) -> None:
        aws.logs.delete_log_group(logGroupName=observed.as_desired.name)


def parse_group(
    item: Mapping[str, Any], live: Mapping[str, str], on_destroy: OnDestroy, streams: bool = False
) -> Observed[LogGroup]:
    """*streams*: it has some. CloudWatch counts stored bytes hours late, so they alone do not prove it empty."""
    held = int(item.get("storedBytes", 0))
    what = f"{held} bytes of logs" if held else "log streams" if streams else ""
    kept = f"holds {what}, on_destroy: retain" if what and on_destroy == "retain" else ""
    as_desired = LogGroup(int(item.get("retentionInDays", 0)), item["logGroupName"], lasting_tags(live), on_destroy)
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG), kept=kept)


def _retain(aws: Aws, desired: LogGroup) -> None:
    if desired.retention_days:
        aws.logs.put_retention_policy(logGroupName=desired.name, retentionInDays=desired.retention_days)
    else:
        aws.logs.delete_retention_policy(logGroupName=desired.name)


def _arn(item: Mapping[str, Any]) -> str:
    """The arn without the ``:*`` DescribeLogGroups ends it with (aws.md 9.5)."""
    return str(item["arn"]).removesuffix(":*")


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return _named(item["logGroupName"], _arn(item))


def _named(name: str, arn: str) -> dict[str, str]:
    return {"name": name, "arn": arn, "stream_arn": f"{arn}:*"}


KIND = LogGroupKind()
