"""Blind readers who also run or settle a project: every way around blindness that changes projects, series or parts.

Who has seen nothing stays blind until all have finished; who has seen masks of others reads the series blindly no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, Role, User
from cases.access import mask_get
from cases.comments.services import comment_write
from cases.models import Annotation, Exposure, ReadingItem, ReadingProject
from spineplatform.shared.errors import NotFound
from tests import factories
from tests.api_client import api, problem
from tests.cases import projects
from tests.cases.projects import Group

pytestmark = pytest.mark.django_db


class Scene:
    """The first reader has drawn and not finished; the second reads blindly and also runs the projects."""

    def __init__(self, **fields: Any) -> None:
        self.group: Group = projects.group(**fields)
        self.place = self.group.project.institution
        self.item = projects.item(self.group.project)
        self.series = self.item.series
        self.runner = self.group.second
        Membership.objects.create(user=self.runner, institution=self.place, role=Role.MODEL_ADMIN)
        self.people = [self.group.first.pk, self.group.second.pk]

    def draw(self, author: User | None = None) -> Annotation:
        return projects.mask(self.item, author or self.group.first, shift=6)

    def colleague(self) -> User:
        return factories.user("annotator", institution=self.place)

    def change(self, **changes: Any) -> Any:
        return api(self.runner).patch(f"/api/v1/projects/{self.group.project.pk}/", changes)

    def take_out(self) -> Any:
        return api(self.runner).delete(f"/api/v1/readings/{self.item.pk}/")

    def put_in(self, project: ReadingProject | None = None) -> Any:
        address = f"/api/v1/projects/{(project or self.group.project).pk}/series/"
        return api(self.runner).post(address, {"series": [str(self.series.pk)]})

    def sees(self, user: User, mask: Annotation) -> bool:
        return api(user).get(f"/api/v1/masks/{mask.pk}/").status_code == 200

    def another_project(self, **fields: Any) -> ReadingProject:
        people = {"readers": [self.group.first, self.group.second], "adjudicator": self.group.third}
        return projects.project(institution=self.place, **people, **fields)


@pytest.fixture
def scene() -> Scene:
    return Scene()


# --- taking the series out --------------------------------------------------------------------------------------------
def test_a_series_that_somebody_has_drawn_on_stays_in_a_blind_project(scene: Scene) -> None:
    mask = scene.draw()
    assert problem(scene.take_out()) == (409, "work-stays-hidden")
    assert not scene.sees(scene.runner, mask)


@pytest.mark.parametrize("by", ["first", "colleague"])
def test_so_does_one_that_somebody_has_measured_or_reviewed(scene: Scene, by: str) -> None:
    author = scene.group.first if by == "first" else scene.colleague()
    factories.measurement(of=scene.series, author=author)
    assert problem(scene.take_out()) == (409, "work-stays-hidden")


def test_the_page_says_why_the_series_stays(scene: Scene) -> None:
    scene.draw()
    client = Client()
    client.force_login(scene.runner)
    answer = client.post(f"/readings/{scene.item.pk}/remove/", follow=True)
    assert "would see it after its removal" in answer.content.decode()
    assert ReadingItem.objects.filter(pk=scene.item.pk).exists()


def test_a_series_given_by_mistake_leaves_as_long_as_nothing_was_made_of_it(scene: Scene) -> None:
    assert scene.take_out().status_code == 204
    assert scene.put_in().status_code == 201


def test_what_was_drawn_before_does_not_hold_it_and_is_read_no_more_by_who_then_looks(scene: Scene) -> None:
    scene.item.delete()
    mask = scene.draw(scene.colleague())
    scene.item = ReadingItem.objects.create(institution=scene.place, project=scene.group.project, series=scene.series)
    assert not scene.sees(scene.runner, mask)
    assert scene.take_out().status_code == 204
    assert scene.sees(scene.runner, mask)
    answer = scene.put_in()
    assert problem(answer) == (409, "reader-has-seen")
    assert scene.runner.display_name() in answer.json()["detail"]


def test_a_comment_does_not_hold_it_but_who_can_read_it_reads_the_series_blindly_no_more(scene: Scene) -> None:
    comment_write(series=scene.series, actor=scene.group.first, text="This is the wrong patient.")
    assert scene.take_out().status_code == 204
    assert problem(scene.put_in()) == (409, "reader-has-seen")


def test_without_blind_reading_series_come_and_go_as_before() -> None:
    scene = Scene(blind=False)
    mask = scene.draw()
    assert scene.take_out().status_code == 204
    assert scene.sees(scene.runner, mask)
    assert scene.put_in().status_code == 201


# --- leaving and coming back ------------------------------------------------------------------------------------------
def test_who_leaves_before_anybody_has_finished_stays_blind_and_comes_back(scene: Scene) -> None:
    mask = scene.draw()
    assert scene.change(readers=[scene.group.first.pk, scene.colleague().pk]).status_code == 200
    assert not scene.sees(scene.runner, mask)
    assert scene.change(readers=scene.people).status_code == 200
    assert not scene.sees(scene.runner, mask)


def test_who_adjudicates_for_a_while_and_can_look_does_not_read_again(scene: Scene) -> None:
    mask = scene.draw()
    others = [scene.group.first.pk, scene.colleague().pk]
    became = scene.change(readers=others, adjudicators=[scene.group.third.pk, scene.runner.pk])
    assert scene.runner.username in became.json()["adjudicators"]
    assert scene.sees(scene.runner, mask)
    back = scene.change(readers=[*others, scene.runner.pk], adjudicators=[scene.group.third.pk])
    assert problem(back) == (409, "reader-has-seen")


def test_nor_by_leaving_the_project_altogether_in_between(scene: Scene) -> None:
    mask = projects.finish(scene.item, scene.group.first)
    others = [scene.group.first.pk, scene.colleague().pk]
    scene.change(readers=others, adjudicators=[scene.group.third.pk, scene.runner.pk])
    assert scene.sees(scene.runner, mask)
    assert scene.change(adjudicators=[scene.group.third.pk]).status_code == 200
    assert problem(scene.change(readers=[*others, scene.runner.pk])) == (409, "reader-has-seen")


def test_who_has_left_and_becomes_an_adjudicator_is_one(scene: Scene) -> None:
    projects.finish(scene.item, scene.group.first)
    others = [scene.group.first.pk, scene.colleague().pk]
    assert scene.change(readers=others).status_code == 200
    answer = scene.change(adjudicators=[scene.group.third.pk, scene.runner.pk])
    assert scene.runner.username in answer.json()["adjudicators"]


def test_who_looked_from_outside_is_no_reader_and_who_did_not_is(scene: Scene) -> None:
    mask = scene.draw()
    looked, did_not = scene.colleague(), scene.colleague()
    assert scene.sees(looked, mask)
    assert problem(scene.change(readers=[*scene.people, looked.pk])) == (409, "reader-has-seen")
    assert scene.change(readers=[*scene.people, did_not.pk]).status_code == 200
    assert not scene.sees(did_not, mask)


def test_who_looked_at_what_all_have_read_may_read_the_rest(scene: Scene) -> None:
    mask = projects.finish(scene.item, scene.group.first)
    projects.finish(scene.item, scene.group.second)
    looked = scene.colleague()
    assert scene.sees(looked, mask)
    projects.item(scene.group.project)
    assert scene.change(readers=[*scene.people, looked.pk]).status_code == 200


def test_who_has_finished_comes_back_although_the_others_were_seen_since(scene: Scene) -> None:
    third = scene.colleague()
    scene.change(readers=[*scene.people, third.pk])
    projects.finish(scene.item, scene.group.first)
    projects.finish(scene.item, scene.group.second)
    assert scene.change(readers=[scene.group.first.pk, third.pk]).status_code == 200
    assert scene.change(readers=[*scene.people, third.pk]).status_code == 200


# --- finishing in haste -----------------------------------------------------------------------------------------------
def test_finishing_with_the_models_mask_opens_nothing_until_all_have_and_then_nothing_can_be_changed(
    scene: Scene,
) -> None:
    third = scene.colleague()
    scene.change(readers=[*scene.people, third.pk])
    mask = projects.finish(scene.item, scene.group.first, shift=6)
    model = scene.series.annotations.get(source="model")
    finish = f"/api/v1/readings/{scene.item.pk}/finish/"
    assert api(scene.runner).post(finish, {"mask": str(model.pk)}).status_code == 200
    assert not scene.sees(scene.runner, mask)
    assert problem(scene.take_out())[0] == 409
    assert scene.change(readers=scene.people).status_code == 200  # nobody is waited for any more
    assert scene.sees(scene.runner, mask)
    assert scene.change(readers=[*scene.people, third.pk]).status_code == 200
    own = projects.mask(scene.item, scene.runner, shift=6)
    assert problem(api(scene.runner).post(finish, {"mask": str(own.pk)})) == (409, "reading-closed")


def test_who_was_sent_away_before_finishing_does_not_finish_after_the_others(scene: Scene) -> None:
    third = scene.colleague()
    scene.change(readers=[*scene.people, third.pk])
    mask = projects.finish(scene.item, scene.group.first)
    projects.finish(scene.item, third)
    assert not scene.sees(scene.runner, mask)
    scene.change(readers=[scene.group.first.pk, third.pk])
    assert scene.sees(scene.runner, mask)
    scene.change(readers=[*scene.people, third.pk])
    own = projects.mask(scene.item, scene.runner)
    finish = f"/api/v1/readings/{scene.item.pk}/finish/"
    assert problem(api(scene.runner).post(finish, {"mask": str(own.pk)})) == (409, "reading-closed")


# --- another project --------------------------------------------------------------------------------------------------
def test_a_project_that_is_made_again_knows_who_has_looked(scene: Scene) -> None:
    mask = scene.draw()
    scene.group.project.delete()  # by hand in the database: there is no other way
    assert scene.sees(scene.runner, mask)
    assert problem(scene.put_in(scene.another_project())) == (409, "reader-has-seen")
    assert scene.put_in(scene.another_project(blind=False)).status_code == 201


def test_a_series_of_an_open_project_is_read_blindly_by_nobody_who_saw_it_there() -> None:
    scene = Scene(blind=False)
    mask = scene.draw()
    assert scene.sees(scene.runner, mask)
    assert scene.take_out().status_code == 204
    assert problem(scene.put_in(scene.another_project())) == (409, "reader-has-seen")


# --- what counts as seen ----------------------------------------------------------------------------------------------
LOOKS = [
    "/api/v1/masks/{mask}/",
    "/api/v1/masks/{mask}/slices/2/",
    "/api/v1/masks/{mask}/slices/?first=2",
    "/api/v1/masks/{mask}/download/mask.npy/",
    "/masks/{mask}/download/overlay.png",
    "/comparisons/{comparison}/",
    "/comparisons/{comparison}/comparison.csv",
    "/api/v1/comparisons/{comparison}/slices/2.png",
    "/api/v1/comparisons/{comparison}/",
    "/series/{series}/view/",
    "/series/{series}/read/",
    "/series/{series}/history/",
    "/api/v1/series/{series}/",
    "/api/v1/series/{series}/masks/",
    "/api/v1/series/{series}/reading/",
    "/api/v1/series/{series}/history/",
]


@pytest.mark.parametrize("address", LOOKS)
def test_whoever_is_shown_anothers_mask_is_remembered(scene: Scene, address: str) -> None:
    mask = scene.draw()
    model = scene.series.annotations.get(source="model")
    comparison = factories.comparison_run(reference=mask, predicted=model)
    colleague = scene.colleague()
    address = address.format(mask=mask.pk, comparison=comparison.pk, series=scene.series.pk)
    client: Any = api(colleague) if address.startswith("/api/") else Client()
    if not address.startswith("/api/"):
        client.force_login(colleague)
    for person, seen in ((colleague, 1), (colleague, 1)):  # a second time is no second row
        answer = client.get(address)
        assert answer.status_code == 200
        if answer.streaming:
            b"".join(answer.streaming_content)
        assert Exposure.objects.filter(series=scene.series, user=person).count() == seen


@pytest.mark.parametrize(
    "look",
    [
        lambda scene: "/series/{series}/read/",
        lambda scene: "/series/{series}/view/",
        lambda scene: "/cases/{case}/",
        lambda scene: "/readings/{item}/",
    ],
)
def test_blind_readers_their_own_masks_and_the_models_count_for_nothing(
    scene: Scene, look: Callable[[Scene], str]
) -> None:
    scene.draw()
    own = scene.draw(scene.runner)
    client = Client()
    client.force_login(scene.runner)
    ids = {"series": scene.series.pk, "case": scene.series.case_id, "item": scene.item.pk}
    assert client.get(look(scene).format(**ids)).status_code == 200
    assert mask_get(scene.runner, own.pk) == own
    assert mask_get(scene.runner, scene.series.annotations.get(source="model").pk)
    assert not Exposure.objects.exists()


def test_who_is_refused_a_mask_is_not_remembered(scene: Scene) -> None:
    mask, stranger = scene.draw(), factories.user("annotator")
    with pytest.raises(NotFound):
        mask_get(stranger, mask.pk)
    assert not Exposure.objects.exists()
