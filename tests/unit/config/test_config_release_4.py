"""What ST's release 4 adds to the files of its model zoo."""

import pytest

from poseutils.errors import PoseError
from tests.helpers.configurations import given


def test_release_4_attribute_by_attribute(st_file):
    config = st_file("release_4_chain_tqe")
    assert config.training.dryrun and config.deployment.label_file_path == "./keypoints.txt"
    assert config.prediction.test_files_path == "./datasets/val"
    assert given(config.quantization)["target_opset"] == 17
    assert config.quantization.onnx_extra_options == {"CalibMovingAverage": True}
    asked = {"profile": "default", "input_type": "uint8", "output_chpos": "chlast"}
    others = {
        "evaluation": ("stedgeai_host", "float32", "chlast"),
        "prediction": ("stedgeai_n6", "int8", "chfirst"),
    }
    for section, values in others.items():
        found = given(getattr(config, section))
        found.pop("test_files_path", None)
        assert found == asked | dict(zip(("target", "output_type", "input_chpos"), values))
    assert config.benchmarking.board == "NUCLEO-N657X0-Q"
    assert config.deployment.hardware_setup.output == "SPI"
    assert config.tools.stedgeai.version == "4.0.0"


def test_nothing_that_prediction_asks_of_the_target_is_ignored(st_file):
    assert not [name for name in st_file("release_4_chain_tqe").ignored if "prediction" in name]


def test_where_prediction_has_its_own_images_the_datasets_are_not_read(st_file):
    config = st_file("release_4_chain_tqe", "prediction.test_files_path=photos")
    assert config.prediction.test_files_path == "photos"


def test_torch_is_for_other_use_cases(st_file):
    with pytest.raises(PoseError, match="model.framework: .*torch is for other use cases"):
        st_file("release_4_chain_tqe", "model.framework=torch")


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("CalibMovingAverage=maybe", "CalibMovingAverage: 'maybe' given; expected True or False"),
        ("CalibMovingAverage=1", "CalibMovingAverage: 1 given; expected True or False"),
        ("CalibMovingAverageConstant=2", "CalibMovingAverageConstant: 2 given; expected .* 1"),
        ("CalibStridedMinMax=0.5", "CalibStridedMinMax: 0.5 given; expected a whole number"),
        ("OpTypesToExcludeOutputQuantization=Conv", "'Conv' given; expected a list"),
        ("TensorQuantOverrides=[]", "TensorQuantOverrides: .* given; expected attributes below"),
    ],
)
def test_options_of_the_quantizer_have_types(st_file, option, says):
    with pytest.raises(PoseError, match=f"quantization.onnx_extra_options.*{says}"):
        st_file("release_4_chain_tqe", f"quantization.onnx_extra_options.{option}")


def test_options_of_the_quantizer_that_are_not_documented_are_its_own(st_file):
    config = st_file("release_4_chain_tqe", "quantization.onnx_extra_options.BlockSize=16")
    assert config.quantization.onnx_extra_options == {"CalibMovingAverage": True, "BlockSize": 16}
