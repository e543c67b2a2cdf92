"""AWS as the controller sees it: one client per service, made once in the main thread; errors sorted by remedy.

Every call passes through `_Client`, which counts it, asks `guard` before anything that changes AWS (a lost lease or
a signal stops there), and turns botocore's errors into the tree of `base/errors.py`. No boto3 waiters: they sleep
where no clock or signal can reach them.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import botocore.config
import botocore.exceptions
import botocore.parsers
import botocore.session

from controller.aws.lately import ONCE, Lately
from controller.aws.models import loader
from controller.aws.operations import SPELLED
from controller.base.errors import ControllerError, Gone, NotYet, Refused, Stale

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling.client import ApplicationAutoScalingClient
    from mypy_boto3_autoscaling.client import AutoScalingClient
    from mypy_boto3_ce.client import CostExplorerClient
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_codedeploy.client import CodeDeployClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ecr.client import ECRClient
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_resourcegroupstaggingapi.client import ResourceGroupsTaggingAPIClient
    from mypy_boto3_ssm.client import SSMClient
    from mypy_boto3_sts.client import STSClient

READ_PREFIXES = ("describe_", "list_", "get_", "batch_get_")

# Codes by remedy (aws.md 5.2-5.4, 6.2). Query services drop the Exception suffix, JSON services keep it.
GONE = {
    "NoSuchEntity", "LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "RuleNotFound",
    "RepositoryNotFoundException", "LifecyclePolicyNotFoundException", "ImageNotFoundException",
    "RepositoryPolicyNotFoundException",
    "ResourceNotFoundException", "ClusterNotFoundException", "ServiceNotFoundException",
    "ServiceNotActiveException", "ParameterNotFound", "InvalidLaunchTemplateName.NotFoundException",
    "ObjectNotFoundException", "InvalidLaunchTemplateId.NotFound", "ApplicationDoesNotExistException",
    "DeploymentGroupDoesNotExistException", "DeploymentDoesNotExistException", "DeploymentAlreadyCompletedException",
    "InvalidLaunchTemplateId.NotFoundException", "Gateway.NotAttached", "NatGatewayNotFound",
}  # fmt: skip
THROTTLED = {
    "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "RequestThrottled",
}  # fmt: skip
BUSY = THROTTLED | {
    "PriorRequestNotComplete", "ResourceContention", "ScalingActivityInProgress", "UpdateInProgressException",
    "ResourceInUse", "ResourceInUseException", "DependencyViolation", "ConcurrentModification",
    "EntityTemporarilyUnmodifiable", "OperationAbortedException", "ConcurrentUpdateException", "DeleteConflict",
    "ServiceUnavailable", "InternalFailure", "InternalError", "InternalServerError", "ServerException",
    "InternalServiceError", "RequestTimeout", "RequestTimeoutException", "HealthUnavailable",
    "ClusterContainsServicesException", "ClusterContainsTasksException", "ClusterContainsContainerInstancesException",
    "ClusterContainsCapacityProviderException", "UnsuccessfulTerminate", "DeploymentLimitExceededException",
}  # fmt: skip
# There already, although a moment ago it was not: our own call, repeated after a lost answer, or somebody else's. The
# next look finds it by its name and tells which.
EXISTS = {
    "EntityAlreadyExists", "RepositoryAlreadyExistsException", "ResourceAlreadyExistsException", "AlreadyExists",
    "InvalidLaunchTemplateName.AlreadyExistsException", "DuplicateLoadBalancerName", "DuplicateTargetGroupName",
    "DuplicateListener", "RouteAlreadyExists", "Resource.AlreadyAssociated", "ApplicationAlreadyExistsException",
    "DeploymentGroupAlreadyExistsException",
}  # fmt: skip
# The lease is all that is kept in DynamoDB: a renewal that hangs must fail while there is time left for another one
# before its holder has to stop (`lease.LIFETIME`).
# Nobody waits long for a note about billing: hosts without a way out cannot reach it at all.
PATIENCE = {"dynamodb": {"attempts": 2, "read_timeout": 5}, "ce": {"attempts": 2, "read_timeout": 5}}
# Codes that also mean "IAM (or a target group's listener) has not propagated yet"; message parts tell them apart
# because AWS gives them no code of their own (aws.md 5.3).
FRESH = (
    ("ValidationError", "IamInstanceProfile"),
    ("ValidationError", "IAM Instance Profile"),
    ("InvalidParameterValue", "iamInstanceProfile"),
    ("ValidationError", "authorized to use launch template"),
    ("InvalidParameterException", "assume"),
    ("InvalidParameterException", "does not have an associated load balancer"),
    ("ClientException", "assume"),
    ("InvalidRoleException", "assume"),
    ("ClientException", "Role is not valid"),
    ("MalformedPolicyDocument", "principal"),
)


class Aws:
    """Clients of one account and region. Attributes are boto3 clients in type, counted and sorted in fact.

    guard   called before every call that may change AWS; raises to forbid it (lease lost, interrupted).
    calls   how often each ``service:Operation`` was called.
    mutations   how many calls changed AWS, or may have; a pass that made some looks again before it decides.
    lately  what was made a moment ago, and is not made again although AWS may not show it yet.
    """

    ec2: EC2Client
    autoscaling: AutoScalingClient
    ecs: ECSClient
    elbv2: ElasticLoadBalancingv2Client
    iam: IAMClient
    ecr: ECRClient
    logs: CloudWatchLogsClient
    ssm: SSMClient
    sts: STSClient
    ce: CostExplorerClient
    cloudwatch: CloudWatchClient
    codedeploy: CodeDeployClient
    dynamodb: DynamoDBClient
    applicationautoscaling: ApplicationAutoScalingClient
    resourcegroupstaggingapi: ResourceGroupsTaggingAPIClient

    SERVICES = (
        "ec2", "autoscaling", "ecs", "elbv2", "iam", "ecr", "logs", "ssm", "sts", "cloudwatch", "dynamodb",
        "resourcegroupstaggingapi", "applicationautoscaling", "codedeploy", "ce",
    )  # fmt: skip

    def __init__(self, session: botocore.session.Session, region: str) -> None:
        self.region = region
        self.calls: Counter[str] = Counter()
        self.mutations = 0
        self.lately = Lately()
        self.guard: Callable[[], None] = lambda: None
        self._session = session
        self._impatient: dict[str, Any] = {}
        self._reached = False
        self.answered = False  # with an answer that was AWS's
        self._lock = threading.Lock()

    def make(self, service: str, attempts: int = 4, read_timeout: int = 30) -> Any:
        """A new boto3 client that tries each call at most *attempts* times, each for *read_timeout* seconds.

        The lock is held, or nobody else is there: threads may share clients, not sessions.
        """
        config = botocore.config.Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=24,  # nothing is gained above about 24 calls in flight (reference/speed.md)
            connect_timeout=5,
            read_timeout=read_timeout,
        )
        name = SPELLED.get(service, service)
        try:
            client = self._session.create_client(name, region_name=self.region, config=config)
        except ValueError as error:  # an endpoint that is none
            raise Refused(f"AWS configuration of {name}: {error}") from error
        client.meta.events.register_first("needs-retry", self._unreachable)
        return client

    def _unreachable(self, attempts: int, caught_exception: Exception | None = None, **_: Any) -> None:
        """An endpoint that nobody ever answered at is a mistake of the user's: asked twice, then told. Once AWS has
        answered, the network is at fault, and is given all its attempts."""
        refused = isinstance(caught_exception, botocore.exceptions.EndpointConnectionError)
        self._reached = self._reached or caught_exception is None
        if refused and caught_exception and attempts > 1 and not self._reached:
            raise caught_exception

    @property
    def reached(self) -> bool:
        """Whether AWS ever answered: an outage afterwards passes."""
        return self._reached

    def __getattr__(self, service: str) -> Any:
        """Make the client of *service* on first use (cloudwatch and dynamodb are often never needed)."""
        if service not in Aws.SERVICES:
            raise AttributeError(service)
        with self._lock:
            if service not in self.__dict__:
                self.__dict__[service] = _Client(self, service, self.make(service, **PATIENCE.get(service, {})))
        return self.__dict__[service]

    def impatient(self, service: str) -> Any:
        """The boto3 client of *service* that never repeats a call, for those in `ONCE`; made on first use."""
        with self._lock:
            if service not in self._impatient:
                self._impatient[service] = self.make(service, attempts=1)
            return self._impatient[service]


class _Client:
    """A boto3 client whose calls are counted, guarded and fail with our errors."""

    def __init__(self, aws: Aws, service: str, client: Any) -> None:
        self._aws = aws
        self._service = service
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if name in {"meta", "exceptions"}:
            return getattr(self._client, name)
        method = getattr(self._aws.impatient(self._service) if name in ONCE else self._client, name)
        operation = self._client.meta.method_to_api_mapping[name]
        label = f"{self._service}:{operation}"
        reading = name.startswith(READ_PREFIXES) or self._service == "dynamodb"  # the lease guards, it is not guarded
        aws = self._aws

        def call(**request: Any) -> Any:
            if not reading:
                aws.guard()
                if name in ONCE and (again := aws.lately.answer(name, request)) is not None:
                    return again
            aws.calls[label] += 1
            try:
                answer = method(**request)
            except botocore.exceptions.ClientError as error:
                if not reading and _may_have_happened(error):
                    lost(request)
                raise sort_error(error, label, request) from error
            except botocore.parsers.ResponseParserError as error:
                if not reading:
                    lost(request)
                raise _no_answer(error, label, reached=aws.answered) from error
            except botocore.exceptions.BotoCoreError as error:
                if not reading:
                    lost(request)  # the reply was lost, perhaps only the reply
                raise sort_transport(error, label, reached=aws.reached) from error
            aws.answered = True
            if not reading:
                aws.mutations += 1
                aws.lately.note(name, request, answer)
            return answer

        def lost(request: dict[str, Any]) -> None:
            aws.mutations += 1
            aws.lately.note(name, request, None)

        self.__dict__[name] = call
        return call


def _no_answer(error: Exception, label: str, *, reached: bool) -> ControllerError:
    """Something answered that is not AWS: a proxy, a portal, another server at the endpoint."""
    words = f"{label}: what answered is not AWS: {str(error).splitlines()[0][:200]}"
    if reached:
        return NotYet(words, after=timedelta(seconds=5))
    return Refused(f"{words}; check AWS_ENDPOINT_URL and proxies", code=type(error).__name__, operation=label)


def _may_have_happened(error: botocore.exceptions.ClientError) -> bool:
    """A refusal (4xx, or too many requests) changed nothing; of a failure inside AWS nobody knows."""
    if error.response.get("Error", {}).get("Code") in THROTTLED:
        return False
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)) >= 500


def connect(region: str, profile: str | None) -> Aws:
    """AWS as the environment says. Raises Refused for a profile or region that does not exist."""
    try:
        session = botocore.session.Session(profile=profile)
        session.register_component("data_loader", loader(session.get_config_variable("data_path")))
        if (url := os.environ.get("AWS_ENDPOINT_URL")) and not _address(url):
            raise Refused(f"AWS_ENDPOINT_URL {url} is not the address of an endpoint, like http://127.0.0.1:5000")
        if session.get_credentials() is None:
            raise Refused("no AWS credentials: set AWS_PROFILE, --profile or AWS_ACCESS_KEY_ID")
    except (botocore.exceptions.BotoCoreError, ValueError) as error:  # a credential_process may print anything
        raise Refused(f"AWS configuration: {error}") from error
    known = {one for name in session.get_available_partitions() for one in session.get_available_regions("ec2", name)}
    if region not in known:
        raise Refused(f"region {region} is not one that AWS has; see `region:` in the spec or --region")
    return Aws(session, region)


def _address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = url.isprintable() and " " not in url
        return plain and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        return False


def pages(call: Callable[..., Any], result: str, token: str = "NextToken", **request: Any) -> list[dict[str, Any]]:
    """All items of a paged read. *token* names the member that carries on, as in the answer (``nextToken`` for ECS,
    ``Marker`` for elbv2 and IAM, whose answers say ``NextMarker`` or ``Marker``)."""
    items: list[dict[str, Any]] = []
    while True:
        answer = call(**request)
        items += answer.get(result, [])
        following = answer.get("NextMarker") if token == "Marker" else answer.get(token)
        if following is None and token == "Marker":
            following = answer.get("Marker")
        if not following:
            return items
        request[token] = following


def sort_error(error: botocore.exceptions.ClientError, label: str, request: dict[str, Any]) -> ControllerError:
    """The error by remedy; its text names the operation, the resource and AWS's own code and words."""
    body = cast("dict[str, Any]", error.response).get("Error", {})
    code, message = str(body.get("Code", "")), str(body.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    subject = _subject(request)
    text = f"{label}{f' ({subject})' if subject else ''}: {code}: {message}"
    if code in GONE or code.endswith(".NotFound") or (code == "ValidationError" and "not found" in message.lower()):
        return Gone(text)
    if code in EXISTS:
        return Stale(text)
    if code in BUSY or status >= 500:
        return NotYet(text, after=timedelta(seconds=2))
    fresh = any(code == c and part in message for c, part in FRESH)
    return Refused(text, code=code, operation=label, fresh=fresh)


def sort_transport(error: botocore.exceptions.BotoCoreError, label: str, *, reached: bool = False) -> ControllerError:
    """Errors that never reached AWS: credentials and endpoints are for the user, time-outs pass, and so does an
    outage after AWS was *reached* before."""
    kind = type(error).__name__
    if isinstance(error, botocore.exceptions.ReadTimeoutError | botocore.exceptions.ConnectionClosedError):
        return NotYet(f"{label}: {error}", after=timedelta(seconds=2))
    if isinstance(error, botocore.exceptions.NoCredentialsError | botocore.exceptions.PartialCredentialsError):
        return Refused(
            f"{label}: no AWS credentials: {error}; set AWS_PROFILE, --profile or AWS_ACCESS_KEY_ID",
            code=kind,
            operation=label,
        )
    if isinstance(error, botocore.exceptions.EndpointConnectionError | botocore.exceptions.ConnectTimeoutError):
        if reached:
            return NotYet(f"{label}: cannot reach AWS any more: {error}", after=timedelta(seconds=5))
        return Refused(
            f"{label}: cannot reach AWS: {error}; check AWS_ENDPOINT_URL, the region and the network",
            code=kind,
            operation=label,
        )
    return Refused(f"{label}: {error}", code=kind, operation=label)


def _subject(request: dict[str, Any]) -> str:
    """The name or id a request is about, for error texts: its first scalar that reads like one."""
    for key, value in request.items():
        if isinstance(value, str) and key.lower().endswith(("name", "id", "arn", "cluster", "service", "family")):
            return value
    return ""
