"""The ECS API in front of the world: clusters, capacity providers, container instances, tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from controller.sandbox import agents, asg
from controller.sandbox.limits import too_much
from controller.sandbox.placement import free
from controller.sandbox.world import ApiError, Cluster, Draft, Group, Hook, Json, Node, Provider

SCALING_BOUNDS = {
    "targetCapacity": (1, 100),
    "minimumScalingStepSize": (1, 10000),
    "maximumScalingStepSize": (1, 10000),
    "instanceWarmupPeriod": (0, 10000),
}
SERVERLESS = ("FARGATE", "FARGATE_SPOT")  # providers of every account
DRAINING_HEARTBEAT = timedelta(seconds=3600)  # aws.md 1.6


def invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)


def client_error(message: str) -> ApiError:
    return ApiError("ClientException", message)


def cluster_of(draft: Draft, params: Json) -> Cluster:
    """The ACTIVE cluster a request names, by name or arn; the default is "default"."""
    found = draft.clusters.get(short(params.get("cluster") or "default"))
    if found is None or not found.active:
        raise ApiError("ClusterNotFoundException", "Cluster not found.")
    return found


def short(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def tag_map(tags: Iterable[Json] | None) -> dict[str, str]:
    found = {str(t["key"]): str(t.get("value", "")) for t in tags or ()}
    if why := too_much(found):
        raise invalid(why)
    return found


def tag_list(tags: Mapping[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def page(result: str, rows: list[Any], params: Json, default: int, most: int = 100) -> Json:
    size = int(params.get("maxResults") or default)
    if not 1 <= size <= most:
        raise invalid(f"maxResults must be between 1 and {most}")
    start = int(params.get("nextToken") or 0)
    answer: Json = {result: rows[start : start + size]}
    if start + size < len(rows):
        answer["nextToken"] = str(start + size)
    return answer


def limit(values: list[Any], most: int, what: str) -> None:
    """Batch limits that AWS enforces (aws.md 6.3)."""
    if len(values) > most:
        raise invalid(f"{what} cannot have more than {most} entries.")


# ------------------------------------------------------------------------------------------------ clusters
def create_cluster(draft: Draft, params: Json) -> Json:
    """An existing name returns the cluster (aws.md 5.2)."""
    name = params.get("clusterName") or "default"
    have = draft.clusters.get(name)
    if have is None or not have.active:
        have = Cluster(
            name,
            draft.arn("ecs", f"cluster/{name}"),
            _insights(params.get("settings"), "disabled"),
            tuple(params.get("capacityProviders", [])),
            tuple(params.get("defaultCapacityProviderStrategy", [])),
            tag_map(params.get("tags")),
            configuration=params.get("configuration") or {},
        )
        draft.clusters[name] = have
    return {"cluster": _show_cluster(draft, have, {"SETTINGS", "TAGS"})}


def describe_clusters(draft: Draft, params: Json) -> Json:
    names = params.get("clusters") or ["default"]
    limit(names, 100, "Clusters")
    include = set(params.get("include", []))
    found = [draft.clusters[short(n)] for n in names if short(n) in draft.clusters]
    failures = [
        {"arn": draft.arn("ecs", f"cluster/{short(n)}"), "reason": "MISSING"}
        for n in names
        if short(n) not in draft.clusters
    ]
    return {"clusters": [_show_cluster(draft, c, include) for c in found], "failures": failures}


def list_clusters(draft: Draft, params: Json) -> Json:
    return page("clusterArns", [c.arn for c in draft.clusters.values() if c.active], params, 100)


def update_cluster(draft: Draft, params: Json) -> Json:
    cluster = cluster_of(draft, params)
    changed = replace(cluster, insights=_insights(params.get("settings"), cluster.insights))
    if params.get("configuration") is not None:
        changed = replace(changed, configuration=params["configuration"])
    draft.clusters[cluster.name] = changed
    return {"cluster": _show_cluster(draft, changed, {"SETTINGS", "TAGS"})}


def delete_cluster(draft: Draft, params: Json) -> Json:
    """Refused while it holds anything (aws.md 5.4); INACTIVE clusters stay discoverable for a while."""
    cluster = cluster_of(draft, params)
    if any(s.cluster == cluster.name and s.status != "INACTIVE" for s in draft.services.values()):
        raise ApiError("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if any(t.cluster == cluster.name and t.open for t in draft.tasks.values()):
        raise ApiError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    if any(n.cluster == cluster.name and n.status != "INACTIVE" for n in draft.nodes.values()):
        raise ApiError(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        )
    if cluster.providers:
        raise ApiError(
            "ClusterContainsCapacityProviderException",
            "The Cluster cannot be deleted while capacity providers are associated.",
        )
    gone = replace(cluster, active=False)
    draft.clusters[cluster.name] = gone
    return {"cluster": _show_cluster(draft, gone, set())}


def put_cluster_capacity_providers(draft: Draft, params: Json) -> Json:
    """Replaces the whole list; one in use by a service or by tasks cannot be left out (aws.md 5.4)."""
    cluster, names = cluster_of(draft, params), list(params["capacityProviders"])
    for name in names:
        provider = draft.providers.get(name)
        if (provider is None or not provider.active) and name not in SERVERLESS:
            raise invalid(
                f"The specified capacity provider '{name}' was not found. Specify a valid name and try again."
            )
    mine = [s for s in draft.services.values() if s.cluster == cluster.name and s.status == "ACTIVE"]
    used = {str(one["capacityProvider"]) for service in mine for one in service.strategy}
    used |= {t.provider for t in draft.tasks.values() if t.open and t.cluster == cluster.name}
    if missing := (set(cluster.providers) - set(names)) & used:
        raise ApiError(
            "ResourceInUseException",
            f"The specified capacity provider is in use and cannot be removed: {', '.join(sorted(missing))}",
        )
    strategy = params.get("defaultCapacityProviderStrategy") or []
    if any(one["capacityProvider"] not in names for one in strategy):
        raise invalid("The default capacity provider strategy names a provider that is not in capacityProviders.")
    changed = replace(cluster, providers=tuple(names), strategy=tuple(strategy))
    draft.clusters[cluster.name] = changed
    for node in list(draft.nodes.values()):
        _adopt(draft, node, changed)
    return {"cluster": _show_cluster(draft, changed, {"SETTINGS", "TAGS"})}


def _adopt(draft: Draft, node: Node, cluster: Cluster) -> None:
    """Hosts that registered before their provider was attached belong to it all the same: it is found by group."""
    member = draft.members.get(node.member)
    if node.cluster != cluster.name or node.provider is not None or member is None:
        return
    for provider in draft.providers_of(member.group):
        if provider.name in cluster.providers:
            draft.nodes[node.arn] = replace(node, provider=provider.name)


def _insights(settings: Iterable[Json] | None, before: str) -> str:
    value = next((str(s["value"]) for s in settings or () if s["name"] == "containerInsights"), before)
    if value not in {"enabled", "disabled", "enhanced"}:
        raise invalid("Invalid cluster setting value: it must be enhanced, enabled or disabled.")
    return value


def _show_cluster(draft: Draft, cluster: Cluster, include: set[str]) -> Json:
    nodes = [n for n in draft.nodes.values() if n.cluster == cluster.name and n.status != "INACTIVE"]
    tasks = [t for t in draft.tasks.values() if t.cluster == cluster.name and t.open]
    shown: Json = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": "ACTIVE" if cluster.active else "INACTIVE",
        "registeredContainerInstancesCount": len(nodes),
        "runningTasksCount": sum(1 for t in tasks if t.last == "RUNNING"),
        "pendingTasksCount": sum(1 for t in tasks if t.last in {"PROVISIONING", "PENDING", "ACTIVATING"}),
        "activeServicesCount": sum(
            1 for s in draft.services.values() if s.cluster == cluster.name and s.status == "ACTIVE"
        ),
        "capacityProviders": list(cluster.providers),
        "defaultCapacityProviderStrategy": [dict(one) for one in cluster.strategy],
        "statistics": [],
    }
    shown["settings"] = [{"name": "containerInsights", "value": cluster.insights}] if "SETTINGS" in include else []
    if "CONFIGURATIONS" in include and cluster.configuration:
        shown["configuration"] = dict(cluster.configuration)
    if "TAGS" in include:
        shown["tags"] = tag_list(cluster.tags)
    if "ATTACHMENTS" in include and cluster.providers:
        shown["attachments"] = [
            {"id": name, "type": "managed_draining", "status": "PRECREATED", "details": []}
            for name in cluster.providers
            if name in draft.providers and draft.providers[name].draining
        ]
        shown["attachmentsStatus"] = "UPDATE_COMPLETE"
    return shown


# ------------------------------------------------------------------------------------------------ capacity providers
def create_capacity_provider(draft: Draft, params: Json) -> Json:
    name, settings = params["name"], params.get("autoScalingGroupProvider") or {}
    if name.lower().startswith(("aws", "ecs", "fargate")):
        raise client_error(
            "The specified capacity provider name is invalid: it must not start with aws, ecs or fargate."
        )
    have = draft.providers.get(name)
    if have is not None and have.active:
        raise client_error(
            "The specified capacity provider already exists. To change the configuration of an existing capacity "
            "provider, update the capacity provider."
        )
    group = next((g for g in draft.groups.values() if g.arn == settings.get("autoScalingGroupArn")), None)
    if group is None:
        raise client_error("The specified Auto Scaling group ARN is invalid. Specify a valid ARN and try again.")
    provider = Provider(
        name,
        draft.arn("ecs", f"capacity-provider/{name}"),
        group.arn,
        settings.get("managedDraining", "ENABLED") == "ENABLED",  # the default (aws.md 1.6)
        _scaling(settings.get("managedScaling"), {}),
        settings.get("managedTerminationProtection", "DISABLED"),
        tag_map(params.get("tags")),
    )
    _check_protection(provider, group)
    draft.providers[name] = provider
    tags = {"AmazonECSManaged": ("", True), **group.tags}  # one that is there keeps its value
    tagged = replace(draft.groups[group.name], tags=tags)
    draft.groups[group.name] = tagged
    _hook(draft, tagged, on=provider.draining)
    return {"capacityProvider": _show_provider(provider, tags=True)}


def update_capacity_provider(draft: Draft, params: Json) -> Json:
    provider = _provider(draft, params["name"])
    settings = params.get("autoScalingGroupProvider") or {}
    changed = replace(
        provider,
        draining=settings.get("managedDraining", "ENABLED" if provider.draining else "DISABLED") == "ENABLED",
        scaling=_scaling(settings.get("managedScaling"), provider.scaling),
        protection=settings.get("managedTerminationProtection", provider.protection),
    )
    group = draft.group_of(changed)
    if changed.protection != provider.protection or changed.scaling != provider.scaling:
        _check_protection(changed, group)
    draft.providers[provider.name] = changed
    if group is not None:
        _hook(draft, group, on=changed.draining)
    return {"capacityProvider": _show_provider(changed, tags=False)}


def describe_capacity_providers(draft: Draft, params: Json) -> Json:
    names = [short(name) for name in params.get("capacityProviders") or []]
    found = [p for p in draft.providers.values() if p.active and (not names or p.name in names)]
    rows = [_show_provider(p, tags="TAGS" in params.get("include", [])) for p in found]
    rows += [{"name": n, "status": "ACTIVE"} for n in SERVERLESS if not names or n in names]
    failures = [{"arn": n, "reason": "MISSING"} for n in names if n not in {row["name"] for row in rows}]
    return {**page("capacityProviders", rows, params, 10), "failures": failures}


def delete_capacity_provider(draft: Draft, params: Json) -> Json:
    """Only once no cluster and no service's strategy uses it (aws.md 5.4)."""
    provider = _provider(draft, short(params["capacityProvider"]))
    if any(provider.name in c.providers for c in draft.clusters.values() if c.active):
        raise ApiError("ResourceInUseException", "The specified capacity provider is in use and cannot be removed.")
    gone = replace(provider, active=False)
    del draft.providers[provider.name]
    if group := draft.group_of(provider):
        _hook(draft, group, on=False)
    return {"capacityProvider": {**_show_provider(gone, tags=False), "updateStatus": "DELETE_COMPLETE"}}


