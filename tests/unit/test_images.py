import os

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from poseutils.errors import PoseError
from poseutils.files import files_below
from poseutils.geometry import ASPECT_RATIOS
from poseutils.images import INTERPOLATIONS, find_images, fit_to, image_size, is_turned, read_image
from tests.helpers.damage.images import damaged_files


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".jpg"])
def test_formats(tmp_path, suffix):
    image = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    path = tmp_path / f"image{suffix}"
    Image.fromarray(image).save(path)
    read = read_image(path)
    assert read.shape == (40, 60, 3) and read.dtype == np.uint8
    assert np.abs(read.astype(int) - image).max() <= (0 if suffix in (".png", ".bmp") else 6)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation, suffix):
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:8, :16] = 255  # a white mark at the top left
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: np.rot90(upright[:, ::-1], -1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"x{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, lossless=True)
    np.testing.assert_array_equal(read_image(path), upright)
    assert image_size(path) == (48, 32)


@pytest.mark.parametrize(
    "options",
    [{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True}],
    ids=str,
)
def test_a_jpeg_has_the_pixels_that_pillow_gives_it(tmp_path, options):
    path = tmp_path / "noise.jpg"
    Image.fromarray(noise(37, 51)).save(path, quality=70, **options)
    np.testing.assert_array_equal(read_image(path), np.asarray(Image.open(path)))
    path.write_bytes(path.read_bytes() + bytes(3))
    np.testing.assert_array_equal(read_image(path), np.asarray(Image.open(path)))


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_jpeg_is_read_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(noise(32, 48)).save(tmp_path / "x.jpg", exif=exif)
    stored = np.asarray(Image.open(tmp_path / "x.jpg"))
    np.testing.assert_array_equal(
        read_image(tmp_path / "x.jpg"),
        {1: stored, 3: stored[::-1, ::-1], 6: np.rot90(stored, -1)}[orientation],
    )


def test_size_and_pixels_agree_where_the_orientation_is_damaged(tmp_path):
    """OpenCV takes the number for an orientation whatever its type; Pillow does not."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "x.jpg"
    Image.fromarray(noise(32, 48)).save(path, exif=exif)
    whole, of_no_type = b"\x01\x12\x00\x03", b"\x01\x12\x80\x03"
    assert whole in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(whole, of_no_type))
    assert image_size(path) == (48, 32)
    assert read_image(path).shape == (32, 48, 3)


def test_other_damage_in_exif_does_not_hide_the_pixels(tmp_path):
    """Pillow's own function for orientations fails here: it writes the resolution anew."""
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    path = tmp_path / "x.jpg"
    Image.fromarray(noise(32, 48)).save(path, exif=exif)
    rational, text = b"\x01\x1a\x00\x05", b"\x01\x1a\x00\x02"
    assert rational in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(rational, text))
    stored = np.asarray(Image.open(path))
    np.testing.assert_array_equal(read_image(path), np.rot90(stored, -1))


@pytest.mark.parametrize("read", [read_image, image_size])
def test_errors_of_any_type_name_the_file(tmp_path, read):
    path = tmp_path / "x.dds"
    Image.new("RGB", (4, 4)).save(path)
    data = bytearray(path.read_bytes())
    data[80:84] = b"\0\0\0\x40"  # an unknown kind of pixels: NotImplementedError
    path.write_bytes(data)
    with pytest.raises(PoseError, match=r"x\.dds is truncated or damaged: Unknown pixel format"):
        read(path)
    assert not is_turned(path)


def test_gray_alpha_palette_and_16_bit(tmp_path):
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "gray.png"), np.repeat(gray[:, :, None], 3, axis=2)
    )
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png")[:, :, 0], gray)
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[:2] = (255, 0, 0, 255)
    Image.fromarray(clear).save(tmp_path / "alpha.png")
    image = read_image(tmp_path / "alpha.png")
    assert (image[:2] == (255, 0, 0)).all() and (image[2:] == 255).all()
    Image.fromarray(gray).convert("P").save(tmp_path / "palette.gif")
    assert read_image(tmp_path / "palette.gif").shape == (16, 16, 3)


