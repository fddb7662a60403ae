"""Sending files through the REST API, and what became of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Membership, Role, User
from cases.intake import uploads
from cases.intake.uploads import IncomingFile
from cases.models import ImportRun, Upload, Verdict
from spineplatform.shared import storage
from spineplatform.shared.api import FORM_BYTES
from spineplatform.shared.runs import RunState
from tests import factories
from tests.api_client import api, problem

pytestmark = pytest.mark.django_db
UPLOADS = "/api/v1/uploads/"


@pytest.fixture
def clinician() -> User:
    return factories.user(Role.CLINICIAN)


def file(content: bytes = b"pixels", name: str = "slice.dcm") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def send(user: User, *files: SimpleUploadedFile, **fields: Any) -> Any:
    return api(user).post(UPLOADS, {"files": list(files), **fields}, format="multipart")


def test_new_files_are_staged_and_their_import_is_queued(clinician: User) -> None:
    response = send(clinician, file(b"first", "a.dcm"), file(b"second", "b.dcm"), title="Low back pain")
    assert response.status_code == 201
    body = response.json()
    assert body["run"]["state"] == "queued"
    assert response["Location"] == body["url"]
    upload = Upload.objects.get(pk=body["id"])
    assert upload.title == "Low back pain"
    assert {row.name: storage.local_path(row.staged).read_bytes() for row in upload.files.all()} == {
        "a.dcm": b"first",
        "b.dcm": b"second",
    }


def test_the_same_files_with_the_same_options_are_the_same_upload(clinician: User) -> None:
    first = send(clinician, file(b"one", "a.dcm"), file(b"two", "b.dcm"))
    again = send(clinician, file(b"two", "other-name.dcm"), file(b"one", "a.dcm"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert (Upload.objects.count(), ImportRun.objects.count()) == (1, 1)


def test_other_options_make_another_upload(clinician: User) -> None:
    assert send(clinician, file()).status_code == 201
    assert send(clinician, file(), segment="false").status_code == 201
    assert [upload.options["segment"] for upload in Upload.objects.order_by("created_at")] == [True, False]


def test_sending_again_what_failed_tries_it_again(clinician: User) -> None:
    first = send(clinician, file()).json()
    run = ImportRun.objects.get(pk=first["run"]["id"])
    ImportRun.objects.filter(pk=run.pk).update(state=RunState.FAILED, finished_at=run.created_at, error_message="Lost.")
    again = send(clinician, file())
    assert again.status_code == 200
    assert (again.json()["run"]["state"], again.json()["run"]["error"]) == ("queued", "")


def test_files_are_streamed_to_disk_however_small(clinician: User, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []

    class Watched(IncomingFile):
        @classmethod
        def from_request(cls, file: Any, name: str) -> IncomingFile:
            seen.append(Path(file.temporary_file_path()))
            return IncomingFile.from_request(file, name)

    monkeypatch.setattr(uploads, "IncomingFile", Watched)
    assert send(clinician, file(b"x")).status_code == 201
    assert len(seen) == 1
    assert not seen[0].exists(), "the temporary file was moved into the storage, not copied"


def test_paths_name_the_files_of_a_folder(clinician: User) -> None:
    send(clinician, file(b"1", "a.dcm"), file(b"2", "a.dcm"), paths=["left/a.dcm", "right/a.dcm"])
    assert [row.name for row in Upload.objects.get().files.all()] == ["left/a.dcm", "right/a.dcm"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [("0.7", [0.7, 0.7]), ("0.7,0.8", [0.7, 0.8]), (" 1 , 2 ", [1.0, 2.0])],
)
def test_pixel_spacing_is_one_length_or_two(clinician: User, given: str, stored: list[float]) -> None:
    assert send(clinician, file(), pixel_spacing_mm=given, slice_spacing_mm="2.5").status_code == 201
    options = Upload.objects.get().options
    assert (options["pixel_spacing_mm"], options["slice_spacing_mm"]) == (stored, 2.5)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"pixel_spacing_mm": "wide"}, "pixel_spacing_mm"),
        ({"pixel_spacing_mm": "0"}, "pixel_spacing_mm"),
        ({"pixel_spacing_mm": "-1"}, "pixel_spacing_mm"),
        ({"pixel_spacing_mm": "nan"}, "pixel_spacing_mm"),
        ({"pixel_spacing_mm": "1,2,3"}, "pixel_spacing_mm"),
        ({"slice_spacing_mm": "0"}, "slice_spacing_mm"),
        ({"slice_spacing_mm": "nan"}, "slice_spacing_mm"),
        ({"slice_spacing_mm": "inf"}, "slice_spacing_mm"),
        ({"title": "x" * 121}, "title"),
        ({"segment": "perhaps"}, "segment"),
        ({"institution": "home"}, "institution"),
        ({"paths": ["a", "b"]}, "paths"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_taken(clinician: User, fields: dict[str, Any], name: str) -> None:
    response = send(clinician, file(), **fields)
    assert problem(response) == (400, "invalid")
    assert set(response.json()["errors"]) == {name}
    assert not Upload.objects.exists()


def test_without_files_nothing_is_taken(clinician: User) -> None:
    response = send(clinician, title="Forgot the files")
    assert problem(response) == (400, "invalid")
    assert set(response.json()["errors"]) == {"files"}


def test_only_empty_files_are_refused(clinician: User) -> None:
    assert problem(send(clinician, file(b""))) == (400, "empty-file")


def test_an_empty_file_among_others_is_judged_by_the_import(clinician: User) -> None:
    assert send(clinician, file(b"", "empty.dcm"), file(b"full", "full.dcm")).status_code == 201


def test_too_many_files_are_too_large(clinician: User, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    response = send(clinician, *(file(bytes([number]), f"{number}.dcm") for number in range(3)))
    assert problem(response) == (413, "too-large")
    assert "zip" in response.json()["detail"]


def test_too_many_bytes_are_refused_before_they_are_read(clinician: User, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1000 - FORM_BYTES
    assert problem(send(clinician, file(b"x" * 2000))) == (413, "too-large")


def test_too_many_bytes_in_all_files_are_too_large(clinician: User, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    assert problem(send(clinician, file(b"x" * 600, "a"), file(b"y" * 600, "b"))) == (413, "too-large")
    assert not Upload.objects.exists()


def test_the_session_of_a_browser_needs_its_csrf_token(clinician: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(clinician, backend="django.contrib.auth.backends.ModelBackend")
    assert problem(client.post(UPLOADS, {"files": [file()]})) == (403, "permission-denied")


def test_json_is_no_upload(clinician: User) -> None:
    assert problem(api(clinician).post(UPLOADS, {"files": []})) == (415, "unsupported-media-type")


def test_a_storage_that_is_away_is_said_and_nothing_is_kept(clinician: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, name: str) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "store", full)
    assert problem(send(clinician, file())) == (507, "storage-unavailable")
    assert not Upload.objects.exists()


def test_who_uploads_in_several_institutions_names_one(clinician: User) -> None:
    second = factories.institution()
    Membership.objects.create(user=clinician, institution=second, role=Role.ANNOTATOR)
    assert problem(send(clinician, file())) == (400, "institution-needed")
    assert send(clinician, file(), institution=str(second.pk)).json()["institution"] == str(second.pk)


def test_the_role_counts_in_the_institution_that_is_named(clinician: User) -> None:
    second = factories.institution()
    Membership.objects.create(user=clinician, institution=second, role=Role.INSTITUTION_ADMIN)
    assert problem(send(clinician, file(), institution=str(second.pk))) == (403, "forbidden")
    assert problem(send(clinician, file(), institution=str(factories.institution().pk))) == (404, "not-found")
    assert send(clinician, file()).status_code == 201


def test_an_upload_tells_the_verdict_on_each_file_and_where_it_went(clinician: User) -> None:
    home = clinician.memberships.get().institution
    series = factories.series(institution=home)
    upload = factories.import_run(of=factories.upload(institution=home), state=RunState.SUCCEEDED).upload
    factories.verdict(upload, "good.dcm", Verdict.IMPORTED, series=series)
    factories.verdict(upload, "also.dcm", Verdict.IMPORTED, series=series)
    factories.verdict(upload, "notes.txt", code="not-an-image", reason="This is text.")
    body = api(clinician).get(f"{UPLOADS}{upload.pk}/").json()
    assert [(one["name"], one["status"], one["code"]) for one in body["verdicts"]] == [
        ("good.dcm", "imported", ""),
        ("also.dcm", "imported", ""),
        ("notes.txt", "rejected", "not-an-image"),
    ]
    assert body["cases"] == [str(series.case_id)]


def test_the_list_shows_the_uploads_of_my_institutions(clinician: User) -> None:
    mine = factories.import_run(of=factories.upload(institution=clinician.memberships.get().institution))
    factories.import_run()
    assert [one["id"] for one in api(clinician).get(UPLOADS).json()["results"]] == [str(mine.upload_id)]
