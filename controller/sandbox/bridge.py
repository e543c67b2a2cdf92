"""Routes the actions of the world's services from moto's response classes to the world, and mends moto on the way.

moto parses requests and writes answers; what happens in between is `api.call` for Auto Scaling, ECS and targets. moto
keeps its response classes and backends in module globals, so there is one current cloud per process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import FunctionType
from typing import Protocol

from moto.autoscaling.responses import AutoScalingResponse
from moto.codedeploy.responses import CodeDeployResponse
from moto.core.base_backend import BackendDict, backend_lock
from moto.core.model_instances import reset_model_data
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores
from moto.ec2.models.subnets import Subnet
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.responses import ELBV2Response

from controller.sandbox import (
    billing,
    lookups,
    strict_ec2,
    strict_elb,
    strict_iam,
    strict_network,
    strict_scaling,
    strict_ssm,
    tagging,
)
from controller.sandbox.api import ACTIONS
from controller.sandbox.timings import Timings
from controller.sandbox.world import Event, Json, World

RESPONSES: Mapping[str, type[BaseResponse]] = {
    "autoscaling": AutoScalingResponse,
    "codedeploy": CodeDeployResponse,
    "ecs": EC2ContainerServiceResponse,
    "elbv2": ELBV2Response,
}


class Backing(Protocol):
    """The cloud behind the API, as moto's side sees it. Everything is called under the cloud's lock."""

    timings: Timings

    def now(self) -> datetime: ...
    def world(self, account: str, region: str) -> World: ...
    def call(self, account: str, region: str, service: str, action: str, params: Json) -> Json: ...
    def tell(self, account: str, region: str, event: Event) -> None:
        """Something happened to the data plane from outside it."""
        ...

    def address(self, load_balancer: str) -> str:
        """The DNS name a new load balancer gets."""
        ...


_current: list[Backing] = []
_installed: list[bool] = []


def attach(cloud: Backing) -> None:
    """Make *cloud* the one behind moto in this process, with backends that hold nothing."""
    install()
    _forget()
    _current[:] = [cloud]


def _forget() -> None:
    """Drop what moto holds. Its own reset builds every backend anew first, only to throw it away: two seconds."""
    with backend_lock:
        for backends in BackendDict._instances:
            backends.clear()
            getattr(backends, "bucket_accounts", {}).clear()  # S3's names are one list for all accounts
        BackendDict._instances.clear()
    reset_model_data()
    Subnet._base_avail_ip_iterator.cache_clear()  # it would keep every subnet, and its whole backend


def current() -> Backing:
    return _current[0]


def install() -> None:
    """Patch moto, once per process."""
    if _installed:
        return
    _installed.append(True)
    for service, actions in ACTIONS.items():
        for action in actions:
            setattr(RESPONSES[service], camelcase_to_underscores(action), _routed(service, action))
    for service in ("autoscaling", "codedeploy", "ecs"):
        _close_the_rest(RESPONSES[service], {camelcase_to_underscores(action) for action in ACTIONS[service]})
    # moto rewrites its own ECS attributes on the way out; ours are spelled as AWS does.
    EC2ContainerServiceResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER = {}
    lookups.install()
    strict_network.install(current)
    strict_ec2.install(current)
    strict_elb.install(current)
    strict_iam.install(current)
    billing.install()
    strict_ssm.install()
    tagging.install(current)
    strict_scaling.install(current)


def _routed(service: str, action: str) -> Callable[[BaseResponse], ActionResult]:
    def method(self: BaseResponse) -> ActionResult:
        params = dict(self._get_params())
        return ActionResult(current().call(self.current_account, self.region, service, action, params))

    return method


def _close_the_rest(cls: type[BaseResponse], served: set[str]) -> None:
    """What the world does not serve of its services is refused: moto would answer from groups and clusters of its own,
    of which there are none."""

    def refuse(_self: BaseResponse) -> ActionResult:
        raise NotImplementedError

    for name, method in list(vars(cls).items()):
        if isinstance(method, FunctionType) and not name.startswith("_") and name not in {*served, "call_action"}:
            setattr(cls, name, refuse)
