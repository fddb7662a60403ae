"""Blind double reading: through no door does a reader see what another reader drew before both have finished."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from cases.access import mask_get
from cases.comments.services import comment_write, notices_read
from cases.models import Annotation, Review, Series
from spineplatform.shared.errors import NotFound
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api
from tests.cases import projects
from tests.cases.projects import Group
from tests.cases.test_api_reading import correct, edited

pytestmark = pytest.mark.django_db

# What shows a mask, by its id.
MASK_DOORS = [
    "/api/v1/masks/{mask}/",
    "/api/v1/masks/{mask}/check/",
    "/api/v1/masks/{mask}/slices/2/",
    "/api/v1/masks/{mask}/slices/?first=2",
    "/api/v1/masks/{mask}/download/mask.npy/",
    "/masks/{mask}/download/mask.nii.gz",
    "/masks/{mask}/download/overlay.png",
    "/comparisons/{comparison}/",
    "/comparisons/{comparison}/comparison.csv",
    "/api/v1/comparisons/{comparison}/slices/2.png",
    "/api/v1/comparisons/{comparison}/",
    "/api/v1/comparisons/{comparison}/csv/",
    "/api/v1/runs/comparison/{comparison}/",
]
# What lists masks or figures of a series.
LISTS = [
    "/cases/{case}/",
    "/series/{series}/view/",
    "/series/{series}/read/",
    "/series/{series}/measurements.csv",
    "/api/v1/series/{series}/",
    "/api/v1/series/{series}/masks/",
    "/api/v1/series/{series}/reading/",
    "/api/v1/series/{series}/measurements/",
    "/api/v1/cases/{case}/",
    "/api/v1/series/{series}/reviews/",
    "/api/v1/series/{series}/comments/",
    "/series/{series}/history/",
    "/api/v1/series/{series}/history/",
    "/api/v1/series/{series}/reports/",
    "/api/v1/cases/{case}/reports/",
    "/api/v1/notices/",
    "/notices/",
    "/cases/",
    "/cases/now/",
    "/series/{series}/comments/",
    "/api/v1/cases/",
    "/readings/{item}/",
    "/api/v1/readings/{item}/",
    "/projects/{project}/",
    "/api/v1/projects/{project}/",
]


REASON, REMARK = "The sacrum is left out.", "I drew L5 up to slice 4."


class Scene:
    """The first reader has finished, measured, and compared; the second reads blindly."""

    def __init__(self, **fields: Any) -> None:
        self.group: Group = projects.group(**fields)
        self.item = projects.item(self.group.project)
        self.series: Series = self.item.series
        self.hidden: Annotation = projects.finish(self.item, self.group.first, shift=6)  # unlike the model
        model = self.series.annotations.get(source="model")
        self.comparison = factories.comparison_run(reference=self.hidden, predicted=model)
        self.measurement = factories.measurement(of=self.series, author=self.group.first)
        self.review = Review.objects.create(
            institution=self.series.institution,
            series=self.series,
            annotation=self.hidden,
            verdict="approved",
            reader=self.group.first,
            reason=REASON,
        )
        remark = f"@{self.group.second.username} {REMARK}"
        comment_write(series=self.series, actor=self.group.first, text=remark)
        self.ids = {
            "mask": self.hidden.pk,
            "comparison": self.comparison.pk,
            "case": self.series.case_id,
            "series": self.series.pk,
            "item": self.item.pk,
            "project": self.group.project.pk,
        }

    def get(self, user: User, address: str) -> Any:
        address = address.format(**self.ids)
        if address.startswith("/api/"):
            return api(user).get(address)
        client = Client()
        client.force_login(user)
        return client.get(address)

    def traces(self, user: User, address: str) -> list[str]:
        """What in the answer tells of the first reader's work."""
        text = self.get(user, address).content.decode()
        rows = (self.hidden, self.comparison, self.measurement, self.review)
        marks = (*(row.pk for row in rows), self.hidden.pixel_hash, REASON, REMARK)
        return [str(mark) for mark in marks if str(mark) in text]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def opened(scene: Scene, user: User, addresses: list[str]) -> dict[str, int]:
    found = {}
    for address in addresses:
        answer = scene.get(user, address)
        if answer.streaming:
            b"".join(answer.streaming_content)  # to its end, so that its file is closed
        found[address] = answer.status_code
    return found


def test_no_door_opens_the_first_readers_mask_to_the_second(scene: Scene) -> None:
    assert opened(scene, scene.group.second, MASK_DOORS) == dict.fromkeys(MASK_DOORS, 404)


def test_the_reader_and_the_adjudicator_see_the_mask_through_every_door(scene: Scene) -> None:
    assert opened(scene, scene.group.first, MASK_DOORS) == dict.fromkeys(MASK_DOORS, 200)
    assert opened(scene, scene.group.third, MASK_DOORS) == dict.fromkeys(MASK_DOORS, 200)


