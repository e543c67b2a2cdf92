"""ECR repositories. Destroy keeps one that holds images, unless the spec says to delete it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.running import open_tasks
from controller.base.errors import Refused, Stale
from controller.base.keys import OWNER_TAG, Key, Tags, key_of, lasting_tags
from controller.base.words import plural
from controller.engine.reconciler import Change, Home, Observed, born_as, spec
from controller.spec.names import born_tags, live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import OnDestroy, Stack

MORE_THAN, SINCE = "imageCountMoreThan", "sinceImagePushed"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The rules of a lifecycle policy: how many images are kept, after how many days untagged ones expire; 0: no such
    rule. `other_rules`: how many there are where it is not we who wrote them."""

    keep_images: int = 0
    expire_untagged: int = 0
    other_rules: int = 0


@dataclass(frozen=True, slots=True)
class Repository:
    """`encryption`: AES256, KMS, or the arn of a key."""

    scan_on_push: bool
    immutable: bool
    lifecycle: Lifecycle
    encryption: str = spec(immutable=True)
    name: str = spec(compare=False)
    tags: Tags = spec(subset=True, risk="cosmetic")
    on_destroy: OnDestroy = spec(compare=False, default="retain")


class RepositoryKind:
    kind = "repository"
    volatile: tuple[str, ...] = ()
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Repository]]:
        for one in stack.repositories:
            key = Key(self.kind, one.name)
            name = live_name(stack, key)
            born = born_tags(stack, key)
            lifecycle = Lifecycle(one.keep_images or 0, one.expire_untagged.days if one.expire_untagged else 0)
            yield (
                key,
                Repository(one.scan_on_push, one.immutable, lifecycle, one.encryption, name, born, one.on_destroy),
            )

    def observe(self, reads: Reads, wanted: Mapping[Key, Repository], owner: str) -> Mapping[Key, Observed[Repository]]:
        asked: dict[Key, tuple[str, OnDestroy, str]] = {
            key: (one.name, one.on_destroy, one.encryption) for key, one in wanted.items()
        }
        left = reads.leftover(self.kind, wanted)
        for key, name in left.items():  # a successor, or what one has taken the place of, is as the spec says
            wish = wanted.get(born_as(key))
            asked[key] = (name, wish.on_destroy, wish.encryption) if wish is not None else (name, "retain", "")
        several = {born_as(key) for key in left}
        names = [name for name, _, _ in asked.values()]
        reads.spread(  # side by side, then from memory
            [partial(reads.repository, name) for name in names]
            + [partial(reads.lifecycle_policy, name) for name in names]
        )
        found = {}
        for key, (name, on_destroy, encryption) in asked.items():
            item = reads.repository(name)
            if item is None:
                continue
            live = reads.repository_tags(item["repositoryArn"])
            policy = reads.lifecycle_policy(name)
            goes = reads.thorough or born_as(key) in several  # it may
            held = reads.image_count(name) if goes and on_destroy == "retain" else 0
            one = parse_repository(item, live, policy, held, on_destroy, encryption)
            wish = wanted.get(born_as(key))
            more = {"cluster": reads.cluster() or ""}
            replaced = wish is not None and wish.encryption != one.as_desired.encryption and born_as(key) in several
            if replaced and not reads.destroying:
                more["users"], strangers = _users(reads, one.outputs["uri"])
                one = replace(one, kept=one.kept or (f"{strangers} run images of it" if strangers else ""))
            found[key] = replace(one, outputs={**one.outputs, **more})
        return found

    def create(self, aws: Aws, key: Key, desired: Repository) -> Mapping[str, str]:
        made = aws.ecr.create_repository(
            repositoryName=desired.name,
            tags=tags.pascal(desired.tags),
            imageScanningConfiguration={"scanOnPush": desired.scan_on_push},
            imageTagMutability="IMMUTABLE" if desired.immutable else "MUTABLE",
            encryptionConfiguration=_encryption(desired.encryption),
        )["repository"]
        if desired.lifecycle != Lifecycle():
            _put_lifecycle(aws, desired)
        return _outputs(made)

    def foretold(self, desired: Repository, home: Home) -> Mapping[str, str]:
        arn = f"arn:{home.partition}:ecr:{home.region}:{home.account}:repository/{desired.name}"
        return {"name": desired.name, "arn": arn}

    def update(
        self, aws: Aws, observed: Observed[Repository], desired: Repository, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        name = desired.name
        for change in changes:
            match change.field:
                case "scan_on_push":
                    scanning: Any = {"scanOnPush": desired.scan_on_push}
                    aws.ecr.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration=scanning)
                case "immutable":
                    mutability: Any = "IMMUTABLE" if desired.immutable else "MUTABLE"
                    aws.ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=mutability)
                case "lifecycle" if desired.lifecycle != Lifecycle():
                    _put_lifecycle(aws, desired)
                case "lifecycle":
                    aws.ecr.delete_lifecycle_policy(repositoryName=name)
                case "tags":
                    aws.ecr.tag_resource(resourceArn=observed.outputs["arn"], tags=tags.pascal(desired.tags))
        return {}

    def still_serves(self, aws: Aws, observed: Observed[Repository], heir: str) -> str:
        """A host that comes, or a task that starts anew, pulls its images again."""
        tasks = open_tasks(aws, observed.outputs["cluster"])
        users = sum(_holds(task.get("containers", []), observed.outputs["uri"]) for task in tasks)
        return f"{plural(users, 'task')} run images of it" if users else ""

    def delete(self, aws: Aws, observed: Observed[Repository]) -> None:
        """Images go with it only where the spec says so; one pushed since we looked is seen at the next look."""
        force = observed.as_desired.on_destroy == "delete"
        try:
            aws.ecr.delete_repository(repositoryName=observed.as_desired.name, force=force)
        except Refused as refusal:
            if refusal.code != "RepositoryNotEmptyException":
                raise
            raise Stale(str(refusal)) from refusal


