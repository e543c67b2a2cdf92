"""Which machine image a pool's hosts should run now. Looked up, never created.

``update: manual`` keeps the image that is live until a person asks for the newer one; a fleet must not roll because
somebody else published an AMI (peers.md 4.4). It is kept as an image of its parameter: where the spec names another, or
another system or processor, which have parameters of their own, the live one is of no use any more. The template's tag
says which it is of; a template without, of an older release or somebody else's, keeps its image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.base.errors import Refused
from controller.base.keys import IMAGE_TAG, Key
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class Image:
    """`id`, or the SSM parameter `ssm`; `newest`: take what the parameter says whatever is live."""

    pool: str = spec(compare=False)
    id: str | None = spec(compare=False, default=None)
    ssm: str | None = spec(compare=False, default=None)
    newest: bool = spec(compare=False, default=False)
    template: str = spec(compare=False, default="")
    origin: str = spec(compare=False, default="")


class ImageKind:
    kind = "image"
    volatile: tuple[str, ...] = ()
    data = True

    def declare(self, stack: Stack) -> Iterable[tuple[Key, Image]]:
        for pool in stack.pools:
            newest = pool.image.update == "auto" or pool.name in stack.refresh_images
            template = live_name(stack, Key("launch_template", pool.name))
            yield (
                Key(self.kind, pool.name),
                Image(pool.name, pool.image.id, pool.image.ssm, newest, template, pool.image.origin),
            )

    def observe(self, reads: Reads, wanted: Mapping[Key, Image], owner: str) -> Mapping[Key, Observed[Image]]:
        found = {}
        templates = reads.launch_templates() if wanted else []
        marks = {one["LaunchTemplateName"]: tags.read(one.get("Tags")).get(IMAGE_TAG) for one in templates}
        for key, desired in wanted.items():
            published = desired.id or (reads.parameter(desired.ssm) if desired.ssm else None)
            newest = reads.newest_version(desired.template) if desired.ssm else None
            live = str(newest["LaunchTemplateData"].get("ImageId", "")) if newest else ""
            if (marked := marks.get(desired.template)) and marked != desired.origin:
                live = ""
            if one := choose(desired, published, live, owner):
                found[key] = one
        return found

    def create(self, aws: Aws, key: Key, desired: Image) -> Mapping[str, str]:
        raise Refused(
            f"{key}: SSM parameter {desired.ssm} does not exist in {aws.region}: correct hosts.{key.name}.image"
        )

    def update(
        self, aws: Aws, observed: Observed[Image], desired: Image, changes: tuple[Change, ...]
    ) -> Mapping[str, Any]:
        return {}

    def delete(self, aws: Aws, observed: Observed[Image]) -> None:
        return None


def choose(desired: Image, published: str | None, live: str, owner: str) -> Observed[Image] | None:
    """The image to use: the live one under ``manual``, else the published one; None when there is neither."""
    if live and not desired.newest and desired.id is None:
        note = f"newer AMI {published} is published ({live} is live): apply --refresh-images {desired.pool} takes it"
        notes = (note,) if published not in {None, live} else ()
        return Observed(desired, {"id": live}, owner, notes=notes)
    return Observed(desired, {"id": published}, owner) if published else None


KIND = ImageKind()
