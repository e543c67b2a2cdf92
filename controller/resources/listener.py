"""Listeners. What no rule of a service matches is answered 404, or all of it redirected to another listener."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.client import pages
from controller.aws.forwarding import parse_forwards
from controller.aws.places import CLOSED
from controller.aws.reads import apart
from controller.aws.rules import answers, rules_of
from controller.base.errors import ControllerError, Refused, Stale, Underway
from controller.base.keys import NAME_TAG, OWNER_TAG, Key, Ref, Tags, key_of, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec import types
from controller.spec.names import COLOURS, born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Service, Stack


@dataclass(frozen=True, slots=True)
class Answer:
    """A fixed response."""

    status: str
    type: str
    body: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to. What a request keeps is spelled as AWS spells it, also when it was left out (bc elbv2:Redirect...)."""

    protocol: str
    port: str
    host: str = "#{host}"
    path: str = "/#{path}"
    query: str = "#{query}"
    status: str = "HTTP_301"


FORWARD = "forward"
NOT_FOUND = Answer("404", "text/plain", "no rule matches this request")


@dataclass(frozen=True, slots=True)
class Listener:
    """`certificate`, `policy`: "" for HTTP. `certificates`: arns of further ones. `default`: what is done when no rule
    matches; for an action that we never make, its type."""

    load_balancer: str | Ref = spec(immutable=True)
    port: int = spec()
    protocol: str = spec()
    certificate: str = spec()
    certificates: tuple[str, ...] = spec(unordered=True)
    policy: str = spec()
    default: Answer | Redirect | str = spec()
    tags: Tags = spec(subset=True, risk="cosmetic")
    after: tuple[str | Ref, ...] = spec(compare=False, default=())  # the listener it redirects to is there first
    takes: tuple[tuple[int, str], ...] = spec(compare=False, default=())  # (priority, group) of routes for everything
    routed: tuple[str, ...] = spec(compare=False, default=())  # the rules that shall be on it
    beyond: tuple[str, ...] = spec(compare=False, default=())  # and that shall answer on the one it redirects to


