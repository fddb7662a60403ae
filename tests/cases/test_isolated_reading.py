"""Uploads, masks and models whose files crash, hang or fill the memory of their readers: one file is refused."""

from __future__ import annotations

import contextlib
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import psutil
import psycopg2
import pydicom
import pytest
from celery import current_app
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.models import Role, User
from cases.intake.uploads import IncomingFile, UploadOptions, upload_create
from cases.intake.worker import run_import
from cases.models import ImportRun, Series, Upload
from spineml.isolation import Readers
from spineml.phantom import spine_phantom, write_dicom_series
from spineplatform.processes import QUEUES, Processes
from spineplatform.shared import isolated
from spineplatform.shared.lease import execute
from spineplatform.shared.runs import RunState, run_cancel
from tests import factories
from tests.api_client import api
from tests.cases.test_import import SMALL, nifti, send, verdicts
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
META = "ObjectType = Image\nNDims = {dimensions}\nDimSize = 8 8 8\nElementSpacing = 1 1 1\nElementType = MET_SHORT\n"
NRRD = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 8 8 8\nencoding: raw\nendian: little\n"


@pytest.fixture
def clinician() -> User:
    return factories.user("clinician")


@pytest.fixture(scope="module")
def crashing() -> Iterator[Readers]:
    readers = Readers("tests.cases.crashing_readers")
    yield readers
    readers.close()


@pytest.fixture
def misbehaving(crashing: Readers, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(isolated, "READERS", crashing)
    settings.READER_STALL_SECONDS = 10


def named(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


@pytest.mark.usefixtures("misbehaving")
@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ("crash", "reader-crashed"),
        ("hang", "reader-timed-out"),
        ("memory", "reader-out-of-memory"),
        ("error", "unexpected"),
    ],
)
def test_the_file_is_refused_once_and_the_one_beside_it_is_imported(
    deed: str, code: str, clinician: User, tmp_path: Path
) -> None:
    bad = named(nifti(tmp_path, 1), f"{deed}-ct.nii.gz")
    upload = send(clinician, nifti(tmp_path, 2), bad, nifti(tmp_path, 3))
    assert (upload.run.state, upload.run.attempt) == (RunState.SUCCEEDED, 1)
    assert verdicts(upload) == {
        "ct2.nii.gz": ("imported", "ok"),
        bad.name: ("rejected", code),
        "ct3.nii.gz": ("imported", "ok"),
    }
    assert Series.objects.count() == 2
    assert upload.verdicts.get(name=bad.name).reason


@pytest.mark.usefixtures("misbehaving")
def test_a_slice_that_crashes_among_others_that_are_decoded_at_once_is_named(clinician: User, tmp_path: Path) -> None:
    volume, _ = spine_phantom(seed=3, **SMALL)
    dicom = write_dicom_series(volume, tmp_path / "dicom")
    dicom[2] = named(dicom[2], "crash-0002.dcm")
    with zipfile.ZipFile(tmp_path / "ct.zip", "w") as archive:
        for path in dicom:
            archive.write(path, path.name)
    upload = send(clinician, tmp_path / "ct.zip", nifti(tmp_path, 2))
    found = verdicts(upload)
    assert found["ct2.nii.gz"] == ("imported", "ok")
    assert {found[f"ct.zip/{path.name}"] for path in dicom} == {("rejected", "reader-crashed")}
    assert "crash-0002.dcm" in upload.verdicts.get(name=f"ct.zip/{dicom[0].name}").reason
    assert Series.objects.get().source_kind == "nifti"


@pytest.mark.usefixtures("misbehaving")
def test_an_upload_of_nothing_else_ends_and_says_why(clinician: User, tmp_path: Path) -> None:
    upload = send(clinician, *(named(nifti(tmp_path, seed), f"crash-{seed}.nii.gz") for seed in range(8)))
    assert (upload.run.state, upload.run.error_code) == (RunState.FAILED, "nothing-imported")
    codes = sorted(code for _, code in verdicts(upload).values())
    assert codes == ["reader-crashed"] * 6 + ["reader-gave-up"] * 2


@pytest.mark.usefixtures("misbehaving")
def test_cancelling_ends_a_reader_that_hangs_at_once(clinician: User, tmp_path: Path, settings: Any) -> None:
    settings.READER_STALL_SECONDS = 60
    upload = hand_in(clinician, named(nifti(tmp_path, 1), "hang-ct.nii.gz"))

    def work() -> None:
        execute(ImportRun, upload.run.pk, run_import)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: states(upload.run) == {RunState.RUNNING}, "The start of the import")
    run_cancel(run=upload.run, actor=clinician)
    thread.join(30)
    assert not thread.is_alive()
    assert states(upload.run) == {RunState.CANCELLED}
    assert not list((Path(settings.CACHE_DIR) / "work").glob("reading-*"))


def mask_file(series: Series, path: Path) -> Path:
    labels = np.zeros(series.geometry.shape[::-1], np.uint8)
    labels[2:4, 2:4] = 1
    nibabel.save(nibabel.Nifti1Image(labels, series.geometry.affine_ras()), path)
    return path


def send_mask(user: User, series: Series, path: Path) -> Any:
    with path.open("rb") as file:
        return api(user).post(f"/api/v1/series/{series.pk}/masks/", {"files": [file]}, format="multipart")


@pytest.mark.usefixtures("misbehaving")
@pytest.mark.parametrize(("deed", "code"), [("crash", "reader-crashed"), ("memory", "reader-out-of-memory")])
def test_a_mask_that_ends_its_reader_is_a_refusal_and_the_web_process_goes_on(
    deed: str, code: str, tmp_path: Path
) -> None:
    series = factories.series()
    user = factories.user(Role.ANNOTATOR, institution=series.institution)
    before = psutil.Process().memory_info().rss
    response = send_mask(user, series, mask_file(series, tmp_path / f"{deed}-mask.nii"))
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert response.json()["detail"]
    assert psutil.Process().memory_info().rss - before < 30 * 1024**2
    assert send_mask(user, series, mask_file(series, tmp_path / "mask.nii")).status_code == 201