def _provider(draft: Draft, name: str) -> Provider:
    found = draft.providers.get(name)
    if found is None or not found.active:
        raise client_error("The specified capacity provider does not exist. Specify a valid name or ARN and try again.")
    return found


def _hook(draft: Draft, group: Group, *, on: bool) -> None:
    """ECS installs its terminating hook for managed draining, CONTINUE after an hour (aws.md 1.6)."""
    others = tuple(h for h in group.hooks if h.name != asg.DRAINING_HOOK)
    ours = (Hook(asg.DRAINING_HOOK, "TERMINATING", DRAINING_HEARTBEAT, "CONTINUE"),) if on else ()
    draft.groups[group.name] = replace(draft.groups[group.name], hooks=(*others, *ours))


def _check_protection(provider: Provider, group: Group | None) -> None:
    """What managed termination protection rests on (aws.md 1.7)."""
    if provider.protection != "ENABLED":
        return
    if provider.scaling.get("status") != "ENABLED":
        raise client_error(
            "The managed termination protection setting for the capacity provider is invalid. To enable managed "
            "termination protection for a capacity provider, managed scaling must be enabled."
        )
    if group is None or not group.protect_new:
        raise client_error(
            "The managed termination protection setting for the capacity provider is invalid. To enable managed "
            "termination protection for a capacity provider, the Auto Scaling group must have instance protection "
            "from scale in enabled."
        )


