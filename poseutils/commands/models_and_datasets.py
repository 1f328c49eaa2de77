"""Commands on models and datasets: zoo, fetch, convert, label, export."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_to(commands: Commands) -> None:
    """Adds their arguments, in the order of the help."""
    _add_zoo(commands)
    _add_fetch(commands)
    _add_convert(commands)
    _add_label(commands)
    _add_export(commands)


def _add_zoo(commands: Commands) -> None:
    zoo = commands.add_parser("zoo", help="list the published models")
    zoo.set_defaults(command=_zoo)


def _zoo(options: argparse.Namespace) -> None:
    from ..models.zoo import ZOO

    rows = [("name", "model_type", "keypoints", "license", "sha256")]
    for entry in ZOO.values():
        listed = "listed" if entry.sha256 else "to be confirmed once: fetch"
        rows.append((entry.name, entry.model_type, str(entry.keypoints), entry.license, listed))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _add_fetch(commands: Commands) -> None:
    fetch = commands.add_parser("fetch", help="download published models into the cache")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="a name that 'zoo' lists")
    fetch.add_argument(
        "--trust",
        action="store_true",
        help="of a model whose SHA-256 is not known, confirm and record the one that its file has",
    )
    fetch.set_defaults(command=_fetch)


def _fetch(options: argparse.Namespace) -> None:
    from ..models.zoo import ZOO, fetch

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


def _add_convert(commands: Commands) -> None:
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


def _convert(options: argparse.Namespace) -> None:
    from ..datasets.conversion import convert

    for part in convert(
        options.source, options.out, options.to, options.keypoints, options.kind, options.link
    ):
        left_out = f"; {part.left_out} left out" if part.left_out else ""
        print(f"{part.folder}: {part.images} images, {part.people} people{left_out}")


def _add_label(commands: Commands) -> None:
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


def _label(options: argparse.Namespace) -> None:
    from ..labeling import label
    from ..models import load_model

    model = load_model(options.model, model_type=options.model_type)
    done = label(model, options.images, options.out, min_score=options.min_score, link=options.link)
    print(
        f"{done.folder}: {done.images} images, {done.people} people; {done.predicted} keypoints "
        f"predicted, {done.kept} were labeled"
    )


def _add_export(commands: Commands) -> None:
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


def _export(options: argparse.Namespace) -> None:
    from ..deployment import export

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
