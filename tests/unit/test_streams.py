"""What a command does where it cannot write, has no folder, or may open too little."""

import os
import subprocess
import sys

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="/dev/full and ulimit are Linux's")


def shell(text, repository, **options):
    command = text.replace("poseutils", f"{sys.executable} -m poseutils")
    environment = os.environ | {"PYTHONPATH": str(repository)}
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environment, **options
    )


@linux
@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (">/dev/full", "could not be written: No space left"),
        (">&-", "could not be written: it is closed"),
        ("| true; exit ${PIPESTATUS[0]}", "could not be written: Broken pipe"),
    ],
)
def test_output_that_goes_nowhere_is_said_in_one_line(repository, where, reason):
    done = shell(f"poseutils zoo {where}", repository)
    assert done.returncode == 1 and reason in done.stderr and done.stderr.count("\n") == 1


@linux
def test_without_standard_error_a_command_works(repository):
    done = shell("poseutils zoo 2>&-", repository)
    assert done.returncode == 0 and "yolov8n_pose_256" in done.stdout


@linux
def test_a_folder_that_is_gone_is_said(repository, tmp_path):
    (tmp_path / "gone").mkdir()
    done = shell(f"cd {tmp_path}/gone && rmdir ../gone && poseutils zoo", repository)
    assert done.returncode == 1 and done.stderr.startswith("error: the current folder cannot be")
    assert done.stderr.count("\n") == 1


@linux
def test_too_few_open_files_are_said_before_anything_runs(repository, tmp_path):
    done = shell(
        f"ulimit -n 64; poseutils run {repository}/user_config.yaml --runs-dir {tmp_path}/runs",
        repository,
    )
    assert done.returncode == 1 and "at most 64 files" in done.stderr
    assert done.stderr.count("\n") == 1 and not (tmp_path / "runs").exists()


@linux
def test_names_that_are_not_utf_8_are_shown(repository, tmp_path):
    os.mkdir(os.fsencode(tmp_path) + b"/ru\xffns")
    done = shell(
        f"poseutils runs {tmp_path}/ru*; cd {tmp_path}/ru*; poseutils check $PWD/no", repository
    )
    assert "no runs in" in done.stdout and "ru\\udcffns/no: no such file" in done.stderr
