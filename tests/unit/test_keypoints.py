import numpy as np
import pytest

from poseutils.keypoints import (
    COCO17,
    DEFAULT_SIGMA,
    HAND21,
    HEAD468,
    IBUG68,
    IBUG68_FROM_MESH468,
    LAYOUTS,
    PERSON13,
    KeypointLayout,
    coco_category,
    layout_for,
    layout_from_coco_category,
    layout_from_names,
    reduce_17_to_13,
)


def test_coco_sigmas_are_those_of_pycocotools():
    from pycocotools.cocoeval import Params

    np.testing.assert_allclose(COCO17.sigma_array, Params("keypoints").kpt_oks_sigmas)
    assert PERSON13.sigmas[0] == pytest.approx(np.mean(COCO17.sigmas[:5]))
    assert PERSON13.sigmas[1:] == COCO17.sigmas[5:]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_mirror_is_its_own_inverse_and_swaps_sides(layout):
    mirror = np.array(layout.mirror)
    assert (mirror[mirror] == np.arange(len(layout))).all()
    for name, other in zip(layout.names, mirror, strict=True):
        assert ("left" in name) == ("right" in layout.names[other])


def test_hand_limbs_start_at_the_wrist_and_run_along_each_finger():
    assert len(HAND21.limbs) == 20
    assert [b for a, b in HAND21.limbs if a == 0] == [1, 5, 9, 13, 17]
    assert (7, 8) in HAND21.limbs and (8, 9) not in HAND21.limbs


@pytest.mark.parametrize("layout", [HEAD468, IBUG68], ids=lambda layout: layout.name)
def test_contours_of_a_face_are_their_own_mirror_image(layout):
    limbs = {frozenset(limb) for limb in layout.limbs}
    assert {frozenset(layout.mirror[k] for k in limb) for limb in limbs} == limbs
    assert len(limbs) == len(layout.limbs)


def test_the_mesh_has_28_vertices_in_the_middle():
    middle = [vertex for vertex, other in enumerate(HEAD468.mirror) if vertex == other]
    assert len(middle) == 28 and {10, 152, 1, 4, 0, 17, 13, 14, 168} <= set(middle)
    assert [HEAD468.mirror[k] for k in (33, 133, 61, 234, 105)] == [263, 362, 291, 454, 334]


def test_points_of_the_68_and_their_vertices_mirror_alike():
    assert len(set(IBUG68_FROM_MESH468)) == 68
    assert [HEAD468.mirror[v] for v in IBUG68_FROM_MESH468] == [
        IBUG68_FROM_MESH468[k] for k in IBUG68.mirror
    ]


def test_layout_from_a_coco_category():
    category = {
        "name": "robot",
        "keypoints": ["base", "left claw", "right claw"],
        "skeleton": [[1, 2], [1, 3]],
    }
    layout = layout_from_coco_category(category)
    assert (
        layout.limbs == ((0, 1), (0, 2))
        and layout.mirror == (0, 2, 1)
        and set(layout.sigmas) == {DEFAULT_SIGMA}
    )
    assert coco_category(layout)["skeleton"] == category["skeleton"]
    assert layout_from_coco_category(coco_category(COCO17) | {"skeleton": []}) is COCO17
    with pytest.raises(ValueError, match="no 'keypoints'"):
        layout_from_coco_category({"name": "person"})


def test_a_name_inside_a_word_is_not_a_side():
    assert layout_from_names(["leftover", "upright"]).mirror == (0, 1)


def test_layouts_by_number_and_own_sigmas():
    assert layout_for(13) is PERSON13
    assert layout_for(7).names[6] == "keypoint_6"
    assert layout_from_names("abc", sigmas=0.1).sigmas == (0.1, 0.1, 0.1)


@pytest.mark.parametrize("wrong", [{"limbs": ((0, 3),)}, {"mirror": (0, 0, 1)}, {"sigmas": (0.1,)}])
def test_inconsistent_layouts_are_refused(wrong):
    with pytest.raises(ValueError, match="layout 'x'"):
        KeypointLayout("x", ("a", "b", "c"), **wrong)


def test_head_is_the_mean_of_the_labeled_head_points():
    keypoints = np.zeros((2, 17, 3), np.float32)
    keypoints[0, 1] = (10, 20, 2)
    keypoints[0, 3] = (20, 40, 1)
    keypoints[0, 5:] = np.arange(36).reshape(12, 3)
    reduced = reduce_17_to_13(keypoints)
    assert reduced.shape == (2, 13, 3)
    np.testing.assert_array_equal(reduced[0, 0], (15, 30, 2))
    np.testing.assert_array_equal(reduced[0, 1:], keypoints[0, 5:])
    assert (reduced[1, 0] == 0).all()
