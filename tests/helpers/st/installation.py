"""Writes a stand-in for an installation of ST Edge AI Core into a folder."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from poseutils.config import Config

HERE = Path(__file__).parent


@dataclass(frozen=True)
class StandIn:
    """A stand-in.

    Attributes:
        root: its folder.
        program: its ``stedgeai``.
    """

    root: Path
    program: Path

    def behave(self, mode: str) -> None:
        """How its programs fail from now on."""
        (self.root / "mode").write_text(mode)

    @property
    def generated(self) -> list[str]:
        """The arguments of the last ``generate``."""
        return json.loads((self.root / "given.json").read_text())

    @property
    def loaded(self) -> dict:
        """The settings that the loader was given last."""
        return json.loads((self.root / "loaded.json").read_text())

    def settings(self, allowed: bool = True, **sections) -> Config:
        """A configuration that names it, whose owner allowed that it runs."""
        tools = {"stedgeai": {"path_to_stedgeai": str(self.program)}}
        config = Config(model={"model_type": "heatmaps_spe"}, **{"tools": tools} | sections)
        config._allow_custom_code = allowed
        return config


def write_installation(root: Path) -> StandIn:
    """A stand-in whose ``stedgeai`` makes a "library", and whose runner runs it with LiteRT."""
    programs = root / "Utilities/linux"
    runner, scripts = root / "scripts/ai_runner/stm_ai_runner", root / "scripts/N6_scripts"
    for folder in (programs, runner, scripts):
        folder.mkdir(parents=True)
    shutil.copy(HERE / "compiler.py", programs / "compiler.py")
    shutil.copy(HERE / "ai_runner.py", runner / "__init__.py")
    shutil.copy(HERE / "loader.py", scripts / "n6_loader.py")
    (scripts / "user_neuralart.json").write_text("{}")
    program = programs / "stedgeai"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$(dirname "$0")/compiler.py" "$@"\n')
    program.chmod(0o755)
    stand_in = StandIn(root, program)
    stand_in.behave("")
    return stand_in
