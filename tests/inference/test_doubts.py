"""What an import doubts is shown wherever the series is read and signed: every page, the report, its PDF, and REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from spineplatform.shared import storage
from tests import factories
from tests.api_client import api
from tests.cases import projects
from tests.inference import reports
from tests.pdf_text import pdf_text

pytestmark = pytest.mark.django_db

TILT = "The gantry was tilted by 12.0 degrees: lengths along the body are not exact."
GUESS = "The orientation was guessed from the file's axes."


class Scene:
    def __init__(self) -> None:
        self.group = projects.group(blind=False)
        series = factories.series(institution=self.group.project.institution, warnings=[TILT, GUESS])
        self.item = projects.item(self.group.project, series)
        self.series = series
        mask = projects.mask(self.item, self.group.first)
        self.mask = mask
        model = series.annotations.get(source="model")
        self.comparison = factories.comparison_run(reference=mask, predicted=model)

    def ids(self, address: str) -> str:
        return address.format(
            case=self.series.case_id, series=self.series.pk, item=self.item.pk, comparison=self.comparison.pk
        )


PAGES = [
    "/cases/{case}/",
    "/series/{series}/view/",
    "/series/{series}/read/",
    "/series/{series}/history/",
    "/series/{series}/masks/upload/",
    "/readings/{item}/",
    "/comparisons/{comparison}/",
]
REST = [
    "/api/v1/cases/{case}/",
    "/api/v1/series/{series}/",
    "/api/v1/series/{series}/reading/",
    "/api/v1/readings/{item}/",
]


@pytest.mark.parametrize("address", PAGES)
def test_a_page_on_which_a_series_is_read_or_signed_shows_every_doubt(address: str) -> None:
    scene = Scene()
    client = Client()
    client.force_login(scene.group.first)
    answer = client.get(scene.ids(address))
    assert answer.status_code == 200
    text = answer.content.decode().partition('type="application/json"')
    shown = (text[0] + text[2].partition("</script>")[2]).replace("&#x27;", "'")
    assert [one for one in (TILT, GUESS) if one not in shown] == []


def test_the_reading_room_shows_them_beside_the_picture_and_beside_the_signature() -> None:
    scene = Scene()
    client = Client()
    client.force_login(scene.group.first)
    text = client.get(scene.ids("/series/{series}/read/")).content.decode()
    before_pictures, _, rest = text.partition('<div class="views">')
    assert TILT in before_pictures.rpartition("</script>")[2]
    assert TILT in rest.partition('data-part="sign"')[2].partition('data-do="approve"')[0]


@pytest.mark.parametrize("address", REST)
def test_so_does_rest(address: str) -> None:
    scene = Scene()
    answer = api(scene.group.first).get(scene.ids(address)).json()
    found = list(values_of(answer, "warnings"))
    assert [TILT, GUESS] in found


def values_of(body: Any, name: str) -> Any:
    if isinstance(body, dict):
        if name in body:
            yield body[name]
        for value in body.values():
            yield from values_of(value, name)
    elif isinstance(body, list):
        for value in body:
            yield from values_of(value, name)


@pytest.mark.django_db(transaction=True)
def test_the_report_and_its_pdf_tell_them_before_what_was_measured() -> None:
    scene = Scene()
    run = reports.written(scene.mask, requested_by=scene.group.first)
    assert run.result is not None
    assert [one["warnings"] for one in run.result["sections"]] == [[TILT, GUESS]]
    text = pdf_text(storage.local_path(run.result["pdf"]).read_bytes())
    assert text.replace("\n", " ").count("tilted by 12.0 degrees") == 1
    assert text.index("tilted") < text.index("Measurements")
    client = Client()
    client.force_login(scene.group.first)
    page = client.get(f"/reports/{run.pk}/").content.decode()
    assert TILT in page


def test_a_series_without_doubts_shows_none() -> None:
    mask = factories.annotation()
    client = Client()
    client.force_login(factories.user("clinician", institution=mask.institution))
    for address in ("/cases/{case}/", "/series/{series}/read/", "/series/{series}/view/"):
        text = client.get(address.format(case=mask.series.case_id, series=mask.series.pk)).content.decode()
        assert "data-doubts" not in text
        assert "reader-doubts" not in text
