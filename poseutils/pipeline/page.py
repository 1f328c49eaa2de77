"""The index page of a run folder, by the template ``index.html.j2``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shlex import quote as quoted

from ..config import Config
from ..files import write_text
from .gallery import GalleryImage
from .record import Record
from .results import compared, duration, figure, own_metrics, side_by_side, step_results
from .steps import Step

TEMPLATE = Path(__file__).with_name("index.html.j2")
STYLE = Path(__file__).with_name("page.css")
SHOWN_FIRST = ("predict", "evaluate", "train", "quantize", "benchmark", "deploy")
"""Order of the services in the gallery: predictions and accuracy first, then how the model was
made, then its cost."""
WIDE = 1.7
"""Aspect ratio from which an image gets the whole width."""
LISTED_FILES = 6
TILES = {"ap": "AP", "oks": "OKS", "nme": "NME"}
MEMORY = {"weights_kib": "weights", "live_peak_kib": "activations"}


def write_index(
    record: Record, config: Config, galleries: Mapping[Path, Sequence[GalleryImage]]
) -> Path:
    """Writes the index page of a run: summary, gallery, metrics, notebooks and files,
    configuration.

    Args:
        record: the run.
        config: as it was used.
        galleries: the images to show, by executed notebook.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "duration": duration,
        "figure": figure,
        "files": _files,
        "metrics": own_metrics,
        "relative": lambda path: path.relative_to(record.folder).as_posix(),
        "size": _size,
        "title": _title,
    }
    steps = record.steps
    began = datetime.fromisoformat(record.started)
    times = ["" if step.status == "waiting" else duration(step.seconds) for step in steps]
    rows = [(_title(step), step_results(step), time) for step, time in zip(steps, times)]
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        LISTED_FILES=LISTED_FILES,
        style=STYLE.read_text(encoding="utf-8"),
        record=record,
        started=f"{began:%B} {began.day}, {began:%Y, %H:%M}",
        stopped=record.stopped_at(),
        resumed=quoted(f"{record.folder.parent.name}/{record.folder.name}"),
        tiles=_tiles(steps),
        images=_images(steps, galleries),
        both=side_by_side(compared(steps)),
        notes=[(_title(step), note) for step in steps for note in step.notes],
        results=[("Step", "Main results", "Time"), *rows],
        configuration=_configuration(record, config),
    )
    return write_text(record.folder / "index.html", page)


def _tiles(steps: Sequence[Step]) -> list[tuple[str, str, str]]:
    """Name, value and unit of the main figures of the run."""
    tiles = []
    for precision, metrics in compared(steps).items():
        name = next((name for name in TILES if metrics.get(name) is not None), None)
        if name:
            tiles.append((f"{TILES[name]}, {precision}", figure(metrics[name]), ""))
    latest = {name: v for step in steps for name, v in step.metrics.items() if v is not None}
    return tiles + [
        (text, f"{latest[name]:.0f}", "KiB") for name, text in MEMORY.items() if name in latest
    ]


def _images(
    steps: Sequence[Step], galleries: Mapping[Path, Sequence[GalleryImage]]
) -> list[tuple[Step, GalleryImage, bool]]:
    """The images of completed steps, the last of each service, and whether each is shown at full
    width; narrow images are shown in pairs."""
    last = {step.service: step for step in steps if step.status == "done"}
    ordered = [last[service] for service in SHOWN_FIRST if service in last]
    shown = [(step, image) for step in ordered for image in galleries.get(step.notebook, ())]
    narrow = [image for _, image in shown if image.width < WIDE * image.height]
    single = narrow[-1] if len(narrow) % 2 else None
    return [(step, image, image is single or image not in narrow) for step, image in shown]


def _configuration(record: Record, config: Config) -> dict[str, str]:
    """The main attributes of the configuration by their titles; empty if they do not apply."""
    model, data = config.model, config.dataset
    training, chosen = config.training, config.quantization
    hidden = config.environment.hidden
    shape = " × ".join(map(str, model.input_shape))
    network = f"{model.model_name}, alpha {model.alpha:g}, input {shape}"
    types = f"{chosen.quantization_input_type} in, {chosen.quantization_output_type} out"
    trains = any(step.service == "train" for step in record.steps)
    rows = {
        "Model": network if trains or not model.model_path else "",
        "Decoded as": f"{model.model_type}, {data.keypoints} keypoints",
        "Starting from": Path(hidden(model.model_path or "")).name,
        "Dataset": data.dataset_name or "",
        "Training data": _last_parts(hidden(data.training_path or "")) if trains else "",
        "Test data": _last_parts(hidden(data.test_path or data.validation_path or "")),
        "Training": f"{training.epochs} epochs, batch size {training.batch_size}" if trains else "",
        "Quantization": f"{chosen.granularity}, {types}",
        "Board": config.benchmarking.board,
        "Overrides": " ".join(record.overrides),
    }
    return {name: hidden(value) for name, value in rows.items()}


def _last_parts(path: str) -> str:
    """The last two parts of a path; the whole path is in the configuration file."""
    return "/".join(Path(path).parts[-2:])


def _title(step: Step) -> str:
    return step.label.replace("_", ", ").capitalize()


def _files(step: Step) -> list[Path]:
    """The files in a step's folder; dotfiles, as JupyterLab makes them, are none of the step's."""
    return sorted(
        path
        for path in step.folder.rglob("*")
        if path.is_file() and not any(p[0] == "." for p in path.relative_to(step.folder).parts)
    )


def _size(path: Path) -> str:
    size = path.stat().st_size
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.0f} KiB" if size < 1024**2 else f"{size / 1024**2:.1f} MiB"
