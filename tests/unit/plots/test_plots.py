import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

matplotlib.use("Agg")

import poseutils as pu  # noqa: E402
from poseutils import plots  # noqa: E402
from poseutils.keypoints import COCO17, HAND21, HEAD468, PALM7, layout_from_names  # noqa: E402
from poseutils.plots import memory
from poseutils.poses import Poses  # noqa: E402
from tests.helpers.networks.tiny_tflite import heatmap_model  # noqa: E402

TWO = layout_from_names(["left_tip", "right_tip"], limbs=[(0, 1)])


def two_points(first, second, scores=(1, 1)):
    return Poses(np.array([[first, second]], np.float32), np.array([scores], np.float32), TWO)


def test_points_and_limbs_are_drawn_where_they_are():
    image = np.zeros((100, 200, 3), np.uint8)
    drawn = plots.draw_poses(image, two_points((20.5, 50.5), (180.5, 50.5)))
    assert (image == 0).all()
    assert tuple(drawn[50, 20]) == plots.LEFT and tuple(drawn[50, 180]) == plots.RIGHT
    assert drawn[50, 100].any() and not drawn[80, 100].any()


def test_unsure_points_are_rings_and_their_limbs_are_not_drawn():
    drawn = plots.draw_poses(
        np.zeros((320, 320, 3), np.uint8), two_points((60.5, 160.5), (260.5, 160.5), (0.9, 0.1))
    )
    assert drawn[160, 60].any() and not drawn[160, 160].any()
    assert not drawn[160, 260].any() and drawn[155:166, 255:266].any()


def test_points_outside_and_unlabeled_ones_do_no_harm():
    poses = two_points((-5000.0, 40.0), (np.nan, np.nan))
    assert plots.draw_poses(np.zeros((64, 64, 3), np.uint8), poses).shape == (64, 64, 3)
    truth = plots.truth_poses(np.array([[[5, 5, 2], [0, 0, 0]]], np.float32), TWO)
    assert (
        np.isnan(truth.keypoints[0, 1]).all()
        and not plots.draw_poses(np.zeros((64, 64, 3), np.uint8), truth)[40:, 40:].any()
    )


def test_colors_tell_the_person_s_sides():
    colors = plots.side_colors(COCO17)
    assert colors[5] == plots.LEFT and colors[6] == plots.RIGHT and colors[0] == plots.MIDDLE


