"""Some hundred damaged files against the exporter; ``fuzz_export.py`` takes as many as one
likes."""

import shutil
import sys

import pytest

needs_fork = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None,
    reason="limits of memory want Linux, and gcc is needed",
)


@pytest.mark.slow
@needs_fork
def test_damaged_files_end_in_c_that_compiles_or_in_a_clear_error():
    from tests.bench.fuzz_export import fuzz, seeds

    cheap = [seed for seed in seeds() if len(seed[1]) < 200_000]
    made, wrong, _ = fuzz(300, seed=11, choices=cheap)
    assert not wrong, "\n".join(wrong)
    assert made["exported"] >= 10 and made["refused"] >= 100


@needs_fork
def test_an_exporter_that_goes_wrong_is_seen(tmp_path):
    from tests.bench.fuzz_export import attempt

    def broken(data, folder):
        raise KeyError("damaged")

    def hungry(data, folder):
        bytearray(1 << 40)

    def killed(data, folder):
        import faulthandler
        import os
        import signal

        faulthandler.disable()  # it would print
        os.kill(os.getpid(), signal.SIGSEGV)

    assert attempt(b"", broken, tmp_path)[0] == attempt(b"", hungry, tmp_path)[0] == "broken"
    assert attempt(b"", killed, tmp_path)[0] == "ended by SIGSEGV"
