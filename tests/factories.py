"""Rows and files for tests, app by app. Whatever a row needs and is not given is made for it."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import tempfile
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.models import Institution, Membership, Role, User
from cases.models import (
    Annotation,
    AnnotationSource,
    Case,
    FileVerdict,
    ImportRun,
    Measurement,
    Patient,
    PendingMask,
    Presence,
    Series,
    Upload,
    UploadFile,
    Verdict,
)
from cases.services import MaskOrigin, annotation_record
from cases.worklist.presence import presences_keep
from inference.models import ComparisonRun, InferenceRun, Prediction
from registry.models import SPINE_CT, ActiveVersion, ModelVersion, Task, TaskLabel
from spineml.metrics import overlap
from spineml.model.architecture import Architecture
from spineml.model.model_file import SPEC_ATTRIBUTE, ModelSpec, stored_name
from spineml.tasks.mapping import FoundValue
from spineml.tasks.task import Label
from spineml.volumes import canonical_file
from spineml.volumes.volume import Geometry, Mask, Volume
from spineplatform.shared import storage
from spineplatform.shared.runs import RunState

PASSWORD = "vertebra-prominens-7"
DEPTH, HEIGHT, WIDTH = 5, 24, 32
SPACING = (3.0, 0.8, 0.5)
_numbers = itertools.count(1)


# --- accounts ---------------------------------------------------------------------------------------------------------
def institution(name: str = "") -> Institution:
    return Institution.objects.create(name=name or f"Hospital {next(_numbers)}")


# Under a name that no parameter hides.
_place = institution


def user(*roles: Role | str, institution: Institution | None = None, username: str = "", **fields: Any) -> User:
    """An account with PASSWORD, and with ``roles`` at one institution (a new one unless given); none: no member."""
    username = username or f"{roles[0] if roles else 'nobody'}{next(_numbers)}"
    person = User.objects.create(username=username, password=_hashed(PASSWORD), **fields)
    place = (institution or _place()) if roles else None
    for role in roles:
        Membership.objects.create(user=person, institution=place, role=role)
    return person


@functools.cache
def _hashed(password: str) -> str:
    """Hashing is slow on purpose: once is enough."""
    return make_password(password)


# --- images -----------------------------------------------------------------------------------------------------------
def geometry(*, depth: int = DEPTH, height: int = HEIGHT, width: int = WIDTH, **fields: Any) -> Geometry:
    return Geometry(**{"shape": (depth, height, width), "spacing": SPACING, **fields})


def volume(grid: Geometry | None = None) -> Volume:
    """A coded phantom: ``hu[z, y, x] = 1000 z + 32 y + x - 1024``, and ``[0, 0, 0]`` makes it unique."""
    grid = grid or geometry()
    z, y, x = np.indices(grid.shape)
    hu = (1000 * z + 32 * y + x - 1024).astype(np.int16)
    hu[0, 0, 0] = next(_numbers)
    return Volume(hu, grid)


def labels(grid: Geometry | None = None, *, shift: int = 0) -> np.ndarray:
    """A block in every slice but the first, largest in the middle slice, moved right by ``shift`` columns."""
    grid = grid or geometry()
    block = np.zeros(grid.shape, np.uint8)
    block[1:, 8:16, 10 + shift : 20 + shift] = 1
    block[grid.shape[0] // 2, 7, 10 + shift : 20 + shift] = 1
    return block


# --- cases ------------------------------------------------------------------------------------------------------------
def patient(institution: Institution | None = None) -> Patient:
    return Patient.objects.create(institution=institution or _place(), pseudonym=f"P-{next(_numbers):08d}")


def case(*, institution: Institution | None = None, title: str = "", **fields: Any) -> Case:
    person = fields.pop("patient", None) or patient(institution)
    title = title or f"{person.pseudonym} spine"
    return Case.objects.create(institution=person.institution, patient=person, title=title, **fields)


def presence(of: Case, user: User) -> Presence:
    """The person has opened a page of the case."""
    page = Presence(case=of, user=user)
    presences_keep([page])
    return page


def series(*, of: Case | None = None, image: Volume | None = None, **fields: Any) -> Series:
    """A series with a real canonical file in the storage. ``institution=`` makes the case there."""
    place = fields.pop("institution", None)
    of = of or case(institution=place)
    image = image or volume()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume.h5"
        pixel_hash = canonical_file.write_volume(path, image)
        name = storage.store(path, storage.unique_name("volumes", ".h5"))
    values = {
        "number": of.series.count() + 1,
        "description": "Spine bone",
        "modality": "CT",
        "source_kind": "dicom",
        "geometry_json": image.geometry.as_json(),
        "volume": name,
        "pixel_hash": pixel_hash,
    }
    return Series.objects.create(institution=of.institution, case=of, **{**values, **fields})


def annotation(*, of: Series | None = None, pixels: np.ndarray | None = None, **fields: Any) -> Annotation:
    """A mask with a real file; uploaded by an annotator unless ``source`` or ``author`` say otherwise."""
    of = of or series()
    values = {"source": AnnotationSource.UPLOAD, **fields}
    if values["source"] != AnnotationSource.MODEL and "author" not in values:
        values["author"] = user(Role.ANNOTATOR, institution=of.institution)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.h5"
        canonical_file.write_mask(path, Mask(labels(of.geometry) if pixels is None else pixels, of.geometry))
        return annotation_record(series=of, path=path, stored=[], origin=MaskOrigin(**values))


def pending_mask(*, of: Series | None = None, author: User | None = None) -> PendingMask:
    """A label map of ``vertebrae-ct`` with the one value 40, which waits for its mapping."""
    of = of or series()
    author = author or user(Role.ANNOTATOR, institution=of.institution)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.h5"
        canonical_file.write_mask(path, Mask(labels(of.geometry), of.geometry))
        file = storage.store(path, storage.unique_name("pending", ".h5"))
    found = [FoundValue(40, int(labels(of.geometry).sum())).to_json()]
    return PendingMask.objects.create(
        institution=of.institution, series=of, author=author, task_id="vertebrae-ct", file=file, found=found
    )


def measurement(*, of: Series | None = None, **fields: Any) -> Measurement:
    """A length of 5 mm on the first axial slice."""
    of = of or series()
    author = fields.pop("author", None) or user(Role.ANNOTATOR, institution=of.institution)
    values = {"kind": "length", "plane": "axial", "index": 0, "points": [[0, 0, 0], [3, 4, 0]]}
    return Measurement.objects.create(
        institution=of.institution, series=of, author=author, **{**values, "values": {"length_mm": 5.0}, **fields}
    )


def upload(*, institution: Institution | None = None, files: dict[str, bytes] | None = None, **fields: Any) -> Upload:
    """An upload of ``files`` (name to content), staged in the storage. The import run is ``import_run``'s to make."""
    place = institution or _place()
    files = {"slice.dcm": b"not a CT"} if files is None else files
    values = {"digest": uuid.uuid4().hex * 2, "total_bytes": sum(map(len, files.values())), "options": {}}
    row = Upload.objects.create(institution=place, **{**values, **fields})
    for name, content in files.items():
        sha256 = hashlib.sha256(content).hexdigest()
        UploadFile.objects.create(upload=row, name=name, size=len(content), sha256=sha256, staged=staged(content))
    return row


