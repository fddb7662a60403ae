"""The pages of results and comparisons."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role
from spineml.metrics import RATES
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
