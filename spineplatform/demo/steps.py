"""The demo's steps: people, model, a real CT through the real workers, and the figures of the result."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from accounts.models import Institution, Role, User
from accounts.services import NewPerson, institution_create, password_generate, user_create
from cases.intake.uploads import IncomingFile, UploadOptions, upload_create
from cases.models import Annotation, Series
from cases.services import SameMask, annotation_upload
from inference.models import InferenceRun, Prediction
from inference.selectors import trained_on
from inference.services import comparison_start
from spineml.metrics.overlap import Comparison
from spineml.readers.series import ReceivedFile
from spineplatform.demo.data import DemoCase, parts_of
from spineplatform.shared.runs import Run, RunState

INSTITUTION = "Demo hospital"
PEOPLE = {
    "clinician": Role.CLINICIAN,
    "annotator": Role.ANNOTATOR,
    "modeladmin": Role.MODEL_ADMIN,
    "admin": Role.INSTITUTION_ADMIN,
}
POLL_SECONDS, SAY_EVERY_SECONDS = 0.2, 2.0
Say = Callable[[str], None]


class DemoFailed(Exception):
    """A step of the demo did not end well; the message says which."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo prints. ``dice`` is pooled over all voxels; None when no mask is known."""

    case: str
    slices: int
    seconds: float
    model_version: str
    dice: float | None
    dice_on_training_data: bool
    url: str


def people_ensure(passwords_file: Path) -> tuple[Institution, dict[str, tuple[User, str]]]:
    """One user per role, with the random passwords of the first run kept (mode 0600) for the next."""
    kept = json.loads(passwords_file.read_text()) if passwords_file.exists() else {}
    institution = Institution.objects.filter(name=INSTITUTION).first() or institution_create(name=INSTITUTION)
    people = {}
    for username, role in PEOPLE.items():
        user = User.objects.filter(username=username).first()
        password = kept.get(username) or password_generate()
        if user is None:
            user = user_create(institution=institution, person=NewPerson(username, password), roles=[role])
        elif username not in kept:
            user.set_password(password)
            user.save(update_fields=["password"])
        kept[username] = password
        people[username] = (user, password)
    with os.fdopen(os.open(passwords_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(kept, file)
    return institution, people


def demo_run(*, institution: Institution, clinician: User, annotator: User, case: DemoCase, say: Say) -> DemoResult:
    """Import and segment the CT in the real workers, then compare with the known mask. Harmless to repeat."""
    series = _import(institution, clinician, case, say)
    prediction = _segment(series, say)
    reference = _reference(series, annotator, case)
    comparison = comparison_start(reference=reference, predicted=prediction.annotation, actor=annotator)
    _follow(comparison, say)
    comparison.refresh_from_db()
    dice = Comparison.from_json(comparison.result).pooled.confusion.dice if comparison.result else None
    return DemoResult(
        case=str(series.case_id),
        slices=series.depth,
        seconds=round(prediction.seconds, 2),
        model_version=str(prediction.run.model_version),
        dice=None if dice is None else round(dice, 4),
        dice_on_training_data=trained_on(comparison),
        url=f"/series/{series.pk}/view/",
    )


def queue_fill(*, institution: Institution, clinician: User, case: DemoCase, count: int, say: Say) -> int:
    """Cases to try the work list on: the CT in ``count`` pieces, imported and segmented. Returns how many wait."""
    for number, path in enumerate(parts_of(case, count), start=1):
        piece = DemoCase(f"{case.title}, part {number} of {count}", path, case.mask, case.mask_label)
        _segment(_import(institution, clinician, piece, say), say)
    return count


def _import(institution: Institution, clinician: User, case: DemoCase, say: Say) -> Series:
    copy = case.ct.with_name("sent-" + case.ct.name)
    shutil.copyfile(case.ct, copy)
    file = IncomingFile.from_path(copy, case.ct.name)
    upload, is_new = upload_create(
        institution=institution, actor=clinician, files=[file], options=UploadOptions(title=case.title)
    )
    say("Importing the CT" if is_new else "The CT is already here")
    copy.unlink(missing_ok=True)
    _follow(upload.run, say)
    series = Series.objects.filter(pk__in=upload.verdicts.values("series")).first()
    if series is None:
        raise DemoFailed("The CT of an earlier demo was deleted. Remove the state folder and start again.")
    return series


def _segment(series: Series, say: Say) -> Prediction:
    run = InferenceRun.objects.filter(series=series).order_by("created_at").last()
    if run is None:
        raise DemoFailed("No segmentation was started: no model version is active.")
    _follow(run, say)
    return Prediction.objects.select_related("run__model_version", "annotation").get(run=run)


def _reference(series: Series, annotator: User, case: DemoCase) -> Annotation:
    try:
        return annotation_upload(
            series=series, actor=annotator, files=[ReceivedFile(case.mask, case.mask.name)], label=case.mask_label
        )
    except SameMask as known:
        return Annotation.objects.get(pk=known.fields["annotation"])


def _follow(run: Run, say: Say) -> None:
    """Wait for the run's end; say something at least every few seconds."""
    said_at, said = 0.0, ""
    while True:
        run.refresh_from_db()
        if run.is_finished:
            break
        line = f"  {run.progress_message or run.kind} {run.progress_done}/{run.progress_total}"
        if time.monotonic() - said_at >= SAY_EVERY_SECONDS:
            say(line if line != said else line + " …")
            said_at, said = time.monotonic(), line
        time.sleep(POLL_SECONDS)
    if run.state != RunState.SUCCEEDED:
        raise DemoFailed(f"The {run.kind} {run.state}: {run.error_message or 'no reason was recorded'}")
