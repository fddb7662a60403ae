"""A client that a public generator makes of the OpenAPI document drives a CT from upload to download."""

from __future__ import annotations

import base64
import importlib
import os
import pkgutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import nibabel
import numpy as np
import pytest
from django.conf import settings

from accounts.models import Role, User
from registry.services import default_version_ensure
from spineml.phantom import spine_phantom, write_nifti
from spineml.volumes.volume import Mask
from spineplatform.processes import Processes
from tests import factories

pytestmark = [pytest.mark.worker, pytest.mark.tensorflow, pytest.mark.slow]
PROJECT = Path(__file__).resolve().parents[2]
CONFIG = PROJECT / "docs" / "openapi-python-client.yaml"
PACKAGE = "generated_spine_client"
PATIENCE_SECONDS = 180


class Generated:
    """The package that was made: ``generated.call("auth.token_create", ...)``, ``generated.models``."""

    def __init__(self, address: str) -> None:
        self._package = importlib.import_module(PACKAGE)
        self.models = importlib.import_module(f"{PACKAGE}.models")
        self.types = importlib.import_module(f"{PACKAGE}.types")
        self.address = address
        self.client = self._package.Client(base_url=address, raise_on_unexpected_status=True)

    def log_in(self, username: str, password: str) -> None:
        body = self.models.LoginInRequest(username=username, password=password)
        token = self.call("auth.token_create", body=body).token
        self.close()
        self.client = self._package.AuthenticatedClient(
            base_url=self.address, token=token, prefix="Token", raise_on_unexpected_status=True
        )

    def close(self) -> None:
        self.client.get_httpx_client().close()

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        """What the function of an operation gives, such as ``cases.case_get``."""
        module = importlib.import_module(f"{PACKAGE}.api.{name}")
        return module.sync(*args, client=self.client, **options)

    def every_module(self) -> int:
        found = list(pkgutil.walk_packages(self._package.__path__, f"{PACKAGE}."))
        for module in found:
            importlib.import_module(module.name)
        return len(found)

    def file(self, path: Path) -> Any:
        return self.types.File(payload=BytesIO(path.read_bytes()), file_name=path.name, mime_type="application/gzip")

    def until_done(self, look: Callable[[], Any]) -> Any:
        """Look until the run has succeeded."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (run := look()).state in (self.models.RunStateEnum.QUEUED, self.models.RunStateEnum.RUNNING):
            assert time.monotonic() < end, run
            time.sleep(0.2)
        assert run.state == self.models.RunStateEnum.SUCCEEDED, run.error
        return run

    def pages(self, name: str, *args: Any, **options: Any) -> list[list[Any]]:
        """All pages of a list, each found by the address in the one before."""
        found, more = [], {}
        while True:
            page = self.call(name, *args, **options, **more)
            found.append(page.results)
            if page.next_ is None:
                return found
            more = {"cursor": parse_qs(urlsplit(page.next_).query)["cursor"][0]}


@pytest.fixture
def generated(web: str, worker: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Generated]:
    """The client, made of the document of the running platform by the command of the README, without a warning."""
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    command += ["--url", f"{web}/api/schema/?format=json", "--config", str(CONFIG)]
    command += ["--output-path", str(tmp_path / PACKAGE)]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    made = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    said = made.stdout + made.stderr
    assert made.returncode == 0, said
    assert "warning" not in said.lower(), said
    monkeypatch.syspath_prepend(str(tmp_path))
    client = Generated(web)
    yield client
    client.close()
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def reader(generated: Generated) -> User:
    """Whoever the client logs in as; the default model is at work."""
    default_version_ensure(folder=settings.MODEL_DIR)
    person = factories.user(Role.CLINICIAN, Role.ANNOTATOR, email="reader@example.org")
    generated.log_in(person.username, factories.PASSWORD)
    return person


def uploaded(generated: Generated, ct: Path) -> UUID:
    """Send a CT and wait until it is imported; its series."""
    models, call = generated.models, generated.call
    sent = call("uploads.upload_create", body=models.UploadInRequest(files=[generated.file(ct)], title="Phantom"))
    generated.until_done(lambda: call("uploads.upload_get", sent.id).run)
    done = call("uploads.upload_get", sent.id)
    (verdict,), (case_id,) = done.verdicts, done.cases
    assert verdict.status in (models.FileVerdictEnum.IMPORTED, models.FileVerdictEnum.WARNING)
    case = call("cases.case_get", case_id)
    assert (case.title, [one.id for one in case.series]) == ("Phantom", [verdict.series])
    found: UUID = verdict.series
    return found


def segmented(generated: Generated, series: UUID) -> Any:
    """The mask of the segmentation that follows the import."""
    models, call = generated.models, generated.call
    (started,) = call("runs.inference_run_list", series=series).results
    run = generated.until_done(lambda: call("runs.run_get", models.RunGetKind.INFERENCE, started.id))
    mask = call("masks.mask_get", run.mask)
    assert (mask.source, mask.prediction.model_version.id) == (models.MaskSourceEnum.MODEL, run.model_version.id)
    return mask


def correction(generated: Generated, base: Any, labels: np.ndarray) -> Any:
    packed = {str(z): base64.b64encode(zlib.compress(one.astype(np.uint8).tobytes())) for z, one in enumerate(labels)}
    slices = generated.models.CorrectionInRequestSlices.from_dict({z: one.decode() for z, one in packed.items()})
    return generated.models.CorrectionInRequest(base=base, slices=slices)


def test_a_generated_client_drives_a_ct_from_upload_to_download(
    generated: Generated, reader: User, tmp_path: Path
) -> None:
    models, call = generated.models, generated.call
    volume, truth = spine_phantom(shape=(5, 192, 192), seed=3, spacing=(3.0, 1.0, 1.0))
    ct = write_nifti(volume, tmp_path / "ct.nii.gz")
    series = uploaded(generated, ct)
    made = segmented(generated, series)

    corrected = call("series.mask_correct", series, body=correction(generated, made.id, truth.labels))
    assert (corrected.parent, corrected.voxels) == (made.id, np.count_nonzero(truth.labels))
    approval = models.ReviewInRequest(verdict=models.ReviewVerdictEnum.APPROVED, annotation=corrected.id)
    assert call("series.review_sign", series, body=approval).case_state == models.CaseStateEnum.APPROVED

    file = call("masks.mask_download", corrected.id, models.MaskDownloadKind.MASK_NII_GZ)
    (tmp_path / "mask.nii.gz").write_bytes(file.payload.read())
    mask, source = nibabel.load(tmp_path / "mask.nii.gz"), nibabel.load(ct)
    assert np.array_equal(mask.affine, source.affine)
    assert np.array_equal(mask.get_fdata() > 0, np.asarray(_on_the_grid_of(source, truth)) > 0)

    pages = generated.pages("series.mask_list", series, page_size=1)
    assert [[one.id for one in page] for page in pages] == [[corrected.id], [made.id]]
    described = call("series.series_get", series)
    assert described.series.geometry.shape == [5, 192, 192]
    assert {one.id: one.approved for one in described.masks} == {corrected.id: True, made.id: False}


def _on_the_grid_of(source: Any, truth: Mask) -> np.ndarray:
    """The labels of (z, y, x) as the file of the CT has its voxels, by nibabel alone."""
    turn = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("SPL"), nibabel.orientations.io_orientation(source.affine)
    )
    return np.asarray(nibabel.orientations.apply_orientation(truth.labels, turn))


def test_a_generated_client_is_told_errors_as_the_document_has_them(generated: Generated, reader: User) -> None:
    models, call = generated.models, generated.call
    me = call("me.me")
    assert (me.username, me.email) == (reader.username, reader.email)
    assert set(me.institutions[0].roles) == {models.RoleEnum.CLINICIAN, models.RoleEnum.ANNOTATOR}

    missing = call("cases.case_get", uuid4())
    assert (type(missing), missing.status, missing.code) == (models.Problem, 404, "not-found")
    forbidden = call("users.user_list")
    assert (type(forbidden), forbidden.status) == (models.Problem, 403)
    wrong = call("auth.token_create", body=models.LoginInRequest(username=reader.username, password="wrong"))
    assert (type(wrong), wrong.status, wrong.code) == (models.Problem, 401, "wrong-credentials")
    unclear = call("auth.token_create", body=models.LoginInRequest(username="", password="x"))
    assert (unclear.status, "username" in unclear.errors.additional_properties) == (400, True)


def test_every_part_of_a_generated_client_can_be_imported(generated: Generated) -> None:
    assert generated.every_module() > 300