def _holds(containers: Iterable[Mapping[str, Any]], uri: str) -> bool:
    """Whether one of *containers* is of an image of the repository."""
    return any(str(one.get("image", "")).startswith((f"{uri}:", f"{uri}@")) for one in containers)


def _users(reads: Reads, uri: str) -> tuple[str, str]:
    """Our services that start tasks of its images, however many run now, by their keys; and, in words, the tasks that
    others started in our cluster."""
    ours, groups = set(), set()
    for item in reads.services():
        groups.add(f"service:{item['serviceName']}")
        parts = (item, *item.get("deployments", ()), *item.get("taskSets", ()))
        revisions = {str(one["taskDefinition"]) for one in parts if "taskDefinition" in one}
        found = [(reads.task_definition(arn) or {}).get("containerDefinitions", []) for arn in sorted(revisions)]
        key = key_of(tags.read(item.get("tags")), "service")
        if key is not None and item["status"] == "ACTIVE" and any(_holds(containers, uri) for containers in found):
            ours.add(str(key))
    strange = [
        task
        for task in reads.tasks()
        if task["desiredStatus"] != "STOPPED"
        and task.get("group") not in groups
        and _holds(task.get("containers", []), uri)
    ]
    return " ".join(sorted(ours)), plural(len(strange), "task") + " of others" if strange else ""


def parse_repository(
    item: Mapping[str, Any],
    live: Mapping[str, str],
    policy: str | None,
    held: int,
    on_destroy: OnDestroy,
    encryption: str,
) -> Observed[Repository]:
    """*on_destroy* and *encryption* as the spec says: the first is known to nobody else, the second in other words."""
    as_desired = Repository(
        bool(item.get("imageScanningConfiguration", {}).get("scanOnPush")),
        item.get("imageTagMutability") == "IMMUTABLE",
        parse_lifecycle(policy),
        parse_encryption(item.get("encryptionConfiguration") or {}, encryption),
        item["repositoryName"],
        lasting_tags(live),
        on_destroy,
    )
    kept = f"holds {held} images, on_destroy: retain" if held else ""
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG), kept=kept)


def parse_encryption(live: Mapping[str, Any], wanted: str) -> str:
    """AES256, or the key; ``KMS`` where that is wanted, whichever key AWS keeps for it."""
    kind = str(live.get("encryptionType", "AES256"))
    return kind if kind == "AES256" or wanted == "KMS" else str(live.get("kmsKey", kind))


def parse_lifecycle(policy: str | None) -> Lifecycle:
    """What a live policy says; its descriptions say nothing."""
    if policy is None:
        return Lifecycle()
    rules = json.loads(policy).get("rules", [])
    plain = [{name: value for name, value in rule.items() if name != "description"} for rule in rules]
    counts = {one.get("countType"): one.get("countNumber") for one in (rule.get("selection", {}) for rule in rules)}
    found = Lifecycle(counts.get(MORE_THAN, 0), counts.get(SINCE, 0))
    return found if rules and plain == _rules(found) else Lifecycle(other_rules=max(1, len(rules)))


def _put_lifecycle(aws: Aws, desired: Repository) -> None:
    policy = json.dumps({"rules": _rules(desired.lifecycle)})
    aws.ecr.put_lifecycle_policy(repositoryName=desired.name, lifecyclePolicyText=policy)


def _rules(lifecycle: Lifecycle) -> list[dict[str, Any]]:
    """The rule for any image comes last, as AWS asks: the highest priority number."""
    days, keep = lifecycle.expire_untagged, lifecycle.keep_images
    untagged = {"tagStatus": "untagged", "countType": SINCE, "countUnit": "days", "countNumber": days}
    every = {"tagStatus": "any", "countType": MORE_THAN, "countNumber": keep}
    selections = [selection for selection, asked in ((untagged, days), (every, keep)) if asked]
    return [
        {"rulePriority": number, "selection": selection, "action": {"type": "expire"}}
        for number, selection in enumerate(selections, 1)
    ]


def _encryption(wanted: str) -> Any:
    if wanted in {"AES256", "KMS"}:
        return {"encryptionType": wanted}
    return {"encryptionType": "KMS", "kmsKey": wanted}


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["repositoryName"], "arn": item["repositoryArn"], "uri": item["repositoryUri"]}


KIND = RepositoryKind()
