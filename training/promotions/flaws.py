"""A version that marks nothing segments nowhere: what is known of its output, and what people are told of it."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import Institution
from registry.models import ModelVersion
from registry.services import judged
from spineml.errors import SpineError
from spineml.message import Message, message
from spineml.model.probe import Flaw
from spineplatform.shared import storage
from spineplatform.shared.errors import Conflict
from spineplatform.shared.runs import RunState
from training.models import EvaluatedSeries, Split

WORDS = {
    Flaw.NOT_FINITE: message("The network's output is not finite: its weights are damaged."),
    Flaw.CONSTANT: message("The network's output is the same for every pixel: its weights are zero or damaged."),
    Flaw.EMPTY: message(
        "The network segments nothing on the built-in CT. Evaluate it on test patients: if it segments spine there, "
        "it may still be promoted."
    ),
}
NO_MASKS = message("Its masks of the test patients are all empty.")


class VersionUnusable(Conflict):
    """This version segments no spine, so it cannot be made active, not even with a written reason."""

    code = "version-unusable"


class ModelFileGone(Conflict):
    """The stored file of this version cannot be read. Register the file again."""

    code = "model-file-gone"


def flaw_words(version: ModelVersion) -> Message | None:
    """What is wrong with the version's output as far as was looked for it, to be said when it is imported and shown."""
    return WORDS[Flaw(version.flaw)] if version.flaw else None


def flaw_find(version: ModelVersion) -> None:
    """Look for a flaw in the file of a version from before this was done at once; takes seconds.

    Raises:
        ModelFileGone: the file cannot be read.
    """
    if version.flaw is not None:
        return
    try:
        with judged(storage.local_path(version.file)) as (_path, judgement):
            version.flaw = judgement.flaw
    except (SpineError, OSError) as error:
        raise ModelFileGone from error
    ModelVersion.objects.filter(pk=version.pk).update(flaw=version.flaw)


def check_marks_something(version: ModelVersion, institution: Institution | None, *, was_active: bool) -> None:
    """Refuse a version whose output is the same everywhere, or whose masks are empty: on test patients (of the
    institution, where it is one) if it was evaluated on any, else on the built-in CT. A version that segmented there
    before need not mark anything on that drawing.

    Raises:
        VersionUnusable: with the reason.
    """
    flaw = Flaw(version.flaw or "")
    marked = _marked_test_patients(version, institution)
    reason = WORDS.get(flaw)
    if flaw is Flaw.EMPTY and (marked or was_active):
        reason = None
    if reason is None and marked is False:
        reason = NO_MASKS
    if reason is not None:
        raise VersionUnusable(
            message(
                "{version} cannot be made active, not even with a written reason. {why}",
                version=version.name_at(institution.pk if institution else None),
                why=reason,
            ),
            flaw=flaw.value or "no-masks",
        )


def _marked_test_patients(version: ModelVersion, institution: Institution | None) -> bool | None:
    """Whether any test patient has a mask by the version that is not empty; None when it was evaluated on none."""
    rows = _judged_series(version, institution).values_list("figures", flat=True)
    marked = None
    for figures in rows.iterator(chunk_size=200):
        marked = bool(figures.get("tp", 0) + figures.get("fp", 0))
        if marked:
            return True
    return marked


def _judged_series(version: ModelVersion, institution: Institution | None) -> QuerySet[EvaluatedSeries]:
    rows = EvaluatedSeries.objects.filter(run__version=version, run__split=Split.TEST, run__state=RunState.SUCCEEDED)
    if institution is not None:
        rows = rows.filter(run__dataset__institutions=institution)
    return rows.distinct()
