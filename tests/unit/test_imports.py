"""The house rules that a program can check: floors, light imports, no framework where none is
needed."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "poseutils"

# Bottom floor first; within a floor the right may import the left.
FLOORS = [
    ["errors"],
    ["files", "markdown", "streams", "executors", "keypoints"],
    ["compiler"],
    ["config", "poses"],
    ["geometry", "images", "crops"],
    ["decoders"],
    ["datasets", "synthetic"],
    ["models"],
    ["training", "evaluation", "quantization", "deployment", "benchmarking"],
    ["plots"],
    ["prediction", "labeling", "widgets", "lessons"],
    ["pipeline"],
    ["sweeps"],
    ["commands"],
    ["__main__"],
]
ORDER = [room for floor in FLOORS for room in floor]
# Poses.plot and Report.plot: results show themselves
UP = {
    ("poses", "plots"),
    ("evaluation", "plots"),
    ("training", "plots"),
}


def imported_rooms(path):
    """The rooms of the package that a file imports, wherever in it."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = (
                [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
            )
            yield from (n for n in names if n != "__version__")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("poseutils."):
            yield node.module.split(".")[1]


def test_imports_go_down_only():
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        wrong += [
            f"{path.relative_to(PACKAGE)} imports {other}"
            for other in imported_rooms(path)
            if other != room and (room, other) not in UP and ORDER.index(other) >= ORDER.index(room)
        ]
    assert not wrong


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


LOADED = (
    "print(sorted({m.split('.')[0] for m in sys.modules} & {'tensorflow', "
    "'keras', 'matplotlib', 'pydantic', 'onnxruntime', 'papermill'}))"
)


def test_importing_loads_nothing_heavy():
    assert run_python(f"import sys, poseutils; {LOADED}").strip() == "[]"


def test_predicting_and_evaluating_never_load_tensorflow(asset):
    code = (
        "import sys, poseutils as pu; pu.load_model(sys.argv[1]).predict(sys.argv[3]); "
        f"pu.load_model(sys.argv[2]).predict(sys.argv[3]); {LOADED}"
    )
    printed = run_python(
        code,
        asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"),
        asset("models/face_landmarks_v1_192_int8_pc.onnx"),
        asset("images/bus.jpg"),
    )
    assert printed.strip() == "['onnxruntime']"


def test_checking_never_loads_tensorflow(repository):
    code = (
        f"import sys; from poseutils.__main__ import main; main(['check', sys.argv[1]]); {LOADED}"
    )
    loaded = run_python(code, repository / "user_config.yaml").splitlines()[-1]
    assert "tensorflow" not in loaded and "keras" not in loaded and "pydantic" in loaded


def test_every_public_word_exists():
    import poseutils

    for word in poseutils.__all__:
        assert getattr(poseutils, word) is not None
