"""ST's compiler, by a stand-in that records what it was given and prints a report laid out as the
real one publishes its own."""

import json
import os
import shlex
import shutil
import sys
import time

import pytest

from poseutils import PoseError
from poseutils.config import Config
from poseutils.deployment import BOARDS, run_stedgeai

H7, N6 = BOARDS["STM32H747I-DISCO"], BOARDS["STM32N6570-DK"]

STAND_IN = """
import json, pathlib, subprocess, sys, time
mode, folder = sys.argv[1], pathlib.Path(sys.argv[2])
(folder / "given.json").write_text(json.dumps(sys.argv[3:]))
print("ST Edge AI Core v2.2.0-20266 0123456789")
if mode == "unsupported":
    print("NOT IMPLEMENTED: Unsupported layer types: Einsum, GridSample", file=sys.stderr)
    sys.exit(255)
if mode == "damaged":
    print("E010(InvalidModelError): Invalid model: cannot be parsed")
    sys.exit(1)
if mode == "hangs":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (folder / "child").write_text(str(child.pid))
    print("Do you accept? [y/n]", flush=True)
    time.sleep(60)
if mode == "silent":
    sys.exit(0)
print('''
 Exec/report summary (analyze)
 ---------------------------------------------------------------------
 model file         :   network.tflite
 target/series      :   stm32
 params #           :   482,393 items (1.84 MiB)
 ---------------------------------------------------------------------
 macc               :   60,123,456
 weights (ro)       :   543,210 B (530.48 KiB) (1 segment) / -1,386,362(-71.8%) vs float model
 activations (rw)   :   401,408 B (392.00 KiB) (1 segment) *
 ram (total)        :   401,408 B (392.00 KiB) = 401,408 + 0 + 0
 ---------------------------------------------------------------------
 Requested memory size by section - "stm32" target
 ------------------------------ -------- --------- ------- --------
 module                             text    rodata    data      bss
 ------------------------------ -------- --------- ------- --------
 TOTAL                            15,000   543,300   4,000  401,700
 ------------------------------ -------- --------- ------- --------
''')
if mode == "whole":
    print('''
  Summary - "stm32" target
  --------------------------------------------------
               FLASH (ro)     %*   RAM (rw)       %
  --------------------------------------------------
  RT total         20,480   3.6%      5,120    1.3%
  --------------------------------------------------
  TOTAL           563,690            406,528
  --------------------------------------------------
''')
"""


@pytest.fixture
def stand_in(tmp_path):
    """``stand_in(mode)``: a program ``stedgeai`` in a folder with a space in its name, that behaves
    so."""

    def make(mode):
        folder = tmp_path / "ST tools"
        folder.mkdir(exist_ok=True)
        (folder / "stand_in.py").write_text(STAND_IN)
        command = shlex.join([sys.executable, str(folder / "stand_in.py"), mode, str(folder)])
        (folder / "stedgeai").write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (folder / "stedgeai").chmod(0o755)
        return folder / "stedgeai"

    return make


