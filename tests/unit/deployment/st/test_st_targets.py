"""Models on ST's targets, by a stand-in for ST's installation that computes with LiteRT: the
keypoints, what the programs are given, and what is said when something goes wrong."""

import gc
import pickle
import shutil

import numpy as np
import pytest

import poseutils as pu
from poseutils import PoseError
from poseutils.deployment import on_target, side_by_side
from poseutils.deployment.st import runner as st_runner
from poseutils.deployment.st.network import _in_shape, _input, _move
from poseutils.evaluation.predictions import fingerprint
from poseutils.models.networks.runtimes import TensorSpec
from tests.helpers.networks.tiny_tflite import random_heatmaps
from tests.helpers.st.installation import write_installation

IMAGE = np.random.default_rng(3).integers(0, 256, (80, 60, 3), np.uint8)


@pytest.fixture
def model(tmp_path):
    (tmp_path / "small.tflite").write_bytes(random_heatmaps(17, 64, 1))
    return pu.load_model(tmp_path / "small.tflite", "heatmaps_spe", num_threads=1)


@pytest.fixture
def st(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("STEDGEAI_CORE_DIR", raising=False)
    return write_installation(tmp_path / "ST tools/4.0")


def same(one, other):
    return (one.keypoints == other.keypoints).all() and np.allclose(
        one.scores, other.scores, atol=1e-6
    )


def test_this_computer_runs_the_library_that_the_compiler_makes(model, st, tmp_path):
    there = on_target(model, "stedgeai_host", st.settings(), tmp_path / "run")
    assert there.label == f"{model.label} compiled by stedgeai"
    assert same(there.predict(IMAGE), model.predict(IMAGE))
    given = st.generated
    expected = "--target stm32 --dll --name network --c-api st-ai"
    assert given[:3] == ["generate", "--model", str(model.path)]
    assert given[3:10] == expected.split() and "--input-data-type" not in given
    assert (tmp_path / "run/st_ai_ws").is_dir() and (tmp_path / "run/ai_runner.log").is_file()


@pytest.mark.parametrize(
    ("input_type", "output_type", "position"),
    [
        ("int8", "uint8", "chlast"),
        ("uint8", "float32", "chlast"),
        ("float32", "int8", "chfirst"),
        (None, None, "chfirst"),
    ],
)
def test_types_and_channel_order_are_as_asked_and_keypoints_the_same(
    model, st, input_type, output_type, position
):
    asked = {"input_type": input_type, "output_type": output_type}
    asked |= {"input_chpos": position, "output_chpos": position}
    there = on_target(model, "stedgeai_host", st.settings(evaluation=asked))
    assert there.network.channels_first == (position == "chfirst")
    if input_type:
        assert there.network.input.dtype == input_type
    assert same(there.predict(IMAGE), model.predict(IMAGE))


def test_a_board_gets_the_firmware_that_the_loader_builds(model, st, tmp_path):
    config = st.settings(
        evaluation={"profile": "profile_O3", "output_type": "int8"},
        deployment={"hardware_setup": {"serial_port": "COM7", "board": "NUCLEO-N657X0-Q"}},
    )
    there = on_target(model, "stedgeai_n6", config, tmp_path / "run")
    assert same(there.predict(IMAGE), model.predict(IMAGE))
    profiles = st.root / "scripts/N6_scripts/user_neuralart.json"
    expected = ["--target", "stm32n6", "--st-neural-art", f"profile_O3@{profiles}"]
    assert st.generated[3:7] == expected
    assert "--input-data-type uint8 --output-data-type int8" in " ".join(st.generated)
    assert st.loaded == {
        "network.c": str(tmp_path / "run/st_ai_output/network.c"),
        "project_build_conf": "N6-Nucleo",
    }
    assert "serial:COM7:921600" in (tmp_path / "run/ai_runner.log").read_text()


def test_a_prediction_asks_for_its_own_tensors(model, st):
    config = st.settings(evaluation={"input_type": "int8"}, prediction={"input_type": "float32"})
    there = on_target(model, "stedgeai_host", config, section="prediction")
    assert there.network.input.dtype == "float32"


def test_an_evaluation_measures_it_beside_the_model(model, st, repository):
    people = pu.load_dataset(repository / "data/synthetic-people/val").single()[:3]
    networks, measured = side_by_side([model], people, "stedgeai_host", st.settings())
    there, here = (pu.evaluate(each, measured, progress=False).metrics for each in networks)
    assert there == here and there["images"] == 3
    ours, theirs = (fingerprint(each, people, {}, False) for each in networks)
    assert ours != theirs


def test_another_process_connects_to_the_same_library(model, st):
    there = on_target(model, "stedgeai_host", st.settings())
    assert same(pickle.loads(pickle.dumps(there)).predict(IMAGE), model.predict(IMAGE))


def test_the_folder_and_the_process_go_with_the_network(model, st, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    processes, start = [], st_runner.started

    def started(*arguments, **options):
        processes.append(start(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(st_runner, "started", started)
    there = on_target(model, "stedgeai_host", st.settings())
    (folder,) = tmp_path.glob("pose-*")
    (process,) = processes
    assert process.poll() is None
    del there
    gc.collect()
    assert not folder.exists()
    assert process.returncode is not None


# ---------------------------------------------------------------- what is missing


def test_without_the_program_it_is_said_and_the_model_runs_here(model, st, capsys):
    shutil.rmtree(st.root)
    for target, need in (("stedgeai_host", "ai_runner"), ("stedgeai_n6", "n6_loader.py")):
        assert on_target(model, target, st.settings()) is model
        said = capsys.readouterr().out
        assert "is not installed here" in said and need in said and "runs on this computer" in said


def test_a_configuration_alone_runs_no_program(model, st, capsys):
    assert on_target(model, "stedgeai_host", st.settings(allowed=False)) is model
    assert "allow_custom_code=true" in capsys.readouterr().out
    assert not (st.root / "given.json").exists()


def test_a_loader_that_the_configuration_names_needs_permission(model, st, tmp_path, monkeypatch):
    other = tmp_path / "n6_loader.py"
    other.write_text((st.root / "scripts/N6_scripts/n6_loader.py").read_text())
    monkeypatch.setenv("PATH", f"{st.program.parent}:/usr/bin:/bin")
    tools = {"tools": {"stedgeai": {"path_to_loader": str(other)}}}
    allowed, not_allowed = st.settings(**tools), st.settings(allowed=False, **tools)
    on_target(model, "stedgeai_n6", not_allowed)
    assert st.loaded
    with pytest.raises(PoseError, match="n6_loader.py ended with code 1"):
        on_target(model, "stedgeai_n6", allowed)  # this one is not where it expects to be


def test_without_the_runner_or_the_loader_it_is_said(model, st, capsys, monkeypatch, tmp_path):
    (st.root / "scripts/N6_scripts/n6_loader.py").unlink()
    assert on_target(model, "stedgeai_n6", st.settings()) is model
    assert "there is no n6_loader.py" in capsys.readouterr().out
    shutil.move(st.root / "scripts", tmp_path / "elsewhere/scripts")
    assert on_target(model, "stedgeai_host", st.settings()) is model
    assert "STEDGEAI_CORE_DIR" in capsys.readouterr().out
    (tmp_path / "elsewhere/mode").write_text("")
    monkeypatch.setenv("STEDGEAI_CORE_DIR", str(tmp_path / "elsewhere"))
    assert on_target(model, "stedgeai_host", st.settings()) is not model


# ---------------------------------------------------------------- what fails


@pytest.mark.parametrize(
    ("mode", "target", "words"),
    [
        ("unsupported", "stedgeai_host", "stedgeai generate ended with code 255.*NOT IMPL.*log:"),
        ("cannot flash", "stedgeai_n6", "n6_loader.py ended with code 1.*ERROR.*log:"),
        ("no board", "stedgeai_n6", "no network at serial:921600.*powered.*log:"),
        ("other version", "stedgeai_host", "E801.*same version as stedgeai.*log:"),
    ],
)
def test_failures_on_the_way_are_sentences(model, st, tmp_path, mode, target, words):
    st.behave(mode)
    with pytest.raises(PoseError, match=f"(?s){words}"):
        on_target(model, target, st.settings(), tmp_path / "run")


@pytest.mark.parametrize(
    ("mode", "limit", "words"),
    [("crash", 60.0, "ended with code -11"), ("stuck", 1.0, "did not answer in 1 s")],
)
def test_failures_while_it_runs_are_sentences_and_it_stays_ended(
    model, st, monkeypatch, mode, limit, words
):
    monkeypatch.setattr(st_runner, "RUNNING", limit)
    there = on_target(model, "stedgeai_host", st.settings())
    st.behave(mode)
    for _ in range(2):
        with pytest.raises(PoseError, match=f"(?s){words}.*Its log"):
            there.predict(IMAGE)


def test_a_runner_that_does_not_connect_in_time_is_stopped(model, st, monkeypatch):
    monkeypatch.setattr(st_runner, "CONNECTING", 1.0)
    st.behave("slow")
    with pytest.raises(PoseError, match="(?s)did not answer in 1 s and was stopped.*Its log"):
        on_target(model, "stedgeai_host", st.settings())


def test_a_runner_without_what_it_needs_says_what_to_install(model, st):
    package = st.root / "scripts/ai_runner/stm_ai_runner/__init__.py"
    package.write_text("import no_such_package_of_st\n" + package.read_text())
    with pytest.raises(PoseError, match=r"(?s)no_such_package_of_st.*pip install -r .*requiremen"):
        on_target(model, "stedgeai_host", st.settings())


def test_a_network_of_other_tensors_is_refused(model, st, tmp_path):
    (tmp_path / "other.tflite").write_bytes(random_heatmaps(13, 64, 1))
    compiler = st.program.with_name("compiler.py")
    text = compiler.read_text().replace('options["--model"]', repr(str(tmp_path / "other.tflite")))
    compiler.write_text(text)
    with pytest.raises(PoseError, match=r"small.tflite: the network .* 13\)\]; .*17\)\]"):
        on_target(model, "stedgeai_host", st.settings())


def test_dimensions_of_one_and_the_place_of_channels_are_told_apart():
    given = np.arange(24).reshape(1, 1, 2, 3, 4)
    assert (_in_shape(given, (1, 4, 2, 3)) == given[0].transpose(0, 3, 1, 2)).all()
    assert (_in_shape(given, (None, 3, 4, 2)) == given[0].transpose(0, 2, 3, 1)).all()
    assert (_in_shape(given, (1, 2, 3, 4)) == given[0]).all()
    assert _in_shape(given, (1, None, 4)) is given
    first, last = (TensorSpec("", shape, "int8") for shape in ((1, 3, 64, 48), (1, 64, 48, 3)))
    wide = TensorSpec("", (1, 1, 64, 48, 3), "uint8")
    assert _input(first, last).shape == _input(last, wide).shape == last.shape
    assert _input(last, first).shape == first.shape
    with pytest.raises(ValueError):
        _move((2, 3, 4), (3, 2, 4))
