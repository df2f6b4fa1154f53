"""The benchmark's contenders do the same job, and the run says so when one does not. Nothing is timed here."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from scripts import bench_rivals as bench

# MovingPandas still asks pandas to sort in place, which newer pandas announce to end.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

Answers = dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What each contender answers for two cars."""
    bundle = bench._fleet(tmp_path_factory.mktemp("rivals"), 2)
    return {who: getattr(bench, f"_{who}")(bundle) for who in bench.ROUNDS}


def test_all_contenders_agree(answers: Answers) -> None:
    assert bench._compare(answers)[1] == []


def test_all_mark_the_same_rows_and_cut_at_the_same_silences(answers: Answers) -> None:
    """Two cars of 5,460 fixes (8 h less 25 min, every 5 s), with 0.3 % repeats, 0.05 % spikes, and a silence each."""
    sent = 2 * (8 * 60 - 25) * 12
    damaged = int(sent * bench.REPEATS) + int(sent * bench.SPIKES)
    for who, answer in answers.items():
        assert int(answer["pieces"]) == 4, who
        assert int(answer["marked"]) == pytest.approx(damaged, abs=3), who  # ends of the silences; a spike sent twice
    assert len({int(answer["marked"]) for answer in answers.values()}) == 1


def test_every_contender_answers_everything(answers: Answers) -> None:
    for who, answer in answers.items():
        assert set(answer) == {"length_m", "pairs", "stops", "marked", "pieces"}, who
        assert len(answer["length_m"]) == 2
        assert len(answer["pairs"]) > 1000
        assert len(answer["stops"]) > 2


def half_the_way(answer: dict[str, Any]) -> None:
    answer["length_m"] = answer["length_m"] / 2


def fewer_places(answer: dict[str, Any]) -> None:
    answer["pairs"] = answer["pairs"][::2]


def other_times(answer: dict[str, Any]) -> None:
    answer["stops"] = answer["stops"] + np.array([0, 0, 3_600_000])


@pytest.mark.parametrize("fault", [half_the_way, fewer_places, other_times])
def test_a_contender_that_does_another_job_is_found_out(answers: Answers, fault: Any) -> None:
    changed = copy.deepcopy(answers)
    fault(changed["frames"])
    faults = bench._compare(changed)[1]
    assert faults
    assert all(text.startswith("frames") for text in faults)


def test_standing_that_nobody_else_sees_is_found_out(answers: Answers) -> None:
    changed = copy.deepcopy(answers)
    changed["ours"]["stops"] = changed["ours"]["stops"] + np.array([0, 86_400_000, 86_400_000])
    assert any("ours" in text for text in bench._compare(changed)[1])
