"""A series far outside of what a version learned from is flagged wherever its mask is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import Role
from inference.out_of_distribution import deviations
from registry.models import ModelVersion
from spineml.message import message
from spineml.model.fingerprint import fingerprint, series_facts
from spineml.volumes.canonical_file import SliceFileReader
from spineml.volumes.volume import Volume
from spineplatform.shared import storage
from tests import factories
from tests.korean import english_left

pytestmark = pytest.mark.django_db
VALUES = {"name": message("pixels"), "length": "9", "low": "1", "high": "2"}
TOLD = message("The {name} of {length} mm: the training data had {low} to {high} mm.", **VALUES)
UNLIKE = [{"code": "pixel-spacing", "message": TOLD}]


def version_of(image: Volume) -> ModelVersion:
    series = factories.series(image=image)
    with SliceFileReader(storage.local_path(series.volume)) as volume:
        learned = fingerprint([series_facts(volume, series.meta)])
    return factories.model_version(spec={"fingerprint": learned.as_json()})


def stretched(image: Volume, factor: float) -> Volume:
    grid = image.geometry
    return Volume(image.hu, replace(grid, spacing=tuple(factor * length for length in grid.spacing)))


def codes(image: Volume, version: ModelVersion) -> list[str]:
    return [one["code"] for one in deviations(factories.series(image=image), version)]


def test_images_like_those_learned_from_are_not_flagged() -> None:
    image = factories.volume()
    assert codes(image, version_of(image)) == []


def test_a_phantom_far_outside_is_flagged_for_its_spacing_and_its_intensities() -> None:
    image = factories.volume()
    version = version_of(image)
    metal = Volume(image.hu * 0 + 3000, stretched(image, 5).geometry)
    assert codes(metal, version) == ["pixel-spacing", "slice-spacing", "intensities"]


@pytest.mark.parametrize("spec", [{}, {"fingerprint": {}}, {"fingerprint": {"series": "?"}}, {"fingerprint": [1]}])
def test_a_version_without_a_readable_fingerprint_flags_nothing(spec: dict[str, Any]) -> None:
    assert codes(factories.volume(), factories.model_version(spec=spec)) == []


@pytest.mark.parametrize("name", ["inference:view", "viewer:read", "case"])
def test_every_page_that_shows_the_mask_warns(client: Any, name: str) -> None:
    prediction = factories.prediction(deviations=UNLIKE)
    series = prediction.annotation.series
    client.force_login(factories.user(Role.CLINICIAN, institution=series.institution))
    address = series.case.get_absolute_url() if name == "case" else reverse(name, args=[series.pk])
    text = client.get(address).content.decode()
    assert "differ from the model's training data" in text
    assert "The pixels of 9 mm" in text


def test_the_api_tells_in_what_the_series_is_unlike(client: Any) -> None:
    mask = factories.prediction(deviations=UNLIKE).annotation
    client.force_login(factories.user(Role.CLINICIAN, institution=mask.institution))
    address = reverse("api:mask", args=[mask.pk])
    (told,) = client.get(address).json()["prediction"]["deviations"]
    assert told == {**UNLIKE[0], "values": {**VALUES, "name": {"text": "pixels", "values": {}}}}
    (korean,) = client.get(address, headers={"accept-language": "ko"}).json()["prediction"]["deviations"]
    assert english_left(korean["message"]) == []
