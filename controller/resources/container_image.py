"""The container image a service should run. Looked up; a person (or CI) pushes it.

On the first day the repository is made by the same apply that needs the image: everything else is built, and the
apply ends `unproven` with the command that pushes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.base.errors import Missing
from controller.base.keys import Key, Ref
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """`reference` as written, or `tag` of the repository whose live name is `repository`."""

    reference: str | None = spec(compare=False, default=None)
    uri: str | Ref | None = spec(compare=False, default=None)
    repository: str | None = spec(compare=False, default=None)
    tag: str | None = spec(compare=False, default=None)


class ContainerImageKind:
    kind = "container_image"
    volatile: tuple[str, ...] = ()
    data = True

    def declare(self, stack: Stack) -> Iterable[tuple[Key, ContainerImage]]:
        for service in stack.services:
            key, image = Key(self.kind, service.name), service.image
            if image.repository is None:
                yield key, ContainerImage(reference=image.reference)
            else:
                repository = Key("repository", image.repository)
                yield key, ContainerImage(None, Ref(repository, "uri"), live_name(stack, repository), image.tag)

    def observe(
        self, reads: Reads, wanted: Mapping[Key, ContainerImage], owner: str
    ) -> Mapping[Key, Observed[ContainerImage]]:
        found = {}
        for key, desired in wanted.items():
            if desired.reference is not None:
                found[key] = Observed(desired, {"reference": desired.reference}, owner)
                continue
            assert desired.repository is not None
            assert desired.tag is not None
            repository = reads.repository(desired.repository)
            if repository is not None and reads.image(desired.repository, desired.tag) is not None:
                reference = f"{repository['repositoryUri']}:{desired.tag}"
                found[key] = Observed(desired, {"reference": reference}, owner)
        return found

    def create(self, aws: Aws, key: Key, desired: ContainerImage) -> Mapping[str, str]:
        reference = f"{desired.uri}:{desired.tag}"
        registry = str(desired.uri).split("/", 1)[0]
        raise Missing(
            f"{key}: image {reference} was not pushed yet. Push it, then apply again:\n"
            f"  aws ecr get-login-password --region {aws.region} | docker login -u AWS --password-stdin {registry}\n"
            f"  docker build -t {reference} app && docker push {reference}"
        )

    def update(
        self, aws: Aws, observed: Observed[ContainerImage], desired: ContainerImage, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        return {}

    def delete(self, aws: Aws, observed: Observed[ContainerImage]) -> None:
        return None


KIND = ContainerImageKind()
