"""Comparing label maps: figures of each label, and masks of two tasks."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
import SimpleITK
from django.test import Client
from PIL import Image

from accounts.models import Role, User
from cases.models import Annotation
from inference.comparison_worker import run_comparison
from inference.models import ComparisonRun
from registry.models import Task, TaskRelation
from spineml.tasks.shipped import VERTEBRAE_CT, verse_value
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared import storage
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db(transaction=True)
L1, L2, L3, SACRUM = verse_value("L1"), verse_value("L2"), verse_value("L3"), 26


def vertebrae(*, shift: int = 0, of: Any = None, **renamed: int) -> Annotation:
    """L1 above L2 above the sacrum in the bar of `factories.labels`; ``l2`` gives L2 another value."""
    pixels = factories.labels(shift=shift).copy()
    marked = pixels > 0
    rows = np.broadcast_to(np.arange(pixels.shape[1])[:, None], pixels.shape)
    first, last = rows[marked].min(), rows[marked].max()
    third = (last - first + 1) / 3
    part = ((rows - first) / third).astype(int).clip(0, 2)
    pixels[marked] = np.array([L1, renamed.get("l2", L2), SACRUM], np.uint8)[part[marked]]
    task = Task.objects.get(pk="vertebrae-ct")
    return factories.annotation(of=of or factories.series(), pixels=pixels, task=task)


def clinician_of(mask: Annotation) -> User:
    return factories.user(Role.CLINICIAN, institution=mask.institution)


def start(reference: Annotation, predicted: Annotation) -> Any:
    body = {"reference": str(reference.pk), "predicted": str(predicted.pk)}
    return api(clinician_of(reference)).post(f"/api/v1/series/{reference.series_id}/comparisons/", body)


def compared(reference: Annotation, predicted: Annotation) -> ComparisonRun:
    started = start(reference, predicted).json()
    execute(ComparisonRun, started["id"], run_comparison)
    run = ComparisonRun.objects.get(pk=started["id"])
    assert run.state == RunState.SUCCEEDED, run.error_message
    return run


def pixels_of(mask: Annotation) -> np.ndarray:
    return read_mask(storage.local_path(mask.mask)).labels


def test_each_label_has_its_figures_and_they_equal_those_of_simpleitk() -> None:
    reference = vertebrae()
    predicted = vertebrae(of=reference.series, shift=2, l2=L3)
    run = compared(reference, predicted)
    body = api(clinician_of(reference)).get(f"/api/v1/comparisons/{run.pk}/").json()
    assert body["task"] == "vertebrae-ct"
    rows = {row["value"]: row for row in body["result"]["labels"]}
    assert set(rows) == set(VERTEBRAE_CT.values)
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(SimpleITK.GetImageFromArray(pixels_of(mask)) for mask in (reference, predicted)))
    for value in (L1, SACRUM):
        assert rows[value]["dice"] == pytest.approx(overlap.GetDiceCoefficient(value))
        assert rows[value]["hd95"] is not None
    assert (rows[L2]["dice"], rows[L3]["dice"], rows[L2]["hd95"]) == (0.0, 0.0, None)
    assert rows[verse_value("C1")]["dice"] is None
    known = [row["dice"] for row in rows.values() if row["dice"] is not None]
    assert body["result"]["mean_of_labels"]["dice"] == pytest.approx(np.mean(known))
    truth, guess = pixels_of(reference) > 0, pixels_of(predicted) > 0
    assert body["result"]["pooled"]["tp"] == int((truth & guess).sum())


def test_the_page_has_a_table_of_labels_in_their_colours_and_the_csv_their_names(client: Client) -> None:
    reference = vertebrae()
    run = compared(reference, vertebrae(of=reference.series, l2=L3))
    client.force_login(clinician_of(reference))
    text = client.get(run.result_url()).content.decode()
    table = text[text.index('id="labels-title"') :]
    for level, told in (("L1", ""), ("L2", "only in the reference"), ("L3", "only in the compared mask")):
        label = VERTEBRAE_CT.label(verse_value(level))
        assert f'fill="{label.colour}"' in table
        assert label.name in table
        assert told in table
    assert "In neither mask, and not counted" in table
    rows = list(csv.DictReader(io.StringIO(client.get(f"{run.result_url()}comparison.csv").content.decode())))
    names = {row["label"]: row["label_name"] for row in rows if row["scope"] == "label, pooled"}
    assert names[str(L1)] == "L1 vertebra"
    assert rows[-1]["scope"] == "mean of the labels"


def test_a_mask_of_the_spine_has_no_table_of_labels(client: Client) -> None:
    run = factories.comparison_run()
    client.force_login(clinician_of(run.reference))
    assert "Per label" not in client.get(run.result_url()).content.decode()
    assert "labels" not in api(clinician_of(run.reference)).get(f"/api/v1/comparisons/{run.pk}/").json()["result"]


@pytest.mark.parametrize("order", [1, -1], ids=["vertebrae first", "spine first"])
def test_vertebrae_and_a_spine_are_compared_as_spine_without_the_sacrum(client: Client, order: int) -> None:
    named = vertebrae()
    spine = factories.annotation(of=named.series, pixels=(np.isin(pixels_of(named), (L1, L2))).astype(np.uint8))
    run = compared(*[named, spine][::order])
    assert run.task_id == "spine-ct"
    assert run.result["pooled"]["dice"] == 1.0
    assert "labels" not in run.result
    client.force_login(clinician_of(named))
    assert "Labels of Vertebrae are merged into Spine" in client.get(run.result_url()).content.decode()


def test_masks_of_two_tasks_without_a_relation_are_refused_by_their_names() -> None:
    spine = factories.annotation()
    lungs = factories.annotation(of=spine.series, task=factories.task("lungs", values=(1, 2)))
    answer = start(spine, lungs)
    assert problem(answer) == (400, "not-comparable")
    assert "Spine and Lungs" in answer.json()["detail"]
    assert not ComparisonRun.objects.exists()


def test_a_comparison_fails_with_a_sentence_when_the_relation_is_gone() -> None:
    named = vertebrae()
    spine = factories.annotation(of=named.series)
    started = start(named, spine).json()
    TaskRelation.objects.all().delete()
    execute(ComparisonRun, started["id"], run_comparison)
    run = ComparisonRun.objects.get(pk=started["id"])
    assert run.state == RunState.FAILED
    assert "relation" in str(run.error_message)


def test_a_page_refuses_masks_of_two_tasks_with_the_reason(client: Client) -> None:
    spine = factories.annotation()
    lungs = factories.annotation(of=spine.series, task=factories.task("lungs", values=(1, 2)))
    client.force_login(clinician_of(spine))
    body = {"reference": str(spine.pk), "predicted": str(lungs.pk)}
    page = client.post(f"/series/{spine.series_id}/compare/", body, follow=True)
    assert "no relation makes one of the other" in page.content.decode()


def test_the_picture_shows_other_labels_in_a_colour_of_their_own() -> None:
    reference = vertebrae()
    run = compared(reference, vertebrae(of=reference.series, l2=L3))
    answer = api(clinician_of(reference)).get(f"/api/v1/comparisons/{run.pk}/slices/1.png")
    picture = np.array(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
    yellow = (picture[..., 0] > picture[..., 2] + 60) & (picture[..., 1] > picture[..., 2] + 60)
    green = (picture[..., 1] > picture[..., 0] + 60) & (picture[..., 1] > picture[..., 2] + 40)
    assert yellow.any()
    assert green.any()
