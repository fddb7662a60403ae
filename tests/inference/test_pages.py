"""The pages of results and comparisons."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role
from cases.models import AnnotationSource, Series
from spineml.metrics.confusion import RATES
from spineplatform.shared.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"
HEADINGS = ["Dice", "Sensitivity", "Precision", "Specificity", "F1", "IoU", "Hausdorff 95", "Mean distance"]


def test_a_comparison_shows_every_metric_of_every_image(client: Client) -> None:
    run = factories.comparison_run()
    client.force_login(factories.user(Role.CLINICIAN, institution=run.institution), backend=BACKEND)
    page = client.get(run.result_url()).content.decode()
    table = page.partition('id="images"')[2]
    columns = table.partition("</thead>")[0]
    assert [columns.count(f">{heading}") for heading in HEADINGS] == [1] * len(HEADINGS)
    row = table.partition("<tbody>")[2].partition("</tr>")[0]
    assert row.count("<td") == len(HEADINGS) == len(RATES) + 2


def test_taking_the_figures_away_is_on_record(client: Client) -> None:
    run = factories.comparison_run()
    person = factories.user(Role.CLINICIAN, institution=run.institution)
    client.force_login(person, backend=BACKEND)
    client.get(f"{run.result_url()}comparison.csv")
    event = AuditEvent.objects.get(action="comparison.downloaded")
    assert (event.actor, event.object_id) == (person, str(run.pk))


def proposed(client: Client, series: Series, shown: str = "") -> dict[str, object]:
    client.force_login(factories.user(Role.CLINICIAN, institution=series.institution), backend=BACKEND)
    return dict(client.get(f"/series/{series.pk}/view/?mask={shown}").context["to_compare"])


@pytest.mark.parametrize("shown", ["model", "person"])
def test_a_model_is_proposed_to_be_judged_by_a_person(client: Client, shown: str) -> None:
    series = factories.series()
    factories.prediction(of=series)
    person = factories.annotation(of=series, source=AnnotationSource.UPLOAD)
    newest = factories.prediction(of=series).annotation
    mask = {"model": newest, "person": person}[shown]
    assert proposed(client, series, str(mask.pk)) == {"reference": person, "predicted": newest}


def test_two_masks_of_a_kind_are_proposed_when_there_is_no_other(client: Client) -> None:
    series = factories.series()
    older, newest = (factories.prediction(of=series).annotation for _ in range(2))
    assert proposed(client, series) == {"reference": older, "predicted": newest}
    series = factories.series()
    older, newest = (factories.annotation(of=series, source=AnnotationSource.UPLOAD) for _ in range(2))
    assert proposed(client, series) == {"reference": newest, "predicted": older}


def test_a_series_without_masks_proposes_nothing(client: Client) -> None:
    assert proposed(client, factories.series()) == {"reference": None, "predicted": None}
