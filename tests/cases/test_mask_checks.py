"""Masks that do not fit their images: found after an upload or a save, held back, and let go by somebody's word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from accounts.models import Role, User
from cases.checks.worker import run_mask_check
from cases.models import Annotation, AnnotationSource, MaskCheckRun, Series
from cases.viewer.selectors import reading_of
from cases.worklist.queue import series_waiting
from registry.models import Task
from spineml.phantom import spine_phantom
from spineplatform.shared.lease import execute
from spineplatform.shared.models import AuditEvent
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api, problem
from tests.cases import projects

pytestmark = pytest.mark.django_db(transaction=True)

VOLUME, MASK = spine_phantom((16, 128, 128), seed=2, spacing=(4.0, 1.6, 1.6))
SHIFTED = np.roll(MASK.labels, 12, 2)


@pytest.fixture
def series() -> Series:
    return factories.series(image=VOLUME, of=factories.case(state="in-review"))


@pytest.fixture
def clinician(series: Series) -> User:
    return factories.user(Role.CLINICIAN, institution=series.institution, first_name="Ada")


def checked(series: Series, pixels: np.ndarray, **fields: Any) -> Annotation:
    mask = factories.annotation(of=series, pixels=pixels, **fields)
    check(mask)
    return mask


def check(mask: Annotation) -> None:
    execute(MaskCheckRun, mask.check_run.pk, run_mask_check)


def sign(user: User, mask: Annotation) -> Any:
    body = {"verdict": "approved", "annotation": str(mask.pk)}
    return api(user).post(f"/api/v1/series/{mask.series_id}/reviews/", body, format="json")


def check_of(user: User, mask: Annotation) -> dict[str, Any]:
    body: dict[str, Any] = api(user).get(f"/api/v1/masks/{mask.pk}/check/").json()
    return body


def test_a_mask_that_fits_its_images_is_signed_as_ever(series: Series, clinician: User) -> None:
    mask = checked(series, MASK.labels)
    assert check_of(clinician, mask) == {"state": "succeeded", "held": False, "suspicions": []}
    assert sign(clinician, mask).status_code == 201


@pytest.mark.parametrize(
    ("pixels", "code", "mend"),
    [
        (SHIFTED, "shifted", "Export it again on the grid of the series"),
        (np.flip(MASK.labels, 1), "flipped", "Export it again without reversing an axis"),
        (np.ones_like(MASK.labels), "too-large", "Erase what does not belong"),
    ],
)
def test_a_mask_that_does_not_says_why_and_what_to_do(
    series: Series, clinician: User, pixels: np.ndarray, code: str, mend: str
) -> None:
    mask = checked(series, pixels)
    found = check_of(clinician, mask)
    assert found["held"]
    said = {one["code"]: one["message"] for one in found["suspicions"]}
    assert mend in said[code]


def test_it_is_not_signed_before_somebody_has_said_that_it_is_right(series: Series, clinician: User) -> None:
    mask = checked(series, SHIFTED)
    refused = sign(clinician, mask)
    assert problem(refused) == (409, "mask-suspected")
    assert refused.json()["annotation"] == str(mask.pk)
    assert "shifted" in refused.json()["detail"]

    confirmed = api(clinician).post(f"/api/v1/masks/{mask.pk}/confirmation/")
    assert confirmed.status_code == 200
    (one,) = confirmed.json()["suspicions"]
    assert (confirmed.json()["held"], one["confirmed_by"]) == (False, clinician.display_name())
    assert one["confirmed_at"]
    told = AuditEvent.objects.get(action="mask.confirmed")
    assert (told.object_id, told.detail["suspicions"]) == (str(mask.pk), ["shifted"])
    assert sign(clinician, mask).status_code == 201


def test_the_first_word_that_it_is_right_stays(series: Series, clinician: User) -> None:
    mask = checked(series, SHIFTED)
    address = f"/api/v1/masks/{mask.pk}/confirmation/"
    first = api(clinician).post(address).json()
    other = factories.user(Role.ANNOTATOR, institution=series.institution)
    assert api(other).post(address).json() == first


def test_a_mask_of_which_nothing_is_suspected_needs_no_word(series: Series, clinician: User) -> None:
    mask = checked(series, MASK.labels)
    answer = api(clinician).post(f"/api/v1/masks/{mask.pk}/confirmation/")
    assert problem(answer) == (409, "nothing-suspected")


def test_it_can_be_sent_back_and_rejected_without_that_word(series: Series, clinician: User) -> None:
    mask = checked(series, SHIFTED)
    for verdict in ("sent-back", "rejected"):
        body = {"verdict": verdict, "annotation": str(mask.pk), "reason": "Shifted."}
        assert api(clinician).post(f"/api/v1/series/{series.pk}/reviews/", body, format="json").status_code == 201


def test_the_queue_leaves_out_what_is_held_back(series: Series, clinician: User) -> None:
    mask = checked(series, SHIFTED)
    assert list(series_waiting(clinician)) == []
    api(clinician).post(f"/api/v1/masks/{mask.pk}/confirmation/")
    assert list(series_waiting(clinician)) == [series]


def test_the_work_list_finds_what_is_held_back(series: Series, clinician: User) -> None:
    factories.case(institution=series.institution, state="in-review")
    client = api(clinician)
    client.force_login(clinician)
    assert client.get("/api/v1/cases/?state=held").json()["results"] == []
    assert "state=held" not in client.get("/cases/").content.decode()
    mask = checked(series, SHIFTED)
    (found,) = client.get("/api/v1/cases/?state=held").json()["results"]
    assert found["id"] == str(series.case_id)
    assert "Mask held back" in client.get("/cases/").content.decode()
    checked(series, MASK.labels, parent=mask, source=AnnotationSource.EDIT)
    assert client.get("/api/v1/cases/?state=held").json()["results"] == []


def test_a_correction_is_checked_for_itself(series: Series, clinician: User) -> None:
    held = checked(series, SHIFTED)
    better = checked(series, MASK.labels, parent=held, source=AnnotationSource.EDIT)
    assert check_of(clinician, held)["held"]
    assert not check_of(clinician, better)["held"]
    assert list(series_waiting(clinician)) == [series]


def test_masks_of_models_are_not_checked(series: Series, clinician: User) -> None:
    mask = factories.prediction(of=series, pixels=SHIFTED).annotation
    assert not MaskCheckRun.objects.exists()
    assert check_of(clinician, mask) == {"state": None, "held": False, "suspicions": []}


def test_only_bone_has_to_lie_on_bone(series: Series, clinician: User) -> None:
    lungs = factories.task("lungs", values=(1,))
    assert not check_of(clinician, checked(series, SHIFTED, task=lungs))["held"]
    vertebrae = Task.objects.get(pk="vertebrae-ct")
    named = checked(series, (SHIFTED * 20).astype(np.uint8), task=vertebrae)
    assert [one["code"] for one in check_of(clinician, named)["suspicions"]] == ["shifted"]


def test_levels_in_the_wrong_order_are_named(series: Series, clinician: User) -> None:
    named = MASK.labels.copy()
    named[MASK.labels > 0] = 20
    named[8:][MASK.labels[8:] > 0] = 21  # L2 above L1
    mask = checked(series, named, task=Task.objects.get(pk="vertebrae-ct"))
    (found,) = check_of(clinician, mask)["suspicions"]
    assert found["code"] == "label-order"
    assert "L1 vertebra, L2 vertebra" in found["message"]


def test_what_is_no_bone_has_to_lie_in_the_body_too(series: Series, clinician: User) -> None:
    drawn = np.zeros_like(MASK.labels)
    drawn[3, :8, :40] = 1
    mask = checked(series, drawn, task=factories.task("skin", values=(1,)))
    assert [one["code"] for one in check_of(clinician, mask)["suspicions"]] == ["outside-body"]
    assert check_of(clinician, mask)["suspicions"][0]["slices"] == [3]


def test_a_check_that_runs_twice_says_each_thing_once(series: Series, clinician: User) -> None:
    mask = checked(series, SHIFTED)
    run = mask.check_run
    MaskCheckRun.objects.filter(pk=run.pk).update(state=RunState.QUEUED, finished_at=None)
    check(mask)
    assert len(check_of(clinician, mask)["suspicions"]) == 1


def test_the_case_page_says_it_with_the_slice_and_the_button(series: Series, clinician: User) -> None:
    mask = checked(series, SHIFTED)
    client = api(clinician)
    client.force_login(clinician)
    page = client.get(series.case.get_absolute_url()).content.decode()
    assert 'data-suspicion="shifted"' in page
    assert "The mask is right" in page
    after = client.post(reverse("cases:mask_confirm", args=[mask.pk]), follow=True)
    page = after.content.decode()
    assert f"confirmed as right by {clinician.display_name()}" in page
    assert reverse("cases:mask_confirm", args=[mask.pk]) not in page


def test_the_reading_room_is_told(series: Series, clinician: User) -> None:
    mask = checked(series, SHIFTED)
    (told,) = reading_of(series, clinician)["suspicions"][str(mask.pk)]
    assert (told["code"], told["held"]) == ("shifted", True)
    assert "shifted" in told["text"]


def test_another_institution_is_not_told_that_there_is_a_mask(series: Series) -> None:
    mask = checked(series, SHIFTED)
    stranger = factories.user(Role.CLINICIAN)
    assert api(stranger).get(f"/api/v1/masks/{mask.pk}/check/").status_code == 404
    assert api(stranger).post(f"/api/v1/masks/{mask.pk}/confirmation/").status_code == 404


def test_no_reading_of_a_project_ends_with_a_mask_that_is_held(series: Series) -> None:
    group = projects.group(institution=series.institution)
    item = projects.item(group.project, series)
    mask = checked(series, SHIFTED, author=group.first)
    address = f"/api/v1/readings/{item.pk}/finish/"
    assert problem(api(group.first).post(address, {"mask": str(mask.pk)})) == (409, "mask-suspected")
    assert api(group.second).post(f"/api/v1/masks/{mask.pk}/confirmation/").status_code == 404  # reads blindly
    api(group.first).post(f"/api/v1/masks/{mask.pk}/confirmation/")
    assert api(group.first).post(address, {"mask": str(mask.pk)}).status_code == 200


def test_an_adjudicator_who_is_not_shown_names_is_not_shown_who_confirmed(series: Series) -> None:
    group = projects.group(institution=series.institution, names_hidden=True)
    projects.item(group.project, series)
    mask = checked(series, SHIFTED, author=group.first)
    api(group.first).post(f"/api/v1/masks/{mask.pk}/confirmation/")
    (told,) = check_of(group.third, mask)["suspicions"]
    assert told["confirmed_by"].startswith("Reader ")
