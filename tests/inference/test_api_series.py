"""A series with everything about it, through the REST API."""

from __future__ import annotations

import pytest

from accounts.models import Role
from tests import factories
from tests.api_client import api

pytestmark = pytest.mark.django_db


def test_a_series_shows_masks_runs_and_comparisons() -> None:
    series = factories.series()
    annotator = factories.user(Role.ANNOTATOR, institution=series.institution)
    prediction = factories.prediction(of=series)
    drawn = factories.annotation(of=series, author=annotator, label="By hand")
    comparison = factories.comparison_run(reference=drawn, predicted=prediction.annotation)
    body = api(annotator).get(f"/api/v1/series/{series.pk}/").json()
    assert body["series"]["pixel_hash"] == series.pixel_hash
    by_hand, by_model = body["masks"]
    assert (by_hand["author"], by_hand["prediction"]) == (annotator.username, None)
    assert by_model["author"] is None
    assert by_model["prediction"]["model_version"]["id"] == str(prediction.annotation.model_version_id)
    assert by_model["prediction"]["seconds"] == prediction.seconds
    assert [run["mask"] for run in body["runs"]] == [str(prediction.annotation_id)]
    assert [one["id"] for one in body["comparisons"]] == [str(comparison.pk)]
    assert "result" not in body["comparisons"][0]
