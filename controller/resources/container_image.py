"""The container image a service should run. Looked up; a person (or CI) pushes it.

On the first day the repository is made by the same apply that needs the image: everything else is built, and the
apply ends `unproven` with the command that pushes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller.base.errors import Missing
from controller.base.keys import Key, Ref, refs
from controller.engine.reconciler import AT, Change, Observed, spec
from controller.spec.names import live_name

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Stack


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """`reference` as written, or `tag` of the repository whose live name is `repository`.

    An image in one that is being replaced (`uri`) is not the image: it was not pushed to the other yet.
    """

    reference: str | None = spec(compare=False, default=None)
    uri: str | Ref | None = spec(immutable=True, default=None)
    repository: str | None = spec(compare=False, names="repository", default=None)
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
            assert desired.tag is not None
            for name in _repositories(desired, reads):
                repository = reads.repository(name)
                if repository is None or reads.image(name, desired.tag) is None:
                    continue
                uri = repository["repositoryUri"]
                there = replace(desired, uri=uri, repository=name)
                own = key if name == desired.repository else Key(self.kind, f"{key.name}{AT}{name}")
                found[own] = Observed(there, {"reference": f"{uri}:{desired.tag}"}, owner)
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


def _repositories(desired: ContainerImage, reads: Reads) -> list[str]:
    """The live names of the repository: its own, and those of a successor or predecessor."""
    assert desired.repository is not None
    tagged = {name for ref in refs(desired.uri) for name in reads.born_as(ref.key)}
    return [desired.repository, *sorted(tagged - {desired.repository})]


KIND = ContainerImageKind()
