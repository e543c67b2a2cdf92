"""One call finds what carries a tag, whatever service it is of; and the families of task definitions by prefix."""

from __future__ import annotations

from .stack import Stack

OURS = {"Key": "stack", "Value": "shop"}


def test_get_resources_finds_what_is_tagged_by_type_and_value(stack: Stack) -> None:
    """All services but IAM and Auto Scaling take part (the API's list of supported services; moto.md 6)."""
    aws, ours = stack.aws, {"key": "stack", "value": "shop"}
    aws.ecr.create_repository(repositoryName="shop/web", tags=[OURS])
    aws.ecs.create_cluster(clusterName="shop", tags=[ours])
    aws.ecs.create_cluster(clusterName="other", tags=[{"key": "stack", "value": "other"}])
    aws.logs.create_log_group(logGroupName="/ecs/shop", tags={"stack": "shop"})
    aws.elbv2.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=stack.vpc, Tags=[OURS])
    aws.elbv2.create_target_group(Name="bare", Protocol="HTTP", Port=80, VpcId=stack.vpc)
    aws.ssm.put_parameter(Name="/shop/key", Value="x", Type="String", Tags=[OURS])

    def found(*types: str) -> list[str]:
        answer = aws.resourcegroupstaggingapi.get_resources(
            TagFilters=[{"Key": "stack", "Values": ["shop"]}], ResourceTypeFilters=list(types)
        )
        return sorted(
            item["ResourceARN"].split(":", 5)[5].rsplit("/", 1)[0] for item in answer["ResourceTagMappingList"]
        )

    assert found() == ["cluster", "log-group:/ecs", "parameter/shop", "repository/shop", "targetgroup/shop"]
    assert found("ecs", "logs:log-group") == ["cluster", "log-group:/ecs"]
    assert found("ecs:service") == []


def test_what_is_gone_is_found_no_more(stack: Stack) -> None:
    stack.aws.ecs.create_cluster(clusterName="shop", tags=[{"key": "stack", "value": "shop"}])
    stack.aws.ecs.delete_cluster(cluster="shop")

    answer = stack.aws.resourcegroupstaggingapi.get_resources(TagFilters=[{"Key": "stack"}])

    assert answer["ResourceTagMappingList"] == []


def test_families_are_listed_by_a_real_prefix_and_status(stack: Stack) -> None:
    """ListTaskDefinitions takes a whole family name as its prefix; this call does not."""
    ecs = stack.aws.ecs
    container = {"name": "app", "image": "nginx", "memory": 64}
    arns = [
        ecs.register_task_definition(family=name, containerDefinitions=[container])["taskDefinition"][
            "taskDefinitionArn"
        ]
        for name in ("shop-web", "shop-api", "other")
    ]
    ecs.deregister_task_definition(taskDefinition=arns[1])

    families = ecs.list_task_definition_families

    assert families(familyPrefix="shop-", status="ACTIVE")["families"] == ["shop-web"]
    assert families(familyPrefix="shop-")["families"] == ["shop-api", "shop-web"]
    assert ecs.list_task_definitions(familyPrefix="shop-")["taskDefinitionArns"] == []
