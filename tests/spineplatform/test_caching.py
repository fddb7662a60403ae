"""What stays behind in a browser after somebody has read a case on it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests import factories
from tests.api_client import api
from tests.cases import projects

pytestmark = pytest.mark.django_db


@pytest.fixture
def addresses() -> list[str]:
    """One of each kind of answer: slices, masks, pictures, files, pages, REST, errors, redirects."""
    group = projects.group(blind=False)
    item = projects.item(group.project)
    mask = projects.mask(item, group.first)
    series = item.series
    return [
        f"/masks/{mask.pk}/download/overlay.png",
        f"/masks/{mask.pk}/download/mask.nii.gz",
        f"/series/{series.pk}/read/",
        f"/series/{series.pk}/view/",
        f"/series/{series.pk}/measurements.csv",
        f"/cases/{series.case_id}/",
        f"/api/v1/series/{series.pk}/slices/1/",
        f"/api/v1/masks/{mask.pk}/slices/1/",
        f"/api/v1/series/{series.pk}/slices/?first=0",
        f"/api/v1/masks/{mask.pk}/slices/?first=0",
        f"/api/v1/series/{series.pk}/",
        f"/api/v1/cases/{series.case_id}/",
        "/api/v1/nothing/",
        "/nothing/",
        "/",
        reverse("login"),
    ]


def reader() -> User:
    from cases.models import ReadingProject

    return ReadingProject.objects.get().members.get(role="adjudicator").user


def answers(addresses: list[str]) -> dict[str, Any]:
    user = reader()
    browser, program = Client(), api(user)
    browser.force_login(user)
    found = {one: (program if one.startswith("/api/") else browser).get(one) for one in addresses}
    for answer in found.values():
        if answer.streaming:
            b"".join(answer.streaming_content)  # to its end, so that its file is closed
    return found


def test_on_shared_computers_no_answer_is_kept(addresses: list[str], settings: Any) -> None:
    settings.SHARED_COMPUTERS = True
    found = answers(addresses)
    assert {one.status_code for one in found.values()} == {200, 302, 404}
    assert {address: answer["Cache-Control"] for address, answer in found.items()} == dict.fromkeys(
        addresses, "private, no-store"
    )


def test_else_slices_are_kept_by_their_reader_alone(addresses: list[str]) -> None:
    found = answers(addresses)
    for address in (one for one in addresses if "/slices/" in one):
        assert found[address]["Cache-Control"].startswith("private, ")
        assert found[address]["Cache-Control"].endswith("immutable")
    assert not [one for one in found.values() if "public" in one.get("Cache-Control", "")]


@pytest.mark.parametrize("address", ["/accounts/logout/", "/admin/logout/"])
@pytest.mark.parametrize(("shared", "cleared"), [(False, '"cache"'), (True, '"cache", "storage"')])
def test_logging_out_has_the_browser_forget(address: str, settings: Any, *, shared: bool, cleared: str) -> None:
    settings.SHARED_COMPUTERS = shared
    browser = Client()
    browser.force_login(factories.user("clinician", is_staff=True))
    assert "Clear-Site-Data" not in browser.get("/cases/")
    assert browser.post(address)["Clear-Site-Data"] == cleared


def test_only_on_shared_computers_unsent_work_is_asked_about(settings: Any) -> None:
    browser = Client()
    browser.force_login(factories.user("clinician"))
    assert "data-clears" not in browser.get("/cases/").content.decode()
    settings.SHARED_COMPUTERS = True
    assert "Logging out deletes them." in browser.get("/cases/").content.decode()
