"""Reads of what was sent back: the cases of a list in which a series waits for its correction, and by whose word."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, QuerySet, prefetch_related_objects

from cases.models import Case, Review, Series


def words_sent_back(user: Any) -> QuerySet[Review]:
    """As far as ``user`` may know them."""
    return Review.objects.seen_by(user).sent_back(user)


def sent_back_prefetched(user: Any) -> Prefetch[str]:
    """For lists: each case gets ``sent_back``, its series that were, each with the ``words`` that did it."""
    words = words_sent_back(user)
    series = Series.objects.filter(Exists(words.filter(series=OuterRef("pk")))).order_by("number")
    series = series.prefetch_related(Prefetch("reviews", words.select_related("reader"), "words"))
    return Prefetch("series", series, "sent_back")


def senders(case: Case, user: Any) -> list[str]:
    """The names of those who sent series of the case back, each once."""
    if not hasattr(case, "sent_back"):
        prefetch_related_objects([case], sent_back_prefetched(user))
    series: list[Any] = getattr(case, "sent_back")  # noqa: B009 - the prefetch gives it
    return list(dict.fromkeys(word.reader.display_name() for one in series for word in one.words))
