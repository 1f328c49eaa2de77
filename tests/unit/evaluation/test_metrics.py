"""The metrics on made-up predictions, against written formulas."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from poseutils.datasets import Sample
from poseutils.evaluation import CocoAP, Report, landmarks
from poseutils.evaluation.matching import Match, matches
from poseutils.evaluation.zoo_ap import ZooAP, ranked
from poseutils.keypoints import COCO17, layout_from_names
from poseutils.poses import Poses, oks
from tests.helpers.made_up import made_up

SIGMAS = COCO17.sigma_array


def test_ap_in_chunks_is_pycocotools_in_one_run(monkeypatch):
    from poseutils.evaluation import coco

    images = [
        made_up(np.random.default_rng(i), image_id, found=i % 5)
        for i, image_id in enumerate(np.random.default_rng(0).permutation(57))
    ]
    figures = []
    for chunk in (1000, 57, 10, 1):
        monkeypatch.setattr(coco, "_CHUNK", chunk)
        tally = CocoAP(SIGMAS)
        for sample, poses in images:
            tally.add(sample, poses)
        figures.append(tally.result()[0])
    assert figures[0]["ap"] > 0.05 and all(figure == figures[0] for figure in figures)


def by_pycocotools(images, sigmas):
    """pycocotools as it is, on its own kinds of records."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    people, detections = [], []
    for sample, poses in images:
        for keypoints, box, area, crowd in zip(
            sample.keypoints, sample.boxes, sample.areas, sample.crowd, strict=True
        ):
            x0, y0, x1, y1 = box.tolist()
            labels = int((keypoints[:, 2] > 0).sum())
            record = {
                "id": len(people) + 1,
                "image_id": sample.image_id,
                "category_id": 1,
                "num_keypoints": labels,
                "iscrowd": int(crowd),
            }
            people.append(
                record
                | {
                    "area": float(area),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "keypoints": keypoints.ravel().tolist(),
                }
            )
        for points, score in zip(poses.keypoints.tolist(), poses.box_scores.tolist(), strict=True):
            triplets = [value for x, y in points for value in (x, y, 1.0)]
            detections.append(
                {
                    "image_id": sample.image_id,
                    "category_id": 1,
                    "score": score,
                    "keypoints": triplets,
                }
            )
    truth = COCO()
    truth.dataset = {
        "images": [{"id": s.image_id} for s, _ in images],
        "annotations": people,
        "categories": [{"id": 1}],
    }
    truth.createIndex()
    coco = COCOeval(truth, truth.loadRes(detections), "keypoints")
    coco.params.kpt_oks_sigmas = sigmas
    coco.evaluate()
    coco.accumulate()
    coco.summarize()
    return coco


@pytest.mark.parametrize("spread", [3.0, 12.0, 30.0])
@pytest.mark.parametrize("count", [17, 5, 1, 40])
def test_ap_is_that_of_pycocotools_to_the_bit(count, spread):
    """Of people with labels and without, crowds, all sizes, ties of scores among the detections,
    more of these than count."""
    from poseutils.evaluation import coco

    rng = np.random.default_rng(count)
    layout = layout_from_names([f"point_{i}" for i in range(count)])
    sigmas = rng.uniform(0.02, 0.1, count)
    images = []
    for i in rng.permutation(40):
        sample, poses = made_up(
            rng, i, int(rng.integers(1, 5)), int(rng.integers(0, 25)), layout, spread
        )
        sample.keypoints[rng.random(len(sample)) < 0.3] = 0
        poses.box_scores[:] = rng.integers(0, 9, len(poses)) / 8
        scale = rng.uniform(0.1, 1)  # so that there are people of each of COCO's sizes
        for lengths in (
            sample.keypoints[..., :2],
            sample.boxes,
            poses.keypoints,
            sample.areas,
            sample.areas,
        ):
            lengths *= scale
        images.append((sample, poses))
    tally = CocoAP(sigmas)
    for sample, poses in images:
        tally.add(sample, poses)
    metrics, curves = tally.result()
    expected = by_pycocotools(images, sigmas)
    assert (
        metrics
        == {
            name: value
            for name, value in zip(coco.NAMES, expected.stats, strict=True)
            if value >= 0
        }
        and len(metrics) == 10
    )
    np.testing.assert_array_equal(
        curves["OKS 0.50"], np.maximum(expected.eval["precision"][0, :, 0, 0, 0], 0)
    )
    np.testing.assert_array_equal(
        curves["OKS 0.75"], np.maximum(expected.eval["precision"][5, :, 0, 0, 0], 0)
    )
    pairs = 0
    for sample, poses in images:
        similarity = expected.ious[sample.image_id, 1]
        if np.size(similarity):
            np.testing.assert_array_equal(
                coco.compared(sample, poses, sigmas).similarity, similarity
            )
            pairs += similarity.size
    assert pairs > 300


