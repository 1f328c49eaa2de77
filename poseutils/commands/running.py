"""Commands that run a configuration: run, check, runs, sweep, train-host."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import PoseError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_to(commands: Commands) -> None:
    """Adds their arguments, in the order of the help."""
    _add_run(commands)
    _add_check(commands)
    _add_sweep(commands)
    _add_train_host(commands)
    _add_runs(commands)


def _add_permission(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--allow-custom-code", action="store_true", help=what)


def _check_source(options: argparse.Namespace) -> None:
    if bool(options.config) == bool(options.resume):
        options.usage("give either a configuration, or --resume FOLDER, which has its own")


def _add_run(commands: Commands) -> None:
    run = commands.add_parser("run", help="run the notebooks of a configuration's operation_mode")
    run.add_argument("config", nargs="?", help="a user_config.yaml")
    run.add_argument(
        "overrides",
        nargs="*",
        metavar="section.attribute=value",
        help="takes precedence over the file, for example training.epochs=2",
    )
    run.add_argument(
        "--runs-dir",
        default="runs",
        help="where the run's folder is created (default: %(default)s)",
    )
    _add_permission(run, "run the Python files and programs that the configuration names")
    run.add_argument(
        "--resume",
        metavar="FOLDER",
        help="resume the interrupted run in this folder, without a configuration",
    )
    run.set_defaults(command=_run, usage=run.error)


def _run(options: argparse.Namespace) -> None:
    _check_source(options)
    from ..pipeline import resume, run

    if options.resume:
        resume(options.resume, allow_custom_code=options.allow_custom_code)
    else:
        run(
            options.config,
            options.overrides,
            options.runs_dir,
            allow_custom_code=options.allow_custom_code,
        )


def _add_check(commands: Commands) -> None:
    check = commands.add_parser(
        "check",
        help=(
            "list what a configuration would run, on which data, and every problem, without running"
        ),
    )
    check.add_argument("config", help="a user_config.yaml")
    check.add_argument(
        "overrides",
        nargs="*",
        metavar="section.attribute=value",
        help="takes precedence over the file",
    )
    _add_permission(
        check,
        "treat the Python files and programs that the configuration names as allowed to run",
    )
    check.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> None:
    from ..pipeline.preflight import check

    found = check(options.config, options.overrides, options.allow_custom_code)
    print("\n".join(found.lines))
    if found.problems:
        count = len(found.problems)
        raise PoseError(
            f"{count} problem{'s'[: count != 1]} in {options.config}:\n"
            + "\n".join(f"  {line}" for line in found.problems)
        )
    print("no problems found")


def _add_sweep(commands: Commands) -> None:
    sweep = commands.add_parser(
        "sweep", help="run a configuration once for each combination of values, and compare"
    )
    sweep.add_argument("config", help="a user_config.yaml")
    sweep.add_argument(
        "attributes",
        nargs="+",
        metavar="section.attribute=value,value",
        help="the values to combine; one value is for all points; low..high is a range for optuna",
    )
    sweep.add_argument(
        "--sampler",
        choices=("grid", "optuna"),
        default="grid",
        help="all combinations, or those that Optuna draws (default: %(default)s)",
    )
    sweep.add_argument("--trials", type=_count, metavar="N", help="how many Optuna draws")
    sweep.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=(
            "a Dask scheduler, tcp://host:port, whose workers see the same files under the same "
            "paths; default: a worker for each core of this computer"
        ),
    )
    sweep.add_argument(
        "--runs-dir",
        default="runs",
        help="where the sweep's folder is; the same command goes on there (default: %(default)s)",
    )
    _add_permission(sweep, "run the Python files and programs that the configuration names")
    sweep.set_defaults(command=_sweep, usage=sweep.error)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number, 1 or more")
    return int(text)


def _sweep(options: argparse.Namespace) -> None:
    from ..sweeps import read_results, results_table, sweep

    if (options.sampler == "optuna") != (options.trials is not None):
        options.usage("--sampler optuna and --trials N, the number of points, belong together")
    folder = sweep(
        options.config,
        options.attributes,
        options.runs_dir,
        trials=options.trials,
        scheduler=options.scheduler,
        allow_custom_code=options.allow_custom_code,
    )
    print(f"\n{results_table(read_results(folder))}\n\nOpen {folder / 'index.html'}")


def _add_train_host(commands: Commands) -> None:
    host = commands.add_parser(
        "train-host",
        help="train on several hosts: run it on each of them",
        description=(
            "Trains on several hosts, each of which takes its part of every batch; "
            "training.batch_size is that of all. What is not given of --coordinator, --hosts and "
            "--host is found in the environment of Slurm, Open MPI or a Kubernetes Job."
        ),
    )
    host.add_argument("config", nargs="?", help="a user_config.yaml")
    host.add_argument("overrides", nargs="*", metavar="section.attribute=value")
    host.add_argument("--coordinator", metavar="HOST:PORT", help="host 0, and a free port there")
    host.add_argument("--hosts", type=int, metavar="N", help="how many there are")
    host.add_argument("--host", type=int, metavar="I", help="which one this is, from 0")
    host.add_argument("--wait", type=_count, metavar="S", help="for all to start (default: 300 s)")
    host.add_argument(
        "--run-dir",
        default="runs/train-host",
        metavar="FOLDER",
        help="the training's folder, which all hosts see (default: %(default)s)",
    )
    _add_permission(host, "run the Python files that the configuration names")
    host.add_argument("--resume", metavar="FOLDER", help="go on with the training in this folder")
    host.set_defaults(command=_train_host, usage=host.error)


def _train_host(options: argparse.Namespace) -> None:
    _check_source(options)
    from ..pipeline.train_host import Order, train_host

    given = vars(options)
    if options.resume:
        given |= {"config": f"{options.resume}/user_config.yaml", "run_dir": options.resume}
    named = Order.__dataclass_fields__
    train_host(Order(**{n: given[n] for n in named if given[n] is not None}))


def _add_runs(commands: Commands) -> None:
    runs = commands.add_parser("runs", help="list the runs, newest first")
    runs.add_argument(
        "folder",
        nargs="?",
        default="runs",
        metavar="FOLDER",
        help="folder of the runs (default: %(default)s)",
    )
    runs.set_defaults(command=_runs)


def _runs(options: argparse.Namespace) -> None:
    from ..pipeline.history import runs_table

    print(runs_table(options.folder))
