"""Keys, references and the tags that make a resource ours."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from controller.base import keys
from controller.base.keys import Key, Ref, birth_tags, key_of, lasting_tags, owner_tags, refs

VPC = Key("vpc", "main")


@dataclass(frozen=True)
class Inner:
    target: object


@dataclass(frozen=True)
class Outer:
    inner: Inner
    several: tuple[object, ...]
    kind: type = Inner


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("service/web", Key("service", "web"), id="kind and name"),
        pytest.param("repository/team/shop", Key("repository", "team/shop"), id="a slash in the name"),
        pytest.param("service", None, id="a kind only"),
        pytest.param("/web", None, id="no kind"),
        pytest.param("service/", None, id="no name"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_an_address_is_read_or_refused(text: str, key: Key | None) -> None:
    assert Key.parse(text) == key
    assert key is None or str(key) == text


def test_keys_sort_by_kind_then_name() -> None:
    assert sorted([VPC, Key("subnet", "b"), Key("subnet", "a")]) == [Key("subnet", "a"), Key("subnet", "b"), VPC]


def test_references_are_found_however_deep() -> None:
    """The order of a plan is made of nothing else."""
    one, two, three = Ref(VPC), Ref(VPC, "arn"), Ref(Key("subnet", "a"))

    assert list(refs(Outer(Inner(one), (two, ("x", (three, None)), 5)))) == [one, two, three]
    assert list(refs("vpc/main")) == []
    assert str(one) == "(known after vpc/main)"


def test_a_resource_is_born_with_what_makes_it_ours() -> None:
    """The tags of the spec come on top, but never over ours."""
    tags = dict(birth_tags("shop", VPC, "shop", (("team", "x"), ("theseus:stack", "other"))))

    assert tags == {"Name": "shop", "team": "x", "theseus:stack": "shop", "theseus:name": "vpc/main"}
    assert owner_tags("shop", VPC).items() <= tags.items()
    assert list(birth_tags("shop", VPC, "shop")) == sorted(birth_tags("shop", VPC, "shop"))


def test_crumbs_and_the_tags_of_aws_are_not_compared() -> None:
    """They come and go while nothing drifts; the owner tags and everybody's own are compared."""
    lasting = {"OWNER_TAG", "NAME_TAG", "IMAGE_TAG", "POLICIES_TAG"}
    crumbs = [v for k, v in vars(keys).items() if k.endswith("_TAG") and k not in lasting]
    live = {**dict.fromkeys(crumbs, "x"), "aws:autoscaling:groupName": "g", "AmazonECSManaged": "", "theseus:new": "x"}

    assert len(crumbs) == 9
    assert lasting_tags({**live, "b": "2", "a": "1", "theseus:stack": "shop", "theseus:name": "vpc/main"}) == (
        ("a", "1"),
        ("b", "2"),
        ("theseus:name", "vpc/main"),
        ("theseus:stack", "shop"),
    )


@pytest.mark.parametrize(
    ("tags", "key"),
    [
        pytest.param({"theseus:name": "vpc/main"}, VPC, id="ours"),
        pytest.param({"theseus:name": "subnet/a"}, None, id="of another kind"),
        pytest.param({"theseus:name": "main"}, None, id="edited"),
        pytest.param({"Name": "vpc/main"}, None, id="somebody's"),
    ],
)
def test_a_live_resource_says_what_it_is(tags: dict[str, str], key: Key | None) -> None:
    assert key_of(tags, "vpc") == key
