"""IAM roles with the least they need: hosts join their cluster, a service's agent pulls its images, writes one log, and
what runs in a task may do what the spec says.

Documents are compared in canonical form (aws.md 9.5). Inline policies of others go from a task's role and from that of
its agent: what the application may do, and what is done for it, is the spec's alone. In other roles they are noted and
kept, as are managed policies that others attached, except to a task's role.
A managed policy is ours once a spec asked for it, whoever attached it: a tag of the role remembers which, so that one
that left the spec is detached. A role without the tag gets it with what is asked, as any tag it lacks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.client import pages
from controller.aws.reads import keyed, live_name_of
from controller.aws.role_users import profiles_of_others, tasks_with
from controller.base.errors import NotYet, held_by_others
from controller.base.keys import OWNER_TAG, POLICIES_TAG, Key, Ref, Tags, lasting_tags, refs
from controller.base.words import plural
from controller.engine.reconciler import Change, Home, Observed, spec
from controller.spec.names import born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Service, Stack

INLINE = "theseus"
TASKS = "ecs-tasks.amazonaws.com"
CODEDEPLOY = "codedeploy.amazonaws.com"
AWS_POLICY = "arn:aws:iam::aws:policy/"
CODEDEPLOY_POLICIES = (f"{AWS_POLICY}AWSCodeDeployRoleForECS",)
HOST_POLICIES = (
    f"{AWS_POLICY}AmazonSSMManagedInstanceCore",
    f"{AWS_POLICY}service-role/AmazonEC2ContainerServiceforEC2Role",
)

ATTACHED_MAX = 10  # managed policies of a role (IAM quotas)


@dataclass(frozen=True, slots=True)
class Grant:
    """One Allow statement of the inline policy."""

    actions: tuple[str, ...]
    resources: tuple[str | Ref, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """`trust` is the AWS service that may assume it; `policies` are managed policies by arn, those that a spec asked
    for, or all of them if `exclusive`; `inline` are names of inline policies of others, where there shall be none."""

    trust: str
    policies: tuple[str, ...]
    grants: tuple[Grant, ...]
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    exclusive: bool = spec(compare=False, default=False)
    family: str = spec(compare=False, default="")  # of the task definitions whose tasks run with it
    kept: tuple[Grant, ...] = spec(compare=False, default=())  # what tasks of before may still need
    names: tuple[tuple[str, str], ...] = spec(compare=False, default=())  # live ones, by the keys its grants refer to
    inline: tuple[str, ...] = spec(default=())


class RoleKind:
    kind = "role"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Role]]:
        for pool in stack.pools:
            key = Key(self.kind, f"hosts-{pool.name}")
            policies = tuple(sorted({*HOST_POLICIES, *pool.policies}))
            yield key, _remembering(self._role(stack, key, "ec2.amazonaws.com", policies, ()))
        if any(service.by_codedeploy for service in stack.services):
            key = Key(self.kind, "codedeploy")
            yield key, _remembering(self._role(stack, key, CODEDEPLOY, CODEDEPLOY_POLICIES, ()))
        for service in stack.services:
            family = live_name(stack, Key("task_definition", service.name))
            key = Key(self.kind, f"execution-{service.name}")
            yield key, replace(self._role(stack, key, TASKS, (), _execution_grants(service)), family=family)
            if service.own_role:
                key, policies = Key(self.kind, f"task-{service.name}"), service.task_role.policies
                one = self._role(stack, key, TASKS, policies, _task_grants(service))
                yield key, replace(one, exclusive=True, family=family)

    def _role(self, stack: Stack, key: Key, trust: str, policies: tuple[str, ...], grants: tuple[Grant, ...]) -> Role:
        keys = sorted({one.key for grant in grants for one in grant.resources if isinstance(one, Ref)})
        names = tuple((str(one), live_name(stack, one)) for one in keys)
        return Role(trust, policies, grants, live_name(stack, key), born_tags(stack, key), names=names)

    def observe(self, reads: Reads, wanted: Mapping[Key, Role], owner: str) -> Mapping[Key, Observed[Role]]:
        found = {}
        reads.spread(  # side by side, then from memory
            [partial(reads.role, one.name) for one in wanted.values()]
            + [partial(reads.attached_policies, one.name) for one in wanted.values()]
            + [partial(reads.inline_policies, one.name) for one in wanted.values()]
            + [partial(reads.inline_policy, one.name, INLINE) for one in wanted.values() if _has_inline(one)]
        )
        for key, desired in wanted.items():
            item = reads.role(desired.name)
            if item is None:
                continue
            attached = reads.attached_policies(desired.name)
            names = reads.inline_policies(desired.name)
            asked_for = _has_inline(desired) or INLINE in names
            inline = reads.inline_policy(desired.name, INLINE) if asked_for else None
            asked = tuple(sorted(attached)) if desired.exclusive else desired.policies
            one = _with_inline(parse_role(item, attached, inline, asked, reads.cluster() or ""), names, desired)
            found[key] = _as_far_as_nobody_needs_it(one, desired, reads)
        return {**found, **self._leftover(reads, wanted, owner)}

    def _leftover(self, reads: Reads, wanted: Mapping[Key, Role], owner: str) -> Mapping[Key, Observed[Role]]:
        """Roles of ours that the spec has no more; nobody compares their policies."""
        items = [item for name in reads.unnamed_roles() if (item := reads.role(name)) is not None]
        named = ((item["RoleName"], tags.read(item.get("Tags")), item) for item in items)
        found = {
            key: parse_role(item, [], None, (), reads.cluster() or "")
            for key, item in keyed(self.kind, wanted, named).items()
        }
        return {key: one for key, one in found.items() if one.owner == owner}

    def create(self, aws: Aws, key: Key, desired: Role) -> Mapping[str, str]:
        made = aws.iam.create_role(
            RoleName=desired.name,
            AssumeRolePolicyDocument=json.dumps(_trust_document(desired.trust)),
            Description=f"theseus: {key}",
            Tags=tags.pascal(desired.tags),
        )["Role"]
        for arn in desired.policies:
            aws.iam.attach_role_policy(RoleName=desired.name, PolicyArn=arn)
        _put_inline(aws, desired)
        return _outputs(made)

    def foretold(self, desired: Role, home: Home) -> Mapping[str, str]:
        return {"name": desired.name, "arn": f"arn:{home.partition}:iam::{home.account}:role/{desired.name}"}

    def update(
        self, aws: Aws, observed: Observed[Role], desired: Role, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        for change in changes:
            match change.field:
                case "trust":
                    document = json.dumps(_trust_document(desired.trust))
                    aws.iam.update_assume_role_policy(RoleName=desired.name, PolicyDocument=document)
                case "policies":
                    _set_policies(aws, observed.as_desired, desired)
                case "grants":
                    whole = replace(desired, grants=_joined(desired.grants, observed.as_desired.kept))
                    if not whole.grants:
                        aws.iam.delete_role_policy(RoleName=desired.name, PolicyName=INLINE)
                    _put_inline(aws, whole)
                case "inline":
                    for name in observed.as_desired.inline:
                        aws.iam.delete_role_policy(RoleName=desired.name, PolicyName=name)
                case "tags":
                    aws.iam.tag_role(RoleName=desired.name, Tags=tags.pascal(desired.tags))
        return {}

    def widened(self, desired: Role, live: Role) -> Role:
        policies, grants = surplus_of(desired, live)
        return replace(
            desired,
            policies=tuple(sorted({*desired.policies, *policies})),
            grants=_joined(desired.grants, grants),
            inline=live.inline,
        )

    def still_serves(self, aws: Aws, observed: Observed[Role], heir: str) -> str:
        """Tasks of an older revision run on with it until they are replaced, and would lose what it allows."""
        if observed.as_desired.trust != TASKS:
            return ""
        users = tasks_with(aws, observed.outputs["cluster"], observed.outputs["arn"])
        return f"{plural(users, 'task')} run with it" if users else ""

    def delete(self, aws: Aws, observed: Observed[Role]) -> None:
        name = observed.as_desired.name
        for policy in pages(aws.iam.list_attached_role_policies, "AttachedPolicies", "Marker", RoleName=name):
            aws.iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        for inline in pages(aws.iam.list_role_policies, "PolicyNames", "Marker", RoleName=name):
            aws.iam.delete_role_policy(RoleName=name, PolicyName=str(inline))
        try:
            aws.iam.delete_role(RoleName=name)
        except NotYet as busy:
            others = [
                f"instance profile {one}, which holds it" for one in profiles_of_others(aws, name, observed.owner)
            ]
            if others:
                raise held_by_others(name, others) from busy
            raise


def surplus_of(desired: Role, live: Role) -> tuple[tuple[str, ...], tuple[Grant, ...]]:
    """The policies and grants that *live* has beyond *desired*, whose refs are told by the names in the arns. What
    somebody else wrote into our policy (Deny, a condition) is none."""
    policies = sorted(set(live.policies) - set(desired.policies)) if desired.exclusive else []
    asked = {grant.actions: grant.resources for grant in desired.grants}
    grants = []
    for grant in live.grants:
        wanted = asked.get(grant.actions, ())
        more = tuple(one for one in grant.resources if one not in wanted and not _referred(str(one), wanted, desired))
        if more and all(":" in action for action in grant.actions):
            grants.append(Grant(grant.actions, more))
    return tuple(policies), tuple(grants)


def _referred(arn: str, wanted: Iterable[str | Ref], desired: Role) -> bool:
    """Whether a ref among *wanted* is to what has *arn*, which may be ``*``."""
    keys = [one.key for one in wanted if isinstance(one, Ref)] if arn.startswith("arn:") else []
    return any((str(key), live_name_of(arn, key.kind)) in desired.names for key in keys)


def _joined(one: tuple[Grant, ...], two: tuple[Grant, ...]) -> tuple[Grant, ...]:
    found: dict[tuple[str, ...], set[str | Ref]] = {}
    for grant in (*one, *two):
        found.setdefault(grant.actions, set()).update(grant.resources)
    return tuple(Grant(actions, tuple(sorted(some, key=str))) for actions, some in sorted(found.items()))


def _with_inline(have: Observed[Role], names: list[str], desired: Role) -> Observed[Role]:
    """*have* with the inline policies of others: what goes where a spec says what is allowed, and else is noted."""
    others = tuple(sorted(set(names) - {INLINE}))
    if _has_inline(desired):
        return replace(have, as_desired=replace(have.as_desired, inline=others))
    return replace(have, notes=(*have.notes, *(f"inline policy of others kept: {name}" for name in others)))


def _as_far_as_nobody_needs_it(have: Observed[Role], desired: Role, reads: Reads) -> Observed[Role]:
    """*have* without what it allows beyond *desired*, while tasks of an older revision run, which may need it."""
    keys = {ref.key for ref in refs(desired.grants)}  # a name finds and creates: what is there may have another
    born = tuple((str(key), name) for key in sorted(keys) for name in sorted(reads.born_as(key)))
    policies, grants = surplus_of(replace(desired, names=(*desired.names, *born)), have.as_desired)
    if not (policies or grants or have.as_desired.inline) or not desired.family or have.owner != reads.owner:
        return have
    newest = (reads.task_definition(desired.family) or {}).get("taskDefinitionArn")
    running = [task["taskDefinitionArn"] for task in reads.tasks() if task["lastStatus"] != "STOPPED"]
    old = sum(arn != newest and arn.rpartition("/")[2].rpartition(":")[0] == desired.family for arn in running)
    if not old:
        return have
    beyond = {grant.actions: {*grant.resources} for grant in grants}
    left = (
        Grant(one.actions, tuple(arn for arn in one.resources if arn not in beyond.get(one.actions, ())))
        for one in have.as_desired.grants
    )
    as_desired = replace(
        have.as_desired,
        policies=tuple(arn for arn in have.as_desired.policies if arn not in policies),
        grants=tuple(grant for grant in left if grant.resources),
        kept=grants,
        inline=(),
    )
    words = f"allows what {plural(old, 'task')} of an older revision may need, until they are gone"
    return replace(have, as_desired=as_desired, notes=(*have.notes, words))


def parse_role(
    item: Mapping[str, Any], attached: list[str], inline: Any, asked: tuple[str, ...], cluster: str = ""
) -> Observed[Role]:
    """*cluster*: whose tasks may run with it."""
    live = tags.read(item.get("Tags"))
    remembered = live.get(POLICIES_TAG, "").split()
    ours = tuple(arn for arn in sorted(attached) if arn in asked or _short(arn) in remembered)
    foreign = tuple(f"policy attached by others kept: {arn}" for arn in sorted(set(attached) - set(ours)))
    trust = parse_trust(_document(item["AssumeRolePolicyDocument"]))
    as_desired = Role(trust, ours, parse_grants(inline), item["RoleName"], lasting_tags(live))
    return Observed(as_desired, {**_outputs(item), "cluster": cluster}, live.get(OWNER_TAG), notes=foreign)


def parse_trust(document: Mapping[str, Any]) -> str:
    """The one service that may assume the role; a JSON text when the document says anything else."""
    statements = _list(document.get("Statement"))
    if len(statements) == 1:
        one = statements[0]
        principal = one.get("Principal")
        services = _list(principal.get("Service")) if isinstance(principal, dict) and len(principal) == 1 else []
        plain = one.get("Effect") == "Allow" and _list(one.get("Action")) == ["sts:AssumeRole"]
        if plain and len(services) == 1 and not one.get("Condition"):
            return str(services[0])
    return json.dumps(document, sort_keys=True)


def parse_grants(document: Any) -> tuple[Grant, ...]:
    """The statements of our inline policy; one scalar is a list of one, order means nothing. What no statement of ours
    has (Deny, a condition, NotAction) is named among the actions, so that it differs."""
    if document is None:
        return ()
    return tuple(
        sorted(
            (
                Grant(
                    tuple(sorted([*_list(one.get("Action")), *_foreign(one)])),
                    tuple(sorted(_list(one.get("Resource")))),
                )
                for one in _list(_document(document).get("Statement"))
            ),
            key=lambda grant: grant.actions,
        )
    )


def _foreign(statement: Mapping[str, Any]) -> list[str]:
    extra = sorted(statement.keys() - {"Sid", "Effect", "Action", "Resource"})
    return [*extra, *(["Deny"] if statement.get("Effect") != "Allow" else [])]


def _execution_grants(service: Service) -> tuple[Grant, ...]:
    """What the ECS agent does for this service's tasks: pull its image, write its log, read its secrets."""
    log = Ref(Key("log_group", service.name), "stream_arn")
    grants = [Grant(("logs:CreateLogStream", "logs:PutLogEvents"), (log,))]
    pull = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    foreign = any(".dkr.ecr." in one.image for one in service.sidecars)
    if service.image.repository is not None and not foreign:
        grants.append(Grant(pull, (Ref(Key("repository", service.image.repository), "arn"),)))
    else:
        grants.append(Grant(pull, ("*",)))
    grants.append(Grant(("ecr:GetAuthorizationToken",), ("*",)))  # the call has no resource (aws.md 7.1)
    theirs = [arn for one in service.sidecars for _, arn in one.secrets]
    secrets = tuple(sorted({_whole(arn) for arn in (*(arn for _, arn in service.secrets), *theirs)}))
    if parameters := tuple(arn for arn in secrets if ":ssm:" in arn):
        grants.append(Grant(("ssm:GetParameters",), parameters))
    if others := tuple(arn for arn in secrets if ":ssm:" not in arn):
        grants.append(Grant(("secretsmanager:GetSecretValue",), others))
    return tuple(sorted(grants, key=lambda grant: grant.actions))


