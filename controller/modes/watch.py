"""watch: the availability prober, with the command line's choices."""

from __future__ import annotations

import argparse
import sys

from controller.report.prober import WatchOptions, run_watch


def watch(options: argparse.Namespace) -> int:
    chosen = WatchOptions(
        rate=options.rate,
        duration=options.duration,
        slow_ratio=options.slow_ratio,
        slow_path=options.slow_path,
        fresh_ratio=options.fresh_ratio,
        timeout=options.timeout,
    )
    return run_watch(options.url, chosen, as_json=options.output == "json", out=sys.stdout, err=sys.stderr)