def _scaling(given: Json | None, before: Mapping[str, Any]) -> Json:
    """Defaults AWS fills in, and the bounds of what is given (aws.md 1.7)."""
    for name, (low, high) in SCALING_BOUNDS.items():
        if given and name in given and not low <= int(given[name]) <= high:
            raise client_error(f"The {name} must be between {low} and {high}.")
    return {
        "status": "DISABLED",  # of one that was not asked for; the numbers are shown all the same
        "targetCapacity": 100,
        "minimumScalingStepSize": 1,
        "maximumScalingStepSize": 10000,
        "instanceWarmupPeriod": 300,
        **before,
        **(given or {}),
    }


def _show_provider(provider: Provider, *, tags: bool) -> Json:
    shown: Json = {
        "capacityProviderArn": provider.arn,
        "name": provider.name,
        "status": "ACTIVE" if provider.active else "INACTIVE",
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": provider.group_arn,
            "managedScaling": dict(provider.scaling),
            "managedTerminationProtection": provider.protection,
            "managedDraining": "ENABLED" if provider.draining else "DISABLED",
        },
    }
    if tags:
        shown["tags"] = tag_list(provider.tags)
    return shown


# ------------------------------------------------------------------------------------------------ container instances
def list_container_instances(draft: Draft, params: Json) -> Json:
    """Every status but INACTIVE unless one is asked for (aws.md 1.2)."""
    cluster, status = cluster_of(draft, params), params.get("status")
    wanted = str(params.get("filter") or "")
    found = [
        n.arn
        for n in draft.nodes.values()
        if n.cluster == cluster.name
        and (n.status == status if status else n.status != "INACTIVE")
        and (not wanted or n.member in wanted)
    ]
    return page("containerInstanceArns", found, params, 100)


