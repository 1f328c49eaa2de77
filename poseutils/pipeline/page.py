"""The pages of a run: each executed notebook as HTML, and ``index.html``, which shows the whole. Nothing in them needs a network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from ..config import Config
from ..files import write_text
from .steps import Step

MAIN_METRICS = 4
"""How many of a step's metrics, the first that its notebook wrote, stand in the tables."""
LISTED_FILES = 8

STYLE = """
:root { --ink: #1c2330; --soft: #5d6778; --line: #dfe3ea; --page: #f5f6f9; --card: #fff; --accent: #0b6fb8; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eaf0; --soft: #9aa4b5; --line: #333b49; --page: #14181f; --card: #1d232d; --accent: #6cb8f0; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 2.5rem 1.5rem 4rem; color: var(--ink); background: var(--page);
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .8rem; } h3 { font-size: 1.05rem; margin: 0; }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
.soft, dt { color: var(--soft); } .bad { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: 0; } dd { margin: 0; overflow-wrap: anywhere; }
.box, article { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.2rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem 1.4rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
th { font-weight: 500; color: var(--soft); } tr:last-child td { border-bottom: 0; } td.number { text-align: right; }
.cards { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); }
.cards header { display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; }
.picture { display: block; margin: .8rem 0; background: #fff; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.picture img { display: block; width: 100%; height: 220px; object-fit: contain; }
ul { list-style: none; margin: .6rem 0 0; padding: 0; font-size: .88rem; } li { display: flex; justify-content: space-between; gap: 1rem; }
li a { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } details { font-size: .88rem; margin-top: .6rem; }
summary { cursor: pointer; color: var(--soft); }
"""


_WIDGET = "application/vnd.jupyter.widget-view+json"


def export_html(notebook: Path, page: Path, images_from: Path) -> Path:
    """An executed notebook as one HTML file with its images inside; ``images_from`` is the folder that relative images are in.

    Widgets are left out: they would load scripts from the network.
    """
    import nbformat
    from nbconvert import HTMLExporter

    node = nbformat.read(notebook, as_version=4)
    node.metadata.pop("widgets", None)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _WIDGET not in output.get("data", {})]
    exporter = HTMLExporter(template_name="lab", embed_images=True, require_js_url="", mathjax_url="")
    body, _ = exporter.from_notebook_node(node, resources={"metadata": {"name": notebook.stem, "path": str(images_from)}})
    return write_text(page, body.replace('<script src=""></script>', "").replace('<script src=""> </script>', ""))


def results_table(steps: Sequence[Step]) -> str:
    """The main results as plain text, a line a step."""
    rows = [(step.label, _duration(step), _main_results(step)) for step in steps]
    width = max(len(label) for label, _, _ in rows)
    return "\n".join(f"  {label:<{width}}  {duration:>9}  {results}".rstrip() for label, duration, results in rows)


def write_index(folder: Path, config: Config, steps: Sequence[Step]) -> Path:
    """Writes the page that shows a run: configuration, results, and a card a step with its picture and files."""
    unfinished = [step for step in steps if step.status in ("failed", "interrupted")]
    state = "".join(f' · <span class="bad">{step.notebook.stem} {step.status}</span>' for step in unfinished)
    body = f"""<h1>{escape(config.general.project_name)}</h1>
<p class="soft">{escape(folder.name)} · {escape(config.operation_mode or "")}{state}</p>
<div class="box">{_summary(config)}</div>
<h2>Results</h2>
<div class="box">{_table(steps)}</div>
<h2>Notebooks</h2>
<div class="cards">{"".join(_card(step) for step in steps)}</div>"""
    return write_text(folder / "index.html", _document(config.general.project_name, body))


