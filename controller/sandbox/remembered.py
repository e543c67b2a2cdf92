"""In front of moto: answers are given again while nothing can have changed them.

Some only calls of the same service change, and those about hosts what becomes of them; all others hold until something
is written or time moves on. A rollout is thousands of reads, and moto's building of the answers is half of what they
cost (`tests/sandbox/test_same_answers.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from controller.sandbox.front import credential, named

TAGGED = re.compile(rb"(?:^|&)ResourceId\.\d+=([^&]+)")
# whose writes change no answer of another service that is kept; those of any other may (tags, whole stacks, secrets)
APART = frozenset(
    {"autoscaling", "ec2", "ecr", "ecs", "elbv2", "iam", "logs", "application-autoscaling", "cloudwatch", "codedeploy"}
)
KEPT = 5000  # answers; whoever asks more different questions is answered anew


class Remembered:
    """The WSGI application in front of *moto*. It is as unsafe for threads as moto is."""

    STILL: Mapping[str, frozenset[str]] = {
        "ecr": frozenset({"DescribeImages", "DescribeRepositories", "GetLifecyclePolicy", "ListTagsForResource"}),
        "ec2": frozenset(
            {
                "DescribeInstanceTypes",
                "DescribeInternetGateways",
                "DescribeLaunchTemplates",
                "DescribeLaunchTemplateVersions",
                "DescribeSecurityGroupRules",
                "DescribeSecurityGroups",
                "DescribeVpcAttribute",
                "DescribeVpcs",
            }
        ),
        "elbv2": frozenset(
            {
                "DescribeListeners",
                "DescribeLoadBalancerAttributes",
                "DescribeRules",
                "DescribeTags",
                "DescribeTargetGroupAttributes",
                "DescribeTargetGroups",
            }
        ),
        "iam": frozenset(
            {"GetInstanceProfile", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies"}
        ),
        "logs": frozenset({"DescribeLogGroups", "ListTagsForResource"}),
        "ssm": frozenset({"GetParameters"}),
    }
    OF_HOSTS = frozenset({("ec2", "DescribeInstances")})
    READS = ("Describe", "Get", "List", "BatchGet")

    def __init__(
        self, moto: Callable[..., Iterable[bytes]], now: Callable[[], datetime], seen: Callable[[], object]
    ) -> None:
        """*seen*: what EC2 shows of the hosts; it is the same for as long as they are."""
        self._moto, self._now, self._seen = moto, now, seen
        self._known: dict[str, dict[Any, Any]] = {}
        self._moment: tuple[datetime | None, int] = (None, 0)
        self._writes = 0
        self._hosts: object = None

    def __call__(self, env: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = env["wsgi.input"].getvalue()
        service, action = named(env, body)
        if not action.startswith(self.READS):
            if service not in APART:
                self._known.clear()
            elif not self._only_hosts(action, body):
                self._known.pop(service, None)
            self._writes += 1
            return self._moto(env, start)
        known = self.table(service, action)
        whose = (*credential(env)[:2], env.get("HTTP_X_MOTO_ACCOUNT_ID"))  # account and region
        asked = (*whose, env["REQUEST_METHOD"], env.get("PATH_INFO"), env.get("QUERY_STRING"), service, action, body)
        if asked not in known:
            if len(known) >= KEPT:
                known.clear()
            said: list[Any] = []
            chunks = list(self._moto(env, lambda *args: said.extend(args)))
            if not str(said[0]).startswith("200"):
                start(*said[:2])
                return chunks
            known[asked] = (chunks, tuple(said[:2]))
        kept: list[bytes]
        kept, head = known[asked]
        start(*head)
        return kept

    def table(self, service: str, action: str) -> dict[Any, Any]:
        """What is remembered of such reads: a table that another takes the place of as soon as anything may differ."""
        if (service, action) in self.OF_HOSTS:
            if self._hosts != (hosts := (self._seen(), self._writes)):
                self._known.pop("hosts", None)
                self._hosts = hosts
            return self._known.setdefault("hosts", {})
        if action in self.STILL.get(service, ()):
            return self._known.setdefault(service, {})
        if self._moment != (moment := (self._now(), self._writes)):
            self._known.pop("", None)
            self._moment = moment
        return self._known.setdefault("", {})

    @staticmethod
    def _only_hosts(action: str, body: bytes) -> bool:
        """Whether it writes the tags of hosts and nothing else: a rollout does all the time."""
        tagged = TAGGED.findall(body) if action in {"CreateTags", "DeleteTags"} else []
        return bool(tagged) and all(one.startswith(b"i-") for one in tagged)

    def clear(self) -> None:
        """Forget everything: something else than a call has changed it."""
        self._known.clear()
