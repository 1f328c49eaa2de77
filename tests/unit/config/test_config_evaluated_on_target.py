"""The file of ST's script that evaluates on the target."""

import pytest

from poseutils.config import load_config
from poseutils.errors import PoseError
from poseutils.pipeline.preflight import check

SCRIPT = """
general:
  model_path: {model}
  config_path: zoo/model_config.yaml
  dataset_path: photographs

parameters:
  profile: profile_O3
  input_type: uint8
  output_type: int8
  input_chpos: chlast
  output_chpos: chfirst
  evaluation_target: stedgeai_n6

tools:
   stedgeai:
      path_to_stedgeai: C:/ST/STEdgeAI_Core/2.0/Utilities/windows/stedgeai.exe
      path_to_loader: C:/ST/STEdgeAI_Core/2.0/scripts/N6_scripts/n6_loader.py

hydra:
  verbose: false
"""
MODEL = """
general: {model_path: ../../elsewhere.h5, model_type: spe, num_threads_tflite: 8}
operation_mode: chain_eqeb
dataset: {name: coco_pose, keypoints: 17, training_path: train, quantization_path: train}
preprocessing: {rescaling: {scale: 1/127.5, offset: -1}, resizing: {aspect_ratio: padding}}
evaluation: {gen_npy_input: True, target: host}
tools: {stedgeai: {version: 10.0.0}, path_to_cubeIDE: C:/ST/stm32cubeide.exe}
"""


@pytest.fixture
def script(tmp_path):
    """``script(old, new)``: the file, with a part of it replaced."""

    def write(old="", new="", model="net.tflite"):
        (tmp_path / "zoo").mkdir(exist_ok=True)
        (tmp_path / "zoo/model_config.yaml").write_text(MODEL)
        path = tmp_path / "evaluation_on_target_config.yaml"
        path.write_text(SCRIPT.format(model=model).replace(old, new))
        return path

    return write


def test_it_is_the_file_that_it_names_as_an_evaluation_of_its_own(script):
    config = load_config(script())
    assert config.operation_mode == "evaluation"
    assert (config.model.model_path, config.model.model_type) == ("net.tflite", "spe")
    assert config.dataset.test_path == "photographs"
    assert config.dataset.training_path is config.dataset.quantization_path is None
    assert config.dataset.keypoints == 17 and config.general.num_threads_tflite == 8
    assert config.preprocessing.resizing.aspect_ratio == "padding"
    asked = config.evaluation
    assert (asked.target, asked.profile) == ("stedgeai_n6", "profile_O3")
    assert (asked.input_type, asked.output_type) == ("uint8", "int8")
    assert (asked.input_chpos, asked.output_chpos) == ("chlast", "chfirst")
    assert asked.gen_npy_input
    assert config.tools.stedgeai.path_to_loader.endswith("n6_loader.py")
    assert config.tools.stedgeai.version == "10.0.0"
    assert config.ignored == ["hydra", "tools.path_to_cubeIDE"]


def test_it_is_checked_like_any_other(script, repository):
    small = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
    result = check(
        script("photographs", str(repository / "data/synthetic-people/val"), repository / small)
    )
    text = "\n".join(result.lines)
    assert result.problems == []
    assert "evaluation, 1 notebook" in text and "target stedgeai_n6: takes" in text


def test_the_command_line_goes_before_it(script):
    assert load_config(script(), ["evaluation.target=emulated"]).evaluation.target == "emulated"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("zoo/model_config.yaml", "zoo/none.yaml", "general.config_path: zoo/none.yaml: no such"),
        ("zoo/model_config.yaml", "[1]", "general.config_path: .*expected the path"),
        ("stedgeai_n6", "stedgeai_n7", "parameters.evaluation_target .*stedgeai_n7"),
        ("input_chpos: chlast", "input_chpos: first", "parameters.input_chpos .*'first' given"),
        ("input_chpos:", "inputs_chpos:", "inputs_chpos.*did you mean 'input_chpos'"),
        ("profile: profile_O3", "- profile", "not valid YAML"),
        ("parameters:", "parameters: []\nmlflow:", "(?s)config_path.*parameters"),
    ],
)
def test_what_is_wrong_has_the_name_that_it_has_in_the_file(script, old, new, words):
    with pytest.raises(PoseError, match=words):
        load_config(script(old, new))
