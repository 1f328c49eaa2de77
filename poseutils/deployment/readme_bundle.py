"""The README of a bundle: what is in it, and what to do with it."""

from __future__ import annotations

import shlex
from math import prod

from ..compiler.emit.naming import tensor_labels
from ..compiler.graph import Tensor
from ..models.zoo import ZOO
from .linux.bundle import FOLDER
from .spec import Spec
from .st.app_config import why_not

_OUTPUTS = {
    "heatmaps_spe": "`(1, H, W, K)`: one heatmap a keypoint. The keypoint is at the highest cell, its score is the cell's value; the "
    "cell in column c and row r has its center at ((c + 0.5) · width / W, (r + 0.5) · height / H) pixels of the input.",
    "spe": "`(1, 1, K, 3)`: y, x and score of each keypoint; multiply y by the input's height and x by its width.",
    "yolo_mpe": "`(1, 5 + 3K, F)`: for each of F candidates the box's center x, center y, width, height and score, then x, y and "
    "score of each keypoint, all from 0 to 1 of the input. Drop those with a low score, then those that overlap a better one.",
    "hand_spe": "21 points of x, y, z in pixels of the input (the tensor of 63 numbers with the lowest number in its name), the "
    "presence of a hand, and where the network has them its handedness and the points in meters.",
    "head_spe": "468 points of x, y in pixels of the input, without a score (with x, y, z and a presence in some releases).",
}

_DRAWN = (13, 17)


