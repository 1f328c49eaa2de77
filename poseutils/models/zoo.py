"""The published pretrained models: source, SHA-256 and license of each, and the cache of
downloads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ..errors import PoseError
from ..files import sha256_of

SLA0044 = "SLA0044 (ST: for use with ST parts)"
APACHE = "Apache-2.0"
AGPL = "AGPL-3.0"

SPDX = {SLA0044: "LicenseRef-SLA0044", APACHE: "Apache-2.0", AGPL: "AGPL-3.0-only"}
"""The identifiers of these licenses in an SPDX line."""


@dataclass(frozen=True)
class Entry:
    """One published file.

    Attributes:
        name: in the zoo.
        model_type: of its decoder; ``detector`` for the detectors of hands and heads.
        keypoints: K.
        file: file name.
        url: source, at a fixed commit.
        sha256: of the file.
        license: under which its authors publish it.
        rescaling: scale and offset from pixels 0…255 to the values of a float input; None for uint8
            inputs.
    """

    name: str
    model_type: str
    keypoints: int
    file: str
    url: str
    sha256: str
    license: str
    rescaling: tuple[float, float] | None = None


_GITHUB = "https://raw.githubusercontent.com"
_N6 = (
    f"{_GITHUB}/STMicroelectronics/STM32N6-GettingStarted-PoseEstimation"
    "/0365ebfde1e6e00e2c5d6390a80aea8a32111598/Model"
)
_MOVENET = (
    f"{_GITHUB}/Kazuhito00/MoveNet-Python-Example/515743a113e49b4f31677b1f6252c0041f237e30/tflite"
)
_YOLO = (
    f"{_GITHUB}/stm32-hotspot/ultralytics"
    "/b9c391858c70a5fd119fe0b5cd6172840fac9c90/examples"
    "/YOLOv8-STEdgeAI/stedgeai_models/pose_estimation"
)
_HAND = (
    f"{_GITHUB}/STMicroelectronics/x-cube-n6-ai-hand-landmarks"
    "/1c2aeecbd4117ee82ffdbb611ad65d24c3f3a7c2/Model"
)
_HEAD = (
    f"{_GITHUB}/STMicroelectronics/x-cube-n6-ai-face-landmarks"
    "/bc424814aaabe94a23f562979839f6db32e07b9b/Model"
)


def _yolo(
    name: str,
    file: str,
    sha256: str,
    folder: str = "",
    rescaling: tuple[float, float] | None = None,
) -> Entry:
    return Entry(name, "yolo_mpe", 17, file, f"{_YOLO}/{folder}{file}", sha256, AGPL, rescaling)


_ENTRIES = (
    Entry(
        "st_movenet_lightning_heatmaps_192_13kpts",
        "heatmaps_spe",
        13,
        "st_movenet_lightning_heatmaps_192_int8_pc.tflite",
        f"{_N6}/st_movenet_lightning_heatmaps_192_int8_pc.tflite",
        "99558411dd7ea875a2bd8a4630373a6c92745dc612887794affc2c1f3e415551",
        SLA0044,
    ),
    Entry(
        "movenet_lightning_192",
        "spe",
        17,
        "movenet_singlepose_lightning_192_int8.tflite",
        f"{_MOVENET}/lite-model_movenet_singlepose_lightning_tflite_int8_4.tflite",
        "cd7cc22fa946e5d146a7b98d496853e1923e22828d3972d579973f27f91bb105",
        APACHE,
    ),
    _yolo(
        "yolov8n_pose_192",
        "yolov8n_192_quant_pc_uf_pose_coco-st.tflite",
        "f6e2dcbf34d0aae2551e801d032b5097d235c653f7631d2fb96b4ae12e338b6a",
    ),
    _yolo(
        "yolov8n_pose_256",
        "yolov8n_256_quant_pc_uf_pose_coco-st.tflite",
        "e2666d331d5e8f55809f83dd3254996063ccfbb61b13fa68d609b13d391f2e84",
    ),
    _yolo(
        "yolov8n_pose_320",
        "yolov8n_320_quant_pc_uf_pose_coco-st.tflite",
        "cab882488a778055bf4008dd87306e99c0cf9c3363e449b314ac48f5e35129f2",
    ),
    _yolo(
        "yolov8n_pose_256_pt",
        "yolov8n_256_quant_pt_uf_pose_coco-st.tflite",
        "09fe0e207610dd211d87d11a24aef97d5513fcb83f7583478906dbed30bc890b",
    ),
    _yolo(
        "yolo11n_pose_256",
        "yolo11n_256_quant_pc_uf_pose_coco-st.tflite",
        "adb4f1709b25e558e24f75bd12254f49f0c489f57a366e6c569b1ae5bbd9bb3e",
        folder="yolo11/",
    ),
    _yolo(
        "yolo26_pose_256",
        "yolo26_pose_256_qdq_int8.onnx",
        "653656bb1e6375c9b80eec01fe8ecc8ef401f6441f96ca207239b85e9affa8bb",
        folder="yolo26/",
        rescaling=(1 / 255, 0),
    ),
    Entry(
        "hand_landmarks_224",
        "hand_spe",
        21,
        "033_hand_landmark_full_quant_pc_uf_handl.tflite",
        f"{_HAND}/033_hand_landmark_full_quant_pc_uf_handl.tflite",
        "c5ebdcb9aa66848d483aad4d7cd44406c03cbf4fb7275633298a30e6251aa2d9",
        APACHE,
    ),
    Entry(
        "head_landmarks_192",
        "head_spe",
        468,
        "face_landmarks_v1_192_int8_pc.onnx",
        f"{_HEAD}/face_landmarks_v1_192_int8_pc.onnx",
        "2eface00f7148bff3418fefc4436d8d6d1dfc083137fe50ea911260e95e58b2f",
        APACHE,
        rescaling=(1 / 255, 0),
    ),
    Entry(
        "palm_detection_192",
        "detector",
        7,
        "033_palm_detection_full_quant_pc_uf_od.tflite",
        f"{_HAND}/033_palm_detection_full_quant_pc_uf_od.tflite",
        "27d8512af80d612b81f8accacdc77db8b00f834f6fc9fd01e90485d5f5c282c7",
        APACHE,
    ),
    Entry(
        "blazeface_front_128",
        "detector",
        6,
        "blazeface_front_128_quant_pc_ff_od_wider_face.tflite",
        f"{_HEAD}/blazeface_front_128_quant_pc_ff_od_wider_face.tflite",
        "e803bb4e93b10f7a19d4243bcc39698599a723f3128e19d3f90e0b1c0bc88dd8",
        APACHE,
        rescaling=(1 / 127.5, -1),
    ),
)
ZOO: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def cache_folder() -> Path:
    """``POSEUTILS_CACHE``, or the operating system's cache folder for this package."""
    if os.environ.get("POSEUTILS_CACHE"):
        return Path(os.environ["POSEUTILS_CACHE"])
    import pooch

    return Path(pooch.os_cache("poseutils"))


