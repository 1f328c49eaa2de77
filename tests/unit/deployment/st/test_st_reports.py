"""Reports of ST's compiler as its releases printed them; ``reports/README.md`` says where from."""

from pathlib import Path

import pytest

from poseutils.deployment.st.report import read_report

REPORTS = Path(__file__).parent / "reports"


@pytest.mark.parametrize(
    ("name", "version", "macs", "weights", "activations", "totals"),
    [
        ("2.2_stm32", "2.2.0", 25_858, 25_992, 512, (None, None)),
        ("3.0_stm32n6", "3.0.0", 22_464_344, 212_609, 245_760, (None, None)),
        ("4.0_stm32n6", "4.0.1", 8_320_928, 49_809, 18_944, (None, None)),
        ("4.0_stm32u5", "4.0.1", 52_420, 39_904, 10_144, (45_650, 10_432)),
    ],
)
def test_a_release_s_report_is_read(tmp_path, name, version, macs, weights, activations, totals):
    log = tmp_path / "stedgeai-analyze.log"
    log.write_text(f"stedgeai analyze\n{(REPORTS / f'{name}.txt').read_text()}")
    report = read_report(log, name.partition("_")[2], tmp_path)
    assert (report.version, report.macs) == (version, macs)
    assert (report.weight_bytes, report.activation_bytes) == (weights, activations)
    assert (report.flash_bytes, report.ram_bytes) == totals
    ram, flash = totals[1] or activations, totals[0] or weights
    assert report.row["RAM, KiB"] == f"{ram / 1024:,.0f}"
    assert report.row["flash, KiB"] == f"{flash / 1024:,.0f}"


def test_the_use_of_an_accelerators_memories_is_that_of_their_addresses(tmp_path):
    """The ranges of the report are an independent account: the memories hold them, and at most 15
    bytes of alignment."""
    text = (REPORTS / "4.0_stm32n6.txt").read_text()
    (tmp_path / "log").write_text(f"stedgeai analyze\n{text}")
    report = read_report(tmp_path / "log", "stm32n6", tmp_path)
    for memory, used in (("npuRAM5", report.activation_bytes), ("octoFlash", report.weight_bytes)):
        line = next(x for x in reversed(text.splitlines()) if x.strip().startswith(memory))
        begin, end = (int(address, 16) for address in line.rpartition(" ")[2].split("-"))
        assert 0 <= end - begin - used < 16
