"""All tasks of one call: one after the other, or side by side."""

from __future__ import annotations

from rtvideo.cli.inputs import BatchPlan
from rtvideo.cli.outcome import Announcer, TaskResult, table
from rtvideo.cli.signals import SecondSignal, Stop
from rtvideo.cli.task import TaskRunner
from rtvideo.cli.workers import run_side_by_side
from rtvideo.console import line, say
from rtvideo.errors import ExitCode
from rtvideo.options import Options, Report


def run_all(
    plan: BatchPlan, options: Options, stop: Stop, *, jobs: int = 1, quiet: bool, verbose: bool
) -> tuple[list[ExitCode], list[Report]]:
    """Run all tasks; a failure does not keep the others from running, a signal does.

    Args:
        jobs: how many side by side.

    Returns:
        The exit code of each, and of the signal if there was one; the reports in the order of the tasks.
    """
    tasks = plan.tasks
    announce = Announcer(len(tasks), quiet=quiet)
    results: dict[int, TaskResult] = {}

    def done(place: int, result: TaskResult) -> None:
        results[place] = result
        announce(result)

    try:
        if min(jobs, len(tasks)) > 1:
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
    ended = [results[place] for place in sorted(results)]
    if (len(tasks) > 1 or plan.left_out) and not quiet:
        for row in table(ended, len(tasks), plan.left_out):
            line(row)
    codes = [result.code for result in ended] + ([] if stop.code is None else [stop.code])
    return codes, [result.report for result in ended if result.report is not None]
