"""botocore's errors become ours by remedy, and their text says operation, resource, code and words."""

from __future__ import annotations

import botocore.exceptions
import pytest

from controller.aws.client import pages, sort_error, sort_transport
from controller.base.errors import ControllerError, Gone, NotYet, Refused


def client_error(code: str, message: str = "words", status: int = 400) -> botocore.exceptions.ClientError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(answer, "Op")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "message", "status", "remedy"),
    [
        pytest.param("NoSuchEntity", "", 404, Gone, id="iam: no such role"),
        pytest.param("InvalidVpcID.NotFound", "", 400, Gone, id="ec2: any .NotFound"),
        pytest.param("ValidationError", "AutoScalingGroup name not found - null", 400, Gone, id="asg says it in words"),
        pytest.param("ValidationError", "max must be more than min", 400, Refused, id="asg: a bad value is final"),
        pytest.param("ThrottlingException", "", 400, NotYet, id="throttled"),
        pytest.param("DependencyViolation", "", 400, NotYet, id="still used"),
        pytest.param("Whatever", "", 503, NotYet, id="5xx whatever the code"),
        pytest.param("AccessDenied", "", 403, Refused, id="not allowed"),
        pytest.param("BrandNewCode", "", 400, Refused, id="unknown codes are final"),
    ],
)
def test_aws_errors_are_sorted_by_what_happens_next(
    code: str, message: str, status: int, remedy: type[ControllerError]
) -> None:
    """Throttling and 5xx come back; what is gone is gone; the rest is no for good."""
    assert type(sort_error(client_error(code, message, status), "ec2:Op", {})) is remedy


def test_the_text_names_operation_resource_code_and_words() -> None:
    error = sort_error(client_error("AccessDenied", "no"), "iam:CreateRole", {"RoleName": "r"})

    assert str(error) == "iam:CreateRole (r): AccessDenied: no"


@pytest.mark.parametrize(
    ("code", "message", "fresh"),
    [
        pytest.param("ValidationError", "Invalid IAM Instance Profile name", True, id="profile not visible yet"),
        pytest.param(
            "InvalidParameterException", "ECS was unable to assume the role", True, id="role not yet assumable"
        ),
        pytest.param("ValidationError", "Invalid launch template", False, id="a bad template is not about IAM"),
    ],
)
def test_refusals_that_fresh_iam_explains_are_marked(code: str, message: str, fresh: bool) -> None:
    """aws.md 5.3: the engine may retry these for a bounded time."""
    error = sort_error(client_error(code, message), "autoscaling:CreateAutoScalingGroup", {})

    assert isinstance(error, Refused)
    assert error.fresh == fresh


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(botocore.exceptions.NoCredentialsError(), "set AWS_PROFILE", id="no credentials"),
        pytest.param(
            botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"), "check AWS_ENDPOINT_URL", id="down"
        ),
    ],
)
def test_errors_before_aws_say_what_to_do(error: botocore.exceptions.BotoCoreError, words: str) -> None:
    assert words in str(sort_transport(error, "sts:GetCallerIdentity"))


@pytest.mark.parametrize(
    ("token", "answers"),
    [
        pytest.param("NextToken", [{"X": [1], "NextToken": "t"}, {"X": [2]}], id="NextToken"),
        pytest.param("Marker", [{"X": [1], "NextMarker": "t"}, {"X": [2]}], id="elbv2 says NextMarker"),
        pytest.param("Marker", [{"X": [1], "Marker": "t"}, {"X": [2], "Marker": ""}], id="iam says Marker"),
        pytest.param("NextToken", [{"X": [], "NextToken": "t"}, {"X": [1, 2]}], id="an empty page may carry on"),
    ],
)
def test_pages_follow_the_token_to_the_end(token: str, answers: list[dict[str, object]]) -> None:
    asked: list[object] = []

    def call(**request: object) -> dict[str, object]:
        asked.append(request.get(token))
        return answers[len(asked) - 1]

    assert (pages(call, "X", token), asked) == ([1, 2], [None, "t"])
