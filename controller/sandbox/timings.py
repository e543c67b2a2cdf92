"""How long AWS takes for what only AWS decides, as documented or commonly seen, divided by one stated factor.

Durations that users write (deregistration delay, stop timeout, health check interval, grace, heartbeat) are never
divided: both sides honour them in wall time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

DEFAULT_FACTOR = 20.0


@dataclass(frozen=True, slots=True)
class Timings:
    """Divided already. `real` has the undivided figures."""

    boot: timedelta = timedelta(seconds=40)  # Pending to running and InService
    register: timedelta = timedelta(seconds=30)  # running until the agent is registered
    late: timedelta = timedelta(seconds=600)  # the same for an image that joins late
    shutdown: timedelta = timedelta(seconds=30)  # Terminating until EC2 says terminated
    notice: timedelta = timedelta(seconds=60)  # until the group or ECS notices a host that died
    pull: timedelta = timedelta(seconds=4)  # PROVISIONING and PENDING: placement, image pull
    provision: timedelta = timedelta(seconds=20)  # PROVISIONING on Fargate: a machine and a network interface
    interface: timedelta = timedelta(seconds=6)  # a network interface of a task's own is attached or detached
    schedule: timedelta = timedelta(seconds=2)  # between looks of the service scheduler
    stable: timedelta = timedelta(seconds=40)  # RUNNING counts as healthy after this without a load balancer (1.1)
    cleanup: timedelta = timedelta(hours=1)  # stopped tasks stay visible (1.2)
    managed_draining: timedelta = timedelta(seconds=10)  # until ECS reacts to a terminating host (1.6)
    throttle: timedelta = timedelta(seconds=20)  # first pause of a crash loop's back-off
    balancer: timedelta = timedelta(seconds=120)  # load balancer provisioning
    scaling: timedelta = timedelta(seconds=60)  # between two datapoints of CapacityProviderReservation (1.7)
    iam: timedelta = timedelta(seconds=20)  # until a fresh role or profile is known everywhere
    lingering: timedelta = timedelta(seconds=60)  # network interfaces of a deleted load balancer or endpoint
    nat: timedelta = timedelta(seconds=120)  # NAT gateway pending
    nat_gone: timedelta = timedelta(seconds=60)  # NAT gateway deleting
    task_set: timedelta = timedelta(minutes=60)  # CodeDeploy's patience with a replacement task set
    endpoint: timedelta = timedelta(seconds=60)  # interface endpoint pending
    endpoint_gone: timedelta = timedelta(seconds=60)  # interface endpoint deleting
    metrics: timedelta = timedelta(seconds=60)  # between two datapoints of a load balancer

    def divided(self, factor: float) -> Timings:
        kept = {"cleanup": self.cleanup}
        return Timings(
            **{name: getattr(self, name) / factor for name in Timings.__dataclass_fields__ if name not in kept}, **kept
        )
