"""What this app lets others follow. Who follows, and with what, stands in ``spineplatform.pipeline`` (ADR 23)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Protocol

from cases.models import Annotation, ImportRun, Patient, Review, Series


class Followers(Protocol):
    """Each is called inside the transaction that wrote what it follows: all of it is kept, or nothing is."""

    def after_import(self, run: ImportRun, series: Sequence[Series], splits: Mapping[Patient, str]) -> set[uuid.UUID]:
        """``series`` are new. ``splits`` are those that the sender wishes for patients: "train", "validation", "test"
        or "draw".

        Returns:
            The patients (ids) who keep another split.
        """

    def after_mask(self, mask: Annotation) -> None:
        """A mask was recorded, by whomever."""

    def after_approval(self, review: Review) -> None:
        """A mask was approved, by whatever way."""


_registered: list[Followers] = []


def followers_register(new: Followers) -> None:
    """Called once in each process, when the project's apps are ready."""
    _registered[:] = [new]


def followers() -> Followers:
    return _registered[0]
