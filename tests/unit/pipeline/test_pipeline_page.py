"""The page of a run, the pictures on it, and the numbers of the float and the quantized model."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser

import nbformat
import numpy as np
import pytest
from PIL import Image

from poseutils import pipeline
from poseutils.errors import PoseError
from poseutils.pipeline.gallery import caption_of, gallery
from poseutils.pipeline.results import (
    compared,
    duration,
    figure,
    headline,
    own_metrics,
    precision_of,
    side_by_side,
)
from poseutils.pipeline.steps import Step
from tests.helpers.networks.tiny_onnx import node, onnx_model
from tests.helpers.stand_ins import (
    INT8,
    PICTURE,
    leaves,
    one_run,
    write_config,
    write_notebook,
)


@pytest.fixture
def run(notebooks, tmp_path):
    config = write_config(tmp_path)
    return lambda *overrides: pipeline.run(config, overrides, tmp_path / "runs", notebooks)


def test_the_page_stands_alone_and_links_what_there_is(run, tmp_path):
    folder = run("operation_mode=chain_te")
    with zipfile.ZipFile(tmp_path / "sent.zip", "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    shutil.rmtree(folder)
    zipfile.ZipFile(tmp_path / "sent.zip").extractall(tmp_path / "received")
    page = (tmp_path / "received/index.html").read_text()
    for target in re.findall(r'href="([^"]+)"', page):
        assert (tmp_path / "received" / target).exists(), target
    assert (
        "01-train.html" in page
        and "01-train/model.keras" in page
        and "data:image/png;base64," in page
    )
    for html in (page, (tmp_path / "received/01-train.html").read_text()):
        assert not re.search(r'<(script|link|img)[^>]+(src|href)="(https?:|//|")', html)
    assert str(tmp_path) not in page


class Order(HTMLParser):
    """The places of tags that were opened and closed, and whether they match."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.wrong = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))


def test_pictures_then_numbers_then_notebooks(run):
    page = (run("operation_mode=chain_teqe") / "index.html").read_text()
    places = [
        page.index(word)
        for word in (
            "<figure",
            "Float and quantized",
            "-0.1250",
            "Notebooks",
            "Configuration",
            "user_config.yaml",
        )
    ]
    assert places == sorted(places)
    checked = Order(page)
    assert not checked.wrong and not checked.open


def test_a_failed_run_says_where_and_why_first(run, notebooks, tmp_path):
    write_notebook(notebooks, "quantize", "raise ValueError('no <b> pictures')")
    with pytest.raises(PoseError):
        run()
    page = (one_run(tmp_path) / "index.html").read_text()
    why = page.index("ValueError: no &lt;b&gt; pictures")
    assert (
        page.index("02-quantize") < why < page.index("Results")
        and "--resume" in page
        and "not finished" in page
    )
    assert not Order(page).wrong


def executed(tmp_path, *cells):
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    nbformat.write(notebook, tmp_path / "executed.ipynb")
    return tmp_path / "executed.ipynb"


def shows(image: Image.Image, *tags: str):
    buffer = io.BytesIO()
    image.save(buffer, "png")
    output = nbformat.v4.new_output(
        "display_data", {"image/png": base64.b64encode(buffer.getvalue()).decode()}
    )
    return nbformat.v4.new_code_cell("show()", outputs=[output], metadata={"tags": list(tags)})


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    )


def test_tagged_pictures_are_shown_else_the_largest(tmp_path):
    small, large = Image.new("RGB", (40, 30)), noise(90, 60)
    text = nbformat.v4.new_markdown_cell("## Heading\n\nWhat is *seen* here. And `more`:")
    [only] = gallery(executed(tmp_path, text, shows(small), shows(large)))
    assert (only.width, only.height, only.caption) == (90, 60, "What is seen here. And more")
    first, second = gallery(
        executed(tmp_path, shows(small, "highlight"), shows(large), shows(small, "x", "highlight"))
    )
    assert first.width == second.width == 40
    assert gallery(executed(tmp_path, text)) == []


def test_large_pictures_are_made_small(tmp_path):
    [picture] = gallery(executed(tmp_path, shows(noise(2400, 200), "highlight")))
    kind, content = re.fullmatch(r"data:image/(\w+);base64,(.*)", picture.source).groups()
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert (
        kind == "webp"
        and image.size == (1600, 133)
        and (picture.width, picture.height) == (2400, 200)
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(8.824e-65, "0.0000"), (0.0, "0"), (0.5, "0.5000"), (2e-4, "0.0002"), (1234.5, "1,234")],
)
def test_a_number_has_four_decimals(value, shown):
    assert figure(value) == shown


def test_captions_are_whole_sentences():
    assert caption_of("# Title\n\nOne. Two.") == "One. Two."
    assert caption_of("One is short. " + "Two is " + "long " * 40) == "One is short."
    assert (
        caption_of("See [the guide](x.md), ![](y.png)`k` and **bold**.")
        == "See the guide, k and bold."
    )
    assert caption_of("One. Two. Its $\\sigma$ differs.") == "One. Two."
    assert caption_of("") == ""


def step(number: int, given: dict, **metrics) -> Step:
    return Step(
        number,
        "evaluate",
        f"evaluate_{number}",
        folder=None,
        status="done",
        given=given,
        metrics=metrics,
    )


