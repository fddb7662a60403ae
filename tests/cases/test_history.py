"""What happened to a series, and what each correction changed."""

from __future__ import annotations

import base64
import re
import zlib

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cases.models import Annotation, ReviewVerdict
from cases.review.services import NewReview, review_sign
from cases.viewer.history import as_ranges, history_of
from cases.viewer.services import Correction, annotation_correct
from tests import factories
from tests.cases import projects

pytestmark = pytest.mark.django_db


@pytest.fixture
def mask() -> Annotation:
    return factories.prediction().annotation


@pytest.fixture
def clinician(mask: Annotation) -> User:
    return factories.user("clinician", institution=mask.institution)


def emptied(mask: Annotation, actor: User, z: int) -> Annotation:
    """A correction that takes away what is marked on slice ``z``."""
    _, height, width = mask.series.geometry.shape
    nothing = base64.b64encode(zlib.compress(bytes(height * width))).decode()
    corrected, _ = annotation_correct(series=mask.series, actor=actor, correction=Correction(mask, {z: nothing}))
    return corrected


def door(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_correction_tells_from_what_it_was_made_and_what_it_took_away(mask: Annotation, clinician: User) -> None:
    z = next(z for z, area in enumerate(mask.areas_px) if area)
    corrected = emptied(mask, clinician, z)
    assert corrected.change == {"added": 0, "removed": mask.areas_px[z], "slices": [z]}
    review_sign(series=mask.series, actor=clinician, review=NewReview(ReviewVerdict.APPROVED, corrected))
    signed, made, segmented = history_of(mask.series, clinician)
    assert (signed.review.verdict, signed.mask) == ("approved", corrected)  # type: ignore[union-attr]
    assert (made.mask, made.parent, made.who) == (corrected, mask, clinician.display_name())
    assert made.difference == f"/series/{mask.series.pk}/read/?mask={corrected.pk}&compare={mask.pk}&slice={z + 1}"
    assert (segmented.mask, segmented.parent, segmented.who) == (mask, None, "Model")


def test_the_page_and_rest_tell_the_same(mask: Annotation, clinician: User) -> None:
    z = next(z for z, area in enumerate(mask.areas_px) if area)
    corrected = emptied(mask, clinician, z)
    page = door(clinician).get(reverse("viewer:history", args=[mask.series.pk])).content.decode()
    assert f"on 1 slice: {z + 1}" in page
    assert "compare=" in page
    made, segmented = door(clinician).get(reverse("api:history", args=[mask.series.pk])).json()
    assert (made["mask"], made["made_from"]) == (str(corrected.pk), str(mask.pk))
    assert made["change"] == {"added": 0, "removed": mask.areas_px[z], "slices": [z]}
    assert (segmented["made_from"], segmented["change"], segmented["verdict"]) == (None, None, "")


def test_the_page_of_a_series_without_masks_says_what_to_do(clinician: User) -> None:
    series = factories.series(of=factories.case(institution=clinician.memberships.get().institution))
    assert (
        "This series has no mask" in door(clinician).get(reverse("viewer:history", args=[series.pk])).content.decode()
    )


def test_a_blind_reader_finds_only_the_model_and_the_own_mask_in_it() -> None:
    group = projects.group()
    item = projects.item(group.project)
    of_first, _ = projects.mask(item, group.first), projects.mask(item, group.second, shift=1)
    seen = {event.mask for event in history_of(item.series, group.first)}
    assert seen == {of_first, item.series.annotations.get(source="model")}


@pytest.mark.parametrize(
    ("numbers", "ranges"),
    [((), []), ((3,), ["3"]), ((3, 4), ["3-4"]), ((1, 3, 4, 5, 9), ["1", "3-5", "9"])],
)
def test_slices_that_follow_each_other_are_told_as_a_range(numbers: tuple[int, ...], ranges: list[str]) -> None:
    assert as_ranges(numbers) == ranges


def test_where_a_mask_came_from_is_said_once(mask: Annotation, clinician: User) -> None:
    z = next(z for z, area in enumerate(mask.areas_px) if area)
    emptied(mask, clinician, z)
    factories.annotation(of=mask.series, author=clinician, source="upload", label="From the ward")
    page = door(clinician).get(reverse("viewer:history", args=[mask.series.pk])).content.decode()
    events = [
        " ".join(re.sub("<[^>]+>", " ", one).split()) for one in page.split('<li class="panel history-event">')[1:]
    ]
    assert [event.count("Edited") for event in events] == [0, 1, 0]
    assert events[0].startswith("Uploaded From the ward")
    assert events[2].count("Model") == 1