def describe_container_instances(draft: Draft, params: Json) -> Json:
    cluster = cluster_of(draft, params)
    arns = params["containerInstances"]
    limit(arns, 100, "Container instances")
    if not arns:
        raise invalid("Container Instances cannot be empty.")
    nodes = {short(n.arn): n for n in draft.nodes.values() if n.cluster == cluster.name}
    found = [nodes[short(arn)] for arn in arns if short(arn) in nodes]
    failures = [{"arn": arn, "reason": "MISSING"} for arn in arns if short(arn) not in nodes]
    return {"containerInstances": [_show_node(draft, n) for n in found], "failures": failures}


def update_container_instances_state(draft: Draft, params: Json) -> Json:
    """At most ten; only ACTIVE and DRAINING; failures come back with HTTP 200 (aws.md 1.1)."""
    cluster = cluster_of(draft, params)
    arns, status = params["containerInstances"], params["status"]
    limit(arns, 10, "instanceIds")
    if status not in {"ACTIVE", "DRAINING"}:
        raise invalid("Container instances can only be set to ACTIVE or DRAINING.")
    nodes = {short(n.arn): n for n in draft.nodes.values() if n.cluster == cluster.name}
    done, failures = [], []
    for arn in arns:
        node = nodes.get(short(arn))
        if node is None or node.status == "INACTIVE":
            failures.append({"arn": arn, "reason": "INACTIVE" if node else "MISSING"})
            continue
        draft.nodes[node.arn] = replace(node, status=status)
        done.append(_show_node(draft, draft.nodes[node.arn]))
    return {"containerInstances": done, "failures": failures}


