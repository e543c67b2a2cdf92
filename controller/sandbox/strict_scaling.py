"""What Application Auto Scaling does that moto does not: it looks at the world's services, and moves their counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend as Backend

from controller.sandbox.world import ApiError

if TYPE_CHECKING:
    from controller.sandbox.bridge import Backing


def install(current: Callable[[], Backing]) -> None:
    register, targets, policies = Backend.register_scalable_target, Backend.describe_scalable_targets, _policies()
    deregister, delete = Backend.deregister_scalable_target, Backend.delete_scaling_policy

    def service_of(self: Any, resource: str) -> Any:
        _, cluster, name = resource.split("/")
        found = current().world(self.account_id, self.region_name).services.get((cluster, name))
        return found if found is not None and found.status == "ACTIVE" else None

    def exists(self: Any, resource: str) -> bool:
        if service_of(self, resource) is None:
            raise ApiError("ValidationException", f"ECS service doesn't exist: {resource}")
        return True

    def registered(self: Any, namespace: str, resource: str, *args: Any, **kw: Any) -> Any:
        """An active service's count is moved between the bounds at once (aws.md 3.5)."""
        target = register(self, namespace, resource, *args, **kw)
        if target.min_capacity is None or target.max_capacity is None:
            raise ApiError("ValidationException", "MinCapacity and MaxCapacity must be given for a new target")
        if namespace == "ecs":
            service = service_of(self, resource)
            count = min(max(service.desired, target.min_capacity), target.max_capacity)
            if count != service.desired:
                params = {"cluster": service.cluster, "service": service.name, "desiredCount": count}
                current().call(self.account_id, self.region_name, "ecs", "UpdateService", params)
        return target

    def described(self: Any, *args: Any) -> list[Any]:
        """A deleted service takes its target and its policies along (peers.md 4.8)."""
        _sweep(self, lambda resource: service_of(self, resource) is not None)
        return list(targets(self, *args))

    def listed(self: Any, *args: Any, **kw: Any) -> Any:
        _sweep(self, lambda resource: service_of(self, resource) is not None)
        return policies(self, *args, **kw)

    def deregistered(self: Any, namespace: str, resource: str, dimension: str) -> None:
        """Its policies go with it (aws.md 3.5)."""
        if not self._scalable_target_exists(resource, dimension):
            raise ApiError("ObjectNotFoundException", f"No scalable target found for resource ID: {resource}")
        deregister(self, namespace, resource, dimension)
        _drop(self, resource)

    def deleted(self: Any, policy_name: str, service_namespace: str, resource_id: str, scalable_dimension: str) -> None:
        known = [p for p in self.policies.values() if (p.policy_name, p.resource_id) == (policy_name, resource_id)]
        if not known:
            raise ApiError("ObjectNotFoundException", f"No scaling policy found: {policy_name}")
        delete(self, policy_name, service_namespace, resource_id, scalable_dimension)

    put = Backend.put_scaling_policy

    def made(self: Any, policy_name: str, service_namespace: str, resource_id: str, *args: Any, **kw: Any) -> Any:
        if not any(resource_id in by_resource for by_resource in self.targets.values()):
            raise ApiError("ObjectNotFoundException", f"No scalable target registered for {resource_id}")
        return put(self, policy_name, service_namespace, resource_id, *args, **kw)

    Backend._ecs_service_exists_for_target = exists
    Backend.register_scalable_target = registered
    Backend.describe_scalable_targets = described
    Backend.describe_scaling_policies = listed
    Backend.deregister_scalable_target = deregistered
    Backend.delete_scaling_policy = deleted
    Backend.put_scaling_policy = made


def _policies() -> Callable[..., Any]:
    call: Callable[..., Any] = Backend.describe_scaling_policies
    return call


def _sweep(backend: Any, there: Callable[[str], bool]) -> None:
    for by_resource in backend.targets.values():
        for resource in [one for one in by_resource if one.startswith("service/") and not there(one)]:
            del by_resource[resource]
            _drop(backend, resource)


def _drop(backend: Any, resource: str) -> None:
    for key in [key for key, policy in backend.policies.items() if policy.resource_id == resource]:
        backend.policies[key].delete_alarms(backend.account_id, backend.region_name)
        del backend.policies[key]