def staged(content: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        return storage.store(path, storage.unique_name("incoming", ""))


def verdict(of: Upload, name: str = "slice.dcm", status: Verdict = Verdict.REJECTED, **fields: Any) -> FileVerdict:
    return FileVerdict.objects.create(upload=of, name=name, status=status, **fields)


def import_run(*, of: Upload | None = None, state: RunState = RunState.QUEUED, **fields: Any) -> ImportRun:
    of = of or upload()
    return ImportRun.objects.create(institution=of.institution, upload=of, **run_values(state), **fields)


def run_values(state: RunState) -> dict[str, Any]:
    """What the constraints ask of a row in this state."""
    now = timezone.now()
    values: dict[str, Any] = {"state": state}
    if state == RunState.RUNNING:
        values |= {"token": uuid.uuid4(), "lease_expires_at": now + timedelta(hours=1), "started_at": now}
    elif state != RunState.QUEUED:
        values |= {"started_at": now, "finished_at": now}
    return values


# --- tasks ------------------------------------------------------------------------------------------------------------
def task(slug: str = "", *, values: Sequence[int] = (1,), **fields: Any) -> Task:
    """A task with labels "Structure 1", ... of these values; the platform's unless ``owner`` says otherwise."""
    slug = slug or f"task-{next(_numbers)}"
    made = Task.objects.create(**{"slug": slug, "name": slug.capitalize(), **fields})
    for position, value in enumerate(values):
        label = Label(value, f"Structure {value}", f"S{value}", f"#{value:02x}80ff")
        TaskLabel.of(made, position, label).save()
    return made


# --- training ---------------------------------------------------------------------------------------------------------
def model_version(**fields: Any) -> ModelVersion:
    """The row of a version, the platform's unless ``owner`` says otherwise. Its file is not a model: tests that load
    one register a real file instead.
    """
    number = next(_numbers)
    content = f"model {number}".encode()
    slug = fields.pop("task").slug if "task" in fields else SPINE_CT
    values = {
        "task_id": slug,
        "number": number,
        "file": staged(content),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "spec": {"task": slug, "data": {"pixel_hashes": []}},
        "flaw": "",
    }
    return ModelVersion.objects.create(**{**values, **fields})


def active_version(*, at: Institution | None = None, **fields: Any) -> ModelVersion:
    """A version that segments at one institution, or as the platform's default at all."""
    version = model_version(**fields)
    ActiveVersion.objects.update_or_create(institution=at, task=version.task, defaults={"version": version})
    return version


def model_file(path: Path, **spec: Any) -> Path:
    """A real model file of a tiny network whose weights are all ``0.01 n``, n different in every file."""
    described = ModelSpec(Architecture(base_filters=2, depth=1), **spec)
    value = next(_numbers) / 100
    with h5py.File(path, "w") as file:
        file.attrs[SPEC_ATTRIBUTE] = json.dumps(described.as_json())
        for name, shape in described.architecture.weight_shapes().items():
            file.create_dataset(stored_name(name), data=np.full(shape, value, np.float32))
    return path


# --- inference --------------------------------------------------------------------------------------------------------
def inference_run(*, of: Series | None = None, state: RunState = RunState.QUEUED, **fields: Any) -> InferenceRun:
    of = of or series()
    version = fields.pop("model_version", None) or model_version()
    return InferenceRun.objects.create(
        institution=of.institution, series=of, model_version=version, **run_values(state), **fields
    )


def prediction(*, of: Series | None = None, pixels: np.ndarray | None = None, **fields: Any) -> Prediction:
    """What a model made of a series: the run that succeeded, its mask with ``fields``, and the row that binds them."""
    run = inference_run(of=of, state=RunState.SUCCEEDED, model_version=fields.pop("model_version", None))
    made = {"source": AnnotationSource.MODEL, "label": f"Model {run.model_version}", "model_version": run.model_version}
    mask = annotation(of=run.series, pixels=pixels, **made, **fields)
    return Prediction.objects.create(run=run, annotation=mask, seconds=1.5)


def comparison_run(
    *,
    reference: Annotation | None = None,
    predicted: Annotation | None = None,
    state: RunState = RunState.SUCCEEDED,
    **fields: Any,
) -> ComparisonRun:
    """A comparison of two masks of one series, with its real result once it has succeeded."""
    reference = reference or annotation()
    predicted = (
        predicted or prediction(of=reference.series, pixels=labels(reference.series.geometry, shift=2)).annotation
    )
    if state == RunState.SUCCEEDED and "result" not in fields:
        fields["result"] = _compared(reference, predicted)
    return ComparisonRun.objects.create(
        institution=reference.institution, reference=reference, predicted=predicted, **run_values(state), **fields
    )


def _compared(reference: Annotation, predicted: Annotation) -> dict[str, Any]:
    with (
        canonical_file.SliceFileReader(storage.local_path(reference.mask)) as first,
        canonical_file.SliceFileReader(storage.local_path(predicted.mask)) as second,
    ):
        return overlap.compare(first, second, first.geometry).as_json()
