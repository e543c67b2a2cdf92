"""Which capacity providers a cluster may use. The call replaces the whole list, so those of others are sent along.

Every service of ours says itself where its tasks go. The default strategy is for tasks that others start: one that they
set is theirs, and told.

When the stack is destroyed this is where its hosts leave: detaching first empties the groups behind our providers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.providers import detach
from controller.base.keys import OWNER_TAG, Key, Ref, key_of, refs
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class ClusterCapacityProviders:
    """`providers`: ours, in the spec's order, then Fargate's; the first one is the cluster's default strategy.

    Among those that are live there may be predecessors: they leave the cluster with their own deletion.
    """

    cluster: str | Ref = spec(immutable=True, names="cluster")
    providers: tuple[str | Ref, ...] = spec(unordered=True, more=True, names="capacity_provider")
    names: tuple[str, ...] = spec(compare=False)


class ClusterCapacityProvidersKind:
    kind = "cluster_capacity_providers"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, ClusterCapacityProviders]]:
        keys = [Key("capacity_provider", pool.name) for pool in stack.pools]
        serverless = sorted({one.provider for s in stack.services if s.fargate is not None for one in s.shares})
        if not keys and not serverless:
            return
        providers: tuple[str | Ref, ...] = (*(Ref(key, "name") for key in keys), *serverless)
        names = (*(live_name(stack, key) for key in keys), *serverless)
        yield (
            Key(self.kind, "main"),
            ClusterCapacityProviders(Ref(Key("cluster", "main"), "name"), providers, names),
        )

    def observe(
        self, reads: Reads, wanted: Mapping[Key, ClusterCapacityProviders], owner: str
    ) -> Mapping[Key, Observed[ClusterCapacityProviders]]:
        found = {}
        for key, desired in wanted.items():
            born = {ref.key for ref in refs(desired.providers)}
            live = ((one["name"], tags.read(one.get("tags"))) for one in reads.capacity_providers())
            named = {name: key_of(own, "capacity_provider") for name, own in live if own.get(OWNER_TAG) == owner}
            ours = {name for name, mine in named.items() if mine in born}
            for item in reads.clusters():
                one = parse_attachments(item, {*desired.names, *ours}, named)
                if one.as_desired.providers:
                    found[key] = one
        return found

    def create(self, aws: Aws, key: Key, desired: ClusterCapacityProviders) -> Mapping[str, str]:
        _put(aws, desired, ())
        return {"id": _id(str(desired.cluster))}

    def update(
        self,
        aws: Aws,
        observed: Observed[ClusterCapacityProviders],
        desired: ClusterCapacityProviders,
        changes: tuple[Change, ...],
    ) -> Mapping[str, str]:
        _put(aws, desired, observed.as_desired.providers)
        return {}

    def delete(self, aws: Aws, observed: Observed[ClusterCapacityProviders]) -> None:
        cluster = str(observed.as_desired.cluster)
        detach(aws, cluster, [str(one) for one in observed.as_desired.providers], observed.owner)


def parse_attachments(
    item: Mapping[str, Any], names: Collection[str], left: Collection[str] = ()
) -> Observed[ClusterCapacityProviders]:
    """*left*: providers that an earlier spec may have left; no strategy of others names those alone."""
    attached = tuple(name for name in item.get("capacityProviders", []) if name in names)
    owner = next((tag["value"] for tag in item.get("tags", []) if tag["key"] == OWNER_TAG), None)
    busy = "attachments are being updated" if item.get("attachmentsStatus") == "UPDATE_IN_PROGRESS" else ""
    as_desired = ClusterCapacityProviders(item["clusterName"], attached, tuple(sorted(names)))
    notes = _strategy_of_others(item.get("defaultCapacityProviderStrategy", []), {*names, *left})
    return Observed(as_desired, {"id": _id(item["clusterName"])}, owner, busy=busy, notes=notes)


def _strategy_of_others(strategy: Sequence[Mapping[str, Any]], names: Collection[str]) -> tuple[str, ...]:
    """A note of one that is not as we set it: a single provider of ours, whose weight means nothing then."""
    shares = [(one["capacityProvider"], int(one.get("weight", 0)), int(one.get("base", 0))) for one in strategy]
    if not shares or (len(shares) == 1 and shares[0][0] in names and shares[0][2] == 0):
        return ()
    words = ", ".join(f"{name} (weight {weight}, base {base})" for name, weight, base in shares)
    return (f"default capacity provider strategy of others kept: {words}",)


def _id(cluster: str) -> str:
    """Not the cluster's own name: what refers to the cluster does not refer to this."""
    return f"capacity providers of {cluster}"


def _cluster(aws: Aws, name: str) -> Mapping[str, Any]:
    found = aws.ecs.describe_clusters(clusters=[name])["clusters"]
    return found[0] if found else {}


def _put(aws: Aws, desired: ClusterCapacityProviders, before: Collection[str | Ref]) -> None:
    """Attach all of *desired*, and keep the others; in the default strategy, too, but for those of *before*, which are
    being replaced and must be named nowhere to go."""
    cluster, ours = str(desired.cluster), [str(one) for one in desired.providers]
    live = _cluster(aws, cluster)
    others = [name for name in live.get("capacityProviders", []) if name not in ours]
    strategy = [
        one
        for one in live.get("defaultCapacityProviderStrategy", [])
        if one["capacityProvider"] in ours or one["capacityProvider"] not in before
    ]
    aws.ecs.put_cluster_capacity_providers(
        cluster=cluster,
        capacityProviders=[*others, *ours],
        defaultCapacityProviderStrategy=strategy or [{"capacityProvider": ours[0], "weight": 1, "base": 0}],
    )


KIND = ClusterCapacityProvidersKind()
