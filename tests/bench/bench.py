"""``make bench``: speed beside what it is measured against, in one run on one machine.

Numbers of shared machines vary; ratios vary less. Nothing here is a test.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import poseutils as pu
from poseutils.config import load_config
from poseutils.datasets.coco import to_coco
from poseutils.datasets.conversion import convert
from poseutils.decoders import InputSpec, Thresholds, heatmaps_spe, yolo_mpe
from poseutils.evaluation import CocoAP
from poseutils.files import write_json
from poseutils.synthetic import render_people
from tests.bench.bench_boards import bench_boards
from tests.bench.bench_training import bench_first_step, bench_training, fastest_in_turns
from tests.helpers.made_up import made_up

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
THREADS = max(1, (os.cpu_count() or 1) // 2)
"""Of the interpreter, here and there: half of the cores, so that those who read images have some,
too."""


def report(name: str, value: float, unit: str, goal: float, at_most: bool = True) -> None:
    """Prints a row: what was measured, what it should be."""
    met = value <= goal if at_most else value >= goal
    print(
        f"{name:62} {value:9.3f} {unit:12} {'at most' if at_most else 'at least'} {goal:g}  {'' if met else '<-- missed'}",
        flush=True,
    )


def fastest(call: Callable, repeats: int) -> float:
    """Seconds of the fastest of several calls, which other programs disturb least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def python(code: str, *arguments) -> Callable:
    return lambda: subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True
    )


def bench_start() -> None:
    bare = fastest(python("pass"), 5)
    report(
        "import poseutils (beyond starting Python)",
        fastest(python("import poseutils"), 5) - bare,
        "s",
        0.3,
    )
    code = "import sys, poseutils as pu; pu.load_model('yolov8n_pose_256').predict(sys.argv[1])"
    report(
        "from python to the poses of one photograph, yolov8n_pose_256",
        fastest(python(code, cached("images/bus.jpg")), 3),
        "s",
        1.5,
    )


def bench_decoders() -> None:
    rng = np.random.default_rng(0)
    maps = rng.uniform(0, 1, (64, 48, 48, 17)).astype(np.float32)
    view = InputSpec(192, 192)
    for count, goal, repeats in ((1, 0.15, 500), (64, 10, 50)):
        decode = lambda count=count: heatmaps_spe.decode(
            {"heatmaps": maps[:count]}, view, pu.COCO17
        )  # noqa: E731
        report(
            f"decoding heatmaps {count} x 48 x 48 x 17, {Thresholds().refine}",
            1e3 * fastest(decode, repeats),
            "ms",
            goal,
        )
    raw = crowd_of_candidates()
    for measure, goal in (("iou", 1.0), ("oks", 1.0)):
        limits = Thresholds(confidence=0.001, nms_measure=measure)
        decode = lambda limits=limits: yolo_mpe.decode(
            {"candidates": raw}, InputSpec(256, 256), pu.COCO17, limits
        )  # noqa: E731
        name = f"decoding yolo 56 x 1344, confidence 0.001, {measure}, {len(decode()[0])} people"
        report(name, 1e3 * fastest(decode, 200), "ms", goal)


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
    points[:, :2] = (
        people[who][:, None] + postures[who] + rng.normal(0, 0.003, (1344, 17, 2))
    ).transpose(1, 2, 0)
    points[:, 2] = rng.uniform(0, 1, (17, 1344))
    return raw


def bench_photographs() -> None:
    """Predicting and evaluating photographs, beside the bare interpreter on ready tensors: side by
    side, to meet the same machine."""
    dataset = pu.load_dataset(cached("coco-mini"))
    paths = [sample.path for sample in dataset]
    model = pu.load_model("yolov8n_pose_256", num_threads=THREADS)
    ready = [model.network.prepare(model.preprocess(pu.read_image(p))[0][None]) for p in paths]
    calls = {
        "bare": lambda: [model.network.invoke(batch) for batch in ready],
        "predict": lambda: list(model.predict_each(paths)),
        "evaluate": lambda: pu.evaluate(model, dataset, progress=False),
    }
    times, _ = fastest_in_turns(calls, 15)
    for name, goal in (("predict", 0.7), ("evaluate", 0.85)):
        report(
            f"{name} {len(paths)} photographs, rate over the bare interpreter's",
            times["bare"] / times[name],
            "x",
            goal,
            at_most=False,
        )
    print(
        f"  which is {len(paths) / times['evaluate']:.1f} photographs a second on {THREADS} threads"
    )


