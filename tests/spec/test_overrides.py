"""``--set`` and lookups: what they reach, what they refuse, and that the schema judges what they bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from judging import GOOD, Judge, swapped

from controller.spec.load import Loaded
from controller.spec.types import Stack


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        pytest.param("services.web.desired=6", lambda s: s.services[0].desired, 6, id="a number"),
        pytest.param("services.web.image.tag=v2", lambda s: s.services[0].image.tag, "v2", id="text"),
        pytest.param('services.web.image.tag="1.10"', lambda s: s.services[0].image.tag, "1.10", id="quoted"),
        pytest.param("cluster.container_insights=false", lambda s: s.cluster.container_insights, False,
                     id="below what the file lacks"),
        pytest.param("services.web.environment.A=a=b", lambda s: s.services[0].environment, (("A", "a=b"),),
                     id="an equals sign in the value"),
        pytest.param('services.web.environment.A=""', lambda s: s.services[0].environment, (("A", ""),), id="empty"),
        pytest.param("services.web.environment={1: 'x'}", lambda s: s.services[0].environment, (("1", "x"),),
                     id="a map"),
        pytest.param("services.web.environment.1=x", lambda s: s.services[0].environment, (("1", "x"),),
                     id="a number as a name"),
        pytest.param("network.public_subnets[1]=10.0.9.0/24", lambda s: s.network.public_subnets[1], "10.0.9.0/24",
                     id="a place in a list"),
        pytest.param("network.public_subnets.0=10.0.9.0/24", lambda s: s.network.public_subnets[0], "10.0.9.0/24",
                     id="a place in a list, with dots"),
        pytest.param("network.public_subnets=[10.0.7.0/24, 10.0.8.0/24]", lambda s: s.network.public_subnets,
                     ("10.0.7.0/24", "10.0.8.0/24"), id="a whole list"),
        pytest.param("services.web.image.tag=${env:TAG}", lambda s: s.services[0].image.tag, "v9", id="a lookup"),
        pytest.param("account=012345678901", lambda s: s.account, "012345678901", id="digits that are no number"),
    ],
)  # fmt: skip
def test_set_reaches_every_value(
    setting: str, value: Callable[[Stack], object], expected: object, loads: Callable[..., Loaded]
) -> None:
    """Values are read as the file would read them."""
    assert value(loads(GOOD, setting, env={"TAG": "v9"}).stack) == expected


def test_later_settings_stand_over_earlier_ones(loads: Callable[..., Loaded]) -> None:
    stack = loads(GOOD, "services.web.desired=6", "services.web.desired=8").stack

    assert stack.services[0].desired == 8


BRACKET = "a bracket, a comma or some spaces of indentation are missing, here or on a line above"


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        pytest.param("services.web.desired=x", '--set services.web.desired: expected a whole number, got "x"',
                     id="type"),
        pytest.param("services.web.desird=6",
                     "--set services.web.desird: unknown key | did you mean desired?", id="misspelled"),
        pytest.param("services.web.port=", "--set services.web.port: expected a whole number, got nothing"
                     " | something must stand after the colon, or leave the line out", id="nothing"),
        pytest.param("stack.x=1", "--set stack.x: stack is a single value; there is nothing below it to set",
                     id="below"),
        pytest.param("network.public_subnets[2]=x",
                     "--set network.public_subnets[2]: network.public_subnets has 2 entries, [0] to [1]; there is no 2",
                     id="behind the end"),
        pytest.param("network.public_subnets.x=1",
                     "--set network.public_subnets.x: network.public_subnets has 2 entries, [0] to [1]; there is no x",
                     id="no place"),
        pytest.param("network.public_subnets.²=1",
                     "--set network.public_subnets.²: network.public_subnets has 2 entries, [0] to [1]; there is no ²",
                     id="a digit of another kind"),
        pytest.param("stack", "--set: expected path.to.field=value, got 'stack'", id="no value"),
        pytest.param("=x", "--set: expected path.to.field=value, got '=x'", id="no path"),
        pytest.param("a..b=x", "--set: expected path.to.field=value, got 'a..b=x'", id="an empty step"),
        pytest.param("a[b]=x", "--set: expected path.to.field=value, got 'a[b]=x'", id="a word in brackets"),
        pytest.param("extends=x", "--set extends: cannot be set", id="extends"),
        pytest.param("a" + ".a" * 60 + "=x", f"--set a{'.a' * 60}: cannot be set", id="too deep"),
        pytest.param("tags={team: [}", f"--set tags: not YAML: did not find expected node content | {BRACKET}",
                     id="not YAML"),
        pytest.param("tags={team: a, team: b}", "--set tags: tags.team: given twice", id="twice"),
        pytest.param("hosts.main.size.desired=9", "--set hosts.main.size.desired: expected min <= desired <= max, got "
                     "min 2, desired 9, max 6 | desired from 2 to 6",
                     id="across fields"),
        pytest.param("tags={a: 5}", '--set tags: tags.a: expected a string, got 5 | put it in quotes: "5"',
                     id="inside"),
    ],
)  # fmt: skip
def test_set_is_judged_as_the_file_is(setting: str, problem: str, judge: Judge) -> None:
    assert judge(GOOD, setting) == [problem]


# ------------------------------------------------------------------------------------------------ lookups
LOOP = "the loop's spec must not depend on its environment"
TAG = "expected an image tag of letters, digits and _.-, in quotes when it is a number"
LOOKS = swapped(GOOD, {"desired: 4": 'desired: "${env:N}"', "tag: v1": 'tag: "${ssm:/shop/tag}-${env:SUFFIX:-x}"'})


def parameters(values: Mapping[str, str], asked: list[list[str]]) -> Callable[[list[str]], Mapping[str, str | None]]:
    def ask(names: list[str]) -> Mapping[str, str | None]:
        asked.append(names)
        return {name: values.get(name) for name in names}

    return ask


def test_lookups_become_values_of_the_type_that_is_asked_for(loads: Callable[..., Loaded]) -> None:
    """An environment holds text only; what stands alone becomes a number where one belongs."""
    loaded = loads(LOOKS, env={"N": "6"}, ssm=parameters({"/shop/tag": "v7"}, []))

    assert (loaded.stack.services[0].desired, loaded.stack.services[0].image.tag) == (6, "v7-x")
    assert loaded.unresolved == ()


def test_text_stays_text_also_when_it_is_a_number(loads: Callable[..., Loaded]) -> None:
    text = swapped(GOOD, {"tag: v1": 'tag: "${env:N}"', "team: shop": 'team: "${ssm:n}"'})
    stack = loads(text, env={"N": "1.10"}, ssm=parameters({"n": "true"}, [])).stack

    assert (stack.services[0].image.tag, stack.tags) == ("1.10", (("team", "true"),))


def test_each_parameter_is_asked_for_once_and_together(loads: Callable[..., Loaded]) -> None:
    asked: list[list[str]] = []
    lines = '    environment: {A: "${ssm:/b}", B: "${ssm:/a}${ssm:/b}", C: "$${ssm:/z}"}\n    cpu: 256\n'
    stack = loads(swapped(GOOD, {"    cpu: 256\n": lines}), ssm=parameters({"/a": "1", "/b": "2"}, asked)).stack

    assert asked == [["/a", "/b"]]
    assert stack.services[0].environment == (("A", "2"), ("B", "12"), ("C", "${ssm:/z}"))


def test_parameters_are_left_and_named_when_nobody_may_ask(loads: Callable[..., Loaded]) -> None:
    """`validate` calls nothing: what rests on a parameter is not judged, all else is."""
    loaded = loads(swapped(LOOKS, {'"${env:N}"': '"${ssm:/n}"'}), env={})

    assert loaded.unresolved == ("/n", "/shop/tag")


@pytest.mark.parametrize(
    ("env", "ssm", "problems"),
    [
        pytest.param(None, {"/shop/tag": "v7"}, [
            f"18:36: services.web.image.tag: ${{env:SUFFIX}} is not allowed here | {LOOP}",
            f"22:14: services.web.desired: ${{env:N}} is not allowed here | {LOOP}"], id="the loop"),
        pytest.param({}, {"/shop/tag": "v7"}, [
            "22:14: services.web.desired: the environment has no N | export N=..., or write ${env:N:-default}"],
            id="not there"),
        pytest.param({"N": "many"}, {"/shop/tag": "v7"}, [
            '22:14: services.web.desired: expected a whole number, got "many"'], id="not a number"),
        pytest.param({"N": "-1"}, {"/shop/tag": "v7"}, [
            "22:14: services.web.desired: expected a whole number of at least 0, got -1"], id="too small"),
        pytest.param({"N": "6"}, {}, [
            "18:36: services.web.image.tag: there is no SSM parameter /shop/tag | create it, or correct its name"],
            id="no such parameter"),
        pytest.param({"N": "6"}, {"/shop/tag": "a b"}, [
            f'18:36: services.web.image.tag: {TAG}, got "a b-x"'], id="a parameter that is no tag"),
    ],
)  # fmt: skip
def test_lookups_that_fail(
    env: Mapping[str, str] | None, ssm: Mapping[str, str], problems: list[str], judge: Judge
) -> None:
    assert judge(LOOKS, env=env, ssm=parameters(ssm, [])) == problems


def test_a_value_from_outside_is_not_looked_into_again(loads: Callable[..., Loaded]) -> None:
    """What a parameter or the environment holds is text, also when it looks like a lookup."""
    text = swapped(GOOD, {"    cpu: 256\n": '    environment: {A: "${env:X}"}\n    cpu: 256\n'})

    assert loads(text, env={"X": "${env:SECRET}"}).stack.services[0].environment == (("A", "${env:SECRET}"),)
