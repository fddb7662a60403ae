"""What label checks say, as codes in the database and as sentences for whoever reads them."""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# What must not be in any data set, whatever somebody writes about it.
BLOCKING = ("off-grid", "same-image", "test-image")

MISSING: dict[str, str | Promise] = {
    "one-patient": gettext_lazy(
        "There is one patient only: nothing can be learned and judged apart, and no interval can be given."
    ),
    "no-training-patients": gettext_lazy("There is no training patient: versions can be evaluated on it, not trained."),
    "no-validation-patients": gettext_lazy(
        "There is no validation patient: a training cannot tell when to stop, nor choose its threshold."
    ),
    "no-test-patients": gettext_lazy("There is no test patient: the gate needs another data set to judge by."),
    "few-test-patients": gettext_lazy(
        "The gate needs at least %(least)s test patients whom no version was trained on; with fewer a version becomes "
        "active only by an override."
    ),
}


def missing_words(code: str) -> str:
    """What a data set cannot be used for, in the reader's language."""
    return str(MISSING[code]) % {"least": settings.GATE_LEAST_PATIENTS}


TITLES: dict[str, str | Promise] = {
    "empty": gettext_lazy("Empty mask"),
    "off-grid": gettext_lazy("Off the grid"),
    "parts": gettext_lazy("Many parts"),
    "outside-body": gettext_lazy("Outside the body"),
    "off-bone": gettext_lazy("Not on bone"),
    "shifted": gettext_lazy("Shifted"),
    "flipped": gettext_lazy("Flipped"),
    "disagreement": gettext_lazy("Readers disagree"),
    "not-approved": gettext_lazy("Not approved"),
    "same-image": gettext_lazy("Same image twice"),
    "same-slice": gettext_lazy("Same slice twice"),
    "test-image": gettext_lazy("Slice of a test patient"),
}

AXES: dict[str, str | Promise] = {
    "head-feet": gettext_lazy("head to feet"),
    "front-back": gettext_lazy("front to back"),
    "left-right": gettext_lazy("left to right"),
}

SENTENCES: dict[str, str | Promise] = {
    "empty": gettext_lazy("No pixel is marked. Right where there is no vertebra; else the mask was not drawn."),
    "off-grid": gettext_lazy("The mask does not lie on the grid of its CT. Upload it again."),
    "parts": gettext_lazy(
        "The mask has %(parts)s separate parts, more than %(most)s: specks of the brush, most likely."
    ),
    "outside-body": gettext_lazy("%(share)s of the mask lies outside the body."),
    "off-bone": gettext_lazy("Only %(share)s of the mask lies on bone."),
    "shifted": gettext_lazy(
        "%(share)s of the mask lies on bone; moved by %(distance)s %(unit)s it would be %(then)s. "
        "It seems to be shifted."
    ),
    "flipped": gettext_lazy(
        "%(share)s of the mask lies on bone; mirrored (%(axis)s) it would be %(then)s. It seems to be flipped."
    ),
    "disagreement": gettext_lazy("The mask of %(reader)s on the same series agrees with a Dice of %(dice)s only."),
    "not-approved": gettext_lazy("The latest review of the series does not approve this mask for training."),
    "same-image": gettext_lazy("The same image is in this data set under another name."),
    "same-slice": gettext_lazy(
        "%(slices)s slices are the same as slices of another patient (the first: slice %(other_slice)s)."
    ),
    "test-image": gettext_lazy(
        "%(slices)s slices are the same as slices of a test patient, whom no training may touch."
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
