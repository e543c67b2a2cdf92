"""Which operations each part of the program calls, by client and method. A test compares it with the source.

`OPERATIONS` says what there is; this says what a stack needs of it, for the policy that `iam-policy` prints.
"""

from __future__ import annotations

from collections.abc import Mapping

Calls = Mapping[str, str]  # client -> methods, separated by blanks

BY_KIND: Mapping[str, Calls] = {
    "auto_scaling_group": {
        "autoscaling": (
            "create_auto_scaling_group create_or_update_tags delete_auto_scaling_group describe_auto_scaling_groups "
            "set_instance_protection suspend_processes update_auto_scaling_group"
        ),
        "ecs": (
            "describe_capacity_providers describe_clusters describe_container_instances describe_services "
            "describe_tasks list_container_instances list_services list_tasks put_cluster_capacity_providers "
            "update_container_instances_state"
        ),
    },
    "capacity_provider": {
        "autoscaling": "describe_auto_scaling_groups set_instance_protection update_auto_scaling_group",
        "ecs": (
            "create_capacity_provider delete_capacity_provider describe_capacity_providers describe_clusters "
            "describe_container_instances describe_services describe_tasks list_container_instances list_services "
            "list_tasks put_cluster_capacity_providers tag_resource update_capacity_provider "
            "update_container_instances_state"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
    "cluster": {
        "ecs": (
            "create_cluster delete_cluster deregister_container_instance describe_clusters "
            "describe_container_instances list_container_instances tag_resource update_cluster"
        ),
    },
    "cluster_capacity_providers": {
        "autoscaling": "describe_auto_scaling_groups set_instance_protection update_auto_scaling_group",
        "ecs": (
            "describe_capacity_providers describe_clusters describe_container_instances describe_services "
            "describe_tasks list_container_instances list_services list_tasks put_cluster_capacity_providers "
            "update_container_instances_state"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
    "codedeploy_application": {
        "codedeploy": "create_application delete_application get_application list_tags_for_resource tag_resource",
        "ecs": "describe_clusters",
        "resourcegroupstaggingapi": "get_resources",
    },
    "codedeploy_deployment": {
        "codedeploy": (
            "batch_get_deployment_groups batch_get_deployments create_deployment list_deployments "
            "list_tags_for_resource stop_deployment"
        ),
        "ecs": "describe_clusters describe_services",
        "resourcegroupstaggingapi": "get_resources",
    },
    "codedeploy_deployment_group": {
        "codedeploy": (
            "batch_get_deployment_groups create_deployment_group delete_deployment_group list_tags_for_resource "
            "tag_resource update_deployment_group"
        ),
        "ecs": "describe_clusters",
        "resourcegroupstaggingapi": "get_resources",
    },
    "container_image": {
        "ecr": "describe_images describe_repositories",
        "resourcegroupstaggingapi": "get_resources",
    },
    "elastic_ip": {
        "ec2": (
            "allocate_address create_tags describe_addresses describe_nat_gateways describe_subnets release_address"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
    "image": {
        "ec2": "describe_launch_template_versions describe_launch_templates",
        "ssm": "get_parameters",
    },
    "instance_profile": {
        "iam": (
            "add_role_to_instance_profile create_instance_profile delete_instance_profile get_instance_profile "
            "list_instance_profiles remove_role_from_instance_profile tag_instance_profile"
        ),
    },
    "internet_gateway": {
        "ec2": (
            "attach_internet_gateway create_internet_gateway create_tags delete_internet_gateway describe_instances "
            "describe_internet_gateways describe_nat_gateways detach_internet_gateway"
        ),
    },
    "launch_template": {
        "ec2": (
            "create_launch_template create_launch_template_version create_tags delete_launch_template "
            "describe_launch_template_versions describe_launch_templates"
        ),
    },
    "lifecycle_hook": {
        "autoscaling": "delete_lifecycle_hook describe_auto_scaling_groups describe_lifecycle_hooks put_lifecycle_hook",
    },
    "listener": {
        "ecs": (
            "describe_container_instances describe_services describe_tasks list_container_instances list_services "
            "list_tasks"
        ),
        "elbv2": (
            "add_listener_certificates add_tags create_listener delete_listener deregister_targets "
            "describe_listener_certificates describe_listeners describe_load_balancers describe_rules describe_tags "
            "describe_target_groups describe_target_health modify_listener remove_listener_certificates"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
    "listener_rule": {
        "ecs": (
            "describe_clusters describe_container_instances describe_services describe_tasks list_container_instances "
            "list_services list_tasks"
        ),
        "elbv2": (
            "add_tags create_rule delete_rule deregister_targets describe_listeners describe_load_balancers "
            "describe_rules describe_tags describe_target_group_attributes describe_target_groups "
            "describe_target_health modify_rule modify_target_group_attributes set_rule_priorities"
        ),
        "codedeploy": "batch_get_deployment_groups batch_get_deployments list_deployments",
        "resourcegroupstaggingapi": "get_resources",
    },
    "load_balancer": {
        "elbv2": (
            "add_tags create_load_balancer delete_load_balancer describe_listeners describe_load_balancer_attributes "
            "describe_load_balancers describe_rules describe_tags describe_target_groups describe_target_health "
            "modify_load_balancer_attributes set_security_groups set_subnets"
        ),
        "cloudwatch": "get_metric_statistics",
        "ec2": "describe_instances describe_subnets",
        "resourcegroupstaggingapi": "get_resources",
    },
    "log_group": {
        "logs": (
            "create_log_group delete_log_group delete_retention_policy describe_log_groups describe_log_streams "
            "list_tags_for_resource put_retention_policy tag_resource"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
    "nat_gateway": {
        "ec2": "create_nat_gateway create_tags delete_nat_gateway describe_nat_gateways",
        "resourcegroupstaggingapi": "get_resources",
    },
    "repository": {
        "ecr": (
            "create_repository delete_lifecycle_policy delete_repository describe_images describe_repositories "
            "get_lifecycle_policy list_tags_for_resource put_image_scanning_configuration put_image_tag_mutability "
            "put_lifecycle_policy tag_resource"
        ),
        "ecs": "describe_clusters describe_services describe_task_definition describe_tasks list_tasks",
        "resourcegroupstaggingapi": "get_resources",
    },
    "role": {
        "iam": (
            "attach_role_policy create_role delete_role delete_role_policy detach_role_policy get_instance_profile "
            "get_role get_role_policy list_attached_role_policies list_instance_profiles_for_role list_role_policies "
            "list_roles put_role_policy tag_role update_assume_role_policy"
        ),
        "ecs": "describe_clusters describe_task_definition describe_tasks list_tasks",
        "resourcegroupstaggingapi": "get_resources",
    },
    "route_table": {
        "ec2": (
            "associate_route_table create_route create_route_table create_tags delete_route delete_route_table "
            "describe_nat_gateways describe_network_interfaces describe_route_tables describe_subnets "
            "disassociate_route_table replace_route replace_route_table_association"
        ),
    },
    "scalable_target": {
        "applicationautoscaling": "deregister_scalable_target describe_scalable_targets register_scalable_target",
        "ecs": "describe_services untag_resource",
        "resourcegroupstaggingapi": "get_resources",
    },
    "scaling_policy": {
        "autoscaling": "delete_policy describe_auto_scaling_groups describe_policies put_scaling_policy",
    },
    "scheduled_action": {
        "autoscaling": (
            "delete_scheduled_action describe_auto_scaling_groups describe_scheduled_actions "
            "put_scheduled_update_group_action"
        ),
    },
    "security_group": {
        "ec2": (
            "authorize_security_group_egress authorize_security_group_ingress create_security_group create_tags "
            "delete_security_group describe_instances describe_nat_gateways describe_security_group_rules "
            "describe_security_groups revoke_security_group_egress revoke_security_group_ingress"
        ),
        "elbv2": (
            "describe_listeners describe_load_balancers describe_rules describe_tags describe_target_groups "
            "describe_target_health"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
    "service": {
        "applicationautoscaling": "describe_scalable_targets",
        "cloudwatch": "get_metric_statistics",
        "ecs": (
            "create_service delete_service describe_container_instances describe_services describe_tasks "
            "list_container_instances list_services list_tasks tag_resource update_service"
        ),
        "elbv2": (
            "deregister_targets describe_listeners describe_load_balancers describe_rules describe_tags "
            "describe_target_groups describe_target_health"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
    "service_scaling_policy": {
        "applicationautoscaling": (
            "delete_scaling_policy describe_scalable_targets describe_scaling_policies put_scaling_policy"
        ),
        "ecs": "describe_services",
        "resourcegroupstaggingapi": "get_resources",
    },
    "subnet": {
        "ec2": (
            "create_subnet create_tags delete_subnet describe_instance_type_offerings describe_instances "
            "describe_nat_gateways describe_network_interfaces describe_route_tables describe_subnets "
            "modify_subnet_attribute"
        ),
    },
    "target_group": {
        "elbv2": (
            "add_tags create_target_group delete_target_group describe_listeners describe_load_balancers "
            "describe_rules describe_tags describe_target_group_attributes describe_target_groups "
            "describe_target_health modify_target_group modify_target_group_attributes"
        ),
        "ecs": (
            "describe_clusters describe_container_instances describe_services describe_tasks list_container_instances "
            "list_services list_tasks"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
    "task_definition": {
        "ecs": (
            "deregister_task_definition describe_services describe_task_definition list_task_definition_families "
            "list_task_definitions register_task_definition tag_resource"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
    "vpc": {
        "ec2": (
            "create_tags create_vpc delete_vpc describe_network_interfaces describe_route_tables "
            "describe_security_groups describe_subnets describe_vpc_attribute describe_vpcs modify_vpc_attribute"
        ),
    },
    "vpc_endpoint": {
        "ec2": (
            "create_tags create_vpc_endpoint delete_vpc_endpoints describe_network_interfaces describe_route_tables "
            "describe_subnets describe_vpc_endpoints modify_vpc_endpoint"
        ),
        "resourcegroupstaggingapi": "get_resources",
    },
}
WATCH: Calls = {  # how hosts, tasks and deployments stand (`rollout/{sight,members,outlook}.py`)
    "autoscaling": (
        "describe_auto_scaling_groups describe_instance_refreshes describe_policies describe_scaling_activities"
    ),
    "cloudwatch": "describe_alarms",
    "codedeploy": "batch_get_deployment_groups batch_get_deployments list_deployments",
    "ec2": "describe_instance_types describe_instances",
    "ecs": (
        "describe_capacity_providers describe_container_instances describe_service_deployments "
        "describe_service_revisions describe_services describe_tasks list_container_instances "
        "list_service_deployments list_tasks"
    ),
    "elbv2": "describe_load_balancers describe_target_groups describe_target_health",
    "resourcegroupstaggingapi": "get_resources",
}
ROLL: Calls = {  # what replaces hosts (`rollout/fleet.py`)
    "autoscaling": (
        "create_or_update_tags delete_tags describe_auto_scaling_groups resume_processes set_desired_capacity "
        "set_instance_protection suspend_processes terminate_instance_in_auto_scaling_group update_auto_scaling_group"
    ),
    "ec2": "create_tags delete_tags",
    "ecs": ("deregister_container_instance stop_task tag_resource untag_resource update_container_instances_state"),
    "elbv2": "deregister_targets",
}
SESSION: Calls = {"ssm": "get_parameters", "sts": "get_caller_identity"}  # whose account it is, what `${ssm:}` says
COSTS: Calls = {"ce": "list_cost_allocation_tags"}  # where a spec names tags that costs are told apart by
BYSTANDERS: Calls = {  # what others do to what is ours (`aws/bystanders.py`)
    "applicationautoscaling": "describe_scalable_targets describe_scaling_policies describe_scheduled_actions",
    "autoscaling": "describe_lifecycle_hooks describe_policies describe_scheduled_actions",
    "ecr": "get_repository_policy",
}
RECORD: Calls = {"ecs": "tag_resource"}  # which spec was applied last (`aws/record.py`)
LEASE: Calls = {"dynamodb": "create_table delete_item delete_table get_item put_item scan update_item"}
PRUNE: Calls = {  # what deletes of any kind change: a spec does not say what an earlier one has left
    "applicationautoscaling": "delete_scaling_policy deregister_scalable_target",
    "autoscaling": (
        "delete_auto_scaling_group delete_lifecycle_hook delete_policy delete_scheduled_action set_instance_protection "
        "update_auto_scaling_group"
    ),
    "codedeploy": "delete_application delete_deployment_group stop_deployment",
    "ec2": (
        "delete_internet_gateway delete_launch_template delete_nat_gateway delete_route_table delete_security_group "
        "delete_subnet delete_vpc delete_vpc_endpoints detach_internet_gateway disassociate_route_table release_address"
    ),
    "ecr": "delete_repository",
    "ecs": (
        "delete_capacity_provider delete_cluster delete_service deregister_container_instance "
        "deregister_task_definition put_cluster_capacity_providers untag_resource update_container_instances_state"
    ),
    "elbv2": "delete_listener delete_load_balancer delete_rule delete_target_group modify_rule",
    "iam": (
        "delete_instance_profile delete_role delete_role_policy detach_role_policy remove_role_from_instance_profile"
    ),
    "logs": "delete_log_group",
}
IMPORT: Calls = {  # what a stack of others is made of (`aws/survey.py`, `aws/survey_parts.py`)
    "applicationautoscaling": "describe_scalable_targets describe_scaling_policies describe_scheduled_actions",
    "autoscaling": (
        "describe_auto_scaling_groups describe_lifecycle_hooks describe_policies describe_scheduled_actions"
    ),
    "codedeploy": "batch_get_deployment_groups list_applications list_deployment_groups",
    "ec2": (
        "describe_internet_gateways describe_launch_template_versions describe_network_interfaces "
        "describe_route_tables describe_security_groups describe_subnets describe_vpc_attribute describe_vpcs"
    ),
    "ecr": "describe_repositories get_lifecycle_policy",
    "ecs": (
        "describe_capacity_providers describe_clusters describe_container_instances describe_services "
        "describe_task_definition describe_tasks list_clusters list_container_instances list_services list_tasks"
    ),
    "elbv2": (
        "describe_listener_certificates describe_listeners describe_load_balancer_attributes describe_load_balancers "
        "describe_rules describe_target_group_attributes describe_target_groups"
    ),
    "iam": "get_instance_profile list_attached_role_policies list_role_policies",
    "logs": "describe_log_groups",
    "sts": "get_caller_identity",
}