def readme_text(spec: Spec, files: list[str], digest: str) -> str:
    """The README, in Markdown. ``files`` are the names in the bundle, ``digest`` is the sha256 of
    the network's file."""
    steps = _linux_steps(spec) if spec.board.linux else _stedgeai_steps(spec)
    parts = [
        f"# {spec.source} on {spec.board.name}",
        _about(spec, digest),
        "## What is here",
        _contents(spec, files),
        _absent(spec),
        "## Room",
        _room(spec),
        "## Inputs and outputs",
        _tensors(spec),
        "## What to do",
        steps,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(spec: Spec, digest: str) -> str:
    height, width = spec.input_size
    license_ = next(
        (
            f" License of the model: {entry.license}."
            for entry in ZOO.values()
            if entry.sha256 == digest
        ),
        "",
    )
    return (
        f"A pose estimation network of type {spec.model_type} with {len(spec.layout)} keypoints ({spec.layout.name}), "
        f"for images of {width}×{height} pixels, packaged by poseutils for the {spec.board.name} "
        f"({spec.board.core}, {spec.board.mhz} MHz).{license_}"
    )


def _contents(spec: Spec, files: list[str]) -> str:
    meaning = purposes(spec)
    listed = [f"- `{name}`: {meaning[name]}" for name in files if "/" not in name]
    packages = sorted({name.partition("/")[0] for name in files if "/" in name})
    return "\n".join(
        [*listed, *(f"- `{package}/`: the decoders and what they stand on" for package in packages)]
    )


def purposes(spec: Spec) -> dict[str, str]:
    """What each file of the bundle is."""
    return {
        spec.file_name: "the network, as it was given",
        f"{spec.symbol}.c": "the network's file as a C array, for firmware that runs TensorFlow Lite Micro",
        f"{spec.symbol}.h": f"its declarations: {spec.symbol} and {spec.symbol}_len",
        "app_config.h": "the configuration of ST's pose estimation application for the STM32N6",
        "labels.txt": "your label file"
        if spec.settings.label_file
        else "the names of the keypoints, one a line, in the order of the output",
        "predict.py": "finds keypoints in images, with nothing but NumPy and the board's LiteRT",
        "settings.json": "how the program reads images and outputs",
        "copy_to_board.sh": "copies this folder to the board by ssh",
        "README.md": "what is in this folder and how it is used",
        "manifest.json": "sizes and sha256 of the files, tensors, and what the bundle was made for",
    }


def _absent(spec: Spec) -> str:
    missing = spec.settings.missing_label_file
    labels = (
        f"`deployment.label_file_path` ({missing}) is not there: `labels.txt` has the keypoints' names."
        if missing
        else ""
    )
    return " ".join(part for part in (_absent_code(spec), labels) if part)


def _absent_code(spec: Spec) -> str:
    if spec.board.linux:
        return "The board runs Linux and loads the .tflite itself, so there is no C array and no `app_config.h`."
    reason = why_not(spec)
    if reason is None and len(spec.layout) not in _DRAWN:
        return (
            f"ST's application knows the limbs of 13 and of 17 keypoints; to see those of {len(spec.layout)}, add them to its "
            "drawing code (`manifest.json` lists them)."
        )
    return (
        f"There is no `app_config.h`: {reason}. The decoding of the outputs below is yours to write."
        if reason
        else ""
    )


def _room(spec: Spec) -> str:
    cost, fit = spec.cost(), spec.fit()
    size = f"{cost['parameters']:,} parameters, {cost['macs'] / 1e6:.0f} million multiply-accumulates an image."
    if spec.board.linux:
        return f"{size} The board {fit.reason}."
    verdict = {
        "internal": "fits in the chip's own memory",
        "external": "fits with the board's external memory",
        "no": "does not fit",
    }
    return (
        f"{size} The network {verdict[fit.verdict]}: {fit.reason}.\n\nActivations are the most that is in memory at once, without an "
        "interpreter's own data; ST's compiler may need less or more. The application's buffers and code come on top."
    )


def _tensors(spec: Spec) -> str:
    labels, tensors = tensor_labels(spec.graph), spec.graph.tensors
    rows = [
        ("input" if t in spec.graph.inputs else "output", labels[t], tensors[t])
        for t in (*spec.graph.inputs, *spec.graph.outputs)
    ]
    table = "\n".join(
        f"| {kind} | `{label}` | {'×'.join(map(str, tensor.shape))} | {tensor.dtype} | {_real(tensor)} |"
        for kind, label, tensor in rows
    )
    return (
        f"| | name | shape | type | real value |\n|---|---|---|---|---|\n{table}\n\n{_camera(spec.input, spec.settings.color_mode)}\n\n"
        f"Outputs: {_OUTPUTS[spec.model_type]}"
    )


def _real(tensor: Tensor) -> str:
    quantization = tensor.quantization
    if quantization is None:
        return "as it is"
    return f"{quantization.scales[0]:.6g} · (q − {quantization.zero_points[0]})"


def _camera(tensor: Tensor, color_mode: str) -> str:
    pixels = {1: "gray", 3: color_mode.upper(), 4: "RGBA"}[tensor.shape[3]]
    if tensor.dtype == "uint8":
        return f"The input takes the camera's {pixels} bytes, 0 to 255, as they are: {prod(tensor.shape):,} an image."
    if tensor.dtype == "int8":
        return f"The input takes the camera's {pixels} bytes less 128, as int8: {prod(tensor.shape):,} an image."
    return f"The input takes {tensor.dtype} values, not the camera's {pixels} bytes: scale the pixels as in training."


def _linux_steps(spec: Spec) -> str:
    address = "" if spec.settings.ip_address else " root@BOARD_ADDRESS"
    folder = spec.settings.board_deploy_path or FOLDER
    return f"""1. Copy this folder to the board:

```sh
sh copy_to_board.sh{address}
```

2. On the board, in that folder:

```sh
cd {shlex.quote(folder)}
python3 predict.py street.jpg --out keypoints.json
```

It needs Python 3.10 or later, NumPy, and `ai_edge_litert` or `tflite_runtime`; images other than .npy and .ppm need Pillow. It computes on
the processor. Any computer that has these runs it as well.

ST's pose estimation application of X-LINUX-AI, which may use an accelerator, takes the same `{spec.file_name}` and a label file.

Nothing was copied to or run on a board to make this bundle."""


def _stedgeai_steps(spec: Spec) -> str:
    compile_ = _n6_steps(spec) if spec.board.npu else _mcu_steps(spec)
    return (
        f"ST's compiler was not run to make this bundle. `stedgeai` (ST Edge AI Core) is ST's own, free to download from st.com; its "
        f"first run may stop to ask for consent. In this folder:\n\n{compile_}\n\n{_without_stedgeai(spec)}"
    )


def _without_stedgeai(spec: Spec) -> str:
    if not spec.is_tflite:
        return "Without ST's compiler: the deploy notebook also writes the network as plain C, which needs no runtime."
    return (
        f"Without ST's compiler: add `{spec.symbol}.c` and `{spec.symbol}.h` to firmware with TensorFlow Lite Micro and pass "
        f"`{spec.symbol}` to `tflite::GetModel`."
    )


def _mcu_steps(spec: Spec) -> str:
    target, name = spec.board.target, spec.name
    text = f"""1. See what the network needs, and that every operator is supported:

```sh
stedgeai analyze --model {spec.file_name} --target {target} \\
  --workspace st_ai_ws --output st_ai_output
```

2. Generate the C code:

```sh
stedgeai generate --model {spec.file_name} --target {target} \\
  --optimization {spec.settings.optimization} --allocate-inputs --allocate-outputs \\
  --name {name} --workspace st_ai_ws --output st_ai_output
```

3. Add the files of `st_ai_output/` and ST's runtime library to your STM32CubeIDE project."""
    return (
        text
        if why_not(spec)
        else text
        + " `app_config.h` is that of ST's application for the STM32N6; here it serves as a reference."
    )


def _n6_steps(spec: Spec) -> str:
    text = f"""1. Put `user_neuralart.json` of ST's pose estimation application (it is in its `Model/` folder) here, and compile for the
neural accelerator:

```sh
stedgeai generate --model {spec.file_name} --target {spec.board.target} \\
  --st-neural-art profile@user_neuralart.json \\
  --input-data-type uint8 --output-data-type float32
```

2. Turn the weights into the hex file that goes to the external flash at 0x70380000:

```sh
cp st_ai_output/network_atonbuf.xSPI2.raw network_data.xSPI2.bin
arm-none-eabi-objcopy -I binary network_data.xSPI2.bin --change-addresses 0x70380000 \\
  -O ihex network_data.hex
```

3. Copy `network.c` and `network_ecblobs.h` of `st_ai_output/` into the application's `Model/` folder"""
    configuration = "" if why_not(spec) else ", and `app_config.h` into its `Inc/` folder"
    project = f" (`{spec.settings.c_project_path}`)" if spec.settings.c_project_path else ""
    serial = spec.settings.stlink_serial_number
    board = f" Choose the board by its serial number, {serial} (`sn={serial}`)." if serial else ""
    return f"{text}{configuration}{project}; build it, and program it and `network_data.hex` with STM32CubeProgrammer.{board}"
