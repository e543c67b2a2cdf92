"""`drift:` on a whole stack: what others may change stays as they left it, and everything else is put right."""

from __future__ import annotations

from dataclasses import replace

from controller.report.document import plan_document
from controller.report.seen import Tick
from controller.report.text import plan_markdown, plan_text
from controller.spec.types import Stack
from controller.tick import tick
from tests.simulated.stack import Simulation

RETENTION = "log_group/web.retention_days"


def leaving(stage: Simulation, *overrides: str, **rules: str) -> Stack:
    return replace(stage.stack(*overrides), drift=tuple(sorted(rules.items())))


def look(stage: Simulation, stack: Stack) -> Tick:
    return tick(stack, stage.aws, stage.sim)


def retention(stage: Simulation) -> int:
    found = stage.aws.logs.describe_log_groups(logGroupNamePrefix="/ecs/demo/web")
    return int(found["logGroups"][0]["retentionInDays"])


def test_a_change_by_hand_is_shown_left_alone_and_put_right_when_the_rule_goes(born: Simulation) -> None:
    born.aws.logs.put_retention_policy(logGroupName="/ecs/demo/web", retentionInDays=30)  # type: ignore[attr-defined]
    stack = leaving(born, **{RETENTION: "warn"})

    seen = look(born, stack)
    text, document = plan_text(seen, stack, color=False), plan_document(seen, stack, {})

    assert seen.plan.pending == ()
    assert "No changes: AWS is as the spec says, but for what drift: warn leaves." in text
    assert "log_group/web\n      ~ retention_days: 30 -> 7" in text
    assert "`log_group/web` retention\\_days" in plan_markdown(seen, stack)
    assert [(one["address"], one["left"]) for one in document["resource_changes"] if one["left"]] == [
        ("log_group/web", ["retention_days"])
    ]
    assert (born.apply(stack), retention(born)) == ("succeeded", 30)
    ignored = leaving(born, **{"log_group/*.*": "ignore"})
    assert "retention" not in plan_text(look(born, ignored), ignored, color=False)
    assert (born.apply(ignored), retention(born)) == ("succeeded", 30)
    assert (born.apply(leaving(born, **{RETENTION: "correct"})), retention(born)) == ("succeeded", 7)


def test_what_is_left_of_a_resource_goes_with_no_change_of_the_rest(born: Simulation) -> None:
    """Both are attributes of one target group; one was changed by hand, the other is changed by the spec."""
    (group,) = born.aws.elbv2.describe_target_groups(Names=["demo-web-blue"])["TargetGroups"]
    arn = group["TargetGroupArn"]
    slow = [{"Key": "deregistration_delay.timeout_seconds", "Value": "9"}]
    born.aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=slow)  # type: ignore[arg-type]
    stack = leaving(born, "services.web.health.unhealthy=3", **{"target_group/*.deregistration_delay": "ignore"})

    assert born.apply(stack) == "succeeded"

    now = {
        one["Key"]: one["Value"]
        for one in born.aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    }
    (group,) = born.aws.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    assert (now["deregistration_delay.timeout_seconds"], group["UnhealthyThresholdCount"]) == ("9", 3)


def test_a_service_that_others_deploy_is_judged_by_what_they_deployed(born: Simulation) -> None:
    """Their pipeline registers revisions and updates the service, as many do: no pass takes it back or waits for it."""
    stack = leaving(born, **{"service/web.task_definition": "ignore"})
    (service,) = born.aws.ecs.describe_services(cluster="demo", services=["demo-web"])["services"]
    ours = born.aws.ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    theirs = born.aws.ecs.register_task_definition(
        family="theirs",
        containerDefinitions=ours["containerDefinitions"],
        executionRoleArn=ours["executionRoleArn"],
        requiresCompatibilities=["EC2"],
        networkMode="bridge",
    )["taskDefinition"]["taskDefinitionArn"]
    born.aws.ecs.update_service(cluster="demo", service="demo-web", taskDefinition=theirs)

    assert born.apply(stack) == "succeeded"
    assert born.apply(replace(born.stack("services.web.environment.APP_MSG=other"), drift=stack.drift)) == "succeeded"

    (service,) = born.aws.ecs.describe_services(cluster="demo", services=["demo-web"])["services"]
    assert service["taskDefinition"] == theirs
    assert born.apply(born.stack()) == "succeeded"
    (service,) = born.aws.ecs.describe_services(cluster="demo", services=["demo-web"])["services"]
    assert service["taskDefinition"] != theirs


def test_hosts_are_not_replaced_for_a_template_the_group_is_left_without(born: Simulation) -> None:
    """Somebody holds the group at a version: new ones are made, and none is rolled out."""
    before = {one["InstanceId"] for one in born.group("demo-main")["Instances"]}
    held = leaving(born, "hosts.main.instance_type=t3.large", **{"auto_scaling_group/main.version": "warn"})

    first = look(born, held)
    assert ([str(step.key) for step in first.plan.pending], first.forecasts) == (["launch_template/main"], ())
    assert "replaces hosts" not in plan_text(first, held, color=False)
    assert born.apply(held) == "succeeded"
    assert {one["InstanceId"] for one in born.group("demo-main")["Instances"]} == before
    assert look(born, held).plan.pending == ()
