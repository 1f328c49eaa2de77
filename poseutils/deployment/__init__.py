"""From a quantized network to an STM32 board: the exported folder, the boards, ST's compiler, and
the C code on this computer and on emulated cores."""

from ..compiler.emit.naming import default_name
from ..compiler.graph import layers
from .boards import BOARDS, Board, Fit, find_board, fits, memory_rows
from .bundle import Bundle, ExportReport
from .export import export
from .serial.network import on_board
from .spec import DeploymentSpec, read_network
from .st.report import StReport
from .st.stedgeai import run_stedgeai
from .targets import on_target, side_by_side
from .verify.comparison import Proof, prove
from .verify.emulator import Emulation, missing_tools
from .verify.exported_model import as_exported

__all__ = [
    "BOARDS",
    "Board",
    "Bundle",
    "DeploymentSpec",
    "Emulation",
    "ExportReport",
    "Fit",
    "Proof",
    "StReport",
    "as_exported",
    "default_name",
    "export",
    "find_board",
    "fits",
    "layers",
    "memory_rows",
    "missing_tools",
    "on_board",
    "on_target",
    "prove",
    "read_network",
    "run_stedgeai",
    "side_by_side",
]
