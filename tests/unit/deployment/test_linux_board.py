"""The folder for a board that runs Linux, run on this computer in the board's place: NumPy and
LiteRT, and nothing else to import."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import poseutils as pu
from poseutils import PoseError, images
from poseutils.config import Config
from poseutils.deployment import export
from poseutils.deployment.linux.bundle import copy_script
from poseutils.deployment.linux.runtime import main, read_image, resize
from tests.helpers.marks import with_tools
from tests.helpers.networks.tiny_tflite import heatmap_model

BOARD = "STM32MP257F-EV1"
SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
ON_THE_BOARD = ("numpy", "numpy.libs", "ai_edge_litert", "flatbuffers", "backports")
"""NumPy and LiteRT, and what LiteRT itself may import."""


@pytest.fixture(scope="module")
def board_python(tmp_path_factory):
    """``board_python(folder, *arguments)``: runs a Python that has nothing but NumPy and LiteRT."""
    packages = tmp_path_factory.mktemp("packages")
    installed = Path(importlib.util.find_spec("numpy").origin).parent.parent
    for name in ON_THE_BOARD:
        if (installed / name).exists():
            (packages / name).symlink_to(installed / name)

    def run(folder, *arguments):
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(packages),
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        }
        command = [sys.executable, "-S", "-B", *map(str, arguments)]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    assert (
        run(packages, "-c", "import cv2").returncode != 0
        and run(packages, "-c", "import PIL").returncode != 0
    )
    return run


def deployed(path, out, model_type, **sections):
    given = Config(model={"model_type": model_type}, **sections)
    return export(path, out, BOARD, given, model_type=model_type).path


def found_by(board_python, folder, images):
    """The keypoints (N, K, 3) x, y, score that the folder's program finds on each image (an
    array)."""
    for number, image in enumerate(images):
        np.save(folder / f"{number}.npy", image)
    names = [f"{number}.npy" for number in range(len(images))]
    done = board_python(folder, "predict.py", *names, "--out", "found.json")
    assert done.returncode == 0, done.stderr
    records = json.loads((folder / "found.json").read_text())
    numbers = [
        [[point["x"], point["y"], point["score"]] for point in record["keypoints"]]
        for record in records
    ]
    return [
        np.array([n for n, record in zip(numbers, records) if record["image"] == name])
        for name in names
    ]


def test_program_finds_what_predict_finds(board_python, repository, tmp_path):
    options = {"refine": "quarter", "confidence": 0}
    settings = {"postprocessing": {"refine": "quarter", "confidence_thresh": 0}}
    folder = deployed(repository / SHIPPED, tmp_path / "out", "heatmaps_spe", **settings)
    model = pu.load_model(repository / SHIPPED, num_threads=1)
    images = [
        pu.read_image(path) for path in pu.find_images(repository / "data/synthetic-people/val")[:4]
    ]
    for image, found in zip(images, found_by(board_python, folder, images)):
        poses = model.predict(image, **options)
        assert np.abs(found[..., :2] - poses.keypoints).max() < 0.5
        assert np.abs(found[..., 2] - poses.scores).max() < 0.02
    # As large as the input: nothing is resized
    small = [model.preprocess(image)[0] for image in images]
    for image, found in zip(small, found_by(board_python, folder, small)):
        assert np.abs(found[..., :2] - model.predict(image, **options).keypoints).max() < 1e-3


def test_program_finds_no_person_where_none_is(board_python, repository, tmp_path):
    """By the default confidence of the model type, which is written beside the model."""
    folder = deployed(repository / SHIPPED, tmp_path / "out", "heatmaps_spe")
    model = pu.load_model(repository / SHIPPED, num_threads=1)
    thresholds = json.loads((folder / "settings.json").read_text())["thresholds"]
    assert thresholds["confidence"] == model.thresholds().confidence > 0
    (found,) = found_by(board_python, folder, [np.full((240, 320, 3), 128, np.uint8)])
    assert len(found) == 0


@pytest.mark.parametrize(
    ("file", "model_type", "aspect_ratio"),
    [
        pytest.param(
            "yolov8n_256_quant_pc_uf_pose_coco-st.tflite",
            "yolo_mpe",
            "padding",
            marks=pytest.mark.slow,
        ),
        ("movenet_singlepose_lightning_192_int8.tflite", "spe", "crop"),
        ("033_hand_landmark_full_quant_pc_uf_handl.tflite", "hand_spe", "fit"),
    ],
)
def test_every_model_type_finds_what_predict_finds(
    board_python, asset, tmp_path, file, model_type, aspect_ratio
):
    path, image = asset(f"models/{file}"), pu.read_image(asset("images/bus.jpg"))
    resizing = {"preprocessing": {"resizing": {"aspect_ratio": aspect_ratio}}}
    folder = deployed(path, tmp_path / "out", model_type, **resizing)
    poses = pu.load_model(path, model_type, aspect_ratio=aspect_ratio, num_threads=1).predict(
        image, nms_iou=0.5
    )
    (found,) = found_by(board_python, folder, [image])
    assert len(found) == len(poses) > 0
    # Of an image 1080 pixels high, on inputs of about 200
    assert np.abs(found[..., :2] - poses.keypoints).max() < 2


def test_folder_holds_what_the_board_needs_and_the_readme_says_it(tmp_path):
    (tmp_path / "small.tflite").write_bytes(heatmap_model(keypoints=3))
    hardware = {
        "hardware_setup": {"ip_address": "192.168.1.7"},
        "board_deploy_path": "/usr/local/my pose",
    }
    folder = deployed(
        tmp_path / "small.tflite", tmp_path / "out", "heatmaps_spe", deployment=hardware
    )
    top = {path.name for path in folder.iterdir()}
    plain = {
        "small.tflite",
        "c",
        "labels.txt",
        "predict.py",
        "settings.json",
        "copy_to_board.sh",
        "poseutils",
        "README.md",
        "manifest.json",
    }
    assert top == plain
    manifest = json.loads((folder / "manifest.json").read_text())
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == written - {"manifest.json"}
    readme = (folder / "README.md").read_text()
    assert (
        "sh copy_to_board.sh\n" in readme
        and "cd '/usr/local/my pose'" in readme
        and "NumPy" in readme
    )


def test_decoders_go_to_the_board_as_they_are(repository, tmp_path):
    folder = deployed(repository / SHIPPED, tmp_path / "out", "heatmaps_spe")
    for path in (folder / "poseutils").rglob("*.py"):
        name = path.relative_to(folder / "poseutils")
        # Of some packages only modules are copied; their __init__ is empty.
        if name.name != "__init__.py" or path.stat().st_size > 500:
            begun, text = path.read_text().split("\n\n", 1)
            assert (
                "SPDX-License-Identifier: MIT" in begun
                and text == (repository / "poseutils" / name).read_text()
            )


@pytest.mark.parametrize(
    ("preprocessing", "message"),
    [
        (
            {"resizing": {"interpolation": "lanczos3"}},
            "interpolation: lanczos3 given; the program for the STM32MP257F-EV1 supports bilinear "
            "or nearest",
        ),
        (
            {"color_mode": "grayscale"},
            "color_mode: grayscale given; the program for the STM32MP257F-EV1 supports rgb or bgr",
        ),
    ],
)
def test_images_that_the_board_does_not_read_so_are_refused(
    repository, tmp_path, preprocessing, message
):
    with pytest.raises(PoseError, match=message):
        deployed(
            repository / SHIPPED,
            tmp_path / "out",
            "heatmaps_spe",
            preprocessing=preprocessing,
        )


# The copy.


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """A stand-in for ssh that records what it was given and does here what it should do there; the
    folder is the board's home."""
    tools, home = tmp_path / "tools", tmp_path / "home"
    tools.mkdir(), home.mkdir()
    (tools / "ssh").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/given"\n'
        f'cd "{home}"\nshift 2\nexec sh -c "$*"\n'
    )
    (tools / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return home


@pytest.mark.parametrize("place", ["pose", "my $(touch hacked) 'pose'; touch hacked #", "-rf"])
def test_script_copies_the_folder_and_nothing_else_happens(ssh, repository, tmp_path, place):
    hardware = {"hardware_setup": {"ip_address": "board.local"}, "board_deploy_path": place}
    folder = deployed(
        repository / SHIPPED,
        tmp_path / "out of here",
        "heatmaps_spe",
        deployment=hardware,
    )
    done = subprocess.run(
        ["sh", str(folder / "copy_to_board.sh")], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "given").read_text().splitlines()[:2] == ["--", "root@board.local"]
    arrived = ssh / place
    assert {p.name for p in arrived.iterdir()} == {p.name for p in folder.iterdir()}
    assert not list(tmp_path.rglob("hacked"))


def test_address_can_be_given_to_the_script_and_must_be(ssh, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "copy_to_board.sh").write_text(copy_script(None, None))
    run = ["sh", str(tmp_path / "here" / "copy_to_board.sh")]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode != 0 and "give the address of the board" in done.stderr
    subprocess.run([*run, "pi@10.0.0.3"], check=True, capture_output=True)
    assert (tmp_path / "given").read_text().splitlines()[1] == "pi@10.0.0.3" and (
        ssh / "pose_estimation/copy_to_board.sh"
    ).exists()


@pytest.mark.parametrize(
    "address",
    [
        "1.2.3.4; touch hacked",
        "$(touch hacked)",
        "-oProxyCommand=touch hacked",
        "a b",
        "",
        "root@-x",
        '"',
    ],
)
def test_address_that_is_none_is_refused(address):
    with pytest.raises(PoseError, match="expected an address or a host name"):
        copy_script(address, None)


@pytest.mark.parametrize(
    "address", ["192.168.1.7", "stm32mp2.local", "user_1@10.0.0.3", "fe80::1:2"]
)
def test_addresses_of_all_kinds_are_taken(address):
    assert address in copy_script(address, "/home")


@with_tools("sh")
def test_script_is_a_shell_script(tmp_path):
    (tmp_path / "script.sh").write_text(copy_script("10.0.0.1", "it's here"))
    subprocess.run(["sh", "-n", tmp_path / "script.sh"], check=True)


# What stands in for OpenCV and Pillow there.


@pytest.mark.parametrize(
    "size", [(192, 192), (256, 192), (480, 640), (240, 320), (31, 57), (600, 900)]
)
def test_resizing_is_opencvs_within_one(size):
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    difference = np.abs(
        resize(image, size).astype(int)
        - cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    )
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01
    # Of odd sizes, so that no two pixels are as near
    image = np.pad(image, ((0, 1), (0, 1), (0, 0)))
    nearest = cv2.resize(image, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    assert (resize(image, size, "nearest") != nearest).any(axis=2).mean() < 0.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2)])
