"""False alarms and misses, compared with counts by hand."""

from poseutils.benchmarking import PersonScores, person_score_rows, person_scores


def test_scores_equal_to_the_threshold_are_below_it():
    one = PersonScores("network", "crops", people=[0.1, 0.3, 0.5, 0.9], empty=[0.0, 0.3, 0.31, 0.4])
    assert (one.false_alarms(0.3), one.misses(0.3)) == (0.5, 0.5)
    assert (one.false_alarms(0.0), one.misses(0.0)) == (0.75, 0.0)
    assert person_score_rows([one], 0.3) == [
        {
            "network": "network",
            "images": "crops",
            "false alarms": "2 of 4 (50 %)",
            "misses": "2 of 4 (50 %)",
        }
    ]


def test_a_higher_threshold_has_fewer_false_alarms_and_more_misses():
    measured = person_scores()
    assert len({one.network for one in measured}) >= 3
    for one in measured:
        steps = [i / 50 for i in range(51)]
        alarms, misses = [one.false_alarms(t) for t in steps], [one.misses(t) for t in steps]
        assert alarms == sorted(alarms, reverse=True) and misses == sorted(misses)
        assert misses[-1] == 1 and alarms[-1] == 0


def test_the_counts_are_those_of_the_page(repository):
    page = (repository / "tests/bench/people/person_scores.md").read_text(encoding="utf-8")
    rows = person_score_rows(person_scores(), 0.3)
    for row in rows:
        line = f"{row['images']} | {row['false alarms']} | {row['misses']} |"
        assert line in page
