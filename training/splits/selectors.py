"""Reads about the splits of patients: who has one, who waits for one, and the same image under two names."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.access import Capability, institutions_with
from accounts.models import Institution
from cases.models import Patient, Series
from training.models import DatasetItem, EvaluatedSeries, Split

MANY_SERIES = 5
UNKNOWN = "unknown"
NO_SPLIT = "none"
SPLIT_OR_NONE = [*Split.choices, (NO_SPLIT, _("None yet"))]


@dataclass(frozen=True)
class PatientFilter:
    """What narrows the list of patients; ``split`` may be "none" for those without."""

    institution: str = ""
    split: str = ""
    query: str = ""


def patients_seen(user: Any, narrowed: PatientFilter = PatientFilter()) -> QuerySet[Patient]:
    """The patients with images of the institutions where the user manages models, with ``series_count`` and ``fixed``
    (a version was trained or evaluated with the patient), by pseudonym.
    """
    places = institutions_with(user, Capability.MANAGE_MODELS)
    found = Patient.objects.filter(institution__in=list(places), cases__series__isnull=False)
    if narrowed.institution:
        found = found.filter(institution__in=[place for place in places if str(place.pk) == narrowed.institution])
    if narrowed.split == NO_SPLIT:
        found = found.filter(split__isnull=True)
    elif narrowed.split:
        found = found.filter(split__split=narrowed.split)
    if narrowed.query:
        found = found.filter(pseudonym__icontains=narrowed.query)
    return (
        found.select_related("institution", "split__decided_by")
        .annotate(series_count=Count("cases__series"), fixed=is_fixed())
        .order_by("institution__name", "pseudonym")
    )


def is_fixed() -> Q:
    """Of a row of Patient: its split cannot be changed any more, by the same rule as the trigger."""
    trained = DatasetItem.objects.filter(patient=OuterRef("pk"), dataset__training_runs__isnull=False)
    judged = EvaluatedSeries.objects.filter(patient=OuterRef("pk"))
    return Q(Exists(trained.exclude(split=Split.TEST))) | Q(Exists(judged))


def patients_without_split(institution: Institution) -> QuerySet[Patient]:
    """Those with images, in the order of their ids."""
    found = Patient.objects.filter(institution=institution, split__isnull=True, cases__series__isnull=False)
    return found.distinct().order_by("pk")


def split_counts(institutions: Iterable[Institution]) -> list[dict[str, Any]]:
    """For each institution how many of its patients with images have which split, and how many have ``none``."""
    places = list(institutions)
    with_images = Patient.objects.filter(institution__in=places, cases__series__isnull=False).distinct()
    tallies: dict[uuid.UUID, dict[str, int]] = defaultdict(lambda: dict.fromkeys([*Split.values, NO_SPLIT], 0))
    for place, split, _patient in with_images.values_list("institution", "split__split", "pk"):
        tallies[place][split or NO_SPLIT] += 1
    return [{"institution": place, **tallies[place.pk]} for place in places]


def strata(patients: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Of each patient the stratum: scanner maker, region and number of series, such as ``siemens · chest · 1``."""
    wanted = list(patients)
    makers: dict[uuid.UUID, set[str]] = {pk: set() for pk in wanted}
    regions: dict[uuid.UUID, set[str]] = {pk: set() for pk in wanted}
    counts = dict.fromkeys(wanted, 0)
    for pk, meta in Series.objects.filter(case__patient__in=wanted).values_list("case__patient", "meta"):
        makers[pk].add(maker_of(meta))
        regions[pk].add(region_of(meta))
        counts[pk] += 1
    return {pk: " · ".join((_one(makers[pk]), _one(regions[pk]), _how_many(counts[pk])))[:120] for pk in wanted}


def maker_of(meta: dict[str, Any]) -> str:
    """The scanner's maker in one spelling: "SIEMENS Healthineers" and "Siemens" are one."""
    words = str(meta.get("manufacturer") or "").lower().split()
    return words[0][:30] if words else UNKNOWN


def region_of(meta: dict[str, Any]) -> str:
    return str(meta.get("body_part") or "").lower().strip()[:30] or UNKNOWN


def _one(names: set[str]) -> str:
    return names.pop() if len(names) == 1 else "several" if names else UNKNOWN


def _how_many(count: int) -> str:
    return str(count) if count < MANY_SERIES else f"{MANY_SERIES}+"


# --- the same image under another name --------------------------------------------------------------------------------
def split_of_twin(patients: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Of those of ``patients`` one of whose images also belongs to a patient with a split: that split.

    With several such patients the test split wins: what judges must not teach.
    """
    mine = list(patients)
    hashes: dict[str, set[uuid.UUID]] = defaultdict(set)
    for pk, pixel_hash in Series.objects.filter(case__patient__in=mine).values_list("case__patient", "pixel_hash"):
        hashes[pixel_hash].add(pk)
    others = Series.objects.filter(pixel_hash__in=hashes, case__patient__split__isnull=False)
    found: dict[uuid.UUID, str] = {}
    for pixel_hash, other, split in others.values_list("pixel_hash", "case__patient", "case__patient__split__split"):
        for pk in hashes[pixel_hash] - {other}:
            found[pk] = _stricter(found.get(pk), split)
    return found


def _stricter(first: str | None, second: str) -> str:
    order = (Split.TEST, Split.VALIDATION, Split.TRAIN)
    return min((one for one in (first, second) if one), key=lambda split: order.index(Split(split)))


@dataclass(frozen=True)
class DuplicateImage:
    """One image that several patients have; ``series`` are the ones that the user may see, ``hidden`` counts others."""

    pixel_hash: str
    series: list[Series]
    hidden: int

    @property
    def splits(self) -> set[str]:
        return {row.case.patient.split.split for row in self.series if hasattr(row.case.patient, "split")}


def duplicate_images(user: Any) -> list[DuplicateImage]:
    """Images that are there under several names, at least one of them where the user manages models."""
    places = set(institutions_with(user, Capability.MANAGE_MODELS).values_list("pk", flat=True))
    twice = Series.objects.values("pixel_hash").annotate(n=Count("pk")).filter(n__gt=1).values("pixel_hash")
    groups: dict[str, list[Series]] = defaultdict(list)
    rows = Series.objects.filter(pixel_hash__in=twice).select_related("case__patient__split", "institution")
    for row in rows.order_by("pixel_hash", "created_at"):
        groups[row.pixel_hash].append(row)
    found = []
    for pixel_hash, members in groups.items():
        mine = [row for row in members if row.institution_id in places]
        if mine:
            found.append(DuplicateImage(pixel_hash, mine, len(members) - len(mine)))
    return found
