"""Who passes the gate, and why not."""

from __future__ import annotations

import json

import pytest

from spineml.metrics.confusion import Confusion
from spineml.metrics.promotion_gate import GateResult, GateSettings, Refusal, SeriesScore, decide

SETTINGS = GateSettings(draws=2000)


def dice(value: float) -> Confusion:
    """Counts with this Dice."""
    overlap = round(value * 1000)
    return Confusion(tp=overlap, fp=1000 - overlap, fn=1000 - overlap, tn=0)


def scores(values: list[float], *, seen: tuple[int, ...] = (), **groups: list[str]) -> list[SeriesScore]:
    return [
        SeriesScore(f"s{i}", f"p{i}", dice(value), {kind: names[i] for kind, names in groups.items()}, seen=i in seen)
        for i, value in enumerate(values)
    ]


def gate(candidate: list[float], active: list[float], **options: object) -> GateResult:
    groups = {name: value for name, value in options.items() if isinstance(value, list)}
    return decide(scores(candidate, **groups), scores(active, **groups), SETTINGS)


OLD = [0.90, 0.85, 0.95, 0.88, 0.92, 0.80]


def test_a_better_candidate_passes_and_the_figures_say_by_how_much() -> None:
    result = gate([value + 0.02 for value in OLD], OLD)
    assert result.passed
    assert result.difference is not None
    assert result.difference.mean == pytest.approx(0.02)
    assert (result.candidate, result.active) == (pytest.approx(0.9033, abs=1e-3), pytest.approx(0.8833, abs=1e-3))


def test_the_same_version_passes() -> None:
    assert gate(OLD, OLD).passed


@pytest.mark.parametrize(("fall", "passes"), [(0.009, True), (0.01, True), (0.012, False)])
def test_an_even_fall_passes_up_to_the_margin(fall: float, passes: bool) -> None:
    assert gate([value - fall for value in OLD], OLD).passed is passes


def test_a_gain_in_the_mean_that_the_interval_does_not_bear_out_is_refused() -> None:
    candidate = [value + gain for value, gain in zip(OLD, [0.05, 0.04, 0.04, 0.05, 0.04, -0.2], strict=True)]
    result = gate(candidate, OLD)
    assert result.difference is not None
    assert result.difference.mean > 0
    assert result.refusals == (Refusal.WORSE,)


def test_a_group_that_falls_is_refused_however_good_the_rest_is() -> None:
    old = [*OLD, 0.9, 0.9, 0.9, 0.9]
    candidate = [value + 0.045 for value in old[:-1]] + [old[-1] - 0.04]
    makers = ["A"] * 9 + ["B"]
    result = gate(candidate, old, maker=makers, region=["lumbar"] * 10)
    assert result.refusals == (Refusal.GROUP_WORSE,)
    assert [(one.kind, one.name, one.patients) for one in result.fallen] == [("maker", "B", 1)]
    assert {(one.kind, one.name) for one in result.groups} == {("maker", "A"), ("maker", "B"), ("region", "lumbar")}


def test_a_group_may_fall_up_to_its_margin() -> None:
    assert gate([*[value + 0.05 for value in OLD], 0.87], [*OLD, 0.9], maker=["A"] * 6 + ["B"]).passed


@pytest.mark.parametrize("by", ["candidate", "active"])
def test_patients_whom_either_version_saw_do_not_count(by: str) -> None:
    candidate, active = [*OLD, 0.1], [*OLD, 0.9]
    seen = {"candidate": (6,)} if by == "candidate" else {"active": (6,)}
    result = decide(
        scores(candidate, seen=seen.get("candidate", ())), scores(active, seen=seen.get("active", ())), SETTINGS
    )
    assert result.passed
    assert (result.patients, result.seen_patients) == (6, 1)


def test_all_series_of_a_seen_patient_are_left_out() -> None:
    both = [SeriesScore("a", "p", dice(0.9), seen=True), SeriesScore("b", "p", dice(0.9))]
    assert decide(both, both, SETTINGS).patients == 0


def test_too_few_patients_decide_nothing() -> None:
    result = gate([0.9] * 4, [0.5] * 4)
    assert result.refusals == (Refusal.TOO_FEW_PATIENTS,)
    assert result.patients == 4


def test_no_patient_at_all_is_refused_without_figures() -> None:
    result = decide([], [], SETTINGS)
    assert result.refusals == (Refusal.TOO_FEW_PATIENTS,)
    assert (result.candidate, result.active, result.difference) == (None, None, None)


def test_series_of_one_patient_are_pooled_before_they_count() -> None:
    def of(first: float, second: float) -> list[SeriesScore]:
        rest = scores(OLD)
        return [*rest, SeriesScore("x", "twice", dice(first)), SeriesScore("y", "twice", dice(second))]

    result = decide(of(0.9, 0.7), of(0.8, 0.8), SETTINGS)
    assert result.patients == 7
    assert result.difference is not None
    assert result.difference.mean == pytest.approx(0, abs=1e-6)


def test_a_mask_where_there_is_no_spine_counts_against_the_one_that_made_it() -> None:
    nothing, wrong = Confusion(0, 0, 0, 100), Confusion(0, 50, 0, 50)
    empty = [*scores(OLD), SeriesScore("e", "empty", nothing)]
    marked = [*scores(OLD), SeriesScore("e", "empty", wrong)]
    assert decide(empty, empty, SETTINGS).patients == 6
    result = decide(marked, empty, SETTINGS)
    assert result.patients == 7
    assert result.difference is not None
    assert result.difference.mean == pytest.approx(-1 / 7)
    assert not result.passed


def test_scores_of_different_series_are_refused() -> None:
    with pytest.raises(ValueError, match="same series"):
        decide(scores(OLD), scores(OLD[:-1]), SETTINGS)


def test_the_order_of_the_series_does_not_matter() -> None:
    candidate, active = scores([value + 0.01 for value in OLD]), scores(OLD)
    assert decide(candidate[::-1], active, SETTINGS) == decide(candidate, active, SETTINGS)


def test_the_result_is_plain_json_and_the_same_every_time() -> None:
    result = gate([value + 0.01 for value in OLD], OLD, maker=["A"] * 6)
    assert json.dumps(result.as_json(), allow_nan=False) == json.dumps(
        gate([value + 0.01 for value in OLD], OLD, maker=["A"] * 6).as_json()
    )


@pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"group_margin": 1.0}, {"least_patients": 1}])
def test_settings_that_let_anything_pass_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"margins|two at least"):
        GateSettings(**wrong)