def test_each_finger_has_its_color():
    colors = plots.side_colors(HAND21)
    assert len({colors[i] for i in (4, 8, 12, 16, 20)}) == 5 and all(
        len(set(colors[i : i + 4])) == 1 for i in range(1, 21, 4)
    )
    assert plots.side_colors(PALM7)[1] == colors[5] and plots.side_colors(PALM7)[6] == colors[1]
    points = np.array(
        [[(10.5 + 12 * (i + 3) // 4, 110.5 - 24 * ((i - 1) % 4)) for i in range(21)]], np.float32
    )
    drawn = plots.draw_poses(
        np.full((128, 128, 3), 128, np.uint8), Poses(points, np.ones((1, 21), np.float32), HAND21)
    )
    for tip in (4, 8, 12, 16, 20):
        x, y = (points[0, tip] - 0.5).astype(int)
        assert tuple(drawn[y, x]) == colors[tip]


def test_a_head_is_drawn_as_its_contours_with_the_rest_fainter():
    angle, rng = 2 * np.pi * np.arange(36) / 36, np.random.default_rng(0)
    points = rng.uniform(140, 180, (1, 468, 2)).astype(np.float32)
    oval = [a for a, _ in HEAD468.limbs[:18]]
    points[0, oval] = np.stack(
        [160 - 120 * np.sin(angle[:18]), 160 - 120 * np.cos(angle[:18])], axis=1
    )
    points[0, 50] = (250.5, 40.5)  # a vertex in the cheek, on no contour, put where nothing else is
    drawn = plots.draw_poses(
        np.zeros((320, 320, 3), np.uint8), Poses(points, np.ones((1, 468), np.float32), HEAD468)
    ).astype(int)
    assert 50 not in {k for limb in HEAD468.limbs for k in limb}
    for a, b in HEAD468.limbs[2:16]:
        x, y = points[0, [a, b]].mean(axis=0).astype(int)
        brightest = max(drawn[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).tolist(), key=sum)
        strength = sum(brightest) / sum(plots.RIGHT)  # of a thin line that is smoothed
        assert strength > 0.7
        np.testing.assert_allclose(brightest, strength * np.array(plots.RIGHT), atol=3)
    assert 0 < drawn[40, 250].sum() < 0.6 * sum(plots.RIGHT)


def test_tables():
    text = plots.table(
        [
            {"name": "a|b", "count": 1234, "share": 0.12345},
            {"name": "c", "count": 5, "share": float("nan")},
        ]
    ).data
    assert (
        text.splitlines()[1] == "| --- | ---: | ---: |"
        and "| a&#124;b | 1,234 | 0.123 |" in text
        and "| c | 5 |  |" in text
    )


def test_files_of_a_run_are_linked_where_they_open(tmp_path, monkeypatch):
    for name in ("a [1].json", ".hidden", "walk/b.mp4", "many/x"):
        (tmp_path / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / name).touch()
    for i in range(9):
        (tmp_path / f"run/many/{i}.jpg").touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert plots.links(tmp_path / "run").data.splitlines() == [
        "- [a &#91;1&#93;.json](../run/a%20%5B1%5D.json)",
        "- [many/0.jpg](../run/many/0.jpg) and 9 more",
        "- [walk/b.mp4](../run/walk/b.mp4)",
    ]


def test_axes_of_ranges_are_labeled_and_bars_end_inside():
    import matplotlib.pyplot as plt

    plots.show_ranges(np.array([-3.0, -1]), np.array([1.0, 2]), "weights", ("channel", "weight"))
    axes = plt.gca()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("channel", "weight")
    assert axes.get_ylim()[0] < -3 and axes.get_ylim()[1] > 2
    plt.close("all")


def test_axes_of_an_agreement_name_the_models():
    import matplotlib.pyplot as plt

    names = ("model.keras", "a_model_" * 8 + ".tflite")
    plots.show_agreement([0.1, 0.9], [0.2, 0.8], names, "OKS of each image")
    axes = plt.gca()
    plt.gcf().canvas.draw()
    across, up = axes.xaxis.label, axes.yaxis.label
    assert (across.get_text(), up.get_text().replace("\n", "")) == names
    assert up.get_window_extent().height < axes.get_window_extent().height
    plt.close("all")


def test_heatmaps_share_a_scale(tmp_path):
    (tmp_path / "small.tflite").write_bytes(heatmap_model(keypoints=13))
    model = pu.load_model(tmp_path / "small.tflite", model_type="heatmaps_spe")
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    plots.show_raw(image, model)
    *panels, scale = plt.gcf().axes
    heatmaps = model.run(model.preprocess(image)[0][None])["heatmaps"][0]
    for axes in panels:
        gray, heat = axes.images
        assert heat.get_clim() == (0, pytest.approx(heatmaps.max()))
        assert float(axes.get_title().split()[-1]) == pytest.approx(
            heat.get_array().max(), abs=0.01
        )
    np.testing.assert_array_equal(panels[1].images[1].get_array(), heatmaps[:, :, 0])
    assert len(panels) == 8 and scale.get_ylabel() == "value of the heatmap"


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_images_are_saved_in_rgb(tmp_path, suffix):
    from poseutils.images import read_image

    image = np.full((16, 16, 3), (250, 10, 100), np.uint8)
    read = read_image(plots.save_image(tmp_path / f"x{suffix}", image))
    assert np.abs(read.astype(int) - image).max() < 8


def test_reports_and_comparisons_show_themselves(zoo_model, asset):
    import matplotlib.pyplot as plt

    import poseutils as pu

    dataset = pu.load_dataset(asset("coco-mini"))[:30]
    models = [zoo_model("yolov8n_pose_256"), zoo_model("yolo11n_pose_256")]
    comparison = pu.compare(models, dataset, progress=False)
    plt.close("all")
    comparison.reports["yolov8n_pose_256"].plot()
    keypoints, histogram, curves, worst = (plt.figure(number) for number in plt.get_fignums())
    assert len(keypoints.axes[0].patches) == 17 and len(histogram.axes) == 1
    assert [axes.get_title() for axes in curves.axes] == [
        "precision over recall",
        "correct keypoints",
    ]
    assert all(len(axes.lines) == count for axes, count in zip(curves.axes, (2, 1), strict=True))
    plt.close("all")
    plots.show_disagreements(comparison, count=3)
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert [figure.get_suptitle() for figure in figures] == list(comparison.reports)
    assert [len(figure.axes) for figure in figures] == [3, 3]
    plt.close("all")


def test_a_panel_an_augmentation():
    import matplotlib.pyplot as plt

    from poseutils.training import Examples
    from poseutils.training.augmentation import AUGMENTATIONS

    points = np.array([[[20, 20, 2], [44, 30, 2]]], np.float32)
    examples = Examples(
        np.full((1, 64, 64, 3), 120, np.uint8), points, np.array([400], np.float32), TWO
    )
    plots.show_augmentations(examples)
    panels = plt.gcf().axes
    titles = [axes.get_title() for axes in panels]
    assert titles[0] == "original" and len(set(titles)) == len(AUGMENTATIONS) + 1
    flipped = panels[titles.index("flip")].images[0].get_array()
    assert tuple(flipped[20, 43]) == plots.RIGHT and tuple(flipped[30, 19]) == plots.LEFT
    plots.show_augmentations(examples, {"random_hue": {"delta": 0.1}, "random_invert": None})
    assert [axes.get_title() for axes in plt.gcf().axes][:3] == ["original", "hue", "invert"]
    plt.close("all")


def test_peak_is_where_most_bytes_are_in_use_not_where_the_highest_is():
    a = {"offset": 0, "bytes": 100, "begin": 0, "end": 2}
    in_its_place = {"offset": 0, "bytes": 100, "begin": 1, "end": 2}
    high = {"offset": 100, "bytes": 40, "begin": 1.5, "end": 3}
    assert memory.peaks([a, in_its_place, high]) == [(1.5, 2)]


def test_memory_plans_share_a_scale_and_others_are_lines():
    tall = [{"offset": 1024 * y, "bytes": 1024, "begin": y, "end": y + 2} for y in range(9)]
    plots.show_memory_plans({"one": tall, "other": tall[:2]}, {"another's": 20})
    left, right = plt.gcf().axes
    assert left.get_ylim() == right.get_ylim() == (0, 22)
    assert [axes.get_title() for axes in (left, right)] == ["one: 9 KiB", "other: 2 KiB"]
    assert left.texts[0].get_text() == "another's 20 KiB"
    plt.close("all")


def test_rows_in_memory_are_a_frame_each():
    frames = [
        {"frame": 0, "image": "input", "rows": 8, "first": 0, "last": 2},
        {"frame": 0, "image": "1 CONV_2D", "rows": 4, "first": None, "last": None},
        {"frame": 1, "image": "input", "rows": 8, "first": 5, "last": 7},
        {"frame": 1, "image": "1 CONV_2D", "rows": 4, "first": 2, "last": 3},
    ]
    plots.show_rows_in_memory(frames)
    first, second = plt.gcf().axes
    assert [bar.get_x() for bar in second.patches] == [0, 5, 0, 2]
    assert len(first.patches) == 3
    plt.close("all")