def bench_workers() -> None:
    """Two worker processes beside one, each with a network of one thread; long enough for their
    start not to count.

    A worker keeps two cores busy. Where there are less than four, two workers on two cores are
    measured beside one on one of them.
    """
    few = (os.cpu_count() or 1) < 4
    if few and not (hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) == 2):
        print(
            f"two worker processes over one: not measured, this machine has {os.cpu_count()} cores; it takes four, or two and Linux"
        )
        return
    dataset = many_images(4800)
    model = pu.load_model("yolov8n_pose_256", num_threads=1)
    two = fastest(lambda: pu.evaluate(model, dataset, workers=2, progress=False), 1)
    with _one_core() if few else contextlib.nullcontext():
        one = fastest(lambda: pu.evaluate(model, dataset, workers=1, progress=False), 1)
    cores = "on two cores, rate over one's on one" if few else "rate over one's"
    report(f"evaluating with two worker processes {cores}", one / two, "x", 1.6, at_most=False)


@contextlib.contextmanager
def _one_core():
    """Keeps this process, and those that it starts, to one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def many_images(count: int) -> pu.Dataset:
    """The photographs again and again, under other ids."""
    dataset = pu.load_dataset(cached("coco-mini"))
    return dataset.subset([dataset[i % len(dataset)].renumbered(i) for i in range(count)])


def peak_memory(count: int) -> float:
    """MB that a process needs at most to evaluate so many images."""
    code = (
        "import sys, poseutils as pu; from tests.bench import bench; "
        "pu.evaluate(pu.load_model('yolov8n_pose_256', num_threads=bench.THREADS), bench.many_images(int(sys.argv[1])), progress=False); "
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    return (
        float(
            subprocess.run(
                [sys.executable, "-c", code, str(count)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        / 1024
    )


def bench_memory() -> None:
    if sys.platform != "linux":
        print("memory of long evaluations: not measured, only Linux tells a process's peak")
        return
    few, many = peak_memory(100), peak_memory(10_000)
    report(f"memory for 10,000 images over that for 100 ({few:.0f} MB)", many - few, "MB", 100)


def bench_ap() -> None:
    """COCO's AP of 5,000 made-up images with 10 detections each, beside pycocotools given the
    same."""
    images = [made_up(np.random.default_rng(i), i, people=2, found=10) for i in range(5000)]

    def ours() -> None:
        tally = CocoAP(pu.COCO17.sigma_array)
        for sample, poses in images:
            tally.add(sample, poses)
        tally.result()

    document = to_coco(
        pu.Dataset(tuple(sample for sample, _ in images), pu.COCO17, Path("made up"))
    )
    detections = [record for sample, poses in images for record in poses.to_coco(sample.image_id)]

    def theirs() -> None:
        truth = COCO()
        truth.dataset = document
        truth.createIndex()
        coco = COCOeval(truth, truth.loadRes(detections), "keypoints")
        coco.evaluate()
        coco.accumulate()

    with contextlib.redirect_stdout(io.StringIO()):
        alone, own = fastest(theirs, 1), fastest(ours, 1)
    report("COCO AP of 5,000 images, time over pycocotools alone", own / alone, "x", 1.2)


def bench_synthetic() -> None:
    render_people(0)
    start = time.process_time()
    for seed in range(40):
        render_people((77, seed))
    report(
        "drawing synthetic people, images a second a core",
        40 / (time.process_time() - start),
        "images/s",
        50,
        at_most=False,
    )


def bench_convert() -> None:
    """COCO json to text labels beside copied images, beside ``cp`` of the same images, each until
    all is on the disk."""
    photographs = sorted(cached("coco-mini/images").glob("*.jpg"))
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "coco"
        (folder / "val2017").mkdir(parents=True)
        samples = [made_up(np.random.default_rng(i), i, people=2, found=1)[0] for i in range(5000)]
        for sample in samples:
            shutil.copyfile(
                photographs[sample.image_id % len(photographs)],
                folder / "val2017" / sample.path.name,
            )
        write_json(
            folder / "annotations/person_keypoints_val2017.json",
            to_coco(pu.Dataset(tuple(samples), pu.COCO17, folder)),
        )
        plain, own = [], []
        for i in range(3):
            plain.append(
                on_disk(
                    lambda i=i: subprocess.run(
                        ["cp", "-r", folder / "val2017", Path(work) / f"copy{i}"], check=True
                    )
                )
            )
            own.append(
                on_disk(lambda i=i: convert(folder, Path(work) / f"text{i}", progress=False))
            )
            shutil.rmtree(Path(work) / f"copy{i}")
            shutil.rmtree(Path(work) / f"text{i}")
    report(
        "converting COCO json of 5,000 images, time over cp's",
        median(own) / median(plain),
        "x",
        1.3,
    )


def on_disk(call: Callable) -> float:
    """Seconds of a call until what it wrote is on the disk."""
    os.sync()
    start = time.perf_counter()
    call()
    os.sync()
    return time.perf_counter() - start


def bench_check() -> None:
    """``check`` of a configuration whose training folder holds 100,000 images with a label each;
    they are empty, as nothing reads them."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "images").mkdir()
        for number in range(100_000):
            (Path(folder) / "images" / f"{number:06}.jpg").touch()
            (Path(folder) / "images" / f"{number:06}.txt").touch()
        config = Path(folder) / "user_config.yaml"
        config.write_text(
            "operation_mode: training\nmodel: {model_type: heatmaps_spe}\ndataset: {training_path: images}\n"
        )
        command = [sys.executable, "-m", "poseutils", "check", str(config)]
        report(
            "check of a configuration with 100,000 images",
            fastest(lambda: subprocess.run(command, check=True, capture_output=True), 3),
            "s",
            3,
        )