class ListenerKind:
    kind = "listener"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Listener]]:
        listeners = {one.name: one for one in stack.load_balancer.listeners} if stack.load_balancer else {}
        for listener in listeners.values():
            key = Key(self.kind, listener.name)
            secure = listener.certificate is not None
            yield (
                key,
                Listener(
                    Ref(Key("load_balancer", "main"), "arn"),
                    listener.port,
                    listener.protocol,
                    listener.certificate or "",
                    listener.certificates,
                    listener.policy if secure else "",
                    NOT_FOUND if listener.redirect is None else _redirect(listeners[listener.redirect]),
                    born_tags(stack, key),
                    (Ref(Key(self.kind, listener.redirect), "arn"),) if listener.redirect is not None else (),
                    _takes(stack, listener.name),
                    tuple(f"listener_rule/{one.name}" for one in _routed(stack, listener.name)),
                    tuple(f"listener_rule/{one.name}" for one in _routed(stack, listener.redirect) if one.least),
                ),
            )

    def observe(self, reads: Reads, wanted: Mapping[Key, Listener], owner: str) -> Mapping[Key, Observed[Listener]]:
        by_port = {desired.port: key for key, desired in wanted.items()}
        secure = [item["ListenerArn"] for item in reads.listeners() if item["Protocol"] == "HTTPS"]
        reads.spread([partial(reads.listener_certificates, arn) for arn in secure])  # side by side, then from memory
        found = []
        for item in reads.listeners():
            arn, live = item["ListenerArn"], reads.elb_tags().get(item["ListenerArn"], {})
            if key := key_of(live, self.kind) or by_port.get(item["Port"]):
                certificates = reads.listener_certificates(arn) if arn in secure else []
                one = _of_others(parse_listener(item, certificates, live), item, wanted.get(key))
                strange = foreign_rules(reads, arn)
                found.append(
                    (key, arn, replace(one, protected=f"has rules of others ({', '.join(strange)})" if strange else ""))
                )
        return apart(found)

    def create(self, aws: Aws, key: Key, desired: Listener) -> Mapping[str, str]:
        try:
            made = aws.elbv2.create_listener(
                LoadBalancerArn=str(desired.load_balancer),
                Port=desired.port,
                Protocol=desired.protocol,  # type: ignore[arg-type]
                DefaultActions=_actions(desired),
                Tags=tags.pascal(desired.tags),
                **_secured(desired),
            )["Listeners"][0]
        except Stale as there:
            raise _held(aws, key, desired, there) from there
        if desired.certificates:
            _add(aws, made["ListenerArn"], desired.certificates)
        return {"arn": made["ListenerArn"]}

    def update(
        self, aws: Aws, observed: Observed[Listener], desired: Listener, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        arn = observed.outputs["arn"]
        fields = {change.field for change in changes}
        request: dict[str, Any] = {}
        if fields & {"port", "protocol"}:
            request |= {"Port": desired.port, "Protocol": desired.protocol}
        if fields & {"protocol", "certificate", "policy"}:
            request |= _secured(desired)
        missing = _missing(aws, arn, observed.as_desired, desired) if "default" in fields else frozenset[str]()
        if "default" in fields and not missing:
            request["DefaultActions"] = _actions(desired)
        try:
            if request:
                aws.elbv2.modify_listener(ListenerArn=arn, **request)
        except Stale as there:
            raise _held(aws, Key.parse(dict(desired.tags)[NAME_TAG]), desired, there) from there
        if "certificates" in fields and desired.protocol == "HTTPS":  # a listener that turned to HTTP has none
            _exchange(aws, arn, observed.as_desired.certificates, desired.certificates)
        if "tags" in fields:
            aws.elbv2.add_tags(ResourceArns=[arn], Tags=tags.pascal(desired.tags))
        if missing:
            services = {name.replace("listener_rule/", "service/", 1) for name in missing}
            words = f"it serves what no rule matches as before, until {', '.join(sorted(missing))} can answer"
            raise Underway(words, awaits=missing | services)
        return {}

    def delete(self, aws: Aws, observed: Observed[Listener]) -> None:
        aws.elbv2.delete_listener(ListenerArn=observed.outputs["arn"])


def _held(aws: Aws, key: Key | None, desired: Listener, there: Stale) -> ControllerError:
    """What to say of a port that is taken: *there*, when it is by an earlier try of ours, whose answer was lost."""
    asked: Any = {"LoadBalancerArn": str(desired.load_balancer)}
    found = pages(aws.elbv2.describe_listeners, "Listeners", "Marker", **asked)
    holder = next((one["ListenerArn"] for one in found if one["Port"] == desired.port), "")
    live = aws.elbv2.describe_tags(ResourceArns=[holder])["TagDescriptions"] if holder else []
    name = tags.read(live[0].get("Tags")).get(NAME_TAG, "a listener of others") if live else ""
    if name in {"", str(key)}:
        return there
    return Refused(
        f"{key}: port {desired.port} is that of {name}: keep the name, or give one of them another port first",
        code="DuplicateListener",
    )


def _routed(stack: Stack, listener: str | None) -> Iterable[Service]:
    return (one for one in stack.services if one.route is not None and one.route.listener == listener)


def _takes(stack: Stack, listener: str) -> tuple[tuple[int, str], ...]:
    """The routes on *listener* that match everything: their rules can take the place of its default action."""
    return tuple(
        (one.route.priority, live_name(stack, Key("target_group", f"{one.name}-{colour}")))
        for one in stack.services
        if one.route is not None and one.route.listener == listener and "/*" in one.route.path and not one.route.host
        for colour in COLOURS
    )


def _forwarded(actions: Iterable[Mapping[str, Any]]) -> set[str]:
    """The names of the target groups that *actions* lead to."""
    return {str(one.group).rsplit("/", 2)[-2] for one in parse_forwards(list(actions))}


def _of_others(one: Observed[Listener], item: Mapping[str, Any], wanted: Listener | None) -> Observed[Listener]:
    """*one*; where its default action serves with a group that no rule of ours takes over, it is left alone."""
    groups = _forwarded(item.get("DefaultActions", []))
    if wanted is None or not groups or groups <= {name for _, name in wanted.takes}:
        return one
    words = f"what no rule matches goes to {', '.join(sorted(groups))}: left alone, no route for /* takes it over"
    return replace(one, as_desired=replace(one.as_desired, default=wanted.default), notes=(*one.notes, words))


def _missing(aws: Aws, arn: str, live: Listener, desired: Listener) -> frozenset[str]:
    """Which rules of ours do not answer yet what a listener served with its default action so far, as one that others
    made may, or redirected: until then, another action in its place would be a gap."""
    owner = dict(desired.tags).get(OWNER_TAG, "")
    if isinstance(live.default, Redirect):
        if not isinstance(desired.default, Redirect):
            return frozenset(desired.routed) - {
                one.name for one in rules_of(aws, arn, owner) if CLOSED not in one.hosts
            }
        there = rules_of(aws, str(desired.after[0]), owner)
        return frozenset(desired.beyond) - {
            one.name for one in there if CLOSED not in one.hosts and answers(aws, [one])
        }
    if live.default != FORWARD:
        return frozenset()
    found = pages(aws.elbv2.describe_rules, "Rules", "Marker", ListenerArn=arn)
    serving = {str(one["Priority"]): _forwarded(one.get("Actions", [])) for one in found if not one["IsDefault"]}
    taken = any(name in serving.get(str(priority), set()) for priority, name in desired.takes)
    return frozenset() if taken else frozenset(desired.routed)


def foreign_rules(reads: Reads, listener: str) -> tuple[str, ...]:
    """What rules without our tag match on *listener*, in words."""
    return tuple(
        f"priority {one['Priority']}"
        for one in reads.rules()
        if one["ListenerArn"] == listener
        and not one["IsDefault"]
        and OWNER_TAG not in reads.elb_tags().get(one["RuleArn"], {})
    )


def parse_listener(
    item: Mapping[str, Any], certificates: list[dict[str, Any]], live: Mapping[str, str]
) -> Observed[Listener]:
    """*certificates*: all of the listener, the default one told apart by ``IsDefault``."""
    secure = item["Protocol"] == "HTTPS"
    default = [one["CertificateArn"] for one in item.get("Certificates") or ()] if secure else []
    as_desired = Listener(
        item["LoadBalancerArn"],
        int(item["Port"]),
        item["Protocol"],
        default[0] if default else "",
        tuple(sorted({one["CertificateArn"] for one in certificates if not one.get("IsDefault")})),
        item.get("SslPolicy", "") if secure else "",
        parse_default(item.get("DefaultActions", [])),
        lasting_tags(live),
    )
    return Observed(as_desired, {"arn": item["ListenerArn"]}, live.get(OWNER_TAG))


def parse_default(actions: list[Mapping[str, Any]]) -> Answer | Redirect | str:
    action = actions[0] if actions else {}
    if fixed := action.get("FixedResponseConfig"):
        return Answer(fixed["StatusCode"], fixed.get("ContentType", ""), fixed.get("MessageBody", ""))
    if where := action.get("RedirectConfig"):
        return Redirect(
            where.get("Protocol", "#{protocol}"),
            where.get("Port", "#{port}"),
            where.get("Host", "#{host}"),
            where.get("Path", "/#{path}"),
            where.get("Query", "#{query}"),
            where["StatusCode"],
        )
    return str(action.get("Type", "none"))


def _redirect(to: types.Listener) -> Redirect:
    return Redirect(to.protocol, str(to.port))


def _actions(desired: Listener) -> list[Any]:
    match desired.default:
        case Answer(status, content, body):
            fixed = {"StatusCode": status, "ContentType": content, "MessageBody": body}
            return [{"Type": "fixed-response", "FixedResponseConfig": fixed}]
        case Redirect(protocol, port, host, path, query, status):
            parts = {"Protocol": protocol, "Port": port, "Host": host, "Path": path, "Query": query}
            return [{"Type": "redirect", "RedirectConfig": {**parts, "StatusCode": status}}]
        case other:
            raise AssertionError(f"an action that is never wanted: {other}")


def _secured(desired: Listener) -> Any:
    """What a request says about TLS: for HTTPS both at once, as a listener that turns to it must have both."""
    if desired.protocol != "HTTPS":
        return {}
    return {"Certificates": [{"CertificateArn": desired.certificate}], "SslPolicy": desired.policy}


def _exchange(aws: Aws, arn: str, have: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """First those that are new: no name is without its certificate in between."""
    if added := sorted(set(wanted) - set(have)):
        _add(aws, arn, added)
    for certificate in sorted(set(have) - set(wanted)):
        aws.elbv2.remove_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": certificate}])


def _add(aws: Aws, arn: str, certificates: Iterable[str]) -> None:
    for certificate in certificates:  # one a call; repeated, it succeeds and adds nothing
        aws.elbv2.add_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": certificate}])


KIND = ListenerKind()
