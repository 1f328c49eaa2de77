"""From a quantized network to an STM32 board: the network as a graph, the boards, and the bundle to deploy."""

from ..graph import Graph, layers
from ..tflite import read_tflite
from .boards import BOARDS, Board, Fit, find_board, fits
from .bundle import Bundle, package
from .spec import AppSettings

__all__ = ["BOARDS", "AppSettings", "Board", "Bundle", "Fit", "Graph", "find_board", "fits", "layers", "package", "read_tflite"]
