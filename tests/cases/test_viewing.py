"""Whoever looks at a case or a series is on record, by whichever door."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from spineplatform.shared.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db

OF_CASE, OF_SERIES = ("cases:detail", "api:case"), ("inference:view", "viewer:read", "api:series", "api:reading")


@pytest.mark.parametrize("door", [*OF_CASE, *OF_SERIES])
def test_a_look_is_on_record_and_a_refused_one_is_not(door: str) -> None:
    series = factories.annotation().series
    clinician = factories.user("clinician", institution=series.institution)
    thing = series.case if door in OF_CASE else series
    for person in (factories.user("clinician"), clinician):
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        client.get(reverse(door, args=[thing.pk]))
    looked = AuditEvent.objects.get(action__endswith=".viewed")
    assert (looked.actor, looked.object_id, looked.institution_id) == (clinician, str(thing.pk), series.institution_id)
