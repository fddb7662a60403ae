"""Comments, and who is told of what."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cases.comments.services import NoSuchSlice, comment_write
from cases.models import Annotation, Notice, ReviewVerdict
from cases.review.services import NewReview, review_sign
from cases.worklist.assignments import To, cases_assign
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def mask() -> Annotation:
    return factories.annotation()


@pytest.fixture
def clinician(mask: Annotation) -> User:
    return factories.user("clinician", institution=mask.institution)


@pytest.fixture
def anna(mask: Annotation) -> User:
    return factories.user("annotator", institution=mask.institution, username="anna.b")


def door(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("@anna.b, is this the sacrum?", True),
        ("Ask @anna.b.", True),
        ("Ask anna.b", False),
        ("mail@anna.b", False),  # an address is no mention
        ("@outsider and @nobody", False),
    ],
)
def test_only_members_who_are_named_with_an_at_sign_are_told(
    mask: Annotation, clinician: User, anna: User, text: str, told: bool
) -> None:
    factories.user("clinician", institution=factories.institution(), username="outsider")
    comment_write(series=mask.series, actor=clinician, text=text, z=2)
    assert [one.recipient for one in Notice.objects.all()] == ([anna] if told else [])


def test_a_mention_leads_to_the_slice_until_it_is_read(mask: Annotation, clinician: User, anna: User) -> None:
    address = reverse("api:comments", args=[mask.series.pk])
    body = {"text": "@anna.b here", "z": 2}
    assert door(clinician).post(address, body, content_type="application/json").status_code == 201
    told = door(anna).get(reverse("api:notices")).json()["results"]
    assert [(one["kind"], one["address"], one["read_at"]) for one in told] == [
        ("mention", f"/series/{mask.series.pk}/read/#z=2", None)
    ]
    assert "@anna.b here" in door(anna).get(reverse("worklist:notices")).content.decode()
    for person, marked in ((anna, 1), (clinician, 0)):
        answer = door(person).post(reverse("api:notices-read"), content_type="application/json")
        assert answer.json() == {"marked": marked}
    assert "@anna.b here" in door(anna).get(mask.series.case.get_absolute_url()).content.decode()


def test_who_is_assigned_hears_it_and_hears_why_a_mask_was_sent_back(
    mask: Annotation, clinician: User, anna: User
) -> None:
    cases_assign(cases=[mask.series.case], actor=clinician, to=To(person=anna.pk))
    sent_back = NewReview(ReviewVerdict.SENT_BACK, mask, "Too wide")
    review_sign(series=mask.series, actor=clinician, review=sent_back)
    told = {(one.kind, one.text) for one in Notice.objects.filter(recipient=anna)}
    assert told == {("assignment", ""), ("sent-back", "Too wide")}


@pytest.mark.parametrize(("verdict", "kind"), [("sent-back", "sent-back"), ("rejected", "mention")])
def test_whom_the_reason_of_a_refusal_mentions_hears_it_once(
    mask: Annotation, clinician: User, anna: User, verdict: str, kind: str
) -> None:
    cases_assign(cases=[mask.series.case], actor=clinician, to=To(person=anna.pk))
    refused = NewReview(ReviewVerdict(verdict), mask, "Too wide, @anna.b")
    review_sign(series=mask.series, actor=clinician, review=refused)
    told = Notice.objects.filter(recipient=anna).exclude(kind="assignment")
    assert [(one.kind, one.text) for one in told] == [(kind, "Too wide, @anna.b")]


@pytest.mark.parametrize("page", ["/series/{series}/read/", "/cases/{case}/"])
def test_who_opens_a_case_has_read_what_they_were_told_of_it(
    mask: Annotation, clinician: User, anna: User, page: str
) -> None:
    other = factories.annotation(of=factories.series(of=factories.case(institution=mask.institution)))
    for one in (mask, other):
        comment_write(series=one.series, actor=clinician, text="@anna.b")
    door(anna).get(page.format(series=mask.series.pk, case=mask.series.case_id))
    assert [one.case for one in Notice.objects.filter(read_at=None)] == [other.series.case]


def test_a_comment_on_a_slice_that_is_not_there_is_refused_and_an_empty_one_by_page(
    mask: Annotation, clinician: User
) -> None:
    with pytest.raises(NoSuchSlice):
        comment_write(series=mask.series, actor=clinician, text="Where?", z=mask.series.depth)
    door(clinician).post(reverse("worklist:comment", args=[mask.series.pk]), {"text": ""})
    assert not mask.series.comments.exists()


def test_who_left_the_institution_is_shown_nothing_any_more(mask: Annotation, clinician: User, anna: User) -> None:
    comment_write(series=mask.series, actor=clinician, text="@anna.b")
    anna.memberships.all().delete()
    assert "@anna.b" not in door(anna).get(reverse("worklist:notices")).content.decode()
