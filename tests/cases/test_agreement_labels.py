"""Readers of label maps: figures per label, and one label map out of several."""

from __future__ import annotations

import numpy as np
import pytest
from django.test import Client

from accounts.models import Role
from cases.models import ReadingItem
from cases.models.projects import AgreementJob
from cases.projects.reading_services import reading_finish, run_start
from registry.models import Task
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared import storage
from tests import factories
from tests.cases import projects
from tests.cases.projects import Group

pytestmark = pytest.mark.django_db
TASK = "two-parts"


@pytest.fixture
def item() -> ReadingItem:
    """Both readers have marked the same voxels; in the right half they name another label."""
    task = factories.task(TASK, values=(3, 7))
    group: Group = projects.group(**({"task": task} if hasattr(projects.ReadingProject, "task") else {}))
    row = projects.item(group.project)
    for reader, right in ((group.first, 7), (group.second, 3)):
        pixels = factories.labels(row.series.geometry) * np.uint8(3)
        half = pixels.shape[2] // 2
        pixels[..., half:][pixels[..., half:] > 0] = right
        made = factories.annotation(of=row.series, author=reader, pixels=pixels, task=task)
        reading_finish(item=row, annotation=made, actor=reader)
    projects.work(row)
    return row


def test_readers_who_name_parts_differently_agree_as_a_whole_and_not_per_label(item: ReadingItem) -> None:
    [pair] = [pair for pair in item.figures["pairs"] if "model" not in (pair["first"], pair["second"])]
    assert pair["dice"] == 1.0
    assert pair["label_dice"]["7"] == 0.0
    assert 0 < pair["label_dice"]["3"] < 1
    assert item.project.__class__.objects.get().summary["readers"]["labels"]["7"]["mean"] == 0.0


@pytest.mark.parametrize(
    ("job", "values"), [(AgreementJob.MAJORITY, {0, 3}), (AgreementJob.UNION, {0, 3})], ids=["majority", "union"]
)
def test_a_proposal_of_label_maps_is_a_label_map_of_their_task(
    item: ReadingItem, job: AgreementJob, values: set[int]
) -> None:
    run_start(item=item, job=job, actor=factories.user("clinician", institution=item.institution))
    made = projects.work(item).annotation
    assert made is not None
    assert made.task == Task.objects.get(pk=TASK)
    labels = read_mask(storage.local_path(made.mask)).labels
    assert set(np.unique(labels)) == values
    whole = factories.labels(item.series.geometry) > 0
    half = labels.shape[2] // 2
    if job == AgreementJob.MAJORITY:  # what both readers call the same
        assert np.array_equal(labels[..., :half] > 0, whole[..., :half])
        assert not labels[..., half:].any()
    else:  # of equals, the label that both together have in more voxels
        assert np.array_equal(labels > 0, whole)


def test_the_page_of_a_project_has_a_row_for_each_label_and_their_mean(client: Client, item: ReadingItem) -> None:
    client.force_login(factories.user(Role.MODEL_ADMIN, institution=item.institution))
    page = client.get(item.project.get_absolute_url()).content.decode()
    assert "Dice, mean of the labels" in page
    assert "Dice, Structure 7" in page
