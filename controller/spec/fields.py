"""The fields of each kind that are compared with AWS, as plans print them: what `drift:` may name.

A test compares it with the kinds themselves, which nothing down here may import.
"""

from __future__ import annotations

from collections.abc import Mapping

ANY = "*"  # for a name or a field: every one
COMPARED: Mapping[str, str] = {  # kind -> fields, separated by blanks
    "auto_scaling_group": "maintenance max min mix others protect_new subnets tags template version",
    "capacity_provider": "group managed_draining managed_scaling tags termination_protection",
    "cluster": "container_insights exec_log tags",
    "cluster_capacity_providers": "cluster providers",
    "codedeploy_application": "platform tags",
    "codedeploy_deployment": "task_definition",
    "codedeploy_deployment_group": (
        "alarms application cluster config groups keep listeners on_ready on_success role rollback service tags"
    ),
    "elastic_ip": "subnet tags",
    "instance_profile": "role tags",
    "internet_gateway": "tags vpc",
    "launch_template": (
        "hop_limit http_tokens image instance_type metadata_tags monitoring others profile public_ip security_groups "
        "ssh_key tags user_data volumes"
    ),
    "lifecycle_hook": "default heartbeat on",
    "listener": "certificate certificates default load_balancer policy port protocol tags",
    "listener_rule": "balancing forwards hosts listener paths priority tags",
    "load_balancer": (
        "access_logs deletion_protection drop_invalid_headers idle_timeout others scheme security_groups subnets tags"
    ),
    "log_group": "retention_days tags",
    "nat_gateway": "address subnet tags",
    "repository": "encryption immutable lifecycle scan_on_push tags",
    "role": "grants inline policies tags trust",
    "route_table": "gateway subnets tags vpc",
    "scalable_target": "max min suspended within",
    "scaling_policy": "others steps tracking warmup",
    "scheduled_action": "desired ends max min schedule timezone",
    "security_group": "description rules tags untagged vpc",
    "service": (
        "alarm_rollback alarms capacity circuit_breaker cluster constraints controller desired execute_command "
        "grace managed_tags max_percent min_percent own_address placement platform port propagate_tags public_ip "
        "scheduling security_groups subnets tags target_group task_definition zone_rebalancing"
    ),
    "service_scaling_policy": (
        "load_balancer metric scalable_target scale_in_cooldown scale_out_cooldown scales_in target target_group"
    ),
    "subnet": "cidr public_ip tags vpc zone",
    "target_group": "deregistration_delay health others protocol scheme tags target_type vpc",
    "task_definition": (
        "architecture command cpu depends_on environment execution_role health image log_group memory "
        "memory_reservation network_mode others port runs_on secrets sidecars stop_timeout tags task_role volumes"
    ),
    "vpc": "cidr dns_hostnames tags",
    "vpc_endpoint": "others places private_dns security_groups service tags type vpc",
}