def test_no_list_tells_the_second_reader_of_the_first_ones_work(scene: Scene) -> None:
    assert opened(scene, scene.group.second, LISTS) == dict.fromkeys(LISTS, 200)
    assert {address: scene.traces(scene.group.second, address) for address in LISTS} == {one: [] for one in LISTS}


def test_every_door_opens_once_both_have_finished(scene: Scene) -> None:
    projects.finish(scene.item, scene.group.second, shift=1)
    projects.work(scene.item)
    doors = [*MASK_DOORS, *LISTS]
    assert opened(scene, scene.group.second, doors) == dict.fromkeys(doors, 200)


def test_the_lists_tell_of_it_once_both_have_finished(scene: Scene) -> None:
    projects.finish(scene.item, scene.group.second, shift=1)
    for address in ("/cases/{case}/", "/api/v1/series/{series}/masks/", "/api/v1/series/{series}/reading/"):
        assert scene.traces(scene.group.second, address) != []
    for address in ("/cases/{case}/", "/api/v1/series/{series}/comments/", "/api/v1/notices/", "/notices/"):
        assert REMARK in scene.traces(scene.group.second, address)


def test_marking_all_as_read_leaves_what_is_not_yet_told(scene: Scene) -> None:
    assert notices_read(actor=scene.group.second) == 0
    projects.finish(scene.item, scene.group.second, shift=1)
    assert notices_read(actor=scene.group.second) == 1


def test_ones_own_comments_and_those_of_a_series_not_read_blindly_are_seen(scene: Scene) -> None:
    comment_write(series=scene.series, actor=scene.group.second, text="Mine.")
    answer = scene.get(scene.group.second, "/api/v1/series/{series}/comments/").json()
    assert [one["text"] for one in answer["results"]] == ["Mine."]
    assert len(scene.get(scene.group.third, "/api/v1/series/{series}/comments/").json()["results"]) == 2


def test_without_blind_reading_the_second_sees_the_first() -> None:
    scene = Scene(blind=False)
    assert scene.get(scene.group.second, "/api/v1/masks/{mask}/").status_code == 200


def test_a_correction_of_a_hidden_mask_by_somebody_else_is_hidden_too(scene: Scene) -> None:
    colleague = factories.user("annotator", institution=scene.series.institution)
    derived = projects.mask(scene.item, colleague, shift=2, source="edit", parent=scene.hidden)
    with pytest.raises(NotFound):
        mask_get(scene.group.second, derived.pk)


def test_a_colleague_outside_the_project_is_not_blind(scene: Scene) -> None:
    colleague = factories.user("annotator", institution=scene.series.institution)
    assert mask_get(colleague, scene.hidden.pk) == scene.hidden


def test_the_mask_of_a_model_and_ones_own_are_seen(scene: Scene) -> None:
    own = projects.mask(scene.item, scene.group.second, shift=2)
    seen = Annotation.objects.filter(series=scene.series).seen_by(scene.group.second)
    assert {mask.source for mask in seen} == {"model", "upload"}
    assert own in seen
    assert scene.hidden not in seen


def test_a_hidden_mask_cannot_be_compared_corrected_or_drafted_upon(scene: Scene) -> None:
    second = api(scene.group.second)
    where = f"/api/v1/series/{scene.series.pk}"
    mine = projects.mask(scene.item, scene.group.second, shift=2)
    both = {"reference": str(mine.pk), "predicted": str(scene.hidden.pk)}
    assert second.post(f"{where}/comparisons/", both).status_code == 404
    change = {"base": str(scene.hidden.pk), "slices": {}}
    assert second.post(f"{where}/corrections/", change).status_code == 404
    assert second.put(f"{where}/draft/", {**change, "revision": 0}).status_code == 404
    assert second.post(f"/api/v1/readings/{scene.item.pk}/finish/", {"mask": str(scene.hidden.pk)}).status_code == 404


def test_correcting_the_model_after_a_hidden_correction_is_no_conflict(scene: Scene) -> None:
    model = scene.series.annotations.get(source="model")
    projects.mask(scene.item, scene.group.first, shift=3, source="edit", parent=model)
    answer = correct(scene.group.second, scene.series, base=str(model.pk), slices=edited(model))
    assert answer.status_code == 201


def test_a_running_comparison_of_a_hidden_mask_is_hidden(scene: Scene) -> None:
    run = factories.comparison_run(
        reference=scene.series.annotations.get(source="model"), predicted=scene.hidden, state=RunState.QUEUED
    )
    assert api(scene.group.second).get(f"/api/v1/runs/comparison/{run.pk}/").status_code == 404


def test_the_reading_room_leads_to_the_reading_which_alone_signs_it(scene: Scene) -> None:
    project = scene.group.project
    outsider = factories.user("clinician", institution=project.institution)
    people = (scene.group.second, scene.group.third, outsider)
    address = scene.item.get_absolute_url()
    assert [address in scene.get(one, "/series/{series}/read/").content.decode() for one in people] == [
        True,
        True,
        True,
    ]
