"""Decoding, predicting, evaluating, datasets and the pipeline, beside the bare libraries."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import poseutils as pu
from poseutils.config import load_config
from poseutils.datasets.coco import to_coco
from poseutils.datasets.conversion import convert
from poseutils.decoders import InputSpec, Thresholds, heatmaps_spe, yolo_mpe
from poseutils.evaluation import CocoAP
from poseutils.files import write_json
from tests.bench.ratios import (
    PEOPLE,
    ROOT,
    SHIPPED,
    Row,
    cached,
    children_seconds,
    in_turns,
    peak_memory,
    python,
)
from tests.helpers.made_up import made_up

IMAGES = 2000


def decoding() -> Iterator[Row]:
    """Heatmaps beside NumPy's argmax of the same; candidates beside OpenCV's suppression alone."""
    maps = np.random.default_rng(0).uniform(0, 1, (64, 48, 48, 17)).astype(np.float32)
    for count, limit in ((1, 15), (64, 4)):
        given = maps[:count]
        ratio = in_turns(
            lambda given=given: heatmaps_spe.decode(
                {"heatmaps": given}, InputSpec(192, 192), pu.COCO17
            ),
            lambda given=given: given.reshape(len(given), -1, 17).argmax(axis=1),
            300 // count + 20,
        )
        yield Row(f"decode heatmaps {count} × 48 × 48 × 17", "NumPy's argmax", ratio, limit)
    raw = crowd_of_candidates()
    boxes, scores = raw[0, :4].T.copy(), raw[0, 4].copy()
    boxes[:, :2] -= boxes[:, 2:] / 2
    alone = lambda: cv2.dnn.NMSBoxes(boxes * 256, scores, 0.001, Thresholds().nms_iou)  # noqa: E731
    for measure, limit in (("iou", 1), ("oks", 1.5)):
        limits = Thresholds(confidence=0.001, nms_measure=measure)
        ratio = in_turns(
            lambda limits=limits: yolo_mpe.decode(
                {"candidates": raw}, InputSpec(256, 256), pu.COCO17, limits
            ),
            alone,
            50,
        )
        yield Row(f"decode 1344 YOLO candidates, {measure}", "cv2.dnn.NMSBoxes", ratio, limit)


def crowd_of_candidates() -> np.ndarray:
    """A made-up crowd: 100 people far enough apart to survive, each found by several boxes with
    nearly the same keypoints."""
    rng = np.random.default_rng(0)
    people = np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=-1).reshape(-1, 2) / 10 + 0.05
    postures = rng.uniform(-0.04, 0.04, (100, 17, 2))
    who = rng.integers(0, 100, 1344)
    raw = np.empty((1, 56, 1344), np.float32)
    raw[0, :2] = people[who].T + rng.normal(0, 0.003, (2, 1344))
    raw[0, 2:4] = 0.08
    raw[0, 4] = rng.uniform(0, 1, 1344) ** 3
    points = raw[0, 5:].reshape(17, 3, 1344)
    places = people[who][:, None] + postures[who] + rng.normal(0, 0.003, (1344, 17, 2))
    points[:, :2] = places.transpose(1, 2, 0)
    points[:, 2] = rng.uniform(0, 1, (17, 1344))
    return raw


BY_HAND = """
import sys, cv2, numpy as np
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[1])
interpreter.allocate_tensors()
given = interpreter.get_input_details()[0]
pixels = cv2.resize(cv2.imread(sys.argv[2]), tuple(given["shape"][2:0:-1]))
interpreter.set_tensor(given["index"], pixels[None].astype(given["dtype"]))
interpreter.invoke()
"""
OURS = "import sys, poseutils as pu; pu.load_model(sys.argv[1]).predict(sys.argv[2])"


def predicting() -> Iterator[Row]:
    """From starting Python, beside LiteRT and OpenCV by hand; then image after image, beside the
    interpreter alone on ready tensors."""
    image = next(iter(pu.load_dataset(PEOPLE))).path
    own, reference = python(OURS, SHIPPED, image), python(BY_HAND, SHIPPED, image)
    ratio = in_turns(own, reference, 3)
    yield Row("from python to the poses of one image", "LiteRT and OpenCV by hand", ratio, 3)
    own, reference = python("import poseutils"), python("import numpy")
    yield Row("import poseutils", "import numpy", in_turns(own, reference, 5), 2)
    photographs = cached("coco-mini")
    dataset = pu.load_dataset(photographs or PEOPLE)
    threads = max(1, (os.cpu_count() or 1) // 2)  # so that those who read images have some, too
    model = pu.load_model("yolov8n_pose_256" if photographs else SHIPPED, num_threads=threads)
    paths = [sample.path for sample in dataset]
    ready = [model.network.prepare(model.preprocess(pu.read_image(p))[0][None]) for p in paths]
    # Those that evaluate ranks: with low scores, too
    ranked = model.predict_each(paths, confidence=0.001, max_detections=20)
    by_coco = pycocotools_alone(list(zip(dataset, (p.poses for p in ranked))))

    def bare() -> None:
        for batch in ready:
            model.network.invoke(batch)

    def bare_and_by_coco() -> None:
        bare()
        by_coco()

    what = f"{len(paths)} images, {model.label[:24]}"
    ratio = in_turns(lambda: list(model.predict_each(paths)), bare, 4)
    yield Row(f"predict {what}", "the bare interpreter", ratio, 1.45)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluate = lambda: pu.evaluate(model, dataset, progress=False)  # noqa: E731
        ratio = in_turns(evaluate, bare_and_by_coco, 4)
    yield Row(f"evaluate {what}", "the bare interpreter, pycocotools", ratio, 1.2)


def pycocotools_alone(found: list[tuple[pu.Sample, pu.Poses]]) -> Callable[[], None]:
    """COCO's evaluation of poses by hand."""
    samples = tuple(sample for sample, _ in found)
    document = to_coco(pu.Dataset(samples, pu.COCO17, Path("made up")))
    detections = [record for sample, poses in found for record in poses.to_coco(sample.image_id)]

    def evaluate() -> None:
        truth = COCO()
        truth.dataset = document
        truth.createIndex()
        coco = COCOeval(truth, truth.loadRes(detections), "keypoints")
        coco.evaluate()
        coco.accumulate()

    return evaluate


