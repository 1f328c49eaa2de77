import ctypes
import subprocess

import pytest

from poseutils.deployment import decoder_c
from tests.helpers.running.decoders import FLAGS, decoder_sources


@pytest.fixture(scope="module")
def c(tmp_path_factory):
    """The compiled decoders."""
    folder = tmp_path_factory.mktemp("decode")
    for name, text in decoder_sources().items():
        (folder / name).write_text(text)
    decoders = [name for name in decoder_c.decoder_files() if name.endswith(".c")]
    assert len(decoders) == 5
    for name in decoders:  # each is a translation unit of its own
        subprocess.run(["gcc", *FLAGS.split(), "-c", name, "-o", "one.o"], cwd=folder, check=True)
    subprocess.run(
        ["gcc", *FLAGS.split(), *decoders, "-lm", "-o", "decode.so"], cwd=folder, check=True
    )
    return ctypes.CDLL(folder / "decode.so")