def _whole(secret: str) -> str:
    """The arn a policy names: of ``...:secret:NAME:KEY:STAGE:ID`` ECS reads one key, IAM knows the secret (aws.md 7.3).

    >>> _whole("arn:aws:secretsmanager:r:1:secret:db-x:password::")
    'arn:aws:secretsmanager:r:1:secret:db-x'
    """
    return ":".join(secret.split(":")[:7]) if ":secretsmanager:" in secret else secret


def _task_grants(service: Service) -> tuple[Grant, ...]:
    """What a shell of execute-command talks through (ECS developer guide, "ECS Exec")."""
    channels = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
    return (Grant(tuple(f"ssmmessages:{one}" for one in channels), ("*",)),) if service.execute_command else ()


def _has_inline(role: Role) -> bool:
    """It is likely to have an inline policy of ours: a task's role may have lost the need for it."""
    return bool(role.grants) or role.exclusive


def _remembering(role: Role) -> Role:
    """*role* with the tag that says which managed policies are ours on it."""
    return replace(role, tags=tuple(sorted({**dict(role.tags), POLICIES_TAG: _shorts(role.policies)}.items())))


def _shorts(policies: Iterable[str]) -> str:
    """What remembers *policies*: a tag holds 256 characters, and so 28 of them; a spec has ten at most."""
    return " ".join(sorted(map(_short, policies)))


