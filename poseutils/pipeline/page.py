"""The index page of a run: one file with embedded images and links within the run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from shlex import quote as quoted
from urllib.parse import quote

from ..config import Config
from ..files import write_text
from .pictures import GalleryImage
from .record import Record
from .results import compared, duration, figure, own_metrics, side_by_side, step_results
from .steps import Step
from .style import STYLE

SHOWN_FIRST = ("predict", "evaluate", "train", "quantize", "benchmark", "deploy")
"""Order of the services in the gallery: predictions and accuracy first, then how the model was
made, then its cost."""
WIDE = 1.7
"""Aspect ratio from which an image gets the whole width."""
LISTED_FILES = 6
TILES = {"ap": "AP", "oks": "OKS", "nme": "NME"}


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
    parts = [
        _heading(record),
        _failure(record),
        _tiles(record.steps),
        _gallery(record.steps, galleries),
        _numbers(record.steps),
        f'<h2>Notebooks</h2><div class="cards">{"".join(map(_card, record.steps))}</div>',
        f'<h2>Configuration</h2><div class="box">{_configuration(record, config)}</div>',
    ]
    return write_text(
        record.folder / "index.html", _document(record.project_name, "\n".join(filter(None, parts)))
    )


def _document(title: str, body: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body>
{body}
</body></html>
"""


def _heading(record: Record) -> str:
    began = datetime.fromisoformat(record.started)
    state = (
        '<span class="good">done</span>'
        if record.finished
        else '<span class="bad">not finished</span>'
    )
    facts = [
        f"{began:%B} {began.day}, {began:%Y, %H:%M}",
        escape(record.operation_mode),
        duration(record.seconds),
        state,
    ]
    return f'<h1>{escape(record.project_name)}</h1><p class="lead soft">{"".join(f"<span>{fact}</span>" for fact in facts)}</p>'


def _failure(record: Record) -> str:
    """The step at which a run stopped, and its error."""
    step = record.stopped_at()
    if step is None:
        return ""
    name = _link(step.page, step.notebook.stem) if step.page.exists() else step.notebook.stem
    why = f"<pre>{escape(step.error)}</pre>" if step.error else ""
    again = f"python -m poseutils run --resume {quoted(f'{record.folder.parent.name}/{record.folder.name}')}"
    return (
        f'<div class="failure"><h3 class="bad">{name} {escape(step.status)} after {duration(step.seconds)}</h3>{why}'
        f'<p class="soft">Completed steps are below. To resume: <code>{escape(again)}</code></p></div>'
    )


def _tiles(steps: Sequence[Step]) -> str:
    """The main figures of the run, in large type."""
    by_precision = compared(steps)
    tiles = []
    for precision, metrics in by_precision.items():
        name = next((name for name in TILES if metrics.get(name) is not None), None)
        if name:
            tiles.append((f"{TILES[name]}, {precision}", figure(metrics[name])))
    metrics = {
        name: value for step in steps for name, value in step.metrics.items() if value is not None
    }
    tiles += [
        (text, f"{metrics[name]:.0f} <small>KiB</small>")
        for name, text in _MEMORY.items()
        if name in metrics
    ]
    return (
        f'<dl class="tiles">{"".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles)}</dl>'
        if tiles
        else ""
    )


_MEMORY = {"weights_kib": "weights", "live_peak_kib": "activations"}


def _gallery(steps: Sequence[Step], galleries: Mapping[Path, Sequence[GalleryImage]]) -> str:
    """The images of completed steps; of a service that ran twice, those of the last step."""
    last = {step.service: step for step in steps if step.status == "done"}
    ordered = [last[service] for service in SHOWN_FIRST if service in last]
    shown = [(step, image) for step in ordered for image in galleries.get(step.notebook, ())]
    narrow = [image for _, image in shown if image.width < WIDE * image.height]
    alone = narrow[-1] if len(narrow) % 2 else None  # narrow images are shown in pairs
    figures = "".join(
        _figure(step, image, image is alone or image not in narrow) for step, image in shown
    )
    return f'<div class="gallery">{figures}</div>' if figures else ""


def _figure(step: Step, image: GalleryImage, wide: bool) -> str:
    kind = ' class="wide"' if wide else ""
    caption = f"<figcaption><b>{_title(step)}</b> {escape(image.caption)}</figcaption>"
    size = f'width="{image.width}" height="{image.height}"'
    element = f'<img alt="{escape(image.caption)}" {size} src="{image.source}">'
    return f'<figure{kind}><a href="{quote(step.page.name)}">{element}</a>{caption}</figure>'