@pytest.fixture(autouse=True)
def nowhere_on_the_path(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert shutil.which("stedgeai") is None


def settings(path=None, deployment=None, **stedgeai):
    """A configuration whose owner allowed what it names to run."""
    config = Config(
        model={"model_type": "spe"},
        tools={"stedgeai": stedgeai | ({"path_to_stedgeai": str(path)} if path else {})},
        deployment=deployment or {},
    )
    config._allow_custom_code = True
    return config


def given(program):
    return json.loads((program.parent / "given.json").read_text())


def test_analyze_is_asked_as_st_asks_it_and_its_report_is_read(stand_in, tmp_path, capfd):
    program, run = stand_in("whole"), tmp_path / "a run; touch hacked"
    report = run_stedgeai(
        "analyze", "/models/my $(net).tflite", H7, run, settings(program, optimization="ram")
    )
    arguments = [
        "analyze",
        "--model",
        "/models/my $(net).tflite",
        "--target",
        "stm32h7",
        "--name",
        "network",
        "--verbosity",
        "1",
    ]
    places = ["--workspace", f"{run}/st_ai_ws", "--output", f"{run}/st_ai_output"]
    assert given(program) == [*arguments, "--optimization", "ram", *places]
    assert (report.version, report.target, report.macs) == ("2.2.0", "stm32h7", 60_123_456)
    assert (report.weight_bytes, report.activation_bytes) == (543_210, 401_408)
    assert (report.flash_bytes, report.ram_bytes) == (563_690, 406_528)
    assert report.row == {
        "compiler": "ST Edge AI Core 2.2.0",
        "target": "stm32h7",
        "RAM, KiB": "397",
        "flash, KiB": "550",
    }
    log = report.log.read_text()
    assert (
        report.log == run / "stedgeai-analyze.log"
        and log.startswith("'" + str(program))
        and "Exec/report summary" in log
    )
    assert "stedgeai analyze" in capfd.readouterr().err  # the progress
    assert not (tmp_path / "hacked").exists() and not (run / "hacked").exists()


def test_generate_allocates_inputs_and_outputs(stand_in, tmp_path):
    program = stand_in("whole")
    run_stedgeai(
        "generate",
        "net.tflite",
        H7,
        tmp_path / "run",
        settings(program, deployment={"verbosity": 2}),
    )
    arguments = given(program)
    assert arguments[0] == "generate" and {"--allocate-inputs", "--allocate-outputs"} <= set(
        arguments
    )
    assert arguments[arguments.index("--verbosity") + 1] == "2" and arguments[2].startswith("/")


def test_accelerator_gets_the_profile_of_the_project_that_is_named(stand_in, tmp_path):
    project = tmp_path / "my project" / "Model"
    project.mkdir(parents=True)
    (project / "user_neuralart.json").write_text("{}")
    program = stand_in("whole")
    run_stedgeai(
        "generate",
        "net.tflite",
        N6,
        tmp_path / "run",
        settings(program, {"c_project_path": str(project.parent)}),
    )
    arguments = given(program)
    assert (
        arguments[arguments.index("--st-neural-art") + 1]
        == f"profile@{project}/user_neuralart.json"
    )
    assert (
        "--input-data-type uint8 --output-data-type float32" in " ".join(arguments)
        and "--optimization" not in arguments
    )
    run_stedgeai(
        "generate",
        "net.tflite",
        N6,
        tmp_path / "run",
        settings(program, {"c_project_path": "../not/there"}),
    )
    arguments = given(program)
    assert (
        not any(argument.startswith("profile@") for argument in arguments)
        and "--st-neural-art" in arguments
    )


@pytest.mark.parametrize(
    ("asked", "board", "expected"),
    [
        (
            {"output_type": "int8", "input_chpos": "chlast", "profile": "fast"},
            N6,
            "--input-data-type uint8 --output-data-type int8 --inputs-ch-position chlast",
        ),
        (
            {"input_type": "float32", "output_chpos": "chfirst"},
            H7,
            "--input-data-type float32 --outputs-ch-position chfirst",
        ),
    ],
)
def test_tensors_on_the_target_are_as_asked(stand_in, tmp_path, asked, board, expected):
    (tmp_path / "project").mkdir()
    (tmp_path / "project/user_neuralart.json").write_text("{}")
    program = stand_in("whole")
    config = settings(program, {"c_project_path": str(tmp_path / "project")})
    for name, value in asked.items():
        setattr(config.evaluation, name, value)
    run_stedgeai("generate", "net.tflite", board, tmp_path / "run", config)
    arguments = " ".join(given(program))
    assert expected in arguments and arguments.count("-ch-position") == 1
    assert (f"fast@{tmp_path}" in arguments) == ("profile" in asked)


def test_report_without_totals_gives_the_networks_own_sizes(stand_in, tmp_path):
    report = run_stedgeai(
        "analyze", "net.tflite", H7, tmp_path / "run", settings(stand_in("no totals"))
    )
    assert (
        report.flash_bytes is None
        and report.row["RAM, KiB"] == "392"
        and report.row["flash, KiB"] == "530"
    )


@pytest.mark.parametrize(
    ("mode", "words", "advice"),
    [
        (
            "unsupported",
            "code 255.\nNOT IMPLEMENTED: Unsupported layer types: Einsum, GridSample\n",
            "does not need it",
        ),
        ("damaged", "code 1.\nE010\\(InvalidModelError\\)", "Copy or convert the model again"),
        ("silent", "no sizes in a known format.\nST Edge AI Core v2.2.0", "A newer version"),
    ],
)
def test_its_errors_are_shown_with_what_to_do_and_where_the_log_is(
    stand_in, tmp_path, mode, words, advice
):
    with pytest.raises(PoseError, match=f"(?s){words}.*{advice}.*Its log: .*stedgeai-analyze.log"):
        run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", settings(stand_in(mode)))
    assert (tmp_path / "run" / "stedgeai-analyze.log").exists()


def test_it_is_stopped_when_its_time_is_up_and_what_it_started_too(stand_in, tmp_path, monkeypatch):
    program = stand_in("hangs")
    monkeypatch.setattr("poseutils.deployment.st.stedgeai.TIME_LIMIT", 3)
    with pytest.raises(PoseError, match=r"(?s)did not end in 3 s.*by hand.*Do you accept\?"):
        run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", settings(program))
    child = int((program.parent / "child").read_text())
    for _ in range(50):
        if (
            not os.path.exists(f"/proc/{child}")
            or "Z" in open(f"/proc/{child}/stat").read().split(")")[1]
        ):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("what it started still runs")


def test_program_that_cannot_be_started_is_said(tmp_path):
    (tmp_path / "stedgeai").write_text("not a program")
    with pytest.raises(PoseError, match="cannot be started: Permission denied"):
        run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", settings(tmp_path / "stedgeai"))
    (tmp_path / "stedgeai").chmod(0o755)
    with pytest.raises(PoseError, match="cannot be started: Exec format error"):
        run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", settings(tmp_path / "stedgeai"))


def test_it_is_found_in_its_folder_and_on_the_path(stand_in, tmp_path, monkeypatch):
    program = stand_in("whole")
    assert run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", settings(program.parent))
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", settings())


def test_a_configuration_alone_runs_no_program(stand_in, tmp_path, monkeypatch, capsys):
    program = stand_in("whole")
    config = settings(program)
    config._allow_custom_code = False
    assert run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", config) is None
    said = capsys.readouterr().out
    assert "allow_custom_code=true" in said and "not installed" not in said
    assert not (program.parent / "given.json").exists()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", config)


@pytest.mark.parametrize(
    "path",
    ["C:/Users/<XXXXX>/X-CUBE-AI/<*.*.*>/Utilities/windows/stedgeai.exe", "nowhere/stedgeai", None],
)
def test_without_it_the_reason_is_said_and_nothing_fails(tmp_path, capsys, path):
    assert run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", settings(path)) is None
    said = capsys.readouterr().out
    assert "is not installed here and was not run" in said and (path or "st.com") in said
    assert not (tmp_path / "run").exists()


def test_cloud_is_answered_and_the_program_here_is_used(stand_in, tmp_path, capsys):
    assert (
        run_stedgeai("analyze", "net.tflite", H7, tmp_path / "run", settings(on_cloud=True)) is None
    )
    assert "nothing is uploaded" in capsys.readouterr().out
    assert run_stedgeai(
        "analyze", "net.tflite", H7, tmp_path / "run", settings(stand_in("whole"), on_cloud=True)
    )


def test_another_version_than_asked_for_is_said(stand_in, tmp_path, capsys):
    run_stedgeai(
        "analyze", "net.tflite", H7, tmp_path / "run", settings(stand_in("whole"), version="4.0")
    )
    assert "asks for 4.0" in capsys.readouterr().out
    run_stedgeai(
        "analyze", "net.tflite", H7, tmp_path / "run", settings(stand_in("whole"), version="2.2.0")
    )
    assert "asks for" not in capsys.readouterr().out


def test_linux_boards_need_none(stand_in, tmp_path, capsys):
    assert (
        run_stedgeai(
            "analyze",
            "net.tflite",
            BOARDS["STM32MP157F-DK2"],
            tmp_path / "run",
            settings(stand_in("whole")),
        )
        is None
    )
    assert "runs Linux" in capsys.readouterr().out
