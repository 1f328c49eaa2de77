"""``python -m poseutils``: run, sweep or check a configuration, list runs and models, fetch a
model, convert or label a dataset, export as C."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import warnings
from collections.abc import Sequence

from .errors import PoseError
from .streams import steady_streams

INTERRUPTED = 130
SYSTEM_ERRORS = {
    errno.EMFILE: (
        "too many open files ({error.filename}). Allow more, for example with: ulimit -n 1024"
    ),
    errno.ENOSPC: "no space left on the disk ({error.filename}). Free some, or write elsewhere.",
}
"""What the system refuses, whatever is done."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Returns 0; 1 after an error, whose message is printed; or 130 if
    interrupted."""
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    with steady_streams() as lost:
        code = _run_command(_parser().parse_args(arguments))
    if lost:
        print(f"error: the output could not be written: {lost[0]}", file=sys.stderr)
    return code or int(bool(lost))


def _run_command(options: argparse.Namespace) -> int:
    try:
        _check_folder()
        options.command(options)
    except PoseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in SYSTEM_ERRORS:
            raise
        print(f"error: {SYSTEM_ERRORS[error.errno].format(error=error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _check_folder() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise PoseError(
            f"the current folder cannot be used ({error.strerror}): it may have been deleted. "
            "Change to another with cd."
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m poseutils", description="Pose estimation on STM32, as notebooks."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
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
    run.add_argument(
        "--allow-custom-code",
        action="store_true",
        help="run the Python files and programs that the configuration names",
    )
    run.add_argument(
        "--resume",
        metavar="FOLDER",
        help="resume the interrupted run in this folder, without a configuration",
    )
    run.set_defaults(command=_run, usage=run.error)
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
    check.add_argument(
        "--allow-custom-code",
        action="store_true",
        help="treat the Python files and programs that the configuration names as allowed to run",
    )
    check.set_defaults(command=_check)
    _add_sweep(commands)
    runs = commands.add_parser("runs", help="list the runs, newest first")
    runs.add_argument(
        "folder",
        nargs="?",
        default="runs",
        metavar="FOLDER",
        help="folder of the runs (default: %(default)s)",
    )
    runs.set_defaults(command=_runs)
    zoo = commands.add_parser("zoo", help="list the published models")
    zoo.set_defaults(command=_zoo)
    fetch = commands.add_parser("fetch", help="download published models into the cache")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="a name that 'zoo' lists")
    fetch.add_argument(
        "--trust",
        action="store_true",
        help="of a model whose SHA-256 is not known, confirm and record the one that its file has",
    )
    fetch.set_defaults(command=_fetch)
    _add_train_host(commands)
    _add_convert(commands)
    _add_label(commands)
    _add_export(commands)
    return parser


def _add_sweep(commands) -> None:
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
    sweep.add_argument(
        "--allow-custom-code",
        action="store_true",
        help="run the Python files and programs that the configuration names",
    )
    sweep.set_defaults(command=_sweep, usage=sweep.error)


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return count


def _add_train_host(commands) -> None:
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
    host.add_argument("--wait", type=int, metavar="S", help="for all to start (default: 300 s)")
    host.add_argument(
        "--run-dir",
        default="runs/train-host",
        metavar="FOLDER",
        help="the training's folder, which all hosts see (default: %(default)s)",
    )
    host.add_argument(
        "--allow-custom-code",
        action="store_true",
        help="run the Python files that the configuration names",
    )
    host.add_argument("--resume", metavar="FOLDER", help="go on with the training in this folder")
    host.set_defaults(command=_train_host, usage=host.error)


def _add_convert(commands) -> None:
    convert = commands.add_parser(
        "convert", help="convert COCO annotations to YOLO text labels, or back"
    )
    convert.add_argument(
        "source",
        help="a COCO .json file, a folder with several, or a folder of images with text labels",
    )
    convert.add_argument("out", help="the folder to write into")
    convert.add_argument(
        "--to", choices=("yolo", "coco"), help="default: the format that the source is not in"
    )
    convert.add_argument(
        "--keypoints",
        type=int,
        metavar="K",
        help="13 reduces COCO's 17 to the 13 of ST's models; default: as in the source",
    )
    convert.add_argument(
        "--kind",
        choices=("single", "multi"),
        help="images with exactly one person, or with at least one",
    )
    convert.add_argument(
        "--link", action="store_true", help="link to the images instead of copying them"
    )
    convert.set_defaults(command=_convert)


def _add_label(commands) -> None:
    label = commands.add_parser(
        "label", help="write a COCO dataset of predicted keypoints, to train another network on"
    )
    label.add_argument(
        "images", help="a folder of images, or a COCO dataset, whose labeled keypoints are kept"
    )
    label.add_argument("out", help="the folder to write into")
    label.add_argument(
        "--model", required=True, help="a name that 'zoo' lists, or a .tflite, .onnx or .keras file"
    )
    label.add_argument("--model-type", help="of a file, for example heatmaps_spe")
    label.add_argument(
        "--min-score",
        type=float,
        default=0.3,
        metavar="S",
        help="least score of a keypoint (default: %(default)s)",
    )
    label.add_argument(
        "--link", action="store_true", help="link to the images instead of copying them"
    )
    label.set_defaults(command=_label)


def _add_export(commands) -> None:
    export = commands.add_parser("export", help="write any 8-bit network as C")
    export.add_argument(
        "file",
        metavar="FILE",
        help="a full-integer .tflite, a QDQ .onnx, or a name that 'zoo' lists",
    )
    export.add_argument("out", metavar="OUT", help="the folder to write")
    export.add_argument("--board", help="what app_config.h is for (default: STM32N6570-DK)")
    export.add_argument(
        "--io",
        choices=("quantized", "file"),
        default="quantized",
        help="8-bit inputs and outputs, or the file's own",
    )
    export.add_argument("--name", help="what files and C symbols are called (default: as FILE)")
    export.add_argument(
        "--memory",
        choices=("least", "layerwise"),
        default="least",
        help="layers row by row in the least RAM, or one after the other",
    )
    export.add_argument(
        "--input",
        choices=("whole", "pushed"),
        default="whole",
        help="the image as a whole, or row by row as a camera gives it",
    )
    export.add_argument("--budget", metavar="KIB", type=float, help="the most RAM for the arena")
    export.set_defaults(command=_export)


def _run(options: argparse.Namespace) -> None:
    if bool(options.config) == bool(options.resume):
        options.usage("give either a configuration, or --resume FOLDER, which has its own")
    from .pipeline import resume, run

    if options.resume:
        resume(options.resume, allow_custom_code=options.allow_custom_code)
    else:
        run(
            options.config,
            options.overrides,
            options.runs_dir,
            allow_custom_code=options.allow_custom_code,
        )


def _sweep(options: argparse.Namespace) -> None:
    from .sweeps import read_results, results_table, sweep

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


def _train_host(options: argparse.Namespace) -> None:
    if bool(options.config) == bool(options.resume):
        options.usage("give either a configuration, or --resume FOLDER, which has its own")
    from .pipeline.train_host import Order, train_host

    given = vars(options)
    if options.resume:
        given |= {"config": f"{options.resume}/user_config.yaml", "run_dir": options.resume}
    named = Order.__dataclass_fields__
    train_host(Order(**{n: given[n] for n in named if given[n] is not None}))


def _runs(options: argparse.Namespace) -> None:
    from .pipeline.history import runs_table

    print(runs_table(options.folder))


def _check(options: argparse.Namespace) -> None:
    from .pipeline.preflight import check

    found = check(options.config, options.overrides, options.allow_custom_code)
    print("\n".join(found.lines))
    if found.problems:
        count = len(found.problems)
        raise PoseError(
            f"{count} problem{'s'[: count != 1]} in {options.config}:\n"
            + "\n".join(f"  {line}" for line in found.problems)
        )
    print("no problems found")


def _zoo(options: argparse.Namespace) -> None:
    from .models.zoo import ZOO

    rows = [("name", "model_type", "keypoints", "license", "sha256")]
    for entry in ZOO.values():
        listed = "listed" if entry.sha256 else "to be confirmed once: fetch"
        rows.append((entry.name, entry.model_type, str(entry.keypoints), entry.license, listed))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _fetch(options: argparse.Namespace) -> None:
    from .models.zoo import ZOO, fetch

    confirm = _trusting if options.trust else _asking if sys.stdin.isatty() else None
    for name in options.names:
        path = fetch(name, confirm)
        print(f"{path}  ({ZOO[name].license})")


def _trusting(question: str) -> bool:
    print(f"{question} Yes, by --trust")
    return True


def _asking(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _convert(options: argparse.Namespace) -> None:
    from .datasets.conversion import convert

    for part in convert(
        options.source, options.out, options.to, options.keypoints, options.kind, options.link
    ):
        left_out = f"; {part.left_out} left out" if part.left_out else ""
        print(f"{part.folder}: {part.images} images, {part.people} people{left_out}")


def _label(options: argparse.Namespace) -> None:
    from .labeling import label
    from .models import load_model

    model = load_model(options.model, model_type=options.model_type)
    done = label(model, options.images, options.out, min_score=options.min_score, link=options.link)
    print(
        f"{done.folder}: {done.images} images, {done.people} people; {done.predicted} keypoints "
        f"predicted, {done.kept} were labeled"
    )


def _export(options: argparse.Namespace) -> None:
    from .deployment import export

    made = export(
        options.file,
        options.out,
        board=options.board,
        io=options.io,
        name=options.name,
        memory=options.memory,
        input=options.input,
        budget_kib=options.budget,
    )
    decoder = "without a decoder: no pose network that is known here"
    if made.model_type:
        decoder = f"with the decoder of {made.model_type}"
    print(
        f"{made.path}: {made.report.arena_bytes:,} bytes of RAM, {made.report.flash_bytes:,} of "
        f"constants; {decoder}"
    )
    if made.report.no_firmware:
        print(f"no firmware for an STM32F405: {made.report.no_firmware}")


if __name__ == "__main__":
    sys.exit(main())
