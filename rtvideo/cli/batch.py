"""All tasks of one call: one after the other, or side by side."""

from __future__ import annotations

from rtvideo.cli.inputs import BatchPlan
from rtvideo.cli.outcome import Announcer, Tally, TaskResult
from rtvideo.cli.signals import SecondSignal, Stop
from rtvideo.cli.task import TaskRunner
from rtvideo.cli.workers import run_side_by_side
from rtvideo.console import line, say
from rtvideo.errors import ExitCode
from rtvideo.options import Options, Report


def run_all(
    plan: BatchPlan,
    options: Options,
    stop: Stop,
    *,
    jobs: int = 1,
    cluster: str | None = None,
    piece: float | None = None,
    reports: bool = True,
    quiet: bool,
    verbose: bool,
) -> tuple[list[ExitCode], list[Report]]:
    """Run all tasks; a failure does not keep the others from running, a signal does.

    Args:
        jobs: how many side by side.
        cluster, piece: where they run instead, and how long films are cut, as ``--cluster`` and ``--piece``
            take it.
        reports: whether they are wanted.

    Returns:
        The exit codes that there were, and that of the signal if there was one; the reports in the order of
        the tasks.
    """
    tasks, listing = plan.tasks, plan.listing
    announce = Announcer(quiet=quiet)
    tally = Tally(reports=reports)

    def done(place: int, result: TaskResult) -> None:
        tally.add(place, result)
        announce(result, len(tasks) if listing is None else listing.total)

    try:
        if cluster is not None:
            from rtvideo.cli.cluster import run_on_cluster
            from rtvideo.cli.listing import Listing

            listing = listing or Listing(tasks)
            run_on_cluster(listing, options, stop, cluster, piece, done, quiet=quiet, verbose=verbose)
        elif min(jobs, len(tasks)) > 1:
            run_side_by_side(tasks, options, stop, jobs, done, quiet=quiet, verbose=verbose)
        else:
            with TaskRunner(options, stop, len(tasks), quiet=quiet, verbose=verbose) as runner:
                for place, task in enumerate(tasks):
                    if stop.event.is_set():
                        break
                    done(place, runner.run(place, task))
    except SecondSignal:
        kept = "what is done is kept for --resume" if options.resume else "nothing was written"
        say(f"error: aborted; {kept}")
    finally:
        if listing is not None:
            listing.close()
    total = len(tasks) if listing is None else listing.count
    if (total > 1 or plan.left_out) and not quiet:
        for row in tally.table(total, plan.left_out):
            line(row)
    return [*tally.codes, *([] if stop.code is None else [stop.code])], tally.reports
