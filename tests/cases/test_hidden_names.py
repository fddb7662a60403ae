"""An adjudicator who settles without names: through no door do they learn which reader drew, measured or said what."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from cases.access import mask_get
from cases.comments.selectors import new_mask_facts, notice_facts, notices_of
from cases.comments.services import comment_write
from cases.models import Annotation, Presence, Review, Series
from cases.models.projects import ProjectRole
from cases.projects.reading_services import item_decide
from cases.projects.selectors import figures_for, item_seen, ordered_readings
from cases.worklist.presence import others_at
from cases.worklist.watching import AtCase, at_cases
from inference.access import reports_seen
from tests import factories
from tests.api_client import api
from tests.cases import projects
from tests.cases.projects import Group
from tests.cases.test_blind_reading import LISTS, MASK_DOORS
from tests.inference import reports

pytestmark = pytest.mark.django_db

# These list the people of an institution or a project for other reasons, and say nothing of who drew what.
LIST_PEOPLE = {"/projects/{project}/", "/api/v1/projects/{project}/", "/cases/"}


class Scene:
    """Both have read and measured, said and signed something; the third settles without names."""

    def __init__(self, **fields: Any) -> None:
        place = factories.institution()
        names = [("anna-zimmer", "Annabel", "Zimmermann"), ("boris-quast", "Borislav", "Quastenberg")]
        readers = [
            factories.user("annotator", institution=place, username=username, first_name=first, last_name=last)
            for username, first, last in names
        ]
        third = factories.user("clinician", institution=place)
        fields = {"names_hidden": True, **fields}
        project = projects.project(readers=readers, adjudicator=third, institution=place, **fields)
        self.group = Group(*readers, third, project)
        self.item = projects.both_read(self.group, shift=6)
        self.series: Series = self.item.series
        self.masks: list[Annotation] = [
            self.item.readings.get(reader=one).annotation for one in (self.group.first, self.group.second)
        ]
        model = self.series.annotations.get(source="model")
        self.comparison = factories.comparison_run(reference=self.masks[0], predicted=model)
        for reader, mask in zip(readers, self.masks, strict=True):
            factories.measurement(of=self.series, author=reader)
            comment_write(series=self.series, actor=reader, text=f"@{third.username} look at L5.")
            Review.objects.create(
                institution=place, series=self.series, annotation=mask, verdict="rejected", reader=reader, reason="No."
            )
        self.ids = {
            "mask": self.masks[0].pk,
            "comparison": self.comparison.pk,
            "case": self.series.case_id,
            "series": self.series.pk,
            "item": self.item.pk,
            "project": project.pk,
        }

    def get(self, user: User, address: str) -> str:
        address = address.format(**self.ids)
        client = api(user) if address.startswith("/api/") else Client()
        if not address.startswith("/api/"):
            client.force_login(user)
        answer = client.get(address)
        assert answer.status_code == 200, address
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        return content.decode("utf-8", "replace")

    def names(self, text: str) -> list[str]:
        """Whom the text names, save as somebody to give a case to."""
        text = re.sub(r'<option value="\d+">[^<]*</option>', "", text)
        readers = (self.group.first, self.group.second)
        named = [name for one in readers for name in (one.username, one.first_name, one.last_name)]
        return [name for name in named if name in text]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def found(scene: Scene, user: User) -> dict[str, list[str]]:
    doors = [one for one in (*LISTS, *MASK_DOORS) if one not in LIST_PEOPLE]
    return {one: names for one in doors if (names := scene.names(scene.get(user, one)))}


def test_no_door_names_a_reader_to_the_adjudicator(scene: Scene) -> None:
    assert found(scene, scene.group.third) == {}


def test_nor_once_the_series_is_settled(scene: Scene) -> None:
    item_decide(item=scene.item, annotation=scene.masks[0], actor=scene.group.third)
    assert found(scene, scene.group.third) == {}


def test_readers_colleagues_and_adjudicators_of_other_projects_are_shown_names(scene: Scene) -> None:
    colleague = factories.user("clinician", institution=scene.series.institution)
    other = projects.project(
        readers=[scene.group.first, scene.group.second],
        adjudicator=colleague,
        institution=scene.series.institution,
        names_hidden=True,
    )
    assert other.names_hidden
    for person in (scene.group.first, colleague):
        assert set(found(scene, person)) >= {"/cases/{case}/", "/series/{series}/read/", "/readings/{item}/"}


def test_without_the_projects_choice_the_adjudicator_is_shown_names() -> None:
    scene = Scene(names_hidden=False)
    assert set(found(scene, scene.group.third)) >= {"/cases/{case}/", "/readings/{item}/", "/notices/"}


def test_a_reader_has_one_letter_on_a_series_whatever_shows_it(scene: Scene) -> None:
    third = scene.group.third
    mask = mask_get(third, scene.masks[0].pk)
    assert mask.author is not None
    letter = mask.author.display_name()
    assert letter in {"Reader A", "Reader B"}
    assert mask.author_id == scene.group.first.pk  # what is stored is what it was
    said = api(third).get(f"/api/v1/series/{scene.series.pk}/comments/").json()["results"]
    assert {one["author"] for one in said} == {"Reader A", "Reader B"}
    assert {one["author_id"] for one in said} == {None}
    seen = item_seen(scene.item, third)
    mine = next(one for one in seen.readings if one.annotation_id == mask.pk)
    assert mine.reader.display_name() == letter
    figures = seen.figures
    assert figures is not None
    assert figures["masks"][letter] == str(mask.pk)


def test_letters_follow_neither_the_order_of_the_readers_nor_that_of_another_series() -> None:
    scene = Scene()
    firsts = set()
    for _ in range(12):
        item = projects.both_read(scene.group)
        firsts.add(item_seen(item, scene.group.third).readings[0].reader_id)
    assert firsts == {scene.group.first.pk, scene.group.second.pk}


def test_what_is_made_of_the_readings_does_not_begin_with_the_first_reader_of_the_list() -> None:
    scene = Scene()
    items = [projects.both_read(scene.group) for _ in range(12)]
    assert {ordered_readings(item)[0].reader_id for item in items} == {scene.group.first.pk, scene.group.second.pk}
    listed = projects.both_read(projects.group())
    assert ordered_readings(listed)[0].reader_id == listed.project.members.order_by("pk")[0].user_id


def test_figures_stand_under_letters_in_their_order(scene: Scene) -> None:
    real, shown = scene.item.figures, figures_for(scene.item, scene.group.third)
    assert real is not None
    assert shown is not None
    assert [(one["first"], one["second"]) for one in shown["pairs"]] == [
        ("Reader A", "Reader B"),
        ("Reader A", "model"),
        ("Reader B", "model"),
    ]
    volumes = {mask: Annotation.objects.get(pk=mask).volume_ml for mask in shown["masks"].values()}
    for pair in shown["pairs"]:
        assert pair["first_ml"] == pytest.approx(volumes[shown["masks"][pair["first"]]])
        assert pair["second_ml"] == pytest.approx(volumes[shown["masks"][pair["second"]]])
    assert list(shown["masks"]) == ["Reader A", "Reader B", "model"]
    assert figures_for(scene.item, scene.group.first) == real


def test_what_comes_live_names_nobody(scene: Scene) -> None:
    third, case = scene.group.third, scene.series.case
    facts = new_mask_facts(mask_get(third, scene.masks[1].pk))
    assert facts["actor"] in {"Reader A", "Reader B"}
    assert {notice_facts(one)["actor"] for one in notices_of(third)} == {"Reader A", "Reader B", ""}
    Presence.objects.create(case=case, user=scene.group.first)
    assert others_at(case, third) == ["Reader"]
    page = AtCase(case.pk, third.pk, Presence().pk)
    assert at_cases([page])[page]["others"] == ["Reader"]
    assert scene.group.first.display_name() in others_at(case, scene.group.second)


def test_a_report_that_a_colleague_asked_for_is_not_shown(scene: Scene) -> None:
    colleague = factories.user("clinician", institution=scene.series.institution)
    theirs = reports.run(scene.masks[0], requested_by=colleague)
    assert list(reports_seen(scene.group.third)) == []
    assert list(reports_seen(colleague)) == [theirs]


@pytest.mark.django_db(transaction=True)
def test_ones_own_report_names_nobody(scene: Scene) -> None:
    own = reports.written(scene.masks[0], requested_by=scene.group.third)
    assert scene.names(scene.get(scene.group.third, f"/reports/{own.pk}/")) == []


def test_the_choice_is_made_when_the_project_is_set_up_by_page_and_by_rest(scene: Scene) -> None:
    place = scene.series.institution
    admin = factories.user("model_admin", institution=place)
    people = {"readers": [scene.group.first.pk, scene.group.second.pk], "adjudicators": [scene.group.third.pk]}
    made = api(admin).post(
        "/api/v1/projects/", {"name": "By REST", "institution": str(place.pk), "names_hidden": True, **people}
    )
    assert made.status_code == 201
    assert made.json()["names_hidden"] is True
    assert api(admin).patch(made.json()["url"], {"names_hidden": False}).status_code == 400
    client = Client()
    client.force_login(admin)
    form = {"name": "By page", "institution": str(place.pk), "names_hidden": "on", "margin": "0.02", **people}
    assert client.post("/projects/", form).status_code == 302
    assert "without names" in client.get(made.json()["url"].replace("/api/v1", "")).content.decode()
    assert scene.group.project.members.model.objects.filter(
        project__name="By page", project__names_hidden=True, role=ProjectRole.ADJUDICATOR
    ).exists()
