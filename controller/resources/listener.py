"""Listeners. The default action answers 404: only the rules of services forward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, birth_tags, key_of, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

NOT_FOUND = "404 text/plain no rule matches this request"


@dataclass(frozen=True, slots=True)
class Listener:
    """`default`: status, content type and body of the fixed response, separated by blanks."""

    load_balancer: str | Ref = spec(immutable=True)
    port: int = spec()
    protocol: str = spec()
    default: str = spec()
    tags: Tags = spec(subset=True, risk="cosmetic")


class ListenerKind:
    kind = "listener"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Listener]]:
        for listener in stack.load_balancer.listeners if stack.load_balancer else ():
            key = Key(self.kind, listener.name)
            born = birth_tags(stack.name, key, live_name(stack, key), stack.tags)
            yield key, Listener(Ref(Key("load_balancer", "main"), "arn"), listener.port, "HTTP", NOT_FOUND, born)

    def observe(self, reads: Reads, wanted: Mapping[Key, Listener], owner: str) -> Mapping[Key, Observed[Listener]]:
        by_port = {desired.port: key for key, desired in wanted.items()}
        found = {}
        for item in reads.listeners():
            live = reads.elb_tags().get(item["ListenerArn"], {})
            if key := key_of(live, self.kind) or by_port.get(item["Port"]):
                found[key] = parse_listener(item, live)
        return found

    def create(self, aws: Aws, key: Key, desired: Listener) -> Mapping[str, str]:
        made = aws.elbv2.create_listener(
            LoadBalancerArn=str(desired.load_balancer),
            Port=desired.port,
            Protocol=desired.protocol,  # type: ignore[arg-type]
            DefaultActions=_actions(desired),
            Tags=tags.pascal(desired.tags),
        )["Listeners"][0]
        return {"arn": made["ListenerArn"]}

    def update(
        self, aws: Aws, observed: Observed[Listener], desired: Listener, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        arn = observed.outputs["arn"]
        fields = {change.field for change in changes}
        request: dict[str, Any] = {}
        if fields & {"port", "protocol"}:
            request |= {"Port": desired.port, "Protocol": desired.protocol}
        if "default" in fields:
            request["DefaultActions"] = _actions(desired)
        if request:
            aws.elbv2.modify_listener(ListenerArn=arn, **request)
        if "tags" in fields:
            aws.elbv2.add_tags(ResourceArns=[arn], Tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[Listener]) -> None:
        aws.elbv2.delete_listener(ListenerArn=observed.outputs["arn"])


def parse_listener(item: Mapping[str, Any], live: Mapping[str, str]) -> Observed[Listener]:
    as_desired = Listener(
        item["LoadBalancerArn"],
        int(item["Port"]),
        item["Protocol"],
        parse_default(item.get("DefaultActions", [])),
        lasting_tags(live),
    )
    return Observed(as_desired, {"arn": item["ListenerArn"]}, live.get(OWNER_TAG))


def parse_default(actions: list[Mapping[str, Any]]) -> str:
    """The fixed response in one line; for any other action its type, which is then drift."""
    action = actions[0] if actions else {}
    fixed = action.get("FixedResponseConfig")
    if fixed is None:
        return str(action.get("Type", "none"))
    return f"{fixed['StatusCode']} {fixed.get('ContentType', '')} {fixed.get('MessageBody', '')}".strip()


def _actions(desired: Listener) -> list[Any]:
    status, content, body = desired.default.split(" ", 2)
    fixed = {"StatusCode": status, "ContentType": content, "MessageBody": body}
    return [{"Type": "fixed-response", "FixedResponseConfig": fixed}]


KIND = ListenerKind()
