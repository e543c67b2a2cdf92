"""Two controllers never act on one stack: whose the lease is, how it ends, and that losing it stops all changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.aws.client import Aws
from controller.aws.lease import LIFETIME, TABLE, DynamoLease, FileLease, Heartbeat, Holder, lease
from controller.base.errors import Locked, NotYet, Refused
from controller.sandbox.simulated import Simulated

HALF = LIFETIME / 2


class Table:
    """One simulated account, and leases in it."""

    def __init__(self) -> None:
        self.sim = Simulated()
        self.aws = Aws(self.sim.session(), "us-east-1")

    def lease(self, holder: Holder | None = None, stack: str = "shop") -> DynamoLease:
        return DynamoLease(self.aws, stack, self.sim, holder or Holder.mine())

    def held(self, holder: Holder | None = None, stack: str = "shop") -> DynamoLease:
        """A lease that was taken; its table is made when there is none."""
        one = self.lease(holder, stack)
        for _ in range(5):
            try:
                one.acquire()
            except NotYet as making:
                self.sim.sleep(making.after)
            else:
                return one
        raise AssertionError("the table is never there")

    def fault(self, action: str, code: str, status: int, times: int) -> None:
        self.sim.door("POST", "fault", service="dynamodb", action=action, code=code, status=status, times=times)

    def tables(self) -> list[str]:
        return list(self.sim.door("GET", "left")["table"])


@pytest.fixture(scope="module")
def account() -> Table:
    return Table()


@pytest.fixture
def table(account: Table) -> Iterator[Table]:
    """The account without the table, without faults and without a guard."""
    yield account
    account.sim.edge.faults.clear()
    account.aws.guard = lambda: None
    if account.tables():
        account.aws.dynamodb.delete_table(TableName=TABLE)


def test_the_table_is_made_on_demand(table: Table) -> None:
    with pytest.raises(NotYet, match=TABLE):
        table.lease().acquire()
    table.held().check()

    assert table.tables() == [TABLE]


def test_a_second_holder_is_told_who_and_for_how_long(table: Table) -> None:
    table.held(Holder("ci pid 7", "other"))
    table.sim.sleep(timedelta(seconds=20))

    with pytest.raises(Locked, match=r"^shop is held by ci pid 7 for up to 40 s more$"):
        table.lease().acquire()


def test_stacks_do_not_lock_each_other(table: Table) -> None:
    table.held(stack="shop").check()
    table.held(stack="other").check()


def test_a_lease_nobody_renews_is_free_after_its_lifetime(table: Table) -> None:
    table.held(Holder("ci pid 7", "other"))
    mine = table.lease()
    table.sim.sleep(LIFETIME)
    with pytest.raises(Locked):
        mine.acquire()
    table.sim.sleep(timedelta(seconds=1))

    mine.acquire()

    mine.check()


def test_renewing_keeps_it(table: Table) -> None:
    mine = table.held()
    for _ in range(6):
        table.sim.sleep(HALF)
        mine.renew()
        mine.check()
        with pytest.raises(Locked):
            table.lease().acquire()


def test_whoever_lost_it_stops_before_the_next_change(table: Table) -> None:
    """Renewing tells; from then on the guard lets no call through that changes AWS, and reading goes on."""
    mine = table.held()
    table.aws.guard = mine.check
    table.aws.logs.create_log_group(logGroupName="before")
    table.sim.sleep(LIFETIME * 2)
    table.held(Holder("ci pid 7", "other"))

    mine.renew()

    with pytest.raises(Locked, match="lost"):
        table.aws.logs.create_log_group(logGroupName="after")
    found = table.aws.logs.describe_log_groups()["logGroups"]
    assert [one["logGroupName"] for one in found] == ["before"]


def test_a_renewal_that_fails_for_a_while_makes_it_too_old(table: Table) -> None:
    """An outage is not a loss at once: two thirds of a lifetime after the last renewal nothing is started any more."""
    mine = table.held()
    table.fault("UpdateItem", "AccessDeniedException", 400, times=99)
    table.sim.sleep(LIFETIME * 2 / 3)
    mine.renew()
    mine.check()
    table.sim.sleep(timedelta(seconds=1))
    mine.renew()
    with pytest.raises(Locked, match="lost"):
        mine.check()

    table.sim.edge.faults.clear()
    mine.renew()

    mine.check()


def test_a_lost_answer_to_the_first_call_is_not_a_loss(table: Table) -> None:
    """The SDK repeats the call; the item is ours already."""
    table.held().release()
    body = {"service": "dynamodb", "action": "PutItem", "code": "InternalServerError", "status": 500}
    table.sim.door("POST", "fault", **body, after=True)

    table.held().check()


def ended_process() -> int:
    """The pid of a real process of this host that is over."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def test_a_dead_process_of_this_host_is_taken_over_at_once(table: Table) -> None:
    theirs = table.held(Holder.of(ended_process()))
    mine = table.lease()

    mine.acquire()

    mine.check()
    theirs.renew()
    with pytest.raises(Locked):
        theirs.check()


