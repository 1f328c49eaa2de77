"""x"""

import numpy as np
import pytest

import poseutils as pu

ZOO = [
    "yolo11n_pose_256",
    "yolov8n_pose_256",
    "movenet_lightning_192",
    "palm_detection_192",
    "blazeface_front_128",
    "hand_landmarks_224",
]


@pytest.mark.parametrize("name", [*ZOO, "head_landmarks_192"])
def test_a_file_is_told_as_loading_it_tells(asset, zoo_model, name):
    """Without running it: the type, the keypoints and the unit of coordinates."""
    from poseutils.deployment.recognition import recognized
    from poseutils.deployment.spec import read_network

    model = zoo_model(name)
    path = asset(f"models/{pu.ZOO[name].file}")
    told = recognized(read_network(path), path.name)
    assert (told.model_type, told.layout.name) == (model.model_type, model.layout.name)
    np.testing.assert_array_equal(
        told.spec.unit(told.normalized), model.input_spec.unit(told.normalized)
    )
