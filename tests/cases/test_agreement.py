"""Reading projects: setting up, finishing, figures, proposals, decisions, and what goes on to training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import Role
from cases.models import (
    AgreementRun,
    Annotation,
    CaseState,
    Decision,
    ProjectMember,
    Reading,
    ReadingItem,
    ReadingProject,
    Review,
    ReviewVerdict,
)
from cases.models.projects import AgreementJob, DecisionKind
from cases.projects.presentation import volumes_plot
from cases.projects.reading_services import item_decide, proposal_make, reading_finish
from cases.projects.selectors import items_listed, projects_seen
from cases.projects.worker import run_agreement
from spineml.metrics.confusion import confusion
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared import storage
from spineplatform.shared.errors import UserError
from spineplatform.shared.lease import execute
from spineplatform.shared.models import AuditEvent
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api, problem
from tests.cases import projects
from tests.cases.projects import Group
from training.datasets.selectors import Choice, masks_chosen

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> Group:
    return projects.group()


def labels_of(mask: Annotation) -> np.ndarray:
    return read_mask(storage.local_path(mask.mask)).labels


def to_train(group: Group) -> list[Annotation]:
    return list(masks_chosen([group.project.institution], Choice()))


# --- setting up -------------------------------------------------------------------------------------------------------
def new_project(group: Group, **fields: Any) -> dict[str, Any]:
    values = {
        "name": "Lumbar 2026",
        "institution": str(group.project.institution_id),
        "readers": [group.first.pk, group.second.pk],
        "adjudicators": [group.third.pk],
    }
    return {**values, **fields}


def test_a_model_admin_sets_up_a_project_and_gives_it_series(group: Group) -> None:
    admin = api(factories.user(Role.MODEL_ADMIN, institution=group.project.institution))
    made = admin.post("/api/v1/projects/", new_project(group, agreed_dice=0.95))
    assert made.status_code == 201
    series = factories.series(institution=group.project.institution)
    added = admin.post(f"{made.json()['url']}series/", {"series": [str(series.pk)]})
    assert [item["state"] for item in added.json()["items"]] == ["waiting"]
    assert problem(admin.post(f"{made.json()['url']}series/", {"series": [str(series.pk)]})) == (
        409,
        "series-in-project",
    )
    assert problem(admin.post("/api/v1/projects/", new_project(group))) == (409, "project-name-taken")
    assert set(AuditEvent.objects.values_list("action", flat=True)) >= {"project.created", "project.series_added"}


@pytest.mark.parametrize("wrong", ["one reader", "no adjudicator", "both parts", "stranger", "model admin"])
def test_a_project_of_too_few_or_wrong_people_is_refused(group: Group, wrong: str) -> None:
    place = group.project.institution
    stranger = factories.user("annotator")
    admin = factories.user(Role.MODEL_ADMIN, institution=place)
    people = {
        "one reader": {"readers": [group.first.pk]},
        "no adjudicator": {"adjudicators": []},
        "both parts": {"adjudicators": [group.first.pk]},
        "stranger": {"readers": [group.first.pk, stranger.pk]},
        "model admin": {"readers": [group.first.pk, admin.pk]},
    }[wrong]
    assert problem(api(admin).post("/api/v1/projects/", new_project(group, **people))) == (400, "project-people")


def test_series_of_another_institution_are_not_found(group: Group) -> None:
    place = group.project.institution
    admin = factories.user(Role.MODEL_ADMIN, institution=place)
    elsewhere = factories.series()
    address = f"/api/v1/projects/{group.project.pk}/series/"
    assert api(admin).post(address, {"series": [str(elsewhere.pk)]}).status_code == 404


# --- reading ----------------------------------------------------------------------------------------------------------
def test_a_series_waits_then_one_has_read_then_all_have(group: Group) -> None:
    item = projects.item(group.project)
    projects.finish(item, group.first)
    assert (item.state, item.runs.count()) == ("one-read", 0)
    projects.finish(item, group.second)
    assert (item.state, item.runs.get().job) == ("all-read", "figures")


def test_a_reader_may_choose_another_mask_until_the_other_has_finished(group: Group) -> None:
    item = projects.item(group.project)
    projects.finish(item, group.first)
    again = projects.finish(item, group.first, shift=1)
    assert item.readings.get().annotation == again
    projects.finish(item, group.second)
    with pytest.raises(UserError, match="All readers have finished"):
        reading_finish(item=item, annotation=again, actor=group.first)


def test_without_blind_reading_a_later_change_computes_the_figures_again() -> None:
    group = projects.group(blind=False)
    item = projects.both_read(group, shift=2)
    before = item.figures
    projects.finish(item, group.second, shift=0)
    assert item.figures is None
    projects.work(item)
    assert before["pairs"][0]["dice"] < item.figures["pairs"][0]["dice"] == 1.0


def test_only_ones_own_mask_or_a_models_ends_a_reading(group: Group) -> None:
    item, other = projects.item(group.project), projects.item(group.project)
    theirs = projects.mask(item, group.third)
    elsewhere = projects.mask(other, group.first)
    for mask in (theirs, elsewhere):
        with pytest.raises(UserError, match="a mask of your own"):
            reading_finish(item=item, annotation=mask, actor=group.first)
    with pytest.raises(UserError, match="Only this project's readers"):
        reading_finish(item=item, annotation=theirs, actor=group.third)
    model = item.series.annotations.get(source="model")
    assert reading_finish(item=item, annotation=model, actor=group.first).annotation == model


# --- figures ----------------------------------------------------------------------------------------------------------
def test_the_figures_are_those_of_the_masks(group: Group) -> None:
    item = projects.both_read(group, shift=2)
    pairs = {(one["first"], one["second"]): one for one in item.figures["pairs"]}
    first, second = str(group.first.pk), str(group.second.pk)
    assert set(pairs) == {(first, second), (first, "model"), (second, "model")}
    grid = item.series.geometry
    expected = confusion(factories.labels(grid) > 0, factories.labels(grid, shift=2) > 0).dice
    assert pairs[first, second]["dice"] == pytest.approx(expected)
    assert pairs[first, second]["hd95_mm"] == pytest.approx(2 * grid.spacing[2])
    assert pairs[first, second]["kappa"] == 1.0
    assert pairs[first, "model"]["dice"] == 1.0
    assert ReadingProject.objects.get().summary["readers"]["spreads"]["dice"]["n"] == 1


def test_another_mask_by_a_model_has_the_figures_computed_again(group: Group) -> None:
    item = projects.both_read(group)
    newer = factories.prediction(of=item.series, pixels=factories.labels(item.series.geometry, shift=4)).annotation
    assert projects.work(item).state == RunState.SUCCEEDED
    assert item.figures["masks"]["model"] == str(newer.pk)
    assert item.runs.count() == 2


def test_readings_that_began_with_the_model_are_said_to(group: Group) -> None:
    item = projects.item(group.project)
    model = item.series.annotations.get(source="model")
    corrected = projects.mask(item, group.first, source="edit", parent=model)
    reading_finish(item=item, annotation=corrected, actor=group.first)
    projects.finish(item, group.second)
    projects.work(item)
    assert item.figures["from_model"] is True
    assert projects.both_read(group).figures["from_model"] is False


@pytest.mark.django_db(transaction=True)
def test_a_failed_comparison_is_tried_again_by_asking(group: Group) -> None:
    item = projects.item(group.project)
    projects.finish(item, group.first)
    lost = projects.finish(item, group.second)
    path = storage.local_path(lost.mask)
    content = path.read_bytes()
    path.unlink()
    execute(AgreementRun, item.runs.get().pk, run_agreement)
    assert item.runs.get().state == RunState.FAILED
    path.write_bytes(content)
    address = f"/api/v1/readings/{item.pk}/figures/"
    assert api(group.third).post(address).status_code == 202
    execute(AgreementRun, item.runs.get().pk, run_agreement)
    item.refresh_from_db()
    assert item.figures is not None


# --- settling ---------------------------------------------------------------------------------------------------------
def test_a_single_readers_approved_mask_does_not_go_on_to_training(group: Group) -> None:
    item = projects.item(group.project)
    mask = projects.finish(item, group.first)
    Review.objects.create(
        institution=item.institution,
        series=item.series,
        annotation=mask,
        verdict=ReviewVerdict.APPROVED,
        reader=group.first,
    )
    assert to_train(group) == []
    assert list(masks_chosen([item.institution], Choice(annotations=(str(mask.pk),)))) == []


@pytest.mark.parametrize("which", ["first", "second", "model", "correction"])
def test_the_adjudicators_choice_is_approved_for_training(group: Group, which: str) -> None:
    item = projects.both_read(group)
    first, second = (reading.annotation for reading in item.readings.all())
    mask = {
        "first": first,
        "second": second,
        "model": item.series.annotations.get(source="model"),
        "correction": projects.mask(item, group.third, shift=3, source="edit", parent=first),
    }[which]
    answer = api(group.third).post(
        f"/api/v1/readings/{item.pk}/decision/", {"mask": str(mask.pk), "note": "L5 was cut."}
    )
    assert answer.status_code == 201
    item.refresh_from_db()
    assert item.state == "adjudicated"
    assert to_train(group) == [mask]
    review = Review.objects.get(series=item.series)
    assert (review.reader, review.annotation, review.for_training) == (group.third, mask, True)
    item.series.case.refresh_from_db()
    assert item.series.case.state == CaseState.APPROVED
    assert item.decision.kind == {"first": "reading", "second": "reading"}.get(which, which)


def test_a_case_is_not_approved_before_its_other_series_is(group: Group) -> None:
    item = projects.both_read(group)
    factories.prediction(of=factories.series(of=item.series.case))
    item_decide(item=item, annotation=item.readings.first().annotation, actor=group.third)
    item.series.case.refresh_from_db()
    assert item.series.case.state == CaseState.IN_REVIEW


def test_equal_volumes_have_a_plot_with_round_ticks_and_one_line() -> None:
    found = {"points": [[27.3, 0.0], [27.3, 0.0]], "figures": {"bias": 0.0, "lower": 0.0, "upper": 0.0}}
    shown = volumes_plot(found, "Readers", "second minus first")
    assert [tick.text for tick in shown.x_ticks] == ["26", "28", "30"]
    assert [tick.text for tick in shown.y_ticks] == ["-0.10", "-0.05", "0.00", "0.05", "0.10"]
    assert [level.css for level in shown.levels] == ["chart-bias"]


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (AgreementJob.UNION, lambda a, b, m: a | b),
        (AgreementJob.MAJORITY, lambda a, b, m: a & b),
        (AgreementJob.MAJORITY_WITH_MODEL, lambda a, b, m: (a.astype(int) + b + m) >= 2),
    ],
)
def test_a_majority_or_union_is_a_new_mask_with_its_parent(group: Group, job: AgreementJob, expected: Any) -> None:
    item = projects.both_read(group, shift=2)
    proposal_make(item=item, job=job, actor=group.third)
    made = projects.work(item).annotation
    masks = [*(reading.annotation for reading in item.readings.all()), item.series.annotations.get(source="model")]
    assert np.array_equal(labels_of(made), expected(*map(labels_of, masks)).astype(np.uint8))
    assert (made.author, made.parent, made.source) == (group.third, masks[0], "edit")
    decision = item_decide(item=item, annotation=made, actor=group.third)
    assert decision.kind == DecisionKind.PROPOSAL
    assert to_train(group) == [made]


def test_staple_is_proposed_from_three_readers_on(group: Group) -> None:
    two = projects.both_read(group, shift=0)
    answer = api(group.third).post(f"/api/v1/readings/{two.pk}/proposals/", {"method": "staple"})
    assert problem(answer) == (409, "too-few-readers")
    fourth = factories.user("annotator", institution=group.project.institution)
    group.project.members.create(user=fourth, role="reader")
    item = projects.item(group.project)
    for reader in (group.first, group.second, fourth):
        projects.finish(item, reader)
    proposal_make(item=item, job=AgreementJob.STAPLE, actor=group.third)
    projects.work(item)
    made = item.runs.get(job="staple").annotation
    assert made.pixel_hash == item.readings.first().annotation.pixel_hash


def test_the_page_offers_what_makes_sense_of_so_many_readers_and_names_equal_and_empty_masks(group: Group) -> None:
    item = projects.item(group.project)
    empty = np.zeros_like(factories.labels(item.series.geometry))
    for reader in (group.first, group.second):
        mask = factories.annotation(of=item.series, author=reader, pixels=empty)
        reading_finish(item=item, annotation=mask, actor=reader)
    projects.work(item)
    client = Client()
    client.force_login(group.third)
    page = client.get(item.get_absolute_url()).content.decode()
    assert "Union of the readers" in page
    assert "STAPLE of the readers" not in page
    names = ", ".join(one.display_name() for one in (group.first, group.second))
    assert f"Identical masks: {names}." in page
    assert page.count("· empty") == 2


def test_the_majority_of_two_is_called_their_intersection_and_named_where_it_is_the_models_mask(group: Group) -> None:
    item = projects.item(group.project)
    pixels = factories.labels(item.series.geometry)
    model = factories.prediction(of=item.series, pixels=pixels).annotation
    for z, reader in enumerate((group.first, group.second)):
        more = pixels.copy()
        more[z, 0, 0] = 1
        mask = factories.annotation(of=item.series, author=reader, pixels=more)
        reading_finish(item=item, annotation=mask, actor=reader)
    projects.work(item)
    proposal_make(item=item, job=AgreementJob.MAJORITY, actor=group.third)
    projects.work(item)
    made = item.runs.get(job="majority").annotation
    assert (made.pixel_hash, made.label) == (model.pixel_hash, "Intersection of the readers")
    client = Client()
    client.force_login(group.third)
    page = client.get(item.get_absolute_url()).content.decode()
    assert "Identical masks: Model, Intersection of the readers." in page
    assert "Majority of the readers and the model" in page
    assert "Majority of the readers<" not in page


def test_delivering_a_proposal_twice_makes_one_mask(group: Group) -> None:
    item = projects.both_read(group)
    proposal_make(item=item, job=AgreementJob.UNION, actor=group.third)
    proposal_make(item=item, job=AgreementJob.UNION, actor=group.third)
    projects.work(item)
    projects.work(item)
    assert item.runs.filter(job="union").count() == 1
    assert item.series.annotations.filter(author=group.third).count() == 1


def test_a_third_persons_mask_cannot_be_decided_for_nor_a_series_twice(group: Group) -> None:
    item = projects.both_read(group)
    stranger = projects.mask(item, factories.user("annotator", institution=item.institution))
    client, address = api(group.third), f"/api/v1/readings/{item.pk}/decision/"
    assert problem(client.post(address, {"mask": str(stranger.pk)})) == (400, "not-to-decide-on")
    mine = {"mask": str(item.readings.first().annotation_id)}
    assert problem(api(group.first).post(address, mine))[0] == 403
    assert client.post(address, mine).status_code == 201
    assert problem(client.post(address, mine)) == (409, "already-settled")


def test_nothing_is_decided_or_proposed_before_all_have_read(group: Group) -> None:
    item = projects.item(group.project)
    mask = projects.finish(item, group.first)
    client, address = api(group.third), f"/api/v1/readings/{item.pk}"
    for door, body in (("decision", {"mask": str(mask.pk)}), ("proposals", {"method": "staple"}), ("figures", {})):
        assert problem(client.post(f"{address}/{door}/", body)) == (409, "not-all-read")


def test_readers_who_agree_enough_settle_a_series_by_themselves() -> None:
    group = projects.group(agreed_dice=0.85)
    agreed, apart = projects.both_read(group, shift=1), projects.both_read(group, shift=5)
    assert (agreed.state, apart.state) == ("agreed", "all-read")
    first = agreed.readings.get(reader=group.first).annotation
    assert (agreed.decision.annotation, agreed.decision.decided_by) == (first, None)
    assert to_train(group) == [first]
    assert Review.objects.get().reader == group.first


def test_a_series_that_somebody_has_finished_stays_in_the_project(group: Group) -> None:
    admin = api(factories.user(Role.MODEL_ADMIN, institution=group.project.institution))
    waiting, begun = projects.item(group.project), projects.item(group.project)
    projects.finish(begun, group.first)
    assert problem(admin.delete(f"/api/v1/readings/{begun.pk}/")) == (409, "reading-begun")
    assert admin.delete(f"/api/v1/readings/{waiting.pk}/").status_code == 204


# --- constraints ------------------------------------------------------------------------------------------------------
def _second_part(group: Group, item: ReadingItem) -> None:
    ProjectMember.objects.create(project=group.project, user=group.first, role="adjudicator")


def _same_name(group: Group, item: ReadingItem) -> None:
    ReadingProject.objects.create(
        institution=group.project.institution, name=group.project.name, created_by=group.third
    )


def _series_twice(group: Group, item: ReadingItem) -> None:
    ReadingItem.objects.create(institution=item.institution, project=group.project, series=item.series)


def _reading_twice(group: Group, item: ReadingItem) -> None:
    mask = item.readings.first().annotation
    Reading.objects.create(item=item, reader=group.first, annotation=mask)


def _figures_too_early(group: Group, item: ReadingItem) -> None:
    ReadingItem.objects.filter(pk=item.pk).update(figures={"pairs": []})


def _decided_by_nobody(group: Group, item: ReadingItem) -> None:
    Decision.objects.create(item=item, annotation=item.readings.first().annotation, kind="reading")


def _two_runs(group: Group, item: ReadingItem) -> None:
    for _ in range(2):
        AgreementRun.objects.create(institution=item.institution, item=item, job="figures")


def _dice_above_one(group: Group, item: ReadingItem) -> None:
    ReadingProject.objects.filter(pk=group.project.pk).update(agreed_dice=1.5)


@pytest.mark.parametrize(
    "wrong",
    [
        _second_part,
        _same_name,
        _series_twice,
        _reading_twice,
        _figures_too_early,
        _decided_by_nobody,
        _two_runs,
        _dice_above_one,
    ],
)
def test_the_database_keeps_the_promises(group: Group, wrong: Any) -> None:
    item = projects.item(group.project)
    projects.finish(item, group.first)
    with pytest.raises(IntegrityError), transaction.atomic():
        wrong(group, item)


def test_a_decision_is_never_changed(group: Group) -> None:
    item = projects.both_read(group)
    decision = item_decide(item=item, annotation=item.readings.first().annotation, actor=group.third)
    with pytest.raises(TypeError, match="never changed"):
        decision.save()


def test_projects_are_listed_newest_first_and_series_as_they_were_added(group: Group) -> None:
    place = group.project.institution
    others = [projects.group(institution=place).project for _ in range(3)]
    series = [projects.item(group.project) for _ in range(3)]
    assert list(projects_seen(group.first)) == [*reversed(others), group.project]
    assert items_listed(group.project, group.first) == series
