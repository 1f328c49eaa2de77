"""The process in which ST's ``stm_ai_runner`` runs a network: code of ST's installation runs here
alone.

It is started as a program, with the folder of ``stm_ai_runner`` and the description of what to
connect to, and imports nothing of this package. On its standard input and output a message is a
line of JSON, and as many bytes of an .npz as that says.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

Message = tuple[dict[str, Any], list[np.ndarray]]


def send(stream: IO[bytes], facts: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> None:
    """Writes a message."""
    data = io.BytesIO()
    np.savez(data, *arrays)
    content = data.getvalue() if arrays else b""
    stream.write(json.dumps(facts | {"bytes": len(content)}).encode() + b"\n" + content)
    stream.flush()


def receive(stream: IO[bytes]) -> Message | None:
    """Reads a message; None at the end of the stream."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    facts = json.loads(line)
    content = stream.read(facts["bytes"])
    if not content:
        return facts, []
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return facts, [file[f"arr_{i}"] for i in range(len(file.files))]


def main(folder: str, description: str) -> int:
    """Answers with the tensors of the network, then with outputs for inputs until there are no
    more; with an error when one is raised, which ends it."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what ST's code prints is for the log
    try:
        runner = _connected(folder, description)
        tensors = {"inputs": runner.get_inputs(), "outputs": runner.get_outputs()}
        send(answers, {name: [_described(t) for t in them] for name, them in tensors.items()})
        while message := receive(sys.stdin.buffer):
            outputs, _ = runner.invoke(message[1], disable_pb=True)
            send(answers, {}, outputs)
        runner.disconnect()
    except Exception as error:
        send(answers, {"error": f"{type(error).__name__}: {error}"})
        return 1
    return 0


def _connected(folder: str, description: str) -> Any:
    sys.path[0] = folder
    from stm_ai_runner import AiRunner  # type: ignore[import-not-found]

    runner = AiRunner()
    if not runner.connect(description):
        raise ConnectionError(f"no network at {description} ({runner.get_error()})")
    return runner


def _described(tensor: Any) -> dict[str, Any]:
    """A tensor of ST's as JSON; its scale is 0 where it is not quantized."""
    scale, zero_point = np.ravel(tensor.scale), np.ravel(tensor.zero_point)
    return {
        "name": str(tensor.name),
        "shape": [int(n) for n in tensor.shape],
        "dtype": np.dtype(tensor.dtype).name,
        "scale": float(scale[0]) if scale.size else 0.0,
        "zero_point": int(zero_point[0]) if zero_point.size else 0,
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