def test_ap_without_people_or_detections():
    sample, poses = made_up(np.random.default_rng(0), 1)
    nobody = Sample(
        2,
        Path("2.jpg"),
        (640, 480),
        sample.keypoints[:0],
        sample.boxes[:0],
        sample.areas[:0],
        sample.crowd[:0],
    )
    nothing = Poses(
        poses.keypoints[:0], poses.scores[:0], poses.layout, poses.boxes[:0], poses.box_scores[:0]
    )
    tally = CocoAP(SIGMAS)
    for pair in ((sample, nothing), (nobody, poses), (nobody, nothing)):
        tally.add(*pair)
    assert tally.result()[0]["ap"] == 0
    empty = CocoAP(SIGMAS)
    empty.add(nobody, nothing)
    assert empty.result()[0] == {}


def zoo_ap_by_loops(images):
    """Average precision at 0.5 written out, detection by detection, in coordinates that are
    fractions of the image."""
    detections, people_in_all = [], 0
    for sample, poses in images:
        people = [
            i for i in range(len(sample)) if not sample.crowd[i] and sample.keypoints[i, :, 2].any()
        ]
        people_in_all += len(people)
        if not people:
            continue
        table = {}
        for p in people:
            x0, y0, x1, y1 = sample.boxes[p]
            area = 0.53 * (x1 - x0) / 640 * (y1 - y0) / 480
            for d in range(len(poses)):
                difference = (poses.keypoints[d] - sample.keypoints[p, :, :2]) / (640, 480)
                terms = np.exp(-(difference**2).sum(axis=1) / (2 * area * (2 * SIGMAS) ** 2))
                table[p, d] = terms[sample.keypoints[p, :, 2] > 0].mean()
        for d in range(len(poses)):
            owner = max(people, key=lambda p: table[p, d])
            rivals = [
                e for e in range(len(poses)) if max(people, key=lambda p: table[p, e]) == owner
            ]
            right = max(rivals, key=lambda e: table[owner, e]) == d and table[owner, d] > 0.5
            detections.append((float(poses.box_scores[d]), right))
    detections.sort(reverse=True)
    recall, precision, hits = [0.0], [1.0], 0
    for count, (_, right) in enumerate(detections, 1):
        hits += right
        recall.append(hits / people_in_all)
        precision.append(hits / count)
    recall, precision = recall + [1.0], precision + [0.0]
    corners = [(r, max(precision[recall.index(r) :])) for r in sorted(set(recall))]
    values = [
        np.interp(x, [r for r, _ in corners], [p for _, p in corners])
        for x in np.linspace(0, 1, 101)
    ]
    return sum((a + b) / 2 for a, b in zip(values, values[1:], strict=False)) / 100


@pytest.mark.parametrize("seed", range(5))
def test_the_zoo_s_ap_by_loops(seed):
    rng = np.random.default_rng(seed)
    images = [
        made_up(rng, i, people=int(rng.integers(1, 4)), found=int(rng.integers(0, 6)))
        for i in range(30)
    ]
    tally = ZooAP()
    for sample, poses in images:
        tally.add(ranked(sample, poses, (480, 640), SIGMAS))
    assert tally.result() == pytest.approx(zoo_ap_by_loops(images), abs=1e-6)
    assert 0.1 < tally.result() < 0.95


