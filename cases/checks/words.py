"""What a suspicion says: what was measured, and how to mend it."""

from __future__ import annotations

from typing import Final

from spineml.masks.label_checks import CheckSettings, Suspicion
from spineml.message import Message, message

# What must not be signed unseen. Others (many parts, an empty mask) are remarks of data sets only.
HOLDING: Final = (
    *("flipped", "shifted", "outside-body", "too-large", "off-bone"),
    *("label-outside-body", "label-off-bone", "label-order"),
)
AXES: Final = {
    "head-feet": message("head to feet"),
    "front-back": message("front to back"),
    "left-right": message("left to right"),
}


def _label_outside(labels: str) -> Message:
    return message("Part of these labels is outside the body: {labels}. Erase what is there.", labels=labels)


def _label_off_bone(labels: str) -> Message:
    return message(
        "These labels are hardly on bone, although most of the mask is: {labels}. Check where they were drawn.",
        labels=labels,
    )


def _label_order(labels: str) -> Message:
    return message(
        "These levels are not in the order of a spine: {labels}. Rename them, or check whether the mask is flipped.",
        labels=labels,
    )


OF_LABELS: Final = {
    "label-outside-body": _label_outside,
    "label-off-bone": _label_off_bone,
    "label-order": _label_order,
}


def suspicion_message(found: Suspicion) -> Message:
    """The sentence of one of `HOLDING`."""
    values = found.values
    if found.code in OF_LABELS:
        return OF_LABELS[found.code](values["labels"])
    share = f"{values['share']:.0%}"
    if found.code == "flipped":
        return message(
            "The mask looks flipped ({axis}): {share} of it is on bone, flipped it would be {then}. Export it again "
            "without reversing an axis, and upload that.",
            axis=AXES[values["axis"]],
            share=share,
            then=f"{values['then']:.0%}",
        )
    if found.code == "shifted":
        return message(
            "The mask looks shifted by {distance} {unit}: {share} of it is on bone, moved it would be {then}. Export "
            "it again on the grid of the series, and upload that.",
            distance=f"{values['distance']:g}",
            unit=values["unit"],
            share=share,
            then=f"{values['then']:.0%}",
        )
    if found.code == "outside-body":
        return message("{share} of the mask is outside the body. Erase what is beside the body.", share=share)
    if found.code == "too-large":
        return _too_large(found)
    return message(
        "Only {share} of the mask is on bone. Check that it belongs to this series, and correct it.", share=share
    )


def _too_large(found: Suspicion) -> Message:
    if area := found.values.get("area"):
        return message(
            "The mask is far too large: it covers {area} cm² of a slice on average, vertebrae cover less than {most} "
            "cm². Erase what is not bone of the spine.",
            area=f"{area:g}",
            most=f"{CheckSettings.most_bone_mm2 / 100:g}",
        )
    return message(
        "The mask is far too large: it fills {share} of the body in the marked slices. Erase what does not belong to "
        "the structure.",
        share=f"{found.values['share']:.0%}",
    )
