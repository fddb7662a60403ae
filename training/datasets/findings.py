"""What label checks say, as codes in the database and as sentences for whoever reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.datasets.structures import LabelCounts

# So many names of labels are listed in a sentence.
MOST_NAMED = 12
# What must not be in any data set, whatever somebody writes about it.
BLOCKING = ("off-grid", "same-image", "test-image")

MISSING: dict[str, str | Promise] = {
    "one-patient": gettext_lazy(
        "There is only one patient: training and evaluation data cannot be separated, and no interval can be given."
    ),
    "no-training-patients": gettext_lazy(
        "There are no training patients: versions can be evaluated on it, but not trained."
    ),
    "no-validation-patients": gettext_lazy(
        "There are no validation patients: a training has no early stopping and cannot choose its threshold."
    ),
    "no-test-patients": gettext_lazy(
        "There are no test patients: the promotion gate needs at least %(least)s that no version was trained on, in "
        "this or another data set."
    ),
    "few-test-patients": gettext_lazy(
        "The promotion gate needs at least %(least)s test patients that no version was trained on; with fewer, a "
        "version can only be activated by an override."
    ),
}


def missing_words(code: str) -> str:
    """What a data set cannot be used for, in the reader's language."""
    return str(MISSING[code]) % {"least": settings.GATE_LEAST_PATIENTS}


def untaught_words(labels: Iterable[LabelCounts]) -> str:
    """Which labels no training patient has, as a sentence; empty where each is taught or nobody trains."""
    found = list(labels)
    names = [one.name for one in found if not one.splits["train"].patients]
    if not names or len(names) == len(found):
        return ""
    more = _(" and %(n)s more") % {"n": len(names) - MOST_NAMED} if len(names) > MOST_NAMED else ""
    named = ", ".join(names[:MOST_NAMED]) + more
    return _("No training patient has these labels, so a network does not learn them: %(names)s.") % {"names": named}


TITLES: dict[str, str | Promise] = {
    "empty": gettext_lazy("Empty mask"),
    "off-grid": gettext_lazy("Not on the CT grid"),
    "parts": gettext_lazy("Many components"),
    "outside-body": gettext_lazy("Outside the body"),
    "too-large": gettext_lazy("Far too large"),
    "off-bone": gettext_lazy("Not on bone"),
    "shifted": gettext_lazy("Shifted"),
    "flipped": gettext_lazy("Flipped"),
    "label-parts": gettext_lazy("Label with many components"),
    "label-outside-body": gettext_lazy("Label outside the body"),
    "label-off-bone": gettext_lazy("Label not on bone"),
    "label-order": gettext_lazy("Levels out of order"),
    "disagreement": gettext_lazy("Readers disagree"),
    "not-approved": gettext_lazy("Not approved"),
    "same-image": gettext_lazy("Duplicate image"),
    "same-slice": gettext_lazy("Duplicate slices"),
    "test-image": gettext_lazy("Slice of a test patient"),
}

AXES: dict[str, str | Promise] = {
    "head-feet": gettext_lazy("head to feet"),
    "front-back": gettext_lazy("front to back"),
    "left-right": gettext_lazy("left to right"),
}

SENTENCES: dict[str, str | Promise] = {
    "empty": gettext_lazy("No pixel is marked. Correct if there is no vertebra; otherwise the mask was not drawn."),
    "off-grid": gettext_lazy("The mask is not on the grid of its CT. Upload it again."),
    "parts": gettext_lazy("The mask has %(parts)s connected components, more than %(most)s: probably brush specks."),
    "outside-body": gettext_lazy("%(share)s of the mask is outside the body."),
    "too-large": gettext_lazy("The mask is far too large: it fills %(share)s of the body in the marked slices."),
    "off-bone": gettext_lazy("Only %(share)s of the mask is on bone."),
    "shifted": gettext_lazy(
        "%(share)s of the mask is on bone; shifted by %(distance)s %(unit)s it would be %(then)s. It is probably "
        "shifted."
    ),
    "flipped": gettext_lazy(
        "%(share)s of the mask is on bone; flipped (%(axis)s) it would be %(then)s. It is probably flipped."
    ),
    "label-parts": gettext_lazy(
        "These labels have many connected components, probably brush specks: %(labels)s. Keep the largest part of each."
    ),
    "label-outside-body": gettext_lazy("Part of these labels is outside the body: %(labels)s. Erase what is there."),
    "label-off-bone": gettext_lazy(
        "These labels are hardly on bone, although most of the mask is: %(labels)s. Check where they were drawn."
    ),
    "label-order": gettext_lazy(
        "These levels are not in the order of a spine: %(labels)s. Check their names, and whether the mask is flipped."
    ),
    "disagreement": gettext_lazy("The Dice with the mask of %(reader)s on the same series is only %(dice)s."),
    "not-approved": gettext_lazy("The latest review of the series does not approve this mask for training."),
    "same-image": gettext_lazy("The same image is in this data set under another name."),
    "same-slice": gettext_lazy(
        "%(slices)s slices are identical to slices of another patient (the first: slice %(other_slice)s)."
    ),
    "test-image": gettext_lazy(
        "%(slices)s slices are identical to slices of a test patient, which must not be used for training."
    ),
}


def finding(code: str, annotation: object, *, z: int | None = None, other: str = "", **values: Any) -> dict[str, Any]:
    """One finding as it is stored. ``other`` is the id of another mask or series it is about."""
    key = hashlib.sha256(f"{code}\0{annotation}\0{other}".encode()).hexdigest()[:16]
    return {
        "key": key,
        "code": code,
        "annotation": str(annotation),
        "other": other,
        "z": z,
        "values": values,
        "blocking": code in BLOCKING,
    }


def sentence(found: dict[str, Any]) -> str:
    """What a finding says, in the reader's language."""
    return str(SENTENCES[found["code"]]) % {name: _words(name, value) for name, value in found["values"].items()}


def _words(name: str, value: Any) -> Any:
    if name == "axis":
        return AXES[value]
    if name == "reader":
        return value or _("somebody else")
    return f"{value:.0%}" if name in ("share", "then") else value
