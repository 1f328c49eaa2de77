"""What a network may claim, looked at before a runtime takes memory or time for it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ..compiler.graph import Graph, live_bytes, macs
from ..errors import PoseError

MOST_MEMORY = 2 << 30
"""Bytes of tensors that live at once; of a pose network they are a hundredth."""
MOST_ONNX_MEMORY = 4 << 30
"""Bytes of all tensors of ONNX Runtime together."""
MOST_WORK = 1 << 40
"""Multiply-accumulates of one run: the largest pose networks have half as many."""


def check_claims(graph: Graph, path: Path) -> None:
    """Refuses a network that would take all memory, or run for minutes, before it is run.

    Raises:
        PoseError: the message says what it claims.
    """
    memory, work = max(live_bytes(graph)), sum(macs(graph, each) for each in graph.operators)
    for what, claimed, most in (
        ("bytes of memory", memory, MOST_MEMORY),
        ("multiply-accumulates", work, MOST_WORK),
    ):
        if claimed > most:
            raise PoseError(
                f"{path} claims {claimed:,} {what}; up to {most:,} are run. If it is whole, export "
                "it again for smaller images."
            )


@lru_cache(maxsize=1)
def limit_onnx_memory() -> None:
    """Gives all sessions of ONNX Runtime one arena of limited size: a file of a hundred bytes may
    claim a constant of any."""
    import onnxruntime as ort

    kind, where = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, ort.OrtMemType.DEFAULT
    limit = ort.OrtArenaCfg({"max_mem": MOST_ONNX_MEMORY})
    ort.create_and_register_allocator(ort.OrtMemoryInfo("Cpu", kind, 0, where), limit)
