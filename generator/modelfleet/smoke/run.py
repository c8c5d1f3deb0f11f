"""Calls many endpoints side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import ThreadPool

from modelfleet.smoke.denial import no_route
from modelfleet.smoke.exchange import Caller
from modelfleet.smoke.grpc_checks import grpc_checks
from modelfleet.smoke.probe import Probe, SmokeOptions
from modelfleet.smoke.rest import rest_checks
from modelfleet.smoke.results import SmokeCheck, SmokeReport
from modelfleet.smoke.target import SmokeTarget


def call_all(
    targets: Sequence[SmokeTarget],
    caller: Caller,
    options: SmokeOptions,
    jobs: int,
    tell: Callable[[str], None],
) -> list[SmokeReport]:
    """Calls every target, at most `jobs` at once; the reports come in the order of the targets."""
    done, stop = 0, threading.Event()

    def called(target: SmokeTarget) -> SmokeReport:
        nonlocal done
        report = _report(Probe(target=target, caller=caller, options=options, tell=tell, stop=stop))
        done += 1
        tell(f"{done} of {len(targets)}: {target.project}/{target.model} {report.verdict}")
        return report

    # The threads of this pool are daemons: who stops the command with Ctrl-C does not wait for a server that hangs.
    with ThreadPool(jobs) as pool:
        try:
            return list(pool.imap(called, targets))
        finally:
            stop.set()


def _report(probe: Probe) -> SmokeReport:
    target = probe.target
    return SmokeReport(
        environment=target.environment,
        project=target.project,
        model=target.model,
        protocol=target.protocol,
        address=target.address,
        checks=tuple(_checks(probe)),
    )


def _checks(probe: Probe) -> Iterator[SmokeCheck]:
    target = probe.target
    if target.stopped:
        yield SmokeCheck(name="inference", outcome="skipped", message="the model is stopped in its spec")
    elif target.base is not None:
        yield from (grpc_checks if target.protocol == "grpc" else rest_checks)(probe)
    else:
        if target.closed is not None:
            yield no_route(probe.caller, target, "/")
        message = "it answers only inside the cluster"
        remedy = "run the command in a pod with --from inside, or give --url of a port-forward"
        yield SmokeCheck(name="inference", outcome="skipped", message=message, remedy=remedy)