@pytest.mark.parametrize("who", ["alive", "another host", "another container"])
def test_who_may_be_alive_is_waited_for(table: Table, who: str) -> None:
    """A pid means nothing on another host, nor in a container that only shares its host's name."""
    dead = Holder.of(ended_process())
    holders = {
        "alive": Holder.of(os.getppid()),
        "another host": Holder(f"elsewhere {dead.name.partition(' ')[2]}", dead.token),
        "another container": Holder(dead.name, dead.token.partition("@")[0] + "@another/pid:[1]"),
    }
    table.held(holders[who])

    with pytest.raises(Locked):
        table.lease().acquire()


def test_releasing_lets_the_next_one_in(table: Table) -> None:
    mine = table.held()
    mine.release()

    table.held(Holder("ci pid 7", "other")).check()
    with pytest.raises(Locked):
        mine.check()


def test_releasing_what_was_lost_takes_nothing_from_its_new_holder(table: Table) -> None:
    mine = table.held()
    table.sim.sleep(LIFETIME * 2)
    theirs = table.held(Holder("ci pid 7", "other"))

    mine.release()

    theirs.renew()
    theirs.check()
    with pytest.raises(Locked, match="ci pid 7"):
        table.lease().acquire()


def test_the_table_goes_when_nobody_is_in_it(table: Table) -> None:
    mine, other = table.held(stack="shop"), table.held(stack="other")
    mine.release()
    mine.remove_table()
    assert table.tables() == [TABLE]

    other.release()
    other.remove_table()

    assert table.tables() == []
    other.remove_table()  # twice is no error


def test_whose_table_went_stops(table: Table) -> None:
    """Somebody removed it because it looked empty, just before we wrote: another may hold the lease in a new one."""
    mine = table.held()
    table.aws.dynamodb.delete_table(TableName=TABLE)

    mine.renew()

    with pytest.raises(Locked, match="lost"):
        mine.check()


def test_a_refusal_that_is_not_about_the_holder_is_told(table: Table) -> None:
    table.fault("PutItem", "AccessDeniedException", 400, times=1)

    with pytest.raises(Refused, match="dynamodb:PutItem"):
        table.lease().acquire()


def test_a_renewal_that_hangs_fails_before_the_next_one_is_due(table: Table) -> None:
    """Only the lease is this impatient: other calls may take their time."""
    kept, other = (getattr(table.aws, name).meta.config for name in ("dynamodb", "ecs"))
    longest = kept.retries["total_max_attempts"] * kept.read_timeout

    assert timedelta(seconds=longest) <= LIFETIME / 6
    assert (other.retries["total_max_attempts"], other.read_timeout) == (4, 30)


# ------------------------------------------------------------------------------------------------ a file
HOLD = """
import sys
from controller.aws.lease import FileLease, Holder
one = FileLease(sys.argv[1], "shop", Holder.mine())
one.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def file_lease(path: Path) -> FileLease:
    return FileLease(str(path), "shop", Holder.mine())


def test_a_locked_file_names_its_holder_and_is_free_when_that_process_ends(tmp_path: Path) -> None:
    path, mine = tmp_path / "lease", file_lease(tmp_path / "lease")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Locked, match=f"^shop is held by .* pid {process.pid} "):
            mine.acquire()
        process.kill()
        process.wait()

    mine.acquire()

    mine.check()
    mine.renew()
    mine.release()
    with pytest.raises(Locked):
        mine.check()


def test_a_locked_file_that_somebody_removes_is_lost(tmp_path: Path) -> None:
    """Its successor can be locked by another: only one of the two may act."""
    first, second = file_lease(tmp_path / "lease"), file_lease(tmp_path / "lease")
    first.acquire()
    (tmp_path / "lease").unlink()
    second.acquire()

    second.check()
    with pytest.raises(Locked, match="lost"):
        first.check()


@pytest.mark.parametrize(("place", "words"), [("", "Is a directory"), ("no/such/lease", "No such file")])
def test_a_path_that_is_no_place_for_it_is_refused(tmp_path: Path, place: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        file_lease(tmp_path / place).acquire()


def test_one_path_serves_every_stack_of_a_loop(table: Table, tmp_path: Path) -> None:
    where = f"file:{tmp_path / 'lease'}"
    both = [lease(where, table.aws, stack, table.sim) for stack in ("shop", "other")]
    for one in both:
        one.acquire()
        one.check()
    with pytest.raises(Locked):
        lease(where, table.aws, "shop", table.sim).acquire()
    for one in both:
        one.release()


@pytest.mark.parametrize("where", ["", "file:", "file", "redis:x"])
def test_another_word_is_refused(table: Table, where: str) -> None:
    with pytest.raises(Refused, match="expected dynamodb or file:PATH"):
        lease(where, table.aws, "shop", table.sim)


def test_a_heartbeat_ends_with_its_block() -> None:
    beat = Heartbeat(lambda: None)
    with beat:
        assert beat._thread.is_alive()
    assert not beat._thread.is_alive()
