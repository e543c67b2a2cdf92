"""What people and machines read, whole, for real ticks: read the diff of the golden files when one changes."""

from __future__ import annotations

import pytest

from controller.report.document import plan_document
from controller.report.seen import Tick
from controller.report.text import plan_markdown, plan_text, status_document, status_text, summary_text
from tests.report.golden import check, check_json
from tests.report.shop import Shop, tell

CALLS = {"ecs:DescribeServices": 2, "ec2:DescribeInstances": 1}


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(monkeypatch)


def draining(seen: Tick) -> bool:
    return any(host.cordoned for fleet in seen.fleets for host in fleet.hosts)


def test_from_nothing_golden(shop: Shop) -> None:
    """Everything is created, the missing image is named with the command that pushes it, and a second plan is empty."""
    stack = shop.spec()

    first = shop.plan(stack)
    check("nothing.plan.txt", plan_text(first, stack, color=False))
    check_json("nothing.plan.json", plan_document(first, stack, CALLS))
    unpushed = shop.apply(stack)
    check("nothing.apply.txt", unpushed.text + "\n" + summary_text(unpushed.document))
    check("nothing.status.txt", status_text(shop.look(stack), stack, color=False))
    shop.sandbox.door("POST", "image", repository="demo/shop", tag="v1")
    pushed = shop.apply(stack)
    check("pushed.apply.txt", pushed.text + "\n" + summary_text(pushed.document))
    check("empty.plan.txt", plan_text(shop.plan(stack), stack, color=False))


def test_instance_type_golden(shop: Shop) -> None:
    """A roll is forecast, told while it runs, taken up after a crash with what is unknown left out, and summed up."""
    two = "hosts.main.size.desired=2"
    shop.built(two)
    stack = shop.spec(two, "hosts.main.instance_type=t3.medium", "hosts.main.user_data=echo rolled")

    first = shop.plan(stack)
    check("roll.plan.txt", plan_text(first, stack, color=False))
    check("roll.plan.color.txt", plan_text(first, stack, color=True).replace("\x1b", "ESC"))
    check("roll.plan.md", plan_markdown(first, stack))
    check_json("roll.plan.json", plan_document(first, stack, CALLS))
    looks: list[Tick] = []

    def look(seen: Tick) -> bool:
        looks.extend([shop.look(stack)] if draining(seen) and not looks else [])
        return False

    whole = shop.apply(stack, each=look)
    check("roll.status.txt", status_text(looks[0], stack, color=False))
    check_json("roll.status.json", status_document(looks[0], stack))
    check("roll.between.plan.txt", plan_text(looks[0], stack, color=False))
    check("roll.apply.txt", whole.text + "\n" + summary_text(whole.document))
    check_json("roll.apply.json", whole.document)
    resumed = tell(whole.ticks[next(i for i, seen in enumerate(whole.ticks) if draining(seen)) :])
    check("roll.resumed.txt", resumed.text + "\n" + summary_text(resumed.document))


def test_size_golden(shop: Shop) -> None:
    """More hosts are added without a roll; fewer leave drained, and the plan says how many."""
    shop.built()
    more, fewer = shop.spec("hosts.main.size.desired=5"), shop.spec("hosts.main.size.desired=2")

    check("grow.plan.txt", plan_text(shop.plan(more), more, color=False))
    grown = shop.apply(more)
    check("grow.apply.txt", grown.text + "\n" + summary_text(grown.document))
    check("shrink.plan.txt", plan_text(shop.plan(fewer), fewer, color=False))
    shrunk = shop.apply(fewer)
    check("shrink.apply.txt", shrunk.text + "\n" + summary_text(shrunk.document))


def test_service_golden(shop: Shop) -> None:
    """A new task definition is a deployment: masked values, no host moves, a verdict at the end."""
    shop.built()
    stack = shop.spec("services.web.environment.APP_MSG=hush", "services.web.environment.TOKEN=s3cret")

    first = shop.plan(stack)
    check("service.plan.txt", plan_text(first, stack, color=False))
    check_json("service.plan.json", plan_document(first, stack, CALLS))
    done = shop.apply(stack)
    check("service.apply.txt", done.text + "\n" + summary_text(done.document))


def test_halted_golden(shop: Shop) -> None:
    """An image whose hosts never join halts the roll: plan, status and summary say so and what goes on."""
    shop.built()
    parameter = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
    image = shop.sandbox.door("POST", "ami", parameter=parameter, joins="never")["image"]
    stack = shop.spec(f"hosts.main.image={image}", "hosts.main.rollout.ready_timeout=30s")

    tried = shop.apply(stack)
    check("halted.apply.txt", tried.text + "\n" + summary_text(tried.document))
    check("halted.plan.txt", plan_text(shop.plan(stack), stack, color=False))
    check("halted.status.txt", status_text(shop.look(stack), stack, color=False))


def test_foreign_resource_golden(shop: Shop) -> None:
    """A name that is taken by something not ours is a problem of the plan, in words that say what to do."""
    shop.aws.ecs.create_cluster(clusterName="demo")
    stack = shop.spec()

    first = shop.plan(stack)
    check("foreign.plan.txt", plan_text(first, stack, color=False))
    check("foreign.plan.md", plan_markdown(first, stack))