def deregister_container_instance(draft: Draft, params: Json) -> Json:
    """Without force refused while tasks run; forced, its service tasks are replaced elsewhere (aws.md 1.5)."""
    cluster_of(draft, params)
    name = short(params["containerInstance"])
    node = next((n for n in draft.nodes.values() if short(n.arn) == name and n.status != "INACTIVE"), None)
    if node is None:
        raise invalid("Referenced container instance not found.")
    if any(t.node == node.arn and t.open for t in draft.tasks.values()) and not params.get("force"):
        raise invalid("Found running tasks on the instance.")
    draft.nodes[node.arn] = replace(node, status="INACTIVE", connected=False)
    agents.lose_tasks(draft, node, f"Host EC2 (instance {node.member}) deregistered.", orphaned=True)
    return {"containerInstance": _show_node(draft, draft.nodes[node.arn])}


def _show_node(draft: Draft, node: Node) -> Json:
    cpu, memory, ports = free(draft, node)
    # both counts look at desiredStatus RUNNING: they reach 0 while tasks still stop (aws.md 1.2)
    tasks = [t for t in draft.tasks.values() if t.node == node.arn and t.open and t.wanted == "RUNNING"]
    shown: Json = {
        "containerInstanceArn": node.arn,
        "ec2InstanceId": node.member,
        "version": 1,
        "versionInfo": {"agentVersion": "1.99.0", "agentHash": "00000000", "dockerVersion": "DockerVersion: 25.0"},
        "remainingResources": _resources(cpu, memory, sorted({22, 2375, 2376, 51678, 51679, *ports})),
        "registeredResources": _resources(node.cpu, node.memory, [22, 2375, 2376, 51678, 51679]),
        "status": node.status,
        "agentConnected": node.connected,
        "runningTasksCount": sum(1 for t in tasks if t.last == "RUNNING"),
        "pendingTasksCount": sum(1 for t in tasks if t.last != "RUNNING"),
        "attributes": [{"name": k, "value": v} for k, v in sorted(node.attributes.items())],
        "registeredAt": node.registered,
        "attachments": [],
        "tags": [],
    }
    if node.provider:
        shown["capacityProviderName"] = node.provider
    return shown


def _resources(cpu: int, memory: int, ports: list[int]) -> list[Json]:
    return [
        {"name": "CPU", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": cpu},
        {"name": "MEMORY", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": memory},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": [str(port) for port in ports]},
        {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
    ]


ACTIONS: Mapping[str, Callable[[Draft, Json], Any]] = {
    "CreateCluster": create_cluster,
    "DescribeClusters": describe_clusters,
    "ListClusters": list_clusters,
    "UpdateCluster": update_cluster,
    "UpdateClusterSettings": update_cluster,
    "DeleteCluster": delete_cluster,
    "PutClusterCapacityProviders": put_cluster_capacity_providers,
    "CreateCapacityProvider": create_capacity_provider,
    "UpdateCapacityProvider": update_capacity_provider,
    "DescribeCapacityProviders": describe_capacity_providers,
    "DeleteCapacityProvider": delete_capacity_provider,
    "ListContainerInstances": list_container_instances,
    "DescribeContainerInstances": describe_container_instances,
    "UpdateContainerInstancesState": update_container_instances_state,
    "DeregisterContainerInstance": deregister_container_instance,
}