def evaluating() -> Iterator[Row]:
    """COCO's AP beside pycocotools given the same; memory of many images beside that of few."""
    images = [made_up(np.random.default_rng(i), i, people=2, found=10) for i in range(IMAGES)]

    def ours() -> None:
        tally = CocoAP(pu.COCO17.sigma_array)
        for sample, poses in images:
            tally.add(sample, poses)
        tally.result()

    with contextlib.redirect_stdout(io.StringIO()):
        ratio = in_turns(ours, pycocotools_alone(images), 3, warm=False)
    yield Row(f"COCO AP of {IMAGES:,} images", "pycocotools", ratio, 0.4)
    if sys.platform == "linux":
        ratio = peak_memory(EVALUATE, IMAGES) / peak_memory(EVALUATE, 100)
        yield Row(f"memory to evaluate {IMAGES:,} images", "memory for 100", ratio, 1.3)


EVALUATE = f"""
import sys, poseutils as pu
data, count = pu.load_dataset({str(PEOPLE)!r}), int(sys.argv[1])
many = data.subset([data[i % len(data)].renumbered(i) for i in range(count)])
pu.evaluate(pu.load_model({str(SHIPPED)!r}), many, progress=False)
"""


READ = "import os, sys; [open(entry.path, 'rb').read() for entry in os.scandir(sys.argv[1])]"
LABEL = "0 0.5 0.5 0.9 0.9" + 17 * " 0.5 0.5 2"


def datasets() -> Iterator[Row]:
    """COCO json to text labels beside ``cp`` of the same images; ``check`` beside reading the files
    of its dataset."""
    with tempfile.TemporaryDirectory() as work:
        coco = Path(work) / "coco"
        _write_coco(coco)
        numbers = iter(range(1000))

        def target(name: str) -> Path:
            return Path(work) / f"{name}{next(numbers)}"

        ratio = in_turns(
            lambda: _on_disk(lambda: convert(coco, target("text"), progress=False)),
            lambda: _on_disk(lambda: _copy(coco / "val2017", target("copy"))),
            2,
        )
        yield Row(f"convert COCO json of {IMAGES:,} images", "cp -r", ratio, 8)
    with tempfile.TemporaryDirectory() as work:
        images = Path(work) / "images"
        images.mkdir()
        image = _jpeg(next(PEOPLE.rglob("*.jpg")), (64, 48))
        for number in range(20_000):
            (images / f"{number:06}.jpg").write_bytes(image)
            (images / f"{number:06}.txt").write_text(LABEL)
        config = Path(work) / "user_config.yaml"
        config.write_text(
            "operation_mode: training\nmodel: {model_type: heatmaps_spe}\n"
            "dataset: {training_path: images}\n"
        )
        main = "import sys; from poseutils.__main__ import main; sys.exit(main(sys.argv[1:]))"
        ratio = in_turns(python(main, "check", config), python(READ, images), 3)
        yield Row("check a configuration of 20,000 images", "reading the files", ratio, 8)


def _write_coco(folder: Path) -> None:
    """Rendered people at COCO's usual size, each of them often."""
    (folder / "val2017").mkdir(parents=True)
    samples = [made_up(np.random.default_rng(i), i, people=2, found=1)[0] for i in range(IMAGES)]
    files = [_jpeg(path, samples[0].size) for path in sorted(PEOPLE.rglob("*.jpg"))[:20]]
    for sample in samples:
        (folder / "val2017" / sample.path.name).write_bytes(files[sample.image_id % len(files)])
    document = to_coco(pu.Dataset(tuple(samples), pu.COCO17, folder))
    write_json(folder / "annotations/person_keypoints_val2017.json", document)


def _jpeg(path: Path, size: tuple[int, int]) -> bytes:
    made = io.BytesIO()
    with Image.open(path) as image:
        image.resize(size).save(made, "JPEG", quality=90)
    return made.getvalue()


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", source, target], check=True)


def _on_disk(call: Callable[[], object]) -> None:
    """Calls, and waits until what it wrote is on the disk."""
    call()
    os.sync()


PAPERMILL = """
import sys, papermill
for name in ("benchmark", "deploy"):
    parameters = {"config": sys.argv[1], "model": "", "run_dir": f"{sys.argv[3]}/{name}"}
    papermill.execute_notebook(
        f"{sys.argv[2]}/{name}.ipynb", f"{sys.argv[3]}/{name}.ipynb", parameters,
        cwd=sys.argv[2], progress_bar=False,
    )
"""


def pipeline() -> Iterator[Row]:
    """A chain of two short notebooks, beside the same notebooks given to papermill by hand: the
    processor time of fresh processes."""
    mode = ["operation_mode=chain_bd", f"model.model_path={SHIPPED}"]
    main = "import sys; from poseutils.__main__ import main; sys.exit(main(sys.argv[1:]))"
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        config = load_config(ROOT / "user_config.yaml", mode).save(folder / "user_config.yaml")
        own = python(main, "run", config, "--runs-dir", folder / "runs")
        by_hand = python(PAPERMILL, config, ROOT / "notebooks", folder)
        ratio = in_turns(own, by_hand, 2, clock=children_seconds, warm=False)
    yield Row("a chain of two notebooks", "papermill by hand", ratio, 1.1)
