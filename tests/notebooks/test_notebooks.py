"""The notebooks as they are committed, and one of them headless. That their outputs hold is nbval's
part."""

import json
import re
import subprocess
import sys

import pytest

from tests.helpers.notebooks import code, is_figure

NAMES = ("train", "quantize", "evaluate", "predict", "benchmark", "deploy", "dataset", "sweep")


@pytest.fixture(scope="module", params=NAMES)
def notebook(request, repository):
    cells = json.loads(
        (repository / "notebooks" / f"{request.param}.ipynb").read_text(encoding="utf-8")
    )["cells"]
    return request.param, [dict(cell, source="".join(cell["source"])) for cell in cells]


def test_it_tells_a_story(notebook):
    name, cells = notebook
    assert cells[0]["cell_type"] == "markdown" and cells[0]["source"].startswith("# ")
    assert len(code(cells)) <= 18
    for cell in code(cells):
        assert len(cell["source"].splitlines()) <= 15, cell["source"]
        assert not re.search(r"^\s*(def|class) ", cell["source"], re.M), (
            "functions belong into poseutils"
        )


def test_it_is_committed_executed_with_its_pictures(notebook):
    name, cells = notebook
    assert [cell["execution_count"] for cell in code(cells)] == list(range(1, len(code(cells)) + 1))
    outputs = [output for cell in code(cells) for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert sum(map(is_figure, outputs)) >= 1
    assert all(
        cell["outputs"]
        for cell in code(cells)[1:]
        if cell is not code(cells)[-1] and "plots." in cell["source"]
    )


def test_it_holds_no_path_of_a_machine(notebook):
    name, cells = notebook
    texts = [json.dumps([o for o in cell.get("outputs", ())]) + cell["source"] for cell in cells]
    for text in texts:
        assert not re.search(
            r"(?<![\w.\d/])/(?:home|root|work|tmp|Users)/",
            re.sub(r'"image/(png|jpeg)": "[^"]*"', "", text),
        )


def test_papermill_lists_its_parameters(notebook, repository):
    import papermill

    parameters = papermill.inspect_notebook(repository / "notebooks" / f"{notebook[0]}.ipynb")
    given = {"dataset": "data", "sweep": "attributes"}.get(notebook[0], "model")
    assert {"config", given, "run_dir"} <= set(parameters)
    assert all(p["inferred_type_name"] != "None" and p["help"] for p in parameters.values())


def notebooks_and_lessons(repository):
    return [*repository.glob("notebooks/*.ipynb"), *repository.glob("notebooks/lessons/*.ipynb")]


def test_each_says_first_how_the_package_is_installed(repository):
    """Opened elsewhere, as in Colab, a notebook has no package."""
    paths = notebooks_and_lessons(repository)
    assert len(paths) == 17
    for path in paths:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        source = "".join(code(cells)[0]["source"])
        assert 'if not find_spec("poseutils")' in source and "%pip install -r" in source, path


def test_the_index_has_a_card_of_every_notebook_and_lesson(repository):
    index = json.loads((repository / "notebooks/index.ipynb").read_text(encoding="utf-8"))
    assert sum(len(cell.get("attachments", ())) for cell in index["cells"]) == 16
    text = "".join("".join(cell["source"]) for cell in index["cells"])
    for path in notebooks_and_lessons(repository):
        name = path.relative_to(repository / "notebooks").as_posix()
        linked = f"]({name})" in text and f"(attachment:{path.stem}.png)" in text
        assert linked or name == "index.ipynb"


def test_texts_stay_text_that_papermill_takes_for_numbers(notebook):
    """``papermill -p images 2024`` gives the number 2024."""
    name, cells = notebook
    (given,) = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
    texts = re.findall(r"^(\w+): str", given["source"], re.M)
    values = dict.fromkeys(texts, 2024)
    (line,) = re.findall(r"^.*= map\(str, .*$", "\n".join(c["source"] for c in cells), re.M)
    exec(line, {}, values)
    assert values == dict.fromkeys(texts, "2024") and len(texts) >= 3


@pytest.mark.slow
def test_predict_runs_headless_from_any_folder(asset, repository, tmp_path):
    asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite")
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(repository / "notebooks/predict.ipynb"),
        "out.ipynb",
        "--no-progress-bar",
        "-p",
        "model",
        "yolov8n_pose_256",
        "-p",
        "images",
        str(asset("images/bus.jpg")),
        "-p",
        "run_dir",
        "out",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())
    assert metrics == {"images": 1, "unreadable": 0, "people": 3, "empty": 0}
    records = json.loads((tmp_path / "out/predictions.json").read_text())
    assert [r["file_name"] for r in records] == ["bus.jpg"] * 3
    assert (tmp_path / "out/annotated/bus.jpg").is_file()
