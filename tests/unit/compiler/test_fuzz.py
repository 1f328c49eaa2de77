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
    from tests.bench.fuzzing.fuzz_export import fuzz, seeds

    cheap = [seed for seed in seeds() if len(seed[1]) < 200_000]
    made, wrong, _ = fuzz(300, seed=11, choices=cheap)
    assert not wrong, "\n".join(wrong)
    assert made["exported"] >= 10 and made["refused"] >= 100


@needs_fork
def test_an_exporter_that_goes_wrong_is_seen(tmp_path):
    from tests.bench.fuzzing.fuzz_export import attempt

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


@needs_fork
def test_damaged_files_go_through_load_predict_benchmark_and_export(tmp_path):
    from tests.bench.fuzzing.fuzz_models import fuzz

    made, wrong = fuzz(60, seed=3)
    assert not wrong, "\n".join(wrong)
    assert made["load done"] >= 2 and made["export done"] >= 5 and made["load refused"] >= 20


@needs_fork
def test_a_file_that_ends_its_process_is_found(monkeypatch):
    from tests.bench.fuzzing import fuzz_models

    ended = [([{"load": "done"}], 1, "SIGSEGV"), ([{"load": "Traceback ..."}], 2, "")]
    monkeypatch.setattr(fuzz_models, "batch", lambda *given: ended.pop(0))
    made, wrong = fuzz_models.fuzz(3, 0)
    assert made == {"load done": 1, "SIGSEGV": 1, "load traceback": 1}
    assert wrong == ["file 1: SIGSEGV", "file 2, load: Traceback ..."]
