"""The load balancer: an application load balancer, one node in every zone of its subnets.

Another scheme is another load balancer, with another DNS name. Clients know the old one: with all that serves behind
it, it stays until a person says that they have gone over (`--prune`), and until nobody asks it any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.attributes import put_back, set_by_others
from controller.aws.reads import LATELY, keyed, label_of
from controller.aws.target_zones import places_of_hosts, zones_of_targets
from controller.base.errors import Underway
from controller.base.keys import OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, born_as, spec
from controller.spec import network
from controller.spec.names import born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack

IDLE_TIMEOUT = "idle_timeout.timeout_seconds"
PROTECTION = "deletion_protection.enabled"
DROP_INVALID = "routing.http.drop_invalid_header_fields.enabled"
LOGS = "access_logs.s3"
ANEW = "build another stack beside this one, and move over"
USUAL: Mapping[str, str] = {  # what one has that was given none of it (aws.md 2.6)
    "client_keep_alive.seconds": "3600",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
ATTRIBUTES = ("idle_timeout", "deletion_protection", "drop_invalid_headers", "access_logs")


@dataclass(frozen=True, slots=True)
class AccessLogs:
    """Where they go; no bucket is nowhere."""

    bucket: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """`others`: the attributes that somebody else set, ``routing.http2.enabled=false``; none is ours."""

    subnets: tuple[str | Ref, ...] = spec(unordered=True)
    security_groups: tuple[str | Ref, ...] = spec(unordered=True)
    idle_timeout: int = spec()  # seconds
    deletion_protection: bool = spec()
    drop_invalid_headers: bool = spec()
    access_logs: AccessLogs = spec()
    scheme: str = spec(immutable=True)
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    after: tuple[str | Ref, ...] = spec(compare=False, default=())  # the way in: clients reach it over it
    hosts: tuple[str | Ref, ...] = spec(compare=False, default=())  # the subnets in which hosts shall stand
    bound: tuple[str, ...] = spec(compare=False, default=())  # why what is behind it cannot be behind another one
    others: tuple[str, ...] = spec(default=())


class LoadBalancerKind:
    kind = "load_balancer"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, LoadBalancer]]:
        wanted = stack.load_balancer
        if wanted is None:
            return
        kept = wanted.access_logs
        key = Key(self.kind, "main")
        name = live_name(stack, key)
        yield (
            key,
            LoadBalancer(
                network.public_subnets(stack),
                (Ref(Key("security_group", "load-balancer")),),
                int(wanted.idle_timeout.total_seconds()),
                wanted.deletion_protection,
                wanted.drop_invalid_headers,
                AccessLogs(kept.bucket, kept.prefix) if kept is not None else AccessLogs(),
                wanted.scheme,
                name,
                born_tags(stack, key),
                after=network.way_in(stack),
                hosts=network.host_subnets(stack) if stack.pools else (),
                bound=_bound(stack),
            ),
        )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, LoadBalancer], owner: str
    ) -> Mapping[Key, Observed[LoadBalancer]]:
        born = reads.tagged()
        named = ((i["LoadBalancerName"], born.get(i["LoadBalancerArn"], {}), i) for i in reads.load_balancers())
        found = {
            key: parse_balancer(
                item,
                reads.load_balancer_attributes(item["LoadBalancerArn"]),
                reads.elb_tags().get(item["LoadBalancerArn"], {}),
            )
            for key, item in keyed(self.kind, wanted, named).items()
        }
        found = {key: _with_listeners_of_others(one, reads) for key, one in found.items()}
        return found if reads.destroying else _known_by_name(found, wanted, reads)

    def create(self, aws: Aws, key: Key, desired: LoadBalancer) -> Mapping[str, str]:
        made = aws.elbv2.create_load_balancer(  # repeated with the same settings it returns the same one (aws.md 5.2)
            Name=desired.name,
            Subnets=[*map(str, desired.subnets), *_also(aws, desired)],
            SecurityGroups=[str(group) for group in desired.security_groups],
            Scheme=desired.scheme,  # type: ignore[arg-type]
            Type="application",
            Tags=tags.pascal(desired.tags),
        )["LoadBalancers"][0]
        _set_attributes(aws, made["LoadBalancerArn"], desired)
        return _outputs(made)

    def update(
        self, aws: Aws, observed: Observed[LoadBalancer], desired: LoadBalancer, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        arn, waits = observed.outputs["arn"], ""
        if any(change.field in ATTRIBUTES for change in changes):
            _set_attributes(aws, arn, desired)
        for change in changes:
            match change.field:
                case "others":
                    back: Any = put_back(observed.as_desired.others, USUAL)
                    aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=back)
                case "subnets":
                    subnets, waits = _bearable(aws, arn, desired, str(observed.owner))
                    if set(subnets) != set(observed.as_desired.subnets):
                        aws.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=subnets)
                case "security_groups":
                    groups = [str(one) for one in desired.security_groups]
                    aws.elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=groups)
                case "tags":
                    aws.elbv2.add_tags(ResourceArns=[arn], Tags=tags.pascal(desired.tags))
        if waits:
            raise Underway(waits)
        return {}

    def refuses(self, desired: LoadBalancer, changes: tuple[Change, ...], observed: Observed[LoadBalancer]) -> str:
        """Hosts stand behind both while there are two: neither may leave a zone, nor get one that the other lacks."""
        moving = {change.field for change in changes}
        if "subnets" in moving and "scheme" in moving:
            return "another scheme and other subnets: one after the other, with apply --prune in between"
        if "subnets" in moving and observed.outputs.get("beside"):
            return f"other subnets while clients may still ask {observed.outputs['beside']}: apply --prune first"
        return "; ".join(desired.bound) if "scheme" in moving else ""

    def delete(self, aws: Aws, observed: Observed[LoadBalancer]) -> None:
        aws.elbv2.delete_load_balancer(LoadBalancerArn=observed.outputs["arn"])


def _bearable(aws: Aws, arn: str, desired: LoadBalancer, owner: str) -> tuple[list[str], str]:
    """The subnets it can have now, and what the others wait for: in a zone that it gives up it sends to no target, and
    where hosts are that are to leave, tasks may still begin."""
    wanted = [str(one) for one in desired.subnets]
    item = aws.elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    now = {str(zone["ZoneName"]): str(zone["SubnetId"]) for zone in item["AvailabilityZones"]}
    coming = {str(one["AvailabilityZone"]) for one in aws.ec2.describe_subnets(SubnetIds=wanted)["Subnets"]}
    left = now.keys() - coming
    busy = sorted(left & _in_use(aws, arn, desired, item["VpcId"], owner)) if left else []
    waits = (
        f"{item['LoadBalancerName']} gives up {', '.join(busy)} when no host or target is left there" if busy else ""
    )
    return [*wanted, *(now[zone] for zone in busy)], waits


def _also(aws: Aws, desired: LoadBalancer) -> list[str]:
    """A subnet in each zone where hosts are that are to leave: one that is born has its targets there, too. Where those
    stand in private ones, it is a public one of ours."""
    owner = dict(desired.tags)[OWNER_TAG]
    leaving = _leaving(aws, desired, owner)
    if leaving and not {*desired.hosts} <= {*desired.subnets}:
        asked: Any = [{"Name": f"tag:{OWNER_TAG}", "Values": [owner]}]
        ours = [one for one in aws.ec2.describe_subnets(Filters=asked)["Subnets"] if one["MapPublicIpOnLaunch"]]
        public = {str(one["AvailabilityZone"]): str(one["SubnetId"]) for one in ours}
        leaving = {zone: public[zone] for zone in leaving if zone in public}
    held = {str(one["AvailabilityZone"]) for one in _subnets(aws, desired.subnets)} if leaving else set()
    return [subnet for zone, subnet in sorted(leaving.items()) if zone not in held]


def _leaving(aws: Aws, desired: LoadBalancer, owner: str) -> dict[str, str]:
    """The zones in which hosts are and shall be no more, with a subnet of theirs."""
    there = {str(one["AvailabilityZone"]) for one in _subnets(aws, desired.hosts)}
    return {zone: subnet for zone, subnet in places_of_hosts(aws, owner).items() if zone not in there}


def _subnets(aws: Aws, ids: Iterable[str | Ref]) -> Any:
    asked = [str(one) for one in ids]
    return aws.ec2.describe_subnets(SubnetIds=asked)["Subnets"] if asked else []


def _in_use(aws: Aws, arn: str, desired: LoadBalancer, vpc: str, owner: str) -> set[str]:
    return zones_of_targets(aws, arn, vpc) | _leaving(aws, desired, owner).keys()


def parse_balancer(
    item: Mapping[str, Any], attributes: Mapping[str, str], live: Mapping[str, str]
) -> Observed[LoadBalancer]:
    as_desired = LoadBalancer(
        tuple(sorted(zone["SubnetId"] for zone in item.get("AvailabilityZones", []))),
        tuple(sorted(item.get("SecurityGroups", []))),
        int(attributes.get(IDLE_TIMEOUT, 60)),
        attributes.get(PROTECTION) == "true",
        attributes.get(DROP_INVALID) == "true",
        parse_logs(attributes),
        item["Scheme"],
        item["LoadBalancerName"],
        lasting_tags(live),
        others=set_by_others(attributes, USUAL),
    )
    state = item.get("State", {}).get("Code", "active")
    busy = "" if state in {"active", "active_impaired"} else state
    protected = (
        "deletion protection is on: AWS would not delete it (set deletion_protection: false, apply, and try again)"
        if as_desired.deletion_protection
        else ""
    )
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG), busy=busy, protected=protected)


def _with_listeners_of_others(one: Observed[LoadBalancer], reads: Reads) -> Observed[LoadBalancer]:
    """AWS deletes listeners with their balancer, whoever made them."""
    ports = sorted(
        item["Port"]
        for item in reads.listeners()
        if item["LoadBalancerArn"] == one.outputs["arn"]
        and OWNER_TAG not in reads.elb_tags().get(item["ListenerArn"], {})
    )
    if one.protected or not ports:
        return one
    return replace(one, protected=f"has a listener of others (port {', '.join(map(str, ports))})")


def _bound(stack: Stack) -> tuple[str, ...]:
    turned = [one.name for one in stack.services if one.by_codedeploy and one.route is not None]
    scaled = [(one.name, one.scaling) for one in stack.services if one.scaling is not None]
    counted = [name for name, scaling in scaled if scaling.target_requests is not None]
    found = []
    if turned:
        found.append(f"CodeDeploy turns {', '.join(turned)} between two groups of one load balancer: {ANEW}")
    if counted:
        found.append(
            f"{', '.join(counted)} would scale by the requests of a load balancer that nobody asks yet: take "
            "scaling.target_requests out until clients have gone over"
        )
    return tuple(found)


def _known_by_name(
    found: Mapping[Key, Observed[LoadBalancer]], wanted: Mapping[Key, LoadBalancer], reads: Reads
) -> dict[Key, Observed[LoadBalancer]]:
    """*found*; one of another scheme than the wanted one is known to clients by its own name."""
    told = {}
    for key, one in found.items():
        wish = wanted.get(born_as(key))
        heir = next((o.outputs["dns_name"] for o in found.values() if wish and o.as_desired.scheme == wish.scheme), "")
        if wish is not None and not heir:
            words = (
                f"clients know it by {one.outputs['dns_name']}, and it serves them beside the other until apply --prune"
            )
            one = replace(one, notes=(*one.notes, words))
        elif wish is not None and one.as_desired.scheme != wish.scheme:
            count = reads.requests(one.outputs["label"])
            lately = f" ({count} requests in {int(LATELY.total_seconds() / 60)} minutes)" if count else ""
            words = f"clients may still ask {one.outputs['dns_name']}{lately}: lead them to {heir}, then apply --prune"
            one = replace(one, rests=words, asked=count > 0)
        told[key] = one
    stays = [one for one in told.values() if one.rests and (one.asked or not reads.parting)]
    resting = stays[0].outputs["dns_name"] if stays else ""
    if not resting:
        return told
    for key, one in told.items():
        if not one.rests:
            wish = wanted.get(born_as(key))
            outputs = {**one.outputs, "beside": resting}
            told[key] = replace(one, outputs=outputs, problems=wish.bound if wish is not None else ())
    return told


def parse_logs(attributes: Mapping[str, str]) -> AccessLogs:
    """A bucket and a prefix that AWS remembers mean nothing while the log is off."""
    if attributes.get(f"{LOGS}.enabled") != "true":
        return AccessLogs()
    return AccessLogs(attributes.get(f"{LOGS}.bucket", ""), attributes.get(f"{LOGS}.prefix", ""))


def _set_attributes(aws: Aws, arn: str, desired: LoadBalancer) -> None:
    """All that are ours, also those at their default: what somebody else switched is put back."""
    kept = desired.access_logs
    wanted = {
        IDLE_TIMEOUT: str(desired.idle_timeout),
        PROTECTION: str(desired.deletion_protection).lower(),
        DROP_INVALID: str(desired.drop_invalid_headers).lower(),
        f"{LOGS}.enabled": str(bool(kept.bucket)).lower(),
    }
    if kept.bucket:
        wanted |= {f"{LOGS}.bucket": kept.bucket, f"{LOGS}.prefix": kept.prefix}
    attributes: Any = [{"Key": key, "Value": value} for key, value in wanted.items()]
    aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    arn = item["LoadBalancerArn"]
    return {
        "arn": arn,
        "dns_name": item["DNSName"],
        "label": label_of(arn),
        "scheme": item["Scheme"],
    }


KIND = LoadBalancerKind()