def _document(title: str, body: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body>
{body}
</body></html>
"""


def _summary(config: Config) -> str:
    model, data = config.model, config.dataset
    shape = " × ".join(map(str, model.input_shape))
    facts = {
        "Model": f"{model.model_name}, {model.model_type}, alpha {model.alpha:g}, input {shape}, {data.keypoints} keypoints",
        "Starting from": model.model_path,
        "Training data": data.training_path,
        "Test data": data.test_path or data.validation_path,
        "Quantization": f"{config.quantization.granularity}, {config.quantization.quantization_input_type} in, "
        f"{config.quantization.quantization_output_type} out",
        "Board": config.benchmarking.board,
    }
    rows = "".join(f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items() if value)
    files = '<a href="user_config.yaml">user_config.yaml</a> · <a href="metrics.json">metrics.json</a>'
    return f"<dl>{rows}<dt>Files</dt><dd>{files}</dd></dl>"


def _table(steps: Sequence[Step]) -> str:
    rows = "".join(
        f'<tr><td>{escape(step.label)}</td><td class="number">{_duration(step)}</td><td>{escape(_main_results(step))}</td></tr>'
        for step in steps
    )
    return f"<table><tr><th>Step</th><th>Time</th><th>Main results</th></tr>{rows}</table>"


def _card(step: Step) -> str:
    name = escape(step.label.replace("_", " ").capitalize())
    if not step.page.exists():
        return f"<article><header><h3>{step.number} {name}</h3>{_status(step)}</header></article>"
    link = quote(step.page.name)
    picture = largest_picture(step.notebook)
    shown = f'<a class="picture" href="{link}"><img alt="{name}" src="data:image/png;base64,{picture}"></a>' if picture else ""
    title = f'<header><h3><a href="{link}">{step.number} {name}</a></h3>{_status(step)}</header>'
    links = f'<a href="{link}">Read it</a> · <a href="{quote(step.notebook.name)}">notebook</a>'
    return f"<article>{title}{shown}{links}{_all_metrics(step)}{_files(step)}</article>"


def _status(step: Step) -> str:
    if step.status == "done":
        return f'<span class="soft">{_duration(step)}</span>'
    return f'<span class="{"soft" if step.status == "waiting" else "bad"}">{"not run" if step.status == "waiting" else step.status}</span>'


def _all_metrics(step: Step) -> str:
    if not step.metrics:
        return ""
    rows = "".join(f"<li><span>{escape(name)}</span><span>{_figure(value)}</span></li>" for name, value in step.metrics.items())
    return f"<details><summary>{len(step.metrics)} metrics</summary><ul>{rows}</ul></details>"


def _files(step: Step) -> str:
    files = sorted(path for path in step.folder.rglob("*") if path.is_file())
    rows = [_file(path, step) for path in files]
    if len(rows) <= LISTED_FILES:
        return f"<ul>{''.join(rows)}</ul>" if rows else ""
    return f"<details><summary>{len(rows)} files</summary><ul>{''.join(rows)}</ul></details>"


def _file(path: Path, step: Step) -> str:
    link = quote(path.relative_to(step.folder.parent).as_posix())
    return f'<li><a href="{link}">{escape(path.relative_to(step.folder).as_posix())}</a><span>{_size(path.stat().st_size)}</span></li>'


def _size(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.0f} KiB" if size < 1024**2 else f"{size / 1024**2:.1f} MiB"


def largest_picture(notebook: Path) -> str | None:
    """The largest PNG among a notebook's outputs, as base64: as a rule the one with the most on it."""
    return max(_pictures(json.loads(notebook.read_text(encoding="utf-8"))), key=len, default=None)


def _pictures(node: dict) -> Iterator[str]:
    for cell in node["cells"]:
        for output in cell.get("outputs", ()):
            picture = output.get("data", {}).get("image/png")
            if picture:
                yield "".join(picture).replace("\n", "")


def _duration(step: Step) -> str:
    return "" if step.status == "waiting" else f"{step.seconds:.1f} s"


def _main_results(step: Step) -> str:
    figures = [f"{name} {_figure(value)}" for name, value in list(step.metrics.items())[:MAIN_METRICS]]
    return ", ".join(figures) if step.status in ("done", "waiting") else ", ".join([step.status, *figures])


def _figure(value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