def test_every_kind_of_damage_is_named(tmp_path):
    for name, message in damaged_files(tmp_path).items():
        for read in (read_image, image_size) if message != "truncated" else (read_image,):
            with pytest.raises(PoseError, match=f"{name}.*{message}|{message}.*{name}"):
                read(tmp_path / name)


def test_find_images(tmp_path):
    with pytest.raises(PoseError, match="no such folder"):
        find_images(tmp_path / "none")
    with pytest.raises(PoseError, match="no image in"):
        find_images(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("b.JPG", "sub/a.png", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"x")
    assert [p.name for p in find_images(tmp_path)] == ["b.JPG", "a.png"]


@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
@pytest.mark.parametrize("size", [(480, 640), (640, 480), (37, 911), (1, 1)])
def test_points_go_to_the_input_and_back(aspect_ratio, size):
    points = np.random.default_rng(1).uniform(0, 1, (100, 2)) * size[::-1]
    _, transform = fit_to(noise(*size), (192, 256), aspect_ratio)
    np.testing.assert_allclose(transform.to_image(transform.to_input(points)), points, atol=1e-3)


@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
def test_pixels_move_as_points_do(aspect_ratio):
    """A bright blob drawn at a point is found, by its center of mass, where the transform says the
    point goes."""
    y, x = np.mgrid[:300, :420] + 0.5
    for point in [(210.0, 150.0), (180.5, 99.25), (251.0, 201.0)]:
        blob = 255 * np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * 8**2))
        image = np.repeat(blob[:, :, None], 3, axis=2).astype(np.uint8)
        resized, transform = fit_to(image, (192, 256), aspect_ratio)
        # Above the gray of the padding
        weight = np.where(resized[:, :, 0] > 120, resized[:, :, 0] - 120, 0)
        rows, columns = np.mgrid[:192, :256] + 0.5
        found = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
        np.testing.assert_allclose(found, transform.to_input(np.array(point)), atol=0.1)


def test_padding_keeps_proportions_and_crop_fills():
    padded, transform = fit_to(np.zeros((100, 200, 3), np.uint8), (192, 192), "padding")
    assert transform.matrix[0, 0] == transform.matrix[1, 1] == 0.96
    assert (
        (padded[:48] == 114).all() and (padded[48:144] == 0).all() and (padded[144:] == 114).all()
    )
    cropped, transform = fit_to(np.zeros((100, 200, 3), np.uint8), (192, 192), "crop")
    assert (cropped == 0).all()
    np.testing.assert_allclose(transform.to_input(np.array([100.0, 50.0])), (96, 96))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_interpolations_are_those_of_tensorflow(interpolation):
    tensorflow = pytest.importorskip("tensorflow")
    image = noise(97, 143)
    expected = tensorflow.image.resize(
        image.astype(np.float32), (48, 64), method=interpolation
    ).numpy()
    ours, _ = fit_to(image, (48, 64), interpolation=interpolation)
    # OpenCV rounds to whole values; TensorFlow takes bicubic's weights from a table of 1024 steps.
    tolerance = {"bilinear": 1.01, "area": 1.01, "bicubic": 0.2}.get(interpolation, 0.02)
    np.testing.assert_allclose(ours, expected, atol=tolerance)


def test_unknown_words_are_refused():
    with pytest.raises(PoseError, match="aspect_ratio='stretch'.*fit, padding"):
        fit_to(noise(4, 4), (8, 8), "stretch")
    with pytest.raises(PoseError, match="interpolation='best'.*bilinear"):
        fit_to(noise(4, 4), (8, 8), interpolation="best")


