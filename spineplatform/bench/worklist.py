"""The work list of a large hospital: what a page costs with 100,000 cases against one with 1,000, in one database.

Most cases are signed, as in daily life: one in twenty waits. The views are called in this process with real requests,
so the figures hold the queries, the templates and everything between them, but no network.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Institution, Role, User
from accounts.services import NewPerson, institution_create, password_generate, user_create
from cases.models import Annotation, Assignment, Case, CaseState, Patient, Review, ReviewVerdict, Series
from cases.worklist.filters import CaseFilter
from cases.worklist.selectors import case_page, list_version, lists_followed
from spineml.volumes.volume import Geometry

SMALL, LARGE = 1_000, 100_000
ROUNDS, BATCH = 7, 5_000
SIGNED_OF_TWENTY = 19
BACKEND = "django.contrib.auth.backends.ModelBackend"


def measure() -> dict[str, Any]:
    """Medians in ms for each page with `LARGE` cases, and how many times that of `SMALL`."""
    readers = {count: _hospital(count) for count in (SMALL, LARGE)}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    figures: dict[str, Any] = {}
    pages = {count: _pages(reader) for count, reader in readers.items()}
    for name in pages[LARGE]:
        times: dict[int, list[float]] = {SMALL: [], LARGE: []}
        for _ in range(ROUNDS):
            for count, measured in times.items():
                measured.append(_seconds(pages[count][name]))
        small, large = (statistics.median(measured) for measured in times.values())
        figures |= {f"worklist_{name}_ms": round(1000 * large, 1), f"worklist_{name}_growth": round(large / small, 2)}
    return figures


def _seconds(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _pages(reader: User) -> dict[str, Callable[[], Any]]:
    client = Client(SERVER_NAME="localhost")
    client.force_login(reader, backend=BACKEND)
    half = _place_in_the_middle(reader)

    def get(address: str) -> Callable[[], None]:
        def ask() -> None:
            response = client.get(address)
            if response.status_code != 200:
                raise RuntimeError(f"{address}: {response.status_code}")

        return ask

    return {
        "first": get("/cases/"),
        "middle": get(f"/cases/?after={half}"),
        "waiting": get("/cases/?state=segmented&assigned=nobody&sort=oldest"),
        "due": get("/cases/?sort=due"),
        "search": get("/cases/?q=spine+77"),
        "queue": get("/api/v1/queue/next/"),
        "now": get("/cases/now/?shown=50"),
        "version": lambda: list_version(lists_followed(reader).get()),
    }


def _place_in_the_middle(reader: User) -> str:
    """The cursor of a page half way down the list."""
    rows = Case.objects.visible_to(reader).order_by("-created_at", "-pk")
    middle = rows[rows.count() // 2]
    day = timezone.localdate(middle.created_at)
    return case_page(reader, CaseFilter(date_to=day)).after


# --- a hospital of so many cases --------------------------------------------------------------------------------------
def _hospital(count: int) -> User:
    """One institution with ``count`` cases of one series and one mask each; returns its clinician."""
    home = institution_create(name=f"Hospital of {count}")
    person = NewPerson(f"reader-{count}", password_generate())
    reader = user_create(institution=home, person=person, roles=[Role.CLINICIAN])
    for start in range(0, count, BATCH):
        _fill(home, reader, range(start, min(start + BATCH, count)), count)
    return reader


def _fill(home: Institution, reader: User, numbers: range, count: int) -> None:
    geometry = Geometry((1, 8, 8)).as_json()
    begun = timezone.now() - timedelta(days=365)
    step = timedelta(days=365) / count
    cases, series, masks, reviews, assignments = [], [], [], [], []
    patients = [Patient(institution=home, pseudonym=f"P-{number:08d}") for number in numbers]
    for number, patient in zip(numbers, patients, strict=True):
        at = begun + number * step
        is_signed = number % 20 < SIGNED_OF_TWENTY
        state = CaseState.APPROVED if is_signed else CaseState.SEGMENTED
        case = Case(institution=home, patient=patient, title=f"CT spine {number}", state=state, created_at=at)
        one = Series(case=case, number=1, source_kind="dicom", geometry_json=geometry, pixel_hash=uuid.uuid4().hex)
        one.institution = home
        mask = Annotation(institution=home, series=one, source="model", mask="none.h5", created_at=at)
        mask.voxels, mask.areas_px = 9, [9]
        cases.append(case)
        series.append(one)
        masks.append(mask)
        if is_signed:
            approved = ReviewVerdict.APPROVED
            reviews.append(Review(institution=home, series=one, annotation=mask, verdict=approved, reader=reader))
        if number % 3 == 0:
            due = (at + timedelta(days=14)).date()
            assignments.append(Assignment(case=case, assignee=reader, due_on=due, assigned_by=reader))
    made: tuple[list[Any], ...] = (patients, cases, series, masks, reviews, assignments)
    for rows in made:
        if rows:
            type(rows[0])._default_manager.bulk_create(rows)