def test_seven_keypoints_of_an_object_have_a_sensible_similarity():
    layout = layout_from_names([f"joint_{i}" for i in range(7)])
    rng = np.random.default_rng(3)
    sample, _ = made_up(rng, 1, people=1, layout=layout)
    sample.keypoints[:, :, 2] = 2
    sample.keypoints[:, :, :2] = sample.boxes[:, None, :2] + rng.uniform(0, 50, (1, 7, 2))
    size = np.sqrt(0.53 * np.prod(sample.boxes[0, 2:] - sample.boxes[0, :2]))
    # exp(-off² / (2 (2σ)²)), σ = 0.05
    expected = {
        0.0: 1.0,
        0.05: np.exp(-1 / 8),
        0.1: np.exp(-1 / 2),
        0.3: np.exp(-4.5),
    }
    for off, similarity in expected.items():
        poses = Poses(
            sample.keypoints[:, :, :2] + np.float32([off * size, 0]),
            np.ones((1, 7), np.float32),
            layout,
        )
        (match,) = matches(sample, poses, layout.sigma_array, in_order=False)
        assert match.oks == pytest.approx(similarity, abs=1e-3)


def match_of(distances, box=(100, 50), truth=None):
    distances = np.array(distances, float)
    return Match(
        0.0,
        distances,
        np.zeros(len(distances)),
        np.array(box, float),
        np.zeros((len(distances), 3)) if truth is None else truth,
    )


def test_distances_relative_to_the_box():
    found = [match_of([10, 20, np.nan]), match_of([30, np.inf, 50], box=(50, 200))]
    errors = landmarks.relative(found, landmarks.box_sizes(found))
    np.testing.assert_allclose(errors, [[0.1, 0.2, np.nan], [0.15, np.inf, 0.25]])
    assert landmarks.correct(errors, 0.2) == pytest.approx(3 / 5)
    np.testing.assert_allclose(landmarks.normalized_mean_errors(errors), [0.15, np.inf])
    curve = landmarks.curve(errors, 0.3)
    steps = np.interp(np.linspace(0, 0.3, 60001), curve["threshold"], curve["within"])
    assert landmarks.area_under_curve(errors, 0.3) == pytest.approx(
        ((0.2 + 0.1 + 0.15 + 0.05) / 0.3) / 5
    )
    assert landmarks.area_under_curve(errors, 0.3) == pytest.approx(steps.mean(), abs=0.02)
    assert curve["within"][-1] == pytest.approx(4 / 5)


def test_the_eyes_and_the_head_as_a_measure():
    truth = np.zeros((68, 3))
    truth[36], truth[45] = (100, 50, 2), (160, 130, 2)
    hidden = truth.copy()
    hidden[36, 2] = 0
    np.testing.assert_allclose(
        landmarks.eye_distances([match_of(np.ones(68), truth=t) for t in (truth, hidden)]),
        [100, np.nan],
    )
    person = np.zeros((17, 3))
    person[0], person[3] = (10, 10, 2), (40, 50, 1)
    alone = np.zeros((17, 3))
    alone[0] = (10, 10, 2)
    sizes = landmarks.head_sizes(
        [match_of(np.ones(17), truth=t) for t in (person, alone)], COCO17.names
    )
    np.testing.assert_allclose(sizes, [50, np.nan])
    assert np.isnan(landmarks.head_sizes([match_of(np.ones(3))], ["a", "b", "c"])).all()


def test_predictions_in_order_belong_to_the_people_in_order():
    sample, _ = made_up(np.random.default_rng(5), 1, people=2)
    sample.keypoints[:, :, 2] = 2
    sample.crowd[:] = False
    swapped = Poses(sample.keypoints[::-1, :, :2].copy(), np.ones((2, 17), np.float32), COCO17)
    assert all(
        match.oks == pytest.approx(1) for match in matches(sample, swapped, SIGMAS, in_order=False)
    )
    assert all(match.oks < 0.9 for match in matches(sample, swapped, SIGMAS, in_order=True))
    assert np.isnan(
        oks(swapped.keypoints[0], sample.keypoints[0, :, :2], np.zeros(17), np.array(1.0), SIGMAS)
    )


def test_a_report_of_a_file_name_that_is_not_utf_8(tmp_path):
    sample, _ = made_up(np.random.default_rng(0), 1)
    sample = replace(sample, path=Path(os.fsdecode(b"caf\xe9.png")))
    result = SimpleNamespace(sample=sample, oks=0.5)
    Report({}, {}, [result], [], {}).save(tmp_path / "report.json")
    assert "caf\\udce9.png" in (tmp_path / "report.csv").read_text()