def test_what_is_no_image_file_is_listed_and_folders_are_visited_once(tmp_path):
    for folder in ("a", "b/c", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "b/c/one.png")
    for name in ("a/turned.heic", "a/both.MPO", ".hidden/two.png"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "b/pipe.jpg")
    (tmp_path / "a/nowhere.jpg").symlink_to(tmp_path / "none.jpg")
    (tmp_path / "a/itself.png").symlink_to(tmp_path / "a/itself.png")
    (tmp_path / "a/round").symlink_to(tmp_path)
    (tmp_path / "a/again").symlink_to(tmp_path / "b")
    with pytest.warns(UserWarning) as caught:
        found = find_images(tmp_path)
    assert found == [tmp_path / "b/c/one.png"]
    (message,) = {str(w.message) for w in caught}
    assert message.startswith(
        f"{tmp_path}: a/both.MPO, a/itself.png, a/nowhere.jpg, a/turned.heic, b/pipe.jpg are not"
    )
    (tmp_path / "b/c/one.png").unlink()
    with pytest.raises(PoseError, match="no image in .* a/both.MPO, .* are not read: .* JPEG"):
        find_images(tmp_path)


@pytest.mark.parametrize("read", [read_image, image_size])
def test_a_pipe_and_a_folder_are_no_image(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg"):
        with pytest.raises(PoseError, match=f"{name} is not a regular file; expected an image"):
            read(tmp_path / name)
    with pytest.raises(PoseError, match="no such image"):
        read(tmp_path / "none.jpg")


RAMP = np.linspace(0, 1, 64).reshape(8, 8)


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [
        ("f4", 1),
        ("f4", 255),
        ("f4", 65535),
        ("i4", 255),
        ("i4", 65535),
        ("i4", 2**31 - 1),
        ("u4", 2**32 - 1),
        ("u2", 65535),
        (">u2", 65535),
        ("i2", 2**15 - 1),
    ],
)
def test_a_tiff_of_any_number_is_scaled_by_its_type(tmp_path, dtype, largest):
    values = (RAMP * largest).astype(dtype)
    if dtype in ("i2", "u4"):
        cv2.imwrite(str(tmp_path / "x.tif"), values)
    else:
        Image.fromarray(values).save(tmp_path / "x.tif")
    read = read_image(tmp_path / "x.tif").astype(float)
    np.testing.assert_allclose(read[:, :, 1], RAMP * 255, atol=1)


@pytest.mark.parametrize("wrong", [-1, np.nan, np.inf, 1e9])
def test_a_tiff_of_odd_numbers_is_refused(tmp_path, wrong):
    Image.fromarray(np.where(RAMP == 1, wrong, RAMP).astype("f4")).save(tmp_path / "x.tif")
    with pytest.raises(PoseError, match="x.tif has values from .*; expected 0 to 1, 255 or 65535"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize(
    ("mode", "name"),
    [("CMYK", "x.jpg"), ("CMYK", "x.tif"), ("P", "x.png"), ("LA", "x.png"), ("LAB", "x.tif")],
)
def test_other_colors_become_rgb(tmp_path, mode, name):
    gray = Image.fromarray((RAMP * 255).astype(np.uint8)).convert("RGB")
    (gray.convert("L") if mode in ("P", "LA") else gray).convert(mode).save(tmp_path / name)
    np.testing.assert_allclose(
        read_image(tmp_path / name)[:, :, 2].astype(float), RAMP * 255, atol=6
    )


TREES = st.recursive(
    st.sampled_from(["file", "pipe", "loop", "nowhere"]),
    lambda inner: st.dictionaries(st.sampled_from(["a.png", "b", "c", ".d"]), inner, max_size=3),
    max_leaves=12,
)


def plant(tree, path, root):
    """Makes a tree of folders, files, pipes, and links to its root or to nowhere; returns its files
    that are not hidden."""
    if isinstance(tree, dict):
        path.mkdir()
        return sum((plant(inner, path / name, root) for name, inner in tree.items()), [])
    if tree == "file":
        path.touch()
        return [] if ".d" in path.parts else [str(path)]
    os.mkfifo(path) if tree == "pipe" else path.symlink_to(root if tree == "loop" else path)
    return []


@settings(max_examples=60, derandomize=True, database=None)
@given(TREES.filter(lambda tree: isinstance(tree, dict)))
def test_any_tree_is_visited_once(tmp_path_factory, tree):
    root = tmp_path_factory.mktemp("trees") / "root"
    expected = plant(tree, root, root)
    files, others = files_below(root)
    assert sorted(files) == sorted(expected) and not set(files) & set(others)