def test_metrics_go_by_what_the_models_are(tmp_path):
    (tmp_path / "f.keras").touch()
    names = {"model": str(INT8), "compare_with": str(tmp_path / "f.keras")}
    both = step(1, names, oks=0.5, images=3.0, **{"compared.oks": 0.6, "compared.images": 3.0})
    assert compared([both]) == {
        "float": {"oks": 0.6, "images": 3.0},
        "quantized": {"oks": 0.5, "images": 3.0},
    }
    assert own_metrics(both) == {"oks": 0.5, "images": 3.0}
    turned = step(
        1, dict(zip(names, reversed(names.values()), strict=True)), oks=0.6, **{"compared.oks": 0.5}
    )
    assert compared([turned]) == {"float": {"oks": 0.6}, "quantized": {"oks": 0.5}}
    later = step(2, {"model": str(tmp_path / "f.keras")}, oks=0.7)
    assert compared([both, later])["float"]["oks"] == 0.7
    alike = step(
        1, {"model": str(INT8), "compare_with": str(INT8)}, oks=0.5, **{"compared.oks": 0.4}
    )
    assert "compared.oks" in own_metrics(alike)
    assert compared([step(1, {"model": "nowhere.tflite"}, oks=0.5)]) == {}


def test_what_a_model_is_is_read_from_the_file(tmp_path, asset):
    assert precision_of(str(INT8)) == "quantized"
    assert precision_of(str(asset("models/face_landmarks_v1_192_int8_pc.onnx"))) == "quantized"
    asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite")
    assert precision_of("yolov8n_pose_256") == "quantized"
    relu = onnx_model([node("Relu", ["x"], "y")], {}, ("x", (1, 3, 8, 8)), ("y", (1, 3, 8, 8)))
    (tmp_path / "tiny.onnx").write_bytes(relu)
    assert precision_of(str(tmp_path / "tiny.onnx")) == "float"
    (tmp_path / "broken.tflite").write_text("no")
    assert (
        precision_of(str(tmp_path / "broken.tflite"))
        == precision_of("")
        == precision_of("https://x/y.h5")
        == ""
    )


def test_side_by_side():
    rows = side_by_side(
        {
            "float": {"oks": 0.5, "images": 3.0, "ap": None, "x": 1.0},
            "quantized": {"oks": 0.25, "images": 3.0, "ap": 0.5},
        }
    )
    assert rows == [
        ("", "float", "quantized", "change"),
        ("oks", "0.5000", "0.2500", "-0.2500"),
        ("ap", "n/a", "0.5000", ""),
    ]
    assert side_by_side({"float": {"oks": 0.5}}) == []


def test_numbers_for_people():
    assert [duration(s) for s in (9.06, 99.6, 200, 7500)] == [
        "9.1 s",
        "1 min 40 s",
        "3 min 20 s",
        "2 h 5 min",
    ]
    assert (
        headline({"float.ap": 0.5, "float.oks": 0.6, "quantized.oks": 0.7})
        == "float.ap 0.5000, quantized.oks 0.7000"
    )
    assert headline({"train.seconds": 3.0, "predict.people": 4.0}) == "predict.people 4"


def test_papermill_loads_without_what_it_does_not_need(repository):
    code = (
        "import sys; from poseutils.pipeline.runner import without\nwith "
        "without('rfc3987_syntax'): import poseutils.pipeline.execution\n"
    )
    code += (
        "print('rfc3987_syntax' in sys.modules, 'papermill' "
        "in sys.modules, 'jsonschema' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True", "True"]
    with pipeline.runner.without("json"):
        assert sys.modules["json"] is json


def test_a_notebook_that_shows_nothing(run, notebooks):
    write_notebook(notebooks, "predict", leaves(people=1.0))
    page = (run("operation_mode=prediction") / "index.html").read_text()
    assert "<figure" not in page and "people 1" in page


def test_notes_of_a_step_are_shown(run, notebooks, no_kernels, capsys):
    writes = "(folder / 'notes.txt').write_text('left <b> is\\nright\\n')"
    write_notebook(notebooks, "predict", f"{leaves(people=1.0)}\n{writes}")
    page = (run("operation_mode=prediction") / "index.html").read_text()
    assert "<b>Predict:</b> left &lt;b&gt; is" in page and not Order(page).wrong
    assert "\npredict: left <b> is\npredict: right\n" in capsys.readouterr().out


def test_tags_reach_the_page(run, notebooks):
    write_notebook(
        notebooks,
        "predict",
        PICTURE,
        PICTURE,
        leaves(people=1.0),
        tags={0: ["highlight"], 1: ["highlight"]},
    )
    page = (run("operation_mode=prediction") / "index.html").read_text()
    assert page.count("<figure>") == 2  # side by side
    write_notebook(notebooks, "predict", PICTURE, leaves(people=1.0))
    assert '<figure class="wide">' in (run("operation_mode=prediction") / "index.html").read_text()


@pytest.mark.slow
def test_a_page_of_real_notebooks(repository, tmp_path):
    folder = pipeline.run(repository / "user_config.yaml", ["operation_mode=chain_bd"], tmp_path)
    page = (folder / "index.html").read_text()
    assert (
        page.count("<figure") >= 2
        and "<b>Benchmark</b> One bar per layer" in page
        and "493 <small>KiB" in page
    )
    assert len(page) < 3_000_000 and not Order(page).wrong
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (
        metrics["benchmark.weights_kib"] == pytest.approx(493, abs=1)
        and metrics["deploy.bundle_kib"] > 1000
    )
