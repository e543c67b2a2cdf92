"""The sandbox without a second to lose: one per process."""

from __future__ import annotations

import gc
import weakref

from moto.backends import get_backend

from controller.sandbox.simulated import Simulated


def test_a_new_one_takes_the_place_of_the_last() -> None:
    """Moto keeps what it holds in globals: whoever kept an older sandbox must learn that it is gone."""
    older = Simulated()
    assert older.there()

    newer = Simulated()
    assert (older.there(), newer.there()) == (False, True)


def test_a_sandbox_that_another_took_the_place_of_is_gone() -> None:
    """A run of tests makes five hundred of them; what each leaves behind is looked through by every later one."""

    def network() -> weakref.ref[object]:
        ec2 = Simulated().session().create_client("ec2")
        ec2.create_subnet(VpcId=ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"], CidrBlock="10.0.0.0/24")
        return weakref.ref(get_backend("ec2")["123456789012"]["us-east-1"])

    network()  # the first one's machine images are what all others' are copied from
    before = network()
    Simulated()
    gc.collect()

    assert before() is None
