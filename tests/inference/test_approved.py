"""The approved mask is what is shown, named, reported and handed out; any other says that it is not."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone

from cases.models import Annotation, Review
from inference.models import ReportRun
from tests import factories
from tests.api_client import api
from tests.cases import projects
from tests.inference import reports

pytestmark = pytest.mark.django_db
KINDS = ("overlay.jpg", "overlay.png", "mask.png", "mask.zip", "mask.nii.gz", "mask.npy")


class Scene:
    """A person's mask is approved; the model's was made before, and segmenting again made another one after it."""

    def __init__(self) -> None:
        self.model = factories.prediction().annotation
        self.series = self.model.series
        self.person = factories.user("clinician", institution=self.series.institution)
        self.drawn = factories.annotation(
            of=self.series, author=self.person, pixels=factories.labels(self.series.geometry, shift=4)
        )
        self.say("approved", self.drawn)
        self.again = factories.prediction(of=self.series).annotation
        self.browser = Client()
        self.browser.force_login(self.person)

    def say(self, verdict: str, mask: Annotation, **fields: Any) -> Review:
        values = {"reason": "" if verdict == "approved" else "No.", "reader": self.person, **fields}
        at = timezone.now() + timedelta(seconds=Review.objects.count())
        return Review.objects.create(
            institution=mask.institution,
            series=mask.series,
            annotation=mask,
            verdict=verdict,
            created_at=at,
            **values,
        )

    def page(self, query: str = "") -> str:
        return self.browser.get(f"/series/{self.series.pk}/view/{query}").content.decode()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_page_of_the_series_shows_names_and_hands_out_the_approved_mask(scene: Scene) -> None:
    text = scene.page()
    heading = text.partition('id="mask-title"')[2].partition("</h2>")[0]
    assert "Approved" in heading
    assert re.findall(r'/masks/([0-9a-f-]+)/download/([\w.]+)"', text) == [(str(scene.drawn.pk), one) for one in KINDS]
    assert f'name="mask" value="{scene.drawn.pk}"' in text
    assert "not the approved mask" not in text


def test_another_mask_says_so_and_leads_to_the_approved_one(scene: Scene) -> None:
    text = scene.page(f"?mask={scene.again.pk}")
    assert "This is not the approved mask of the series." in text
    assert f'href="?mask={scene.drawn.pk}">Show approved mask' in text


def test_without_an_approval_the_page_says_that_there_is_none(scene: Scene) -> None:
    scene.say("rejected", scene.drawn)
    assert "No mask of this series is approved." in scene.page()


@pytest.mark.parametrize("address", ["/masks/{mask}/download/{kind}", "/api/v1/masks/{mask}/download/{kind}/"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_download_is_named_by_whether_it_is_approved(scene: Scene, kind: str, address: str) -> None:
    found = []
    for mask in (scene.drawn, scene.again):
        answer = scene.browser.get(address.format(mask=mask.pk, kind=kind))
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        found.append(answer["Content-Disposition"])
        if kind == "mask.npy":
            stored = np.load(io.BytesIO(content))  # noqa: TID251 - our own file
            assert np.array_equal(stored > 0, factories_labels(mask))
    assert re.search(r"spine-[0-9a-f]{8}-approved-", found[0])
    assert re.search(r"spine-[0-9a-f]{8}-not-approved-", found[1])


def factories_labels(mask: Annotation) -> Any:
    from spineml.volumes.canonical_file import read_mask
    from spineplatform.shared import storage

    labels = read_mask(storage.local_path(mask.mask)).labels
    return np.asarray(labels) > 0


@pytest.mark.parametrize("address", ["/series/{series}/report/", "/cases/{case}/report/"])
def test_a_report_is_of_the_approved_mask_unless_another_is_named(scene: Scene, address: str) -> None:
    scene.browser.post(address.format(series=scene.series.pk, case=scene.series.case_id))
    assert list(ReportRun.objects.get().masks.all()) == [scene.drawn]


def test_so_are_reports_by_rest_and_of_the_newest_where_none_is_approved(scene: Scene) -> None:
    client = api(scene.person)
    answer = client.post(f"/api/v1/series/{scene.series.pk}/reports/", {})
    assert answer.json()["mask"] == str(scene.drawn.pk)
    named = client.post(f"/api/v1/series/{scene.series.pk}/reports/", {"mask": str(scene.again.pk)})
    assert named.json()["mask"] == str(scene.again.pk)
    client.post(f"/api/v1/cases/{scene.series.case_id}/reports/", {})
    ReportRun.objects.all().delete()
    scene.say("sent-back", scene.drawn)
    answer = client.post(f"/api/v1/series/{scene.series.pk}/reports/", {})
    assert answer.json()["mask"] == str(scene.again.pk)


def test_rest_names_the_approved_mask(scene: Scene) -> None:
    client = api(scene.person)
    expected = {str(scene.model.pk): False, str(scene.drawn.pk): True, str(scene.again.pk): False}
    listed = client.get(f"/api/v1/series/{scene.series.pk}/masks/").json()["results"]
    whole = client.get(f"/api/v1/series/{scene.series.pk}/").json()["masks"]
    single = [client.get(f"/api/v1/masks/{one}/").json() for one in expected]
    for found in (listed, whole, single):
        assert {one["id"]: one["approved"] for one in found} == expected


def test_the_case_page_marks_it(scene: Scene) -> None:
    text = scene.browser.get(f"/cases/{scene.series.case_id}/").content.decode()
    row = text.partition(f"?mask={scene.drawn.pk}")[2].partition("</th>")[0]
    assert "Approved" in row
    assert "Approved" not in text.partition(f"?mask={scene.again.pk}")[2].partition("</th>")[0]


@pytest.mark.django_db(transaction=True)
def test_a_report_of_another_mask_says_that_it_is_not_the_approved_one() -> None:
    scene = Scene()
    texts = []
    for mask in (scene.drawn, scene.again):
        run = reports.written(mask, requested_by=scene.person)
        assert run.result is not None
        texts.append(run.result["sections"][0]["warnings"])
    assert texts == [[], ["This is not the approved mask of the series."]]


def test_a_blind_reader_is_not_told_that_somebody_approved_the_models_mask() -> None:
    group = projects.group()
    item = projects.item(group.project)
    model = item.series.annotations.get(source="model")
    Review.objects.create(
        institution=item.institution, series=item.series, annotation=model, verdict="approved", reader=group.first
    )
    assert api(group.second).get(f"/api/v1/masks/{model.pk}/").json()["approved"] is False
    assert api(group.first).get(f"/api/v1/masks/{model.pk}/").json()["approved"] is True
    answer = api(group.second).get(f"/api/v1/masks/{model.pk}/download/mask.png/")
    assert "not-approved" in answer["Content-Disposition"]
