"""``theseus sandbox``: an AWS on this machine, until it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import traceback
from types import FrameType
from typing import Any

STEP = 0.1  # seconds between two steps of the worlds
GUARD_PORT = 4566  # bound on the sandbox's own loopback network, so that two sandboxes never share one


class Sandbox:
    """Everything of one running sandbox. `url` is its endpoint."""

    def __init__(self, port: int = 0, speedup: float | None = None, seed: int = 0) -> None:
        from werkzeug.serving import make_server

        from controller.base.clock import SystemClock
        from controller.sandbox.admin import Admin
        from controller.sandbox.balancers import LiveBalancers
        from controller.sandbox.cloud import Cloud
        from controller.sandbox.edge import Edge
        from controller.sandbox.machine import LiveMachine
        from controller.sandbox.timings import DEFAULT_FACTOR, Timings

        network, self._guard = _network()
        self.factor = DEFAULT_FACTOR if speedup is None else speedup
        self.cloud = Cloud(
            SystemClock(),
            Timings().divided(self.factor),
            seed=seed,
            front=lambda number: f"127.{network}.254.{number}",
            shift=0 if _may_bind_low(network) else 8000,
        )
        self.cloud.connect(LiveMachine(self.cloud.hear, network), LiveBalancers(self.cloud.saw, seed))
        admin = Admin(self.cloud)
        self.edge = admin.edge = Edge(self.cloud, admin)
        self._server = make_server("127.0.0.1", port, self.edge, threaded=True, request_handler=_handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._server.serve_forever, name="edge", daemon=True),
            threading.Thread(target=self._step, name="worlds", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join(10)
        self.cloud.close()
        self._guard.close()

    def _step(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                self.cloud.tick()
            except Exception:  # a bug of ours must be seen, and must not stop the world
                sys.stderr.write(f"sandbox: bug in a step\n{traceback.format_exc()}\n")
            self._stop.wait(max(0.005, STEP - (time.monotonic() - begun)))


def serve(port: int, speedup: float | None = None, seed: int = 0) -> int:
    """Run until SIGTERM, SIGINT or the end of our parent; prints the endpoint when it is ready. The exit code."""
    try:
        sandbox = Sandbox(port, speedup, seed)
    except SystemExit:  # werkzeug's way of saying that the port is taken
        sys.stderr.write(f"sandbox: port {port} is taken; choose another with --port\n")
        return 1
    stop = threading.Event()

    def leave(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    sandbox.start()
    _warm(sandbox.url)
    sys.stdout.write(f"AWS_ENDPOINT_URL={sandbox.url}\n")
    sys.stdout.flush()
    sys.stderr.write(
        f"What AWS alone decides (boot, provisioning, IAM, schedulers) is {sandbox.factor:g} times faster here; "
        "durations of a spec are honoured as written.\n"
    )
    stop.wait()
    sandbox.stop()
    return 0


def _warm(url: str) -> None:
    """Load the services' models now, so that the first caller does not pay for it (moto.md 7: 1.1 s for EC2)."""
    import botocore.session

    session = botocore.session.Session()
    session.set_credentials("sandbox", "sandbox")

    def client(service: str) -> Any:
        return session.create_client(service, region_name="us-east-1", endpoint_url=url)

    client("ec2").describe_vpcs()
    parameter = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
    client("ssm").get_parameters(Names=[parameter])
    client("iam").list_roles()


def _network() -> tuple[int, socket.socket]:
    """The second byte of our own 127/8 network, and the socket that keeps it ours."""
    for attempt in range(200):
        number = 20 + (os.getpid() + attempt) % 200
        guard = socket.socket()
        try:
            guard.bind((f"127.{number}.255.254", GUARD_PORT))
        except OSError:
            guard.close()
        else:
            return number, guard
    raise OSError("no free loopback network for a sandbox: two hundred of them seem to run")


def _may_bind_low(network: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((f"127.{network}.255.253", 80))
        except OSError:
            return False
        return True


def _handler() -> Any:
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class Quiet(MotoRequestHandler):  # type: ignore[misc]
        def log_request(self, *_: Any, **__: Any) -> None:
            pass

    return Quiet
