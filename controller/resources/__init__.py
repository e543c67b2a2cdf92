"""One file per resource kind. `RECONCILERS` lists them; their order means nothing: references decide."""

from __future__ import annotations

from typing import Any

from controller.engine.reconciler import Reconciler
from controller.resources import (
    auto_scaling_group,
    capacity_provider,
    cluster,
    cluster_capacity_providers,
    container_image,
    image,
    instance_profile,
    internet_gateway,
    launch_template,
    lifecycle_hook,
    listener,
    listener_rule,
    load_balancer,
    log_group,
    repository,
    role,
    route_table,
    scaling_policy,
    scheduled_action,
    security_group,
    service,
    subnet,
    target_group,
    task_definition,
    vpc,
)

RECONCILERS: tuple[Reconciler[Any], ...] = (
    auto_scaling_group.KIND,
    capacity_provider.KIND,
    cluster.KIND,
    cluster_capacity_providers.KIND,
    container_image.KIND,
    image.KIND,
    instance_profile.KIND,
    internet_gateway.KIND,
    launch_template.KIND,
    lifecycle_hook.KIND,
    listener.KIND,
    listener_rule.KIND,
    load_balancer.KIND,
    log_group.KIND,
    repository.KIND,
    role.KIND,
    route_table.KIND,
    scaling_policy.KIND,
    scheduled_action.KIND,
    security_group.KIND,
    service.KIND,
    subnet.KIND,
    target_group.KIND,
    task_definition.KIND,
    vpc.KIND,
)
