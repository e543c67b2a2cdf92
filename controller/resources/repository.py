"""ECR repositories. Destroy keeps one that holds images, unless the spec says to delete it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.errors import Refused, Stale
from controller.base.keys import OWNER_TAG, Key, Tags, birth_tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import OnDestroy, Stack


@dataclass(frozen=True, slots=True)
class Repository:
    """`keep_images` 0: no lifecycle policy of ours."""

    scan_on_push: bool
    immutable: bool
    keep_images: int
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
            born = birth_tags(stack.name, key, name, stack.tags)
            yield key, Repository(one.scan_on_push, one.immutable, one.keep_images or 0, name, born, one.on_destroy)

    def observe(self, reads: Reads, wanted: Mapping[Key, Repository], owner: str) -> Mapping[Key, Observed[Repository]]:
        found = {}
        reads.spread(  # side by side, then from memory
            [partial(reads.repository, one.name) for one in wanted.values()]
            + [partial(reads.lifecycle_policy, one.name) for one in wanted.values()]
        )
        for key, desired in wanted.items():
            item = reads.repository(desired.name)
            if item is None:
                continue
            live = reads.repository_tags(item["repositoryArn"])
            policy = reads.lifecycle_policy(desired.name)
            held = reads.image_count(desired.name) if reads.destroying and desired.on_destroy == "retain" else 0
            found[key] = parse_repository(item, live, policy, held, desired.on_destroy)
        return found

    def create(self, aws: Aws, key: Key, desired: Repository) -> Mapping[str, str]:
        made = aws.ecr.create_repository(
            repositoryName=desired.name,
            tags=tags.pascal(desired.tags),
            imageScanningConfiguration={"scanOnPush": desired.scan_on_push},
            imageTagMutability="IMMUTABLE" if desired.immutable else "MUTABLE",
        )["repository"]
        if desired.keep_images:
            _put_lifecycle(aws, desired)
        return _outputs(made)

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
                case "keep_images" if desired.keep_images:
                    _put_lifecycle(aws, desired)
                case "keep_images":
                    aws.ecr.delete_lifecycle_policy(repositoryName=name)
                case "tags":
                    aws.ecr.tag_resource(resourceArn=observed.outputs["arn"], tags=tags.pascal(desired.tags))
        return {}

    def delete(self, aws: Aws, observed: Observed[Repository]) -> None:
        """Images go with it only where the spec says so; one pushed since we looked is seen at the next look."""
        force = observed.as_desired.on_destroy == "delete"
        try:
            aws.ecr.delete_repository(repositoryName=observed.as_desired.name, force=force)
        except Refused as refusal:
            if refusal.code != "RepositoryNotEmptyException":
                raise
            raise Stale(str(refusal)) from refusal


def parse_repository(
    item: Mapping[str, Any], live: Mapping[str, str], policy: str | None, held: int, on_destroy: OnDestroy
) -> Observed[Repository]:
    as_desired = Repository(
        bool(item.get("imageScanningConfiguration", {}).get("scanOnPush")),
        item.get("imageTagMutability") == "IMMUTABLE",
        parse_lifecycle(policy),
        item["repositoryName"],
        lasting_tags(live),
        on_destroy,
    )
    kept = f"holds {held} images, on_destroy: retain" if held else ""
    return Observed(as_desired, _outputs(item), live.get(OWNER_TAG), kept=kept)


def parse_lifecycle(policy: str | None) -> int:
    """How many images our rule keeps; 0 without a policy, -1 for a policy that is not ours in form."""
    if policy is None:
        return 0
    rules = json.loads(policy).get("rules", [])
    plain = [{name: value for name, value in rule.items() if name != "description"} for rule in rules]
    number = int(rules[0].get("selection", {}).get("countNumber", 0)) if rules else 0
    expected = {name: value for name, value in _rule(number).items() if name != "description"}
    return number if plain == [expected] else -1


def _put_lifecycle(aws: Aws, desired: Repository) -> None:
    policy = json.dumps({"rules": [_rule(desired.keep_images)]})
    aws.ecr.put_lifecycle_policy(repositoryName=desired.name, lifecyclePolicyText=policy)


def _rule(number: int) -> dict[str, Any]:
    return {
        "rulePriority": 1,
        "description": f"keep {number} images",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": number},
        "action": {"type": "expire"},
    }


def _outputs(item: Mapping[str, Any]) -> dict[str, str]:
    return {"name": item["repositoryName"], "arn": item["repositoryArn"], "uri": item["repositoryUri"]}


KIND = RepositoryKind()