def test_tiny_images_are_resized_too(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    difference = resize(image, (48, 64)).astype(int) - cv2.resize(
        image, (64, 48), interpolation=cv2.INTER_LINEAR
    )
    assert np.abs(difference).max() <= 1


def test_ppm_and_npy_and_pictures_are_read(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "a.ppm")
    Image.fromarray(image).save(tmp_path / "b.png")
    np.save(tmp_path / "c.npy", image)
    (tmp_path / "d.ppm").write_bytes(b"P6\n# a comment\n7 5\n255\n" + image.tobytes())
    (tmp_path / "E.PPM").write_bytes((tmp_path / "a.ppm").read_bytes())
    for name in ("a.ppm", "b.png", "c.npy", "d.ppm", "E.PPM"):
        assert (read_image(tmp_path / name) == image).all(), name
    for dtype in (np.float32, np.uint16, np.int32):
        Image.fromarray(image[:, :, 0].astype(dtype)).save(tmp_path / "e.tif")
        with pytest.raises(PoseError, match="e.tif .* expected 8 bits a channel"):
            read_image(tmp_path / "e.tif")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_put_on_white_as_by_predict(tmp_path, mode):
    path, image = tmp_path / "a.png", Image.new(mode, (4, 2))
    image.putpixel((1, 1), {"RGBA": (9, 99, 199, 100), "LA": (80, 60), "P": 1}[mode])
    image.save(path, **({"transparency": 0} if mode == "P" else {}))
    image = read_image(path)
    np.testing.assert_array_equal(image, images.read_image(path))
    assert (image[0] == 255).all() and (image[1, 1] < 255).all()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ppm", b"P6 3 3 255\nshort"),
        ("b.ppm", b"P3\n1 1\n255\n1 2 3\n"),
        ("c.ppm", b""),
        ("d.npy", b"x"),
        ("e.png", b"x"),
        ("f.npy", b""),
        ("g.npy", b"\x93NUMPY\x01\x00"),
        ("h.pgm", b"P5 60000 60000 255\n"),
    ],
)
def test_images_that_cannot_be_read_are_named(repository, tmp_path, capsys, name, content):
    folder = deployed(repository / SHIPPED, tmp_path / "out", "heatmaps_spe")
    (tmp_path / name).write_bytes(content)
    assert main(folder, [str(tmp_path / name), "--out", str(tmp_path / "found.json")]) == 1
    assert (
        f"{name} is not an image that can be read" in capsys.readouterr().err
        and not (tmp_path / "found.json").exists()
    )


