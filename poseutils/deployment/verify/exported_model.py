"""The exported C in place of LiteRT: a model whose network is the code that goes to the board.

It runs on this computer, as a shared library, or on an emulated Cortex-M. ``predict`` and
``evaluate`` take it like any other model.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from ...compiler.graph import Tensor
from ...compiler.memory.planner import ALIGNMENT
from ...errors import PoseError
from ...models import Model
from ...models.networks.network import Network
from ...models.networks.runtimes import TensorSpec
from ..bundle import Bundle
from ..export import export
from .comparison import name_in_file
from .emulator import EMULATED, check_tools, emulated_core, run_program
from .host_build import copy_sources, find_compiler, run_make, run_tool

MOST_COPIES = 8
"""Maximum number of instances of the code, one per core of this computer, each with an arena."""

_FLAGS = ("-std=c99", "-O3", "-fno-strict-aliasing", "-ffp-contract=off", "-fPIC", "-shared")
_NATIVE = ("-march=native", "-mno-avx512f")
"""GCC makes slower loops with the widest vectors."""

Invoke = Callable[[np.ndarray], list[np.ndarray]]


def as_exported(model: Model, core: str | None = None) -> Model:
    """The same model, with the exported C code as its network.

    Args:
        model: of a full-integer .tflite; its detector is unchanged.
        core: None runs the C on this computer; ``Cortex-M4``, ``Cortex-M7``, ``Cortex-M55`` or a
            board with one of them emulates it, which takes seconds per image.

    Raises:
        PoseError: if the network cannot become C, or there is no compiler, or for an emulated core
            no Arm compiler or no QEMU.
    """
    where = "as C" if core is None else f"as C on {EMULATED[emulated_core(core)].core}"
    return replace(model, network=_exported_network(model, core), name=f"{model.label} {where}")


@dataclass(frozen=True)
class ExportedNetwork(Network):
    """A network that runs as C. Unpickled in another process, it is made anew: ``again`` is the
    function that does it and its arguments."""

    again: tuple = ()

    def __reduce__(self):
        return self.again


def _exported_network(model: Model, core: str | None) -> Network:
    copies = min(os.cpu_count() or 1, MOST_COPIES)
    with tempfile.TemporaryDirectory(prefix="pose-") as work:
        bundle = export(model, Path(work) / "c")
        invoke = _pooled(
            _instances(bundle, copies)
            if core is None
            else _emulators(bundle, emulated_core(core), copies)
        )
    runtime = "c" if core is None else f"c on {core}"
    return network_of(bundle, model, invoke, runtime, copies, (_exported_network, (model, core)))


def network_of(
    bundle: Bundle,
    model: Model,
    invoke: Invoke,
    runtime: str,
    at_once: int,
    again: tuple[Callable[..., Network], tuple],
) -> Network:
    """The network of a model, run by exported C.

    Args:
        invoke: from the input of the C code to its outputs; ``at_once`` threads may call it.
        again: the function and the arguments that make the network in another process.
    """
    own = model.network
    by_name = {name_in_file(bundle.file_graph, tensor): tensor for tensor in bundle.outputs}
    outputs = tuple(_spec(name, by_name[name]) for name in (spec.name for spec in own.outputs))
    order = [bundle.outputs.index(by_name[spec.name]) for spec in outputs]

    def run(array: np.ndarray) -> list[np.ndarray]:
        given = invoke(bundle.prepare(array))
        return [given[place] for place in order]

    return ExportedNetwork(
        own.path,
        runtime,
        own.input,
        outputs,
        run,
        own.rescaling,
        1,
        at_once,
        again=again,
    )


def _spec(name: str, tensor: Tensor) -> TensorSpec:
    if tensor.quantization is None or tensor.dtype not in ("int8", "uint8"):
        return TensorSpec(name, tensor.shape, tensor.dtype)
    return TensorSpec(name, tensor.shape, tensor.dtype, float(tensor.scale), tensor.zero_point)


def _pooled(instances: list[Invoke]) -> Invoke:
    """Calls a free instance, or waits for one: each has one arena."""
    free: SimpleQueue[Invoke] = SimpleQueue()
    for instance in instances:
        free.put(instance)

    def invoke(array: np.ndarray) -> list[np.ndarray]:
        instance = free.get()
        try:
            return instance(np.ascontiguousarray(array))
        finally:
            free.put(instance)

    return invoke


class _Context(ctypes.Structure):
    """The context of a network, as declared in its header."""

    _fields_ = [
        (field, ctypes.c_void_p) for field in ("arena", "before_layer", "after_layer", "user")
    ]
    memory: np.ndarray  # of the arena, which lives as long as the context


def _instances(bundle: Bundle, count: int) -> list[Invoke]:
    """Instances of the code in this process. The library stays loaded after its file is deleted."""
    library = ctypes.CDLL(str(_compiled(bundle)))
    return [_instance(library, bundle) for _ in range(count)]


def _instance(library: ctypes.CDLL, bundle: Bundle) -> Invoke:
    taken, given, run, begin = (
        getattr(library, f"{bundle.name}_{word}") for word in ("input", "output", "run", "init")
    )
    taken.restype = given.restype = ctypes.c_void_p
    size, context = bundle.report.arena_bytes, _Context()
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    context.memory = arena = memory[-memory.ctypes.data % ALIGNMENT :]
    _check(begin(ctypes.byref(context), ctypes.c_void_p(arena.ctypes.data), ctypes.c_size_t(size)))

    def invoke(array: np.ndarray) -> list[np.ndarray]:
        ctypes.memmove(taken(ctypes.byref(context), 0), array.ctypes.data, array.nbytes)
        _check(run(ctypes.byref(context)))
        parts = [
            ctypes.string_at(given(ctypes.byref(context), i), tensor.bytes)
            for i, tensor in enumerate(bundle.outputs)
        ]
        return [
            np.frombuffer(part, tensor.dtype).reshape(tensor.shape)
            for part, tensor in zip(parts, bundle.outputs)
        ]

    return invoke


def _check(status: int) -> None:
    """Raises if a function of the C code did not return POSE_OK: a bug of this module."""
    if status:
        raise RuntimeError(f"the exported code returned status {status}; see pose_network.h")


def _compiled(bundle: Bundle) -> Path:
    compiler = find_compiler("clang")  # vectorizes these loops better than GCC
    sources = sorted(path.name for path in bundle.sources.glob("*.c"))
    command = [compiler, *_FLAGS, *sources, "-lm", "-o", "network.so"]
    try:
        run_tool([*command, *_NATIVE], bundle.sources)
    except PoseError:  # another processor or compiler
        run_tool(command, bundle.sources)
    return bundle.sources / "network.so"


def _emulators(bundle: Bundle, core: str, copies: int) -> list[Invoke]:
    """The code on an emulated core. The emulator is started for each image; the folders are
    deleted with the last reference."""
    check_tools()
    run_make(bundle.sources, core)
    return [_emulator(bundle, core) for _ in range(copies)]


def _emulator(bundle: Bundle, core: str) -> Invoke:
    kept = tempfile.TemporaryDirectory(prefix="pose-")
    folder = copy_sources(bundle.sources, Path(kept.name)).relative_to(kept.name)

    def invoke(array: np.ndarray) -> list[np.ndarray]:
        outputs, _ = run_program(
            Path(kept.name) / folder, core, bundle.outputs, array.tobytes(), len(array)
        )
        return [outputs[tensor.name] for tensor in bundle.outputs]

    return invoke
