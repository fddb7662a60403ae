"""Evaluations of label maps: figures per label on the page, in the API and in the CSV, and the gate that uses them."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Institution, Role, User
from registry.models import ModelVersion, Task
from spineml.metrics.confusion import Confusion
from spineml.metrics.label_agreement import LabelAgreement
from spineml.metrics.surface_distance import UNDEFINED, SurfaceDistances
from spineml.tasks.shipped import VERTEBRAE_CT, verse_value
from tests import factories
from tests.api_client import api, problem
from tests.training import judged
from training.evaluations.selectors import as_series_row
from training.evaluations.services import judging_merge
from training.models import Dataset, EvaluationRun
from training.promotions.selectors import datasets_with_test_patients, gate_view

pytestmark = pytest.mark.django_db
L1, L2, L3 = verse_value("L1"), verse_value("L2"), verse_value("L3")


def vertebrae_version(place: Institution) -> ModelVersion:
    return factories.model_version(owner=place, task=Task.objects.get(pk=VERTEBRAE_CT.slug))


def label(value: int, dice: float) -> LabelAgreement:
    found = round(100 * dice)
    return LabelAgreement(value, Confusion(found, 100 - found, 100 - found, 800), SurfaceDistances(1.5, 0.5))


def evaluated(version: ModelVersion, of: Dataset, l2: float = 0.8) -> EvaluationRun:
    """L1 with Dice 0.9 and L2 with ``l2`` in every patient; L3 is missed; no other label is there."""
    Dataset.objects.filter(pk=of.pk).update(task=VERTEBRAE_CT.slug)
    of.refresh_from_db()
    run = judged.evaluation(version, of, (0.9,) * of.items.count())
    labels = [label(L1, 0.9), label(L2, l2), LabelAgreement(L3, Confusion(0, 0, 50, 950), UNDEFINED)]
    labels.append(LabelAgreement(verse_value("C1"), Confusion(0, 0, 0, 1000), UNDEFINED))
    rows = []
    for stored in run.series.order_by("pk"):
        rows.append(replace(as_series_row(stored), labels=tuple(labels)))
        stored.figures = rows[-1].figures_json()
        stored.save()
    run.result = judged.result(rows)
    run.save()
    return run


@pytest.fixture
def place() -> Institution:
    return factories.institution("Home")


@pytest.fixture
def admin(place: Institution) -> User:
    return factories.user(Role.MODEL_ADMIN, institution=place)


def test_the_page_has_a_row_for_each_label_in_its_colour_and_the_mean_of_the_labels(
    client: Client, place: Institution, admin: User
) -> None:
    run = evaluated(vertebrae_version(place), judged.dataset(place))
    client.force_login(admin)
    text = client.get(run.get_absolute_url()).content.decode()
    table = text[text.index("-labels") :]
    table = table[: table.index("-agreement")]
    rows = {part[: part.index("</tr>")] for part in table.split("<tr>")[2:]}
    [first] = [row for row in rows if "L1 vertebra" in row]
    assert f'fill="{VERTEBRAE_CT.label(L1).colour}"' in first
    assert "0.900" in first
    [missed] = [row for row in rows if "L3 vertebra" in row]
    assert "0.000" in missed
    [mean] = [row for row in rows if "Mean of the labels" in row]
    assert "0.567" in mean
    assert not any("C1 vertebra" in row for row in rows)
    assert "In no mask, and not counted" in table


def test_the_api_names_the_task_and_gives_figures_per_label(place: Institution, admin: User) -> None:
    run = evaluated(vertebrae_version(place), judged.dataset(place))
    body = api(admin).get(f"/api/v1/evaluations/{run.pk}/").json()
    assert body["task"] == "vertebrae-ct"
    labels = {one["value"]: one for one in body["all"]["labels"]}
    assert labels[L2]["per_patient"]["dice"]["mean"] == pytest.approx(0.8)
    assert labels[verse_value("C1")]["patients"] == 0
    assert body["all"]["mean_of_labels"]["dice"]["mean"] == pytest.approx((0.9 + 0.8 + 0) / 3)


def test_the_csv_has_a_row_for_each_patient_and_label(client: Client, place: Institution, admin: User) -> None:
    run = evaluated(vertebrae_version(place), judged.dataset(place, patients=2))
    client.force_login(admin)
    answer = client.get(f"{run.get_absolute_url()}labels.csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode().lstrip("\ufeff"))))
    names = [row["label_name"] for row in rows]
    assert names == ["L1 vertebra", "L2 vertebra", "L3 vertebra", ""] * 2


def test_an_evaluation_of_the_spine_has_no_labels(client: Client, place: Institution, admin: User) -> None:
    run = judged.evaluation(factories.model_version(owner=place), judged.dataset(place))
    client.force_login(admin)
    assert "Per label" not in client.get(run.get_absolute_url()).content.decode()
    assert api(admin).get(f"/api/v1/evaluations/{run.pk}/").json()["task"] == "spine-ct"


def test_the_gate_names_the_label_that_falls(client: Client, place: Institution, admin: User) -> None:
    of = judged.dataset(place)
    task = Task.objects.get(pk=VERTEBRAE_CT.slug)
    active, candidate = factories.active_version(at=place, task=task), vertebrae_version(place)
    evaluated(active, of)
    evaluated(candidate, of, l2=0.75)
    result = gate_view(candidate, place, of).result
    assert result is not None
    assert [(group.kind, group.name) for group in result.fallen] == [("label", "L2 vertebra")]
    client.force_login(admin)
    page = client.get(reverse("training:promote", args=[candidate.pk])).content.decode()
    assert "Label: L2 vertebra" in page


def test_a_version_is_judged_by_masks_of_a_task_that_its_own_is_merged_into(place: Institution) -> None:
    spine = judged.dataset(place)
    merge = judging_merge(vertebrae_version(place), spine)
    assert merge is not None
    assert merge.target == "spine-ct"
    assert judging_merge(factories.model_version(owner=place), spine) is None
    assert spine in datasets_with_test_patients(place, "vertebrae-ct")


def test_a_version_is_not_judged_by_masks_of_a_task_without_a_relation(place: Institution, admin: User) -> None:
    of = judged.dataset(place)
    Dataset.objects.filter(pk=of.pk).update(task=VERTEBRAE_CT.slug)
    version = factories.model_version(owner=place)
    body = {"version": str(version.pk), "dataset": str(of.pk), "split": "test"}
    answer = api(admin).post("/api/v1/evaluations/", body)
    assert problem(answer) == (400, "tasks-without-relation")
    assert "segments Spine, the data set has masks of Vertebrae" in answer.json()["detail"]
    assert not datasets_with_test_patients(place, "spine-ct").exists()