def test_folder_that_is_not_whole_is_said(tmp_path, capsys):
    assert main(tmp_path, ["any.npy"]) == 1
    assert "settings.json" in capsys.readouterr().err


OLDER = """
import pathlib, sys
import ai_edge_litert.interpreter as real
sys.modules["ai_edge_litert"] = sys.modules["ai_edge_litert.interpreter"] = None
{alias}
from poseutils.deployment.linux.runtime import main
sys.exit(main(pathlib.Path("."), ["a.npy"]))
"""


def test_older_runtime_serves_as_well_and_without_any_it_is_said(
    board_python, repository, tmp_path
):
    """``tflite_runtime``, as boards have it whose image is older: the same class by its former
    name."""
    folder = deployed(repository / SHIPPED, tmp_path / "out", "heatmaps_spe")
    np.save(folder / "a.npy", np.zeros((20, 30, 3), np.uint8))
    done = board_python(
        folder,
        "-c",
        OLDER.format(
            alias='sys.modules["tflite_runtime"] = sys.modules["tflite_runtime.interpreter"] = real'
        ),
    )
    assert done.returncode == 0 and "a.npy: 0 found in" in done.stdout, done.stderr  # black
    done = board_python(folder, "-c", OLDER.format(alias=""))
    assert (
        done.returncode == 1
        and "neither ai_edge_litert nor tflite_runtime is installed" in done.stderr
    )