def bench_pipeline() -> None:
    """A chain of two short notebooks, beside the same notebooks given to papermill with the same
    parameters: each a fresh process."""
    mode = ["operation_mode=chain_bd", f"model.model_path={SHIPPED}"]
    papermill = """
import sys, papermill
for name in ("benchmark", "deploy"):
    parameters = {"config": sys.argv[1], "model": "", "run_dir": f"{sys.argv[3]}/{name}"}
    papermill.execute_notebook(
        f"{sys.argv[2]}/{name}.ipynb", f"{sys.argv[3]}/{name}.ipynb", parameters, cwd=sys.argv[2], progress_bar=False
    )
"""
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(REPOSITORY / "user_config.yaml", mode).save(
            Path(folder) / "user_config.yaml"
        )
        main = "import sys; from poseutils.__main__ import main; sys.exit(main(sys.argv[1:]))"
        calls = {
            "by hand": python(papermill, config, REPOSITORY / "notebooks", folder),
            "chain": python(main, "run", config, "--runs-dir", folder),
        }
        wall, work = ({name: [] for name in calls} for _ in range(2))
        for turn in range(5):
            for name in sorted(
                calls, reverse=turn % 2 == 1
            ):  # whoever comes first finds colder caches
                before = processor_seconds()
                wall[name].append(fastest(calls[name], 1))
                work[name].append(processor_seconds() - before)
    for what, times in (("time", wall), ("processor time", work)):
        ratio = median(
            own / bare for bare, own in zip(times["by hand"], times["chain"], strict=True)
        )
        report(
            f"a chain of two notebooks, {what} over papermill's ({median(times['by hand']):.1f} s)",
            ratio,
            "x",
            1.05,
        )


def processor_seconds() -> float:
    """Of all processes that this one has started and that have ended, which other programs disturb
    less than the clock's."""
    times = os.times()
    return times.children_user + times.children_system


def cached(name: str) -> Path:
    return Path(os.environ["POSEUTILS_CACHE"]) / name


def main() -> None:
    bench_decoders()
    bench_synthetic()
    bench_ap()
    bench_check()
    bench_pipeline()
    bench_training(report)
    bench_first_step(report)
    bench_boards(report)
    if not os.environ.get("POSEUTILS_CACHE") or not cached("coco-mini/images").is_dir():
        print(
            "POSEUTILS_CACHE is not set to a folder with images/bus.jpg, coco-mini/images and the models: the rest is left out."
        )
        return
    bench_start()
    bench_convert()
    bench_photographs()
    bench_workers()
    bench_memory()


if __name__ == "__main__":
    main()
