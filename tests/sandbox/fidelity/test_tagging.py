"""One call finds what carries a tag, whatever service it is of; and the families of task definitions by prefix."""

from __future__ import annotations

from .stack import Stack, refused

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


def test_a_tag_has_its_length_and_a_resource_its_number_of_them(stack: Stack) -> None:
    """What a breadcrumb must fit into (bc ecs:Tag, bc autoscaling:Tag)."""
    stack.group(0).cluster()
    arn = stack.aws.ecs.describe_clusters(clusters=["web"])["clusters"][0]["clusterArn"]
    place = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}

    def both(key: str, value: str, many: int = 1) -> tuple[list[dict[str, str]], list[dict[str, object]]]:
        keys = [f"{key}{n}" if many > 1 else key for n in range(many)]
        return [{"key": one, "value": value} for one in keys], [{**place, "Key": one, "Value": value} for one in keys]

    for key, value, many in (("k", "v" * 257, 1), ("k" * 129, "v", 1), ("k", "v", 51)):
        of_ecs, of_group = both(key, value, many)
        refused("InvalidParameterException", stack.aws.ecs.tag_resource, resourceArn=arn, tags=of_ecs)
        refused("ValidationError", stack.aws.autoscaling.create_or_update_tags, Tags=of_group)
    of_ecs, of_group = both("k" * 128, "v" * 256)
    stack.aws.ecs.tag_resource(resourceArn=arn, tags=of_ecs)
    stack.aws.autoscaling.create_or_update_tags(Tags=of_group)
