"""From a quantized network to an STM32 board: the network as a graph, the boards, the bundle to deploy, and the network as C."""

from ..graph import Graph, layers
from ..tflite import read_tflite
from .boards import BOARDS, Board, Fit, find_board, fits, memory_rows
from .bundle import Bundle, package
from .emulation import Emulation, missing_tools
from .exporting import ExportedBundle, ExportReport, export
from .proving import Proof, prove
from .spec import AppSettings

__all__ = [
    "BOARDS",
    "AppSettings",
    "Board",
    "Bundle",
    "Emulation",
    "ExportReport",
    "ExportedBundle",
    "Fit",
    "Graph",
    "Proof",
    "export",
    "find_board",
    "fits",
    "layers",
    "memory_rows",
    "missing_tools",
    "package",
    "prove",
    "read_tflite",
]