def _short(arn: str) -> str:
    return hashlib.sha256(arn.encode()).hexdigest()[:8]


def _set_policies(aws: Aws, live: Role, desired: Role) -> None:
    """Attach what is missing and detach what is too much. What is attached is remembered before, beside what is still
    to be detached: whenever the process dies, no policy of ours is taken for one of others. The tags come last."""
    have = set(live.policies)
    new, surplus = sorted(set(desired.policies) - have), sorted(have - set(desired.policies))
    kept = (POLICIES_TAG, _shorts({*have, *desired.policies}))
    if new and not desired.exclusive and kept not in live.tags:
        aws.iam.tag_role(RoleName=desired.name, Tags=tags.pascal((kept,)))
    full = max(0, len(have) + len(new) - ATTACHED_MAX)  # so many have to go before others can come
    for arn in surplus[:full]:
        aws.iam.detach_role_policy(RoleName=desired.name, PolicyArn=arn)
    for arn in new:
        aws.iam.attach_role_policy(RoleName=desired.name, PolicyArn=arn)
    for arn in surplus[full:]:
        aws.iam.detach_role_policy(RoleName=desired.name, PolicyArn=arn)


def _trust_document(service: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }


def _put_inline(aws: Aws, desired: Role) -> None:
    if not desired.grants:
        return
    statements = [
        {"Effect": "Allow", "Action": list(grant.actions), "Resource": [str(one) for one in grant.resources]}
        for grant in desired.grants
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    aws.iam.put_role_policy(RoleName=desired.name, PolicyName=INLINE, PolicyDocument=document)


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["RoleName"], "arn": item["Arn"], "created_at": item["CreateDate"].isoformat()}


def _document(value: Any) -> dict[str, Any]:
    return json.loads(value) if isinstance(value, str) else dict(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


KIND = RoleKind()
