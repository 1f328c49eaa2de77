"""Which network a board should run: the fastest that is accurate enough and fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..deployment.boards import Board, Fit, fits
from .analysis import measured_core, milliseconds
from .ladder import Rung
from .npu import ON_PROCESSOR, leaving
from .published import PUBLISHED, Figure

_PLACES = ("internal", "external", "no")


@dataclass(frozen=True)
class Option:
    """A network on a board.

    Attributes:
        fit: the memory that holds it.
        minstructions: million instructions per inference on the board's core, estimated; None if
            that core was not measured.
        milliseconds: with two instructions per cycle and with one, estimated for the exported C,
            which leaves an accelerator idle; None if the core was not measured, or it does not fit.
        published_ms: ST's figure for the board, on its accelerator if it has one.
        leaving: how many operators of each kind the accelerator is expected to leave to the
            processor; empty on a board without one.
        accurate: whether its OKS is at least what was asked for.
    """

    rung: Rung
    fit: Fit
    minstructions: float | None
    milliseconds: tuple[float, float] | None
    published_ms: Figure | None
    leaving: dict[str, int]
    accurate: bool

    @property
    def suits(self) -> bool:
        """Whether it is accurate, and fits."""
        return self.accurate and self.fit.verdict != "no"

    @property
    def name(self) -> str:
        """The network with its width."""
        width = "" if self.rung.alpha is None else f", alpha {self.rung.alpha:g}"
        return f"{self.rung.network}{width}"


@dataclass(frozen=True)
class Choice:
    """The networks on a board.

    Attributes:
        least_oks: what was asked for.
        options: every network, least work first.
        chosen: of the accurate ones the fastest, those in internal memory first; None if none
            fits.
    """

    board: Board
    least_oks: float
    options: list[Option]
    chosen: Option | None

    @property
    def sentence(self) -> str:
        """What was chosen and what it costs; or why nothing was, and what is nearest."""
        if self.chosen is not None:
            return f"{_described(self.chosen)}; {_costs(self.chosen)}"
        fitting = [one for one in self.options if one.fit.verdict != "no"]
        if not fitting:
            least = min(self.options, key=lambda one: one.rung.ram_kib + one.rung.flash_kib)
            return f"No network fits. The smallest: {least.fit.reason}"
        best = max(fitting, key=lambda one: one.rung.oks or 0)
        return (
            f"No network with an OKS of {self.least_oks:.2f} or more fits. The most accurate that "
            f"fits: {_described(best)}"
        )

    def rows(self) -> list[dict]:
        """A table of the networks. ▶ marks the chosen one, ✓ others that suit; where a memory of
        the chip is too small, the cell says whether external memory holds it."""
        return [
            {
                "": "▶" if one is self.chosen else "✓" if one.suits else "",
                "network": one.name,
                "input": str(one.rung.size),
                "OKS": "" if one.rung.oks is None else f"{one.rung.oks:.3f}",
                "RAM, KiB": _memory(one.rung.ram_kib, one.fit.activations),
                "flash, KiB": _memory(one.rung.flash_kib, one.fit.weights),
                "million instructions": _count(one),
                "estimated ms": _time(one),
                "ST publishes": _published(one),
            }
            | ({"operators off the NPU": _leaving(one)} if self.board.npu else {})
            | {"training": one.rung.training}
            for one in self.options
        ]


def choose(rungs: Sequence[Rung], board: Board, least_oks: float) -> Choice:
    """Chooses a network for a board.

    Args:
        rungs: to choose from, at least one.
        least_oks: lowest OKS that is accurate enough; a network without an OKS never is.
    """
    core = measured_core(board)
    options = sorted((_option(rung, board, core, least_oks) for rung in rungs), key=_work)
    suitable = [one for one in options if one.suits]
    return Choice(board, least_oks, options, min(suitable, key=_preference, default=None))


def _option(rung: Rung, board: Board, core: str | None, least_oks: float) -> Option:
    fit = fits(rung.ram_kib, rung.flash_kib, board)
    count = rung.minstructions[core] if core else None
    figures = PUBLISHED.get(rung.network)
    return Option(
        rung,
        fit,
        count,
        None if count is None or fit.verdict == "no" else _times(count, board),
        figures.milliseconds.get(board.name) if figures else None,
        leaving(rung.operators, board),
        rung.oks is not None and rung.oks >= least_oks,
    )


def _times(minstructions: float, board: Board) -> tuple[float, float]:
    count = 1e6 * minstructions
    return milliseconds(count, board, 2), milliseconds(count, board, 1)


def _preference(option: Option) -> tuple[int, float]:
    return _PLACES.index(option.fit.verdict), _work(option)


def _work(option: Option) -> float:
    return option.rung.mmacs if option.minstructions is None else option.minstructions


# ---------------------------------------------------------------- in words, or empty


def _count(option: Option) -> str:
    return "" if option.minstructions is None else f"{option.minstructions:,.0f}"


def _time(option: Option) -> str:
    if option.milliseconds is None:
        return ""
    return " to ".join(f"{value:,.0f}" for value in option.milliseconds)


def _published(option: Option) -> str:
    if option.published_ms is None:
        return ""
    return f"{option.published_ms.value:,.1f} ms ({option.published_ms.release})"


def _leaving(option: Option) -> str:
    total = sum(option.rung.operators.values())
    return f"{sum(option.leaving.values())} of {total}"


def _memory(kib: float, place: str) -> str:
    return f"{kib:,.0f}" + {"internal": "", "external": " external", "no": " too much"}[place]


def _described(option: Option) -> str:
    rung = option.rung
    oks = "not measured" if rung.oks is None else f"{rung.oks:.3f} ± {rung.oks_error:.3f}"
    return f"{option.name}, {rung.size} × {rung.size}: OKS {oks}"


def _costs(option: Option) -> str:
    time, published = _time(option), _published(option)
    kinds = ", ".join(f"{count} × {ON_PROCESSOR[kind]}" for kind, count in option.leaving.items())
    return (
        option.fit.reason
        + (f"; {time} ms on the processor" if time else "")
        + (f"; ST publishes {published}" if published else "")
        + (f"; not for the NPU: {kinds}" if kinds else "")
    )
