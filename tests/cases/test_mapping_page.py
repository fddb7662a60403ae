"""The page on which a person says what the values of a label map are."""

from __future__ import annotations

import numpy as np
import pytest
from django.test import Client

from accounts.models import Role, User
from cases.models import Annotation, PendingMask, Series
from spineml.volumes.canonical_file import read_mask
from spineplatform.shared.storage import local_path
from tests import factories
from tests.cases.test_api_mask_upload import npy
from tests.cases.test_label_maps import column, seg_nrrd

pytestmark = pytest.mark.django_db


@pytest.fixture
def series() -> Series:
    return factories.series()


@pytest.fixture
def annotator(series: Series) -> User:
    return factories.user(Role.ANNOTATOR, institution=series.institution)


@pytest.fixture
def browser(client: Client, annotator: User) -> Client:
    client.force_login(annotator)
    return client


def send(browser: Client, series: Series, file: object, task: str = "vertebrae-ct", **fields: str) -> str:
    response = browser.post(f"/series/{series.pk}/masks/upload/", {"files": file, "task": task, **fields})
    assert response.status_code == 302, response.content.decode()
    return str(response["Location"])


def test_names_that_are_known_need_no_question(browser: Client, series: Series) -> None:
    file = seg_nrrd(column(1, 2), {1: "L1", 2: "Sacrum"}, series.geometry)
    assert "?mask=" in send(browser, series, file, label="Reference")
    mask = Annotation.objects.get()
    assert (mask.task_id, str(mask)) == ("vertebrae-ct", "Reference")


def test_numbers_alone_are_asked_about_with_a_proposal_for_each(browser: Client, series: Series) -> None:
    address = send(browser, series, npy(column(20, 21)))
    page = browser.get(address).content.decode()
    assert "numbered as in VerSe" in page
    assert '<option value="20" selected>L1 vertebra (20)</option>' in page
    done = browser.post(address, {"value_20": "20", "value_21": "0"})
    assert f"?mask={Annotation.objects.get().pk}" in done["Location"]
    np.testing.assert_array_equal(read_mask(local_path(Annotation.objects.get().mask)).labels, column(20, 0))
    assert browser.get(address).status_code == 404


def test_a_value_that_was_left_open_is_said_and_the_rest_kept(browser: Client, series: Series) -> None:
    address = send(browser, series, npy(column(7, 99)))
    response = browser.post(address, {"value_7": "22", "value_99": ""})
    page = response.content.decode()
    assert response.status_code == 400
    assert page.count("Choose a label or background.") == 1
    assert '<option value="22" selected>' in page
    assert not Annotation.objects.exists()


def test_everything_as_background_is_said(browser: Client, series: Series) -> None:
    address = send(browser, series, npy(column(7)))
    response = browser.post(address, {"value_7": "0"})
    assert response.status_code == 400
    assert "The mask is empty" in response.content.decode()


def test_names_of_the_file_are_text(browser: Client, series: Series) -> None:
    file = seg_nrrd(column(1), {1: "<img src=x onerror=alert(1)>"}, series.geometry)
    page = browser.get(send(browser, series, file)).content.decode()
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img src=x" not in page


def test_it_can_be_discarded(browser: Client, series: Series) -> None:
    address = send(browser, series, npy(column(7)))
    assert browser.post(address, {"discard": "1"})["Location"] == f"/series/{series.pk}/masks/upload/"
    assert not PendingMask.objects.exists()


def test_a_label_map_sent_for_the_spine_is_offered_the_structures(browser: Client, series: Series) -> None:
    data = {"files": npy(column(20, 21, 22)), "task": "spine-ct"}
    response = browser.post(f"/series/{series.pk}/masks/upload/", data)
    page = response.content.decode()
    assert response.status_code == 400
    assert "Choose the structures of the label map, so that each keeps its name." in page
    assert "Vertebrae" in page


def test_the_spine_as_a_whole_is_for_the_spine_task_only(browser: Client, series: Series) -> None:
    data = {"files": npy(column(20, 21)), "task": "vertebrae-ct", "every_label": "on"}
    response = browser.post(f"/series/{series.pk}/masks/upload/", data)
    assert response.status_code == 400
    assert "only for the spine as a whole" in response.content.decode()


def test_tasks_of_other_institutions_are_not_offered(browser: Client, series: Series) -> None:
    factories.task("brain-ct", owner=factories.institution(), name="Brain of others")
    factories.task("knee-ct", owner=series.institution, name="Our knee")
    page = browser.get(f"/series/{series.pk}/masks/upload/").content.decode()
    assert "Our knee" in page
    assert "Brain of others" not in page