@contextlib.contextmanager
def all_readers_busy() -> Iterator[int]:
    slots, taken = isolated._slots(), 0
    while slots.acquire(blocking=False):
        taken += 1
    try:
        yield taken
    finally:
        slots.release(taken)


def test_who_comes_while_all_readers_are_busy_is_told_when_to_come_back(
    tmp_path: Path, settings: Any, client: Client
) -> None:
    settings.READER_WAIT_SECONDS = 0.1
    series = factories.series()
    user = factories.user(Role.ANNOTATOR, institution=series.institution)
    path = mask_file(series, tmp_path / "mask.nii")
    client.force_login(user)
    with all_readers_busy() as taken, path.open("rb") as file:
        response = send_mask(user, series, path)
        page = client.post(reverse("cases:mask_upload", args=[series.pk]), {"files": file})
    assert taken == settings.READERS_AT_ONCE
    assert (response.status_code, response.json()["code"]) == (503, "busy")
    assert int(response["Retry-After"]) > 0
    assert (page.status_code, page["Retry-After"]) == (503, response["Retry-After"])


@pytest.mark.usefixtures("misbehaving")
def test_a_model_file_that_crashes_its_reader_is_a_refusal(tmp_path: Path) -> None:
    from registry.services import version_register
    from spineml.errors import ModelFileRejected

    path = tmp_path / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ModelFileRejected) as refused:
        version_register(path=path)
    assert refused.value.code == "reader-crashed"


def test_odd_names_and_texts_are_nobodys_end(clinician: User, tmp_path: Path) -> None:
    Image.fromarray(np.arange(16 * 20, dtype=np.uint8).reshape(16, 20)).save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "9" * 4400 + ".png")
    volume, _ = spine_phantom(seed=3, **SMALL)
    dicom = write_dicom_series(volume, tmp_path / "dicom")
    for path in dicom:
        dataset = pydicom.dcmread(path)
        dataset.SeriesDescription = "L\0SPINE"
        dataset.save_as(path)
    pictures, slices = send(clinician, tmp_path / "pictures.zip"), send(clinician, *dicom)
    assert (pictures.run.state, slices.run.state) == (RunState.SUCCEEDED, RunState.SUCCEEDED)
    assert "\0" not in Series.objects.get(source_kind="dicom").description


# --- with the real worker ---------------------------------------------------------------------------------------------
def wait_until_ended(upload: Upload) -> Upload:
    wait_for(lambda: ImportRun.objects.get(pk=upload.run.pk).is_finished, "The end of the import")
    upload.run.refresh_from_db()
    return upload


def hand_in(user: User, *paths: Path) -> Upload:
    files = [IncomingFile.from_path(path, path.name) for path in paths]
    institution = user.memberships.get().institution
    options = UploadOptions(segment=False)
    return upload_create(institution=institution, actor=user, files=files, options=options)[0]


@pytest.mark.worker
@pytest.mark.slow
def test_headers_made_to_end_the_worker_leave_a_verdict_each_and_the_platform_running(
    worker: Processes, tmp_path: Path
) -> None:
    user = factories.user("clinician")
    pid = worker.pid("worker-import")
    paths = []
    for dimensions in ("100", "-1", "0"):
        path = tmp_path / f"dimensions{dimensions}.mha"
        path.write_bytes((META.format(dimensions=dimensions) + "ElementDataFile = LOCAL\n").encode() + bytes(64))
        paths.append(path)
    long_line = tmp_path / "line.nrrd"
    long_line.write_bytes(NRRD + b"content: " + b"x" * 1015 + b"\n\n" + bytes(1024))
    uploads = [hand_in(user, path) for path in (*paths, long_line)]
    for upload in uploads:
        wait_until_ended(upload)
        assert upload.run.attempt == 1
        assert upload.verdicts.get().code
    after = wait_until_ended(hand_in(user, nifti(tmp_path, 5)))
    assert after.run.state == RunState.SUCCEEDED
    assert worker.pid("worker-import") == pid


@contextlib.contextmanager
def imports_held() -> Iterator[None]:
    """Every import waits at its first look at the files of its upload, under a lease that goes on."""
    at = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    with contextlib.closing(psycopg2.connect(**{name: at[key] for name, key in names.items()})) as other:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE cases_uploadfile IN ACCESS EXCLUSIVE MODE")
        yield


def states(*runs: ImportRun) -> set[str]:
    return set(ImportRun.objects.filter(pk__in=[run.pk for run in runs]).values_list("state", flat=True))


@pytest.mark.worker
@pytest.mark.slow
def test_the_sweeper_sweeps_while_every_import_slot_is_taken(worker: Processes) -> None:
    lost = factories.import_run(state=RunState.RUNNING, attempt=3)
    busy = [factories.import_run() for _ in range(QUEUES["import"])]
    with imports_held():
        for run in busy:
            current_app.send_task(run.task_name, args=[str(run.pk)])
        wait_for(lambda: states(*busy) == {RunState.RUNNING}, "The start of all")
        ImportRun.objects.filter(pk=lost.pk).update(lease_expires_at=timezone.now())
        wait_for(lambda: states(lost) == {RunState.FAILED}, "The end of the lost one")
        assert states(*busy) == {RunState.RUNNING}
    wait_for(lambda: states(*busy) == {RunState.FAILED}, "The end of all")  # no CT in them
