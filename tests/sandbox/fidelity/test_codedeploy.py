"""CodeDeploy's blue/green deployments: the other target group, the shift, the wait, the way back (aws.md 4.3, 4.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .stack import Stack, refused

ALL_AT_ONCE = "CodeDeployDefault.ECSAllAtOnce"
NAMED = {"applicationName": "web", "deploymentGroupName": "web"}
STEADY = "STEADY_STATE"


def settings(stack: Stack, *, keep: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "serviceRoleArn": "arn:aws:iam::123456789012:role/codedeploy",
        "deploymentConfigName": ALL_AT_ONCE,
        "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        "blueGreenDeploymentConfiguration": {
            "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": keep},
            "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
        },
        "loadBalancerInfo": {
            "targetGroupPairInfoList": [
                {
                    "targetGroups": [{"name": "blue"}, {"name": "green"}],
                    "prodTrafficRoute": {"listenerArns": [stack.listener]},
                }
            ]
        },
        "ecsServices": [{"serviceName": "web", "clusterName": "web"}],
        **more,
    }


@pytest.fixture
def blue(stack: Stack) -> Stack:
    """A service of two tasks behind ``blue``, and an application for it."""
    stack.group(2).cluster().joined(2).front()
    stack.make_target_group("green")
    stack.service(2, wait=False, deploymentController={"type": "CODE_DEPLOY"})
    stack.until(lambda: sets(stack) == [("PRIMARY", "blue", STEADY)])
    stack.aws.codedeploy.create_application(applicationName="web", computePlatform="ECS")
    return stack


def grouped(stack: Stack, **more: Any) -> Stack:
    stack.aws.codedeploy.create_deployment_group(**NAMED, **settings(stack, **more))
    return stack


def deploy(stack: Stack, definition: str = "", **more: Any) -> str:
    wants = {
        "TaskDefinition": definition or stack.definition(),
        "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 8080},
    }
    spec = {"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": wants}}]}
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(spec)}}
    made: str = stack.aws.codedeploy.create_deployment(**NAMED, revision=revision, **more)["deploymentId"]
    return made


def status(stack: Stack, ident: str) -> str:
    found: str = stack.aws.codedeploy.get_deployment(deploymentId=ident)["deploymentInfo"]["status"]
    return found


def sets(stack: Stack) -> list[tuple[str, str, str]]:
    return [
        (one["status"], one["loadBalancers"][0]["targetGroupArn"].rsplit("/", 2)[-2], one["stabilityStatus"])
        for one in stack.shown()["taskSets"]
    ]


def weights(stack: Stack) -> dict[str, int]:
    """Target group -> weight of what the listener forwards to."""
    (action,) = stack.aws.elbv2.describe_listeners(ListenerArns=[stack.listener])["Listeners"][0]["DefaultActions"]
    plain = [{"TargetGroupArn": action.get("TargetGroupArn", ""), "Weight": 1}]
    groups = action.get("ForwardConfig", {}).get("TargetGroups", plain)
    return {one["TargetGroupArn"].rsplit("/", 2)[-2]: one["Weight"] for one in groups}


def test_a_service_of_codedeploy_has_task_sets_and_no_deployments(blue: Stack) -> None:
    shown = blue.shown()

    assert (shown["deployments"], shown["deploymentController"]) == ([], {"type": "CODE_DEPLOY"})
    (one,) = shown["taskSets"]
    assert (one["runningCount"], one["computedDesiredCount"], one["scale"]["value"]) == (2, 2, 100.0)


def test_a_deployment_goes_to_the_other_group_and_ends_the_first_after_its_wait(blue: Stack) -> None:
    grouped(blue)
    before = {task["taskArn"] for task in blue.tasks("RUNNING")}
    ident = deploy(blue)
    blue.sleep(1)

    assert [one[:2] for one in sets(blue)] == [("PRIMARY", "blue"), ("ACTIVE", "green")]
    assert weights(blue) == {"blue": 100, "green": 0}
    blue.until(lambda: weights(blue) == {"green": 100, "blue": 0})
    assert [one[:2] for one in sets(blue)] == [("ACTIVE", "blue"), ("PRIMARY", "green")]
    assert blue.shown()["loadBalancers"][0]["targetGroupArn"].rsplit("/", 2)[-2] == "green"
    blue.sleep(50)
    assert len(before & {task["taskArn"] for task in blue.tasks("RUNNING")}) == 2
    blue.until(lambda: status(blue, ident) == "Succeeded")
    assert not before & {task["taskArn"] for task in blue.tasks("RUNNING")}
    assert sets(blue) == [("PRIMARY", "green", STEADY)]
    again = deploy(blue)
    blue.until(lambda: status(blue, again) == "Succeeded")
    assert (sets(blue), weights(blue)) == ([("PRIMARY", "blue", STEADY)], {"blue": 100, "green": 0})


def test_traffic_never_moves_before_the_replacement_is_healthy(blue: Stack) -> None:
    grouped(blue)
    deploy(blue, blue.definition(image="123456789012.dkr.ecr.us-east-1.amazonaws.com/nothing:1"))

    blue.sleep(60)

    assert weights(blue) == {"blue": 100, "green": 0}
    assert [one[0] for one in sets(blue)] == ["PRIMARY", "ACTIVE"]


def test_a_replacement_that_never_comes_fails_and_is_taken_away(blue: Stack) -> None:
    """60 minutes, divided like all that AWS alone decides."""
    grouped(blue, autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]})
    ident = deploy(blue, blue.definition(image="123456789012.dkr.ecr.us-east-1.amazonaws.com/nothing:1"))

    blue.until(lambda: status(blue, ident) == "Failed", 400)
    blue.until(lambda: sets(blue) == [("PRIMARY", "blue", STEADY)])

    info = blue.aws.codedeploy.get_deployment(deploymentId=ident)["deploymentInfo"]
    assert (info["errorInformation"]["code"], bool(info["rollbackInfo"]["rollbackDeploymentId"])) == ("TIMEOUT", True)
    assert weights(blue) == {"blue": 100, "green": 0}


@pytest.mark.parametrize("shifted", [False, True])
def test_a_stop_that_rolls_back_leads_the_traffic_back_at_once(blue: Stack, shifted: bool) -> None:
    grouped(blue)
    ident = deploy(blue)
    blue.until(lambda: weights(blue).get("green") == 100 if shifted else len(sets(blue)) == 2)

    blue.aws.codedeploy.stop_deployment(deploymentId=ident, autoRollbackEnabled=True)

    assert weights(blue) == {"blue": 100, "green": 0}
    assert [one[:2] for one in sets(blue)] == [("PRIMARY", "blue"), ("DRAINING", "green")]
    assert status(blue, ident) == "Stopped"
    blue.until(lambda: sets(blue) == [("PRIMARY", "blue", STEADY)])
    refused("DeploymentAlreadyCompletedException", blue.aws.codedeploy.stop_deployment, deploymentId=ident)


def test_an_alarm_that_goes_off_rolls_back(blue: Stack) -> None:
    alarm = {"MetricName": "x", "Namespace": "x", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0}
    alarm |= {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    blue.aws.cloudwatch.put_metric_alarm(AlarmName="5xx", **alarm)
    rollback = {"enabled": True, "events": ["DEPLOYMENT_STOP_ON_ALARM"]}
    grouped(blue, alarmConfiguration={"enabled": True, "alarms": [{"name": "5xx"}]}, autoRollbackConfiguration=rollback)
    ident = deploy(blue)
    blue.until(lambda: weights(blue).get("green") == 100)

    blue.aws.cloudwatch.set_alarm_state(AlarmName="5xx", StateValue="ALARM", StateReason="test")
    blue.until(lambda: status(blue, ident) == "Stopped")

    assert weights(blue) == {"blue": 100, "green": 0}
    info = blue.aws.codedeploy.get_deployment(deploymentId=ident)["deploymentInfo"]
    assert info["errorInformation"]["code"] == "ALARM_ACTIVE"


@pytest.mark.parametrize(
    ("config", "later"),
    [
        pytest.param("Canary10Percent5Minutes", [(290, 10), (15, 100)], id="a tenth first, then all"),
        pytest.param("Linear10PercentEvery1Minutes", [(125, 30)], id="in tenths"),
    ],
)
def test_the_traffic_moves_in_the_steps_of_the_configuration(
    blue: Stack, config: str, later: list[tuple[int, int]]
) -> None:
    grouped(blue, deploymentConfigName=f"CodeDeployDefault.ECS{config}")
    deploy(blue)

    blue.until(lambda: weights(blue) == {"green": 10, "blue": 90})
    for seconds, share in later:
        blue.sleep(seconds)
        assert weights(blue) == {"green": share, "blue": 100 - share}


def test_a_group_that_asks_waits_for_the_answer(blue: Stack) -> None:
    wait = {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 5}
    given = settings(blue)
    given["blueGreenDeploymentConfiguration"] = {
        **given["blueGreenDeploymentConfiguration"],
        "deploymentReadyOption": wait,
    }
    blue.aws.codedeploy.create_deployment_group(**NAMED, **given)
    ident = deploy(blue)
    early = blue.aws.codedeploy.continue_deployment
    refused("DeploymentIsNotInReadyStateException", early, deploymentId=ident, deploymentWaitType="READY_WAIT")

    blue.until(lambda: status(blue, ident) == "Ready")
    blue.sleep(30)
    assert weights(blue) == {"blue": 100, "green": 0}
    blue.aws.codedeploy.continue_deployment(deploymentId=ident, deploymentWaitType="READY_WAIT")
    blue.sleep(1)
    assert weights(blue) == {"green": 100, "blue": 0}
    blue.aws.codedeploy.continue_deployment(deploymentId=ident, deploymentWaitType="TERMINATION_WAIT")
    blue.until(lambda: status(blue, ident) == "Succeeded", 30)


def test_one_deployment_at_a_time_and_one_group_for_a_service(blue: Stack) -> None:
    grouped(blue)
    deploy(blue)
    create = blue.aws.codedeploy.create_deployment_group

    with pytest.raises(Exception, match="DeploymentLimitExceededException"):
        deploy(blue)
    other = {"applicationName": "web", "deploymentGroupName": "other"}
    refused("ECSServiceMappingLimitExceededException", create, **other, **settings(blue))
    refused("DeploymentGroupAlreadyExistsException", create, **NAMED, **settings(blue))
    taken = {"applicationName": "web", "computePlatform": "ECS"}
    refused("ApplicationAlreadyExistsException", blue.aws.codedeploy.create_application, **taken)


def test_ecs_leaves_to_codedeploy_what_is_codedeploys(blue: Stack) -> None:
    update = blue.aws.ecs.update_service
    named = {"cluster": "web", "service": "web"}

    words = refused("InvalidParameterException", update, **named, taskDefinition=blue.shown()["taskDefinition"])
    assert words.startswith("Unable to update task definition on services with a CODE_DEPLOY deployment controller.")
    refused("InvalidParameterException", update, **named, forceNewDeployment=True)
    update(**named, desiredCount=3)
    blue.until(lambda: blue.shown()["runningCount"] == 3)


def test_what_goes_with_no_service_of_codedeploy_is_refused(stack: Stack) -> None:
    stack.group(1).cluster().joined(1).front()
    create = {"cluster": "web", "serviceName": "web", "taskDefinition": stack.definition(), "desiredCount": 1}
    create["deploymentController"] = {"type": "CODE_DEPLOY"}

    refused("InvalidParameterException", stack.aws.ecs.create_service, **create)
    create["loadBalancers"] = [stack.behind(stack.target_group)]
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    refused("InvalidParameterException", stack.aws.ecs.create_service, **create, deploymentConfiguration=breaker)


def test_a_group_needs_a_service_of_codedeploy(stack: Stack) -> None:
    stack.group(1).cluster().joined(1).front().service(1)
    stack.make_target_group("green")
    stack.aws.codedeploy.create_application(applicationName="web", computePlatform="ECS")
    create = stack.aws.codedeploy.create_deployment_group

    refused("InvalidECSServiceException", create, **NAMED, **settings(stack))
    none = [{"serviceName": "none", "clusterName": "web"}]
    refused("InvalidECSServiceException", create, **NAMED, **settings(stack, ecsServices=none))
    refused("ApplicationDoesNotExistException", create, **{**NAMED, "applicationName": "no"}, **settings(stack))


def test_a_host_that_drains_moves_the_tasks_of_each_set(blue: Stack) -> None:
    grouped(blue)
    deploy(blue)
    blue.until(lambda: [one[0] for one in sets(blue)] == ["ACTIVE", "PRIMARY"])
    node = blue.nodes()[0]["containerInstanceArn"]

    blue.aws.ecs.update_container_instances_state(cluster="web", containerInstances=[node], status="DRAINING")

    blue.until(lambda: not [t for t in blue.tasks("RUNNING") if t["containerInstanceArn"] == node])
    blue.until(lambda: all(one[2] == STEADY for one in sets(blue)))


def test_groups_read_back_change_and_go(blue: Stack) -> None:
    cd = blue.aws.codedeploy
    grouped(blue, tags=[{"Key": "a", "Value": "1"}])
    shown = cd.get_deployment_group(**NAMED)["deploymentGroupInfo"]
    arn = "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:web/web"

    assert (shown["computePlatform"], shown["autoRollbackConfiguration"]) == ("ECS", {"enabled": False, "events": []})
    cd.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    assert cd.list_tags_for_resource(ResourceArn=arn)["Tags"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]
    cd.update_deployment_group(
        applicationName="web",
        currentDeploymentGroupName="web",
        deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery3Minutes",
    )
    (now,) = cd.batch_get_deployment_groups(applicationName="web", deploymentGroupNames=["web"])["deploymentGroupsInfo"]
    assert now["deploymentConfigName"].endswith("3Minutes")
    assert cd.list_deployment_groups(applicationName="web")["deploymentGroups"] == ["web"]
    cd.delete_deployment_group(**NAMED)
    refused("DeploymentGroupDoesNotExistException", cd.get_deployment_group, **NAMED)
    cd.delete_application(applicationName="web")
    cd.delete_application(applicationName="web")
    refused("ApplicationDoesNotExistException", cd.get_application, applicationName="web")