def find_entry(name: str) -> Entry:
    """The zoo entry of that name.

    Raises:
        PoseError: if there is none; the message suggests the nearest name.
    """
    if name not in ZOO:
        near = get_close_matches(name, ZOO, 1, 0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise PoseError(
            f"no model {name!r} in the zoo, and no such file.{hint} The zoo has: {', '.join(ZOO)}"
        )
    return ZOO[name]


def name_of(name_or_url: str) -> str:
    """The zoo name of a file given by its URL; any other text unchanged.

    Only files of the zoo can be loaded by URL, as only their SHA-256 is known.

    Raises:
        PoseError: for the URL of any other file.
    """
    if "://" not in name_or_url:
        return name_or_url
    file = name_or_url.rpartition("/")[2]
    same = [
        name for name, entry in ZOO.items() if file in (entry.file, entry.url.rpartition("/")[2])
    ]
    if not same:
        raise PoseError(
            f"{name_or_url} is not the URL of a model in the zoo: download it yourself and give "
            "the path of the file"
        )
    return same[0]


def fetch(name: str) -> Path:
    """The path of a zoo model's file in the cache; it is downloaded once and checked by SHA-256.

    A file with the right name and SHA-256 anywhere below the cache folder is used.

    Raises:
        PoseError: if there is no such model; if it cannot be downloaded, with instructions to do so
            manually.
    """
    entry = find_entry(name)
    folder = cache_folder()
    for path in sorted(folder.rglob(entry.file)) if folder.is_dir() else ():
        if sha256_of(path) == entry.sha256:
            return path
    return _download(entry, folder / "models")


def _download(entry: Entry, folder: Path) -> Path:
    import pooch

    print(f"Downloading {entry.name} ({entry.license}) from {entry.url}")
    try:
        return Path(
            pooch.retrieve(
                entry.url, known_hash=f"sha256:{entry.sha256}", fname=entry.file, path=folder
            )
        )
    except Exception as error:  # requests, urllib3, ssl and pooch each raise their own
        raise PoseError(
            f"cannot download {entry.name}: {error}\nDownload {entry.url} manually to "
            f"{folder / entry.file} "
            f"(sha256 {entry.sha256}), or set POSEUTILS_CACHE to a folder that contains it."
        ) from None
