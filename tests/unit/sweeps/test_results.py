"""Results as a table, as files and as a page."""

import csv
import json
import re
from dataclasses import replace

import pytest

from poseutils.errors import PoseError
from poseutils.sweeps import read_results, results_table
from poseutils.sweeps.page import write_page
from poseutils.sweeps.results import Result, best_first, short_names, write_results


def result(point, oks, state="done", **more):
    values = {"model.alpha": f"0.{point}", "training.optimizer.Adam.learning_rate": "1e-3"}
    history = {"val_oks": [oks / 2, oks]} if oks is not None else {}
    return Result(point, values, state, oks, 2, 61.0, history=history, **more)


RESULTS = [
    result(0, 0.25),
    result(1, None, "failed", error="no <room>"),
    result(2, 0.5, metrics={"train.oks": 0.5, "float.ap": None}),
    result(3, 0.5, "pruned"),
    result(4, None, "stopped"),
    result(5, 0.75, "failed", error="diverged"),
]


def test_the_best_is_first_and_what_failed_last():
    assert [r.point for r in best_first(RESULTS)] == [2, 3, 0, 4, 5, 1]


def test_attributes_are_named_by_their_last_part_where_that_is_enough():
    names = ["model.alpha", "training.seed", "dataset.seed"]
    assert list(short_names(names).values()) == ["alpha", "training.seed", "dataset.seed"]


def test_files_have_everything(tmp_path):
    write_results(tmp_path, best_first(RESULTS))
    assert read_results(tmp_path) == best_first(RESULTS)
    rows = list(csv.DictReader((tmp_path / "results.csv").open()))
    assert [row["point"] for row in rows] == ["2", "3", "0", "4", "5", "1"]
    assert rows[0]["model.alpha"] == "0.2" and rows[0]["train.oks"] == "0.5"
    assert rows[1]["train.oks"] == rows[0]["float.ap"] == "" and rows[5]["error"] == "no <room>"


@pytest.mark.parametrize("text", ["{", "[1]", '[{"point": 1}]'])
def test_damaged_results(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(PoseError, match="not the results of a sweep"):
        read_results(tmp_path)


def test_the_table_has_a_line_a_point_and_the_errors_below():
    lines = results_table(best_first(RESULTS)).splitlines()
    assert (
        lines[0].split() == "point alpha learning_rate validation OKS best epoch time state".split()
    )
    assert lines[1].split() == ["2", "0.2", "1e-3", "0.500", "2", "61.0", "s", "done"]
    assert lines[-2:] == ["point 5: diverged", "point 1: no <room>"]


def test_points_that_learned_nothing_are_named(tmp_path):
    untrained = [replace(result(number, 0.06), best_epoch=0) for number in (1, 4)]
    results = best_first([*untrained, result(0, 0.25)])
    assert results_table(results).splitlines()[-1].startswith("nothing was learned by point 1, 4:")
    assert "nothing was learned by point 1, 4:" in write_page(tmp_path, "s", results).read_text()
    assert "learned" not in results_table(results[:1])


def test_the_page_is_one_file_with_two_figures(tmp_path):
    page = write_page(tmp_path, "a <sweep>", best_first(RESULTS)).read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]
    assert "a &lt;sweep&gt;" in page and "no &lt;room&gt;" in page
    sources = re.findall(r'src="([^"]{20})', page)
    assert sources == ["data:image/png;base6"] * 2
    assert not re.search(r'(href|src)="https?:', page) and "<script" not in page
    assert re.findall(r'href="(point-\d+)/index.html">\d', page)[0] == "point-002"


def test_a_page_without_any_training(tmp_path):
    assert "<figure" not in write_page(tmp_path, "none", [RESULTS[1]]).read_text()


def test_results_are_json(tmp_path):
    write_results(tmp_path, RESULTS)
    (first, *_) = json.loads((tmp_path / "results.json").read_text())
    assert first["values"]["model.alpha"] == "0.0" and first["history"]["val_oks"] == [0.125, 0.25]