def _numbers(steps: Sequence[Step]) -> str:
    both = side_by_side(compared(steps))
    table = f'<h2>Float and quantized</h2><div class="box">{_table(both)}</div>' if both else ""
    rows = [
        ("Step", "Main results", "Time"),
        *((_title(step), step_results(step), _time(step)) for step in steps),
    ]
    return f'{table}<h2>Results</h2><div class="box">{_table(rows, ("", "", "number"))}</div>'


def _table(
    rows: Sequence[Sequence[str]], classes: Sequence[str] = ("", "number", "number", "number")
) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return (
            "<tr>"
            + "".join(
                f'<{tag} class="{kind}">{escape(cell)}</{tag}>'
                for cell, kind in zip(cells, classes, strict=True)
            )
            + "</tr>"
        )

    return f"<table>{row(rows[0], 'th')}{''.join(row(cells, 'td') for cells in rows[1:])}</table>"


def _card(step: Step) -> str:
    title = f"{step.number} {_title(step)}"
    if not step.page.exists():
        return (
            f'<article><header><h3>{title}</h3><span class="soft">not run</span></header></article>'
        )
    kind = "soft" if step.status == "done" else "bad"
    state = _time(step) if step.status == "done" else step.status
    header = (
        f'<header><h3>{_link(step.page, title)}</h3><span class="{kind}">{state}</span></header>'
    )
    return f"<article>{header}{_link(step.notebook, step.notebook.name)}{_metrics(step)}{_files(step)}</article>"


def _metrics(step: Step) -> str:
    rows = [
        f"<li><span>{escape(name)}</span><span>{figure(value)}</span></li>"
        for name, value in own_metrics(step).items()
    ]
    return (
        f"<details><summary>{len(rows)} "
        f"metric{'s' if len(rows) > 1 else ''}</summary><ul>{''.join(rows)}</ul></details>"
        if rows
        else ""
    )


def _files(step: Step) -> str:
    files = (
        sorted(path for path in step.folder.rglob("*") if path.is_file())
        if step.folder.is_dir()
        else []
    )
    rows = "".join(
        f"<li>{_link(path, path.relative_to(step.folder), step)}<span>{_size(path)}</span></li>"
        for path in files
    )
    if len(files) <= LISTED_FILES:
        return f"<ul>{rows}</ul>" if rows else ""
    return f"<details><summary>{len(files)} files</summary><ul>{rows}</ul></details>"


def _configuration(record: Record, config: Config) -> str:
    model, data, chosen = config.model, config.dataset, config.quantization
    shape = " × ".join(map(str, model.input_shape))
    trains = any(step.service == "train" for step in record.steps)
    facts = {
        "Model": f"{model.model_name}, alpha {model.alpha:g}, input {shape}"
        if trains or not model.model_path
        else "",
        "Decoded as": f"{model.model_type}, {data.keypoints} keypoints",
        "Starting from": Path(model.model_path or "").name,
        "Dataset": data.dataset_name,
        "Training data": _last_parts(data.training_path) if trains else "",
        "Test data": _last_parts(data.test_path or data.validation_path),
        "Training": f"{config.training.epochs} epochs of batches of {config.training.batch_size}"
        if trains
        else "",
        "Quantization": f"{chosen.granularity}, {chosen.quantization_input_type} in, {chosen.quantization_output_type} out",
        "Board": config.benchmarking.board,
        "Overrides": " ".join(record.overrides),
    }
    rows = "".join(
        f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items() if value
    )
    files = " · ".join(
        f'<a href="{name}">{name}</a>' for name in ("user_config.yaml", "metrics.json", "run.json")
    )
    return f"<dl>{rows}<dt>In full</dt><dd>{files}</dd></dl>"


def _last_parts(path: str | None) -> str:
    """The last two parts of a path; the whole path is in the configuration file."""
    return "/".join(Path(path or "").parts[-2:])


def _title(step: Step) -> str:
    return step.label.replace("_", ", ").capitalize()


def _time(step: Step) -> str:
    return "" if step.status == "waiting" else duration(step.seconds)


def _link(path: Path, text: str | Path, step: Step | None = None) -> str:
    folder = step.folder.parent if step else path.parent
    return f'<a href="{quote(path.relative_to(folder).as_posix())}">{escape(Path(text).as_posix())}</a>'


def _size(path: Path) -> str:
    size = path.stat().st_size
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.0f} KiB" if size < 1024**2 else f"{size / 1024**2:.1f} MiB"
