"""What a work list that is open hears of: whatever it shows, and nothing else."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cases.comments.services import comment_write
from cases.models import Case, ReviewVerdict
from cases.review.services import NewReview, case_start_review, review_sign
from cases.states import case_mark_segmented
from cases.viewer.services import Correction, annotation_correct
from cases.worklist.assignments import To, cases_assign
from cases.worklist.groups import group_change, group_create, group_delete
from cases.worklist.presence import presence_end
from cases.worklist.selectors import list_version, lists_followed
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def case() -> Case:
    """One that is segmented and waits, given to a group."""
    found = factories.case(state="segmented")
    factories.prediction(of=factories.series(of=found))
    lead = factories.user("clinician", institution=found.institution)
    group = group_create(institution=found.institution, actor=lead, name="Residents", members=[lead.pk])
    cases_assign(cases=[found], actor=lead, to=To(group=group.pk))
    return found


@pytest.fixture
def kim(case: Case) -> User:
    return factories.user("clinician", institution=case.institution)


@pytest.fixture
def anna(case: Case) -> User:
    """Who has the list open."""
    return factories.user("annotator", institution=case.institution)


def version(user: User) -> str:
    return list_version(lists_followed(user).get())


def segmented(case: Case, kim: User) -> None:
    Case.objects.update(state="imported")
    case_mark_segmented(case=case)


def opened(case: Case, kim: User) -> None:
    case_start_review(case=case, actor=kim)


def signed(case: Case, kim: User) -> None:
    series = case.series.get()
    review_sign(series=series, actor=kim, review=NewReview(ReviewVerdict.APPROVED, series.annotations.get()))


def corrected(case: Case, kim: User) -> None:
    series = case.series.get()
    drawn = base64.b64encode(zlib.compress(bytes([1]) * series.height * series.width)).decode()
    annotation_correct(series=series, actor=kim, correction=Correction(series.annotations.get(), {0: drawn}))


def sent_back(case: Case, kim: User) -> None:
    series = case.series.get()
    mask = series.annotations.get()
    review_sign(series=series, actor=kim, review=NewReview(ReviewVerdict.SENT_BACK, mask, "L5 is cut."))


def assigned(case: Case, kim: User) -> None:
    cases_assign(cases=[case], actor=kim, to=To(person=kim.pk))


def freed(case: Case, kim: User) -> None:
    cases_assign(cases=[case], actor=kim, to=To())


def group_renamed(case: Case, kim: User) -> None:
    group_change(group=case.assignment.group, actor=kim, name="Spine clinic", members=[kim.pk])


def group_removed(case: Case, kim: User) -> None:
    group_delete(group=case.assignment.group, actor=kim)


def begun(case: Case, kim: User) -> None:
    factories.presence(case, kim)


WRITES = [
    segmented,
    opened,
    signed,
    sent_back,
    corrected,
    assigned,
    freed,
    group_renamed,
    group_removed,
    begun,
]


@pytest.mark.parametrize("write", WRITES)
def test_whatever_a_list_shows_makes_another_version_of_it(
    write: Callable[[Case, User], None], case: Case, kim: User, anna: User
) -> None:
    before = version(anna)
    assert version(anna) == before
    write(case, kim)
    assert version(anna) != before


def test_a_mask_that_answers_what_was_sent_back_makes_another_version(case: Case, kim: User, anna: User) -> None:
    sent_back(case, kim)
    before = version(anna)
    factories.annotation(of=case.series.get(), author=anna)
    assert version(anna) != before


def test_a_change_that_is_committed_after_a_later_one_makes_another_version(case: Case, kim: User, anna: User) -> None:
    factories.case(institution=case.institution)
    before = version(anna)
    Case.objects.filter(pk=case.pk).update(changed_at=case.created_at - timedelta(seconds=1))
    assert version(anna) != before


def test_a_page_that_is_closed_again_makes_another_version_too(case: Case, kim: User, anna: User) -> None:
    presence = factories.presence(case, kim)
    before = version(anna)
    presence_end(presence.pk)
    assert version(anna) != before


def test_what_a_list_does_not_show_leaves_its_version(case: Case, kim: User, anna: User) -> None:
    Case.objects.update(state="approved")
    before = version(anna)
    case_start_review(case=case, actor=kim)  # it is signed already
    case_mark_segmented(case=case)
    comment_write(series=case.series.get(), actor=kim, text="Well drawn.")
    factories.annotation(of=case.series.get(), author=kim)
    factories.presence(case, anna)  # a list says only who else is there
    stranger = factories.case(state="imported")
    case_mark_segmented(case=stranger)
    assert version(anna) == before


# --- what an open list compares itself with ---------------------------------------------------------------------------
def now(user: User, **query: str) -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.get(reverse("worklist:now"), query).content.decode()


@pytest.mark.parametrize(("shown", "rows"), [("", 25), ("1", 25), ("28", 28), ("9" * 9, 25), ("two", 25), ("-1", 25)])
def test_a_list_is_compared_by_as_many_rows_as_it_shows(anna: User, shown: str, rows: int) -> None:
    for _ in range(30):
        factories.case(institution=anna.memberships.get().institution)
    assert now(anna, shown=shown).count("data-case=") == rows


def test_the_list_of_now_is_narrowed_as_the_open_one_and_names_its_version(case: Case, anna: User) -> None:
    factories.case(institution=case.institution, state="approved")
    text = now(anna, state="segmented")
    assert text.count("data-case=") == 1
    assert f'data-case="{case.pk}"' in text
    assert f'value="{version(anna)}" data-follow="/ws/institutions/{case.institution_id}/cases/"' in text


def test_a_list_narrowed_to_one_institution_follows_that_one_only(case: Case, anna: User) -> None:
    other = factories.institution()
    anna.memberships.create(institution=other, role="annotator")
    assert now(anna).count("data-follow=") == 2
    assert now(anna, institution=str(case.institution_id)).count("data-follow=") == 1
