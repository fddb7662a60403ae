"""What a Korean reader is told about files that are odd: all of it in Korean."""

from __future__ import annotations

import io
import re
import zipfile
from html import unescape
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape
from PIL import Image

from accounts.models import User
from cases.models import FileVerdict, Series
from spineml.phantom import spine_phantom, write_dicom_series
from spineplatform.shared.messages import sentence
from tests import factories
from tests.cases.test_import import send
from tests.korean import HANGUL, english_left

pytestmark = pytest.mark.django_db(transaction=True)
KOREAN = {"accept-language": "ko"}
BARE = {"PixelSpacing": None, "RescaleSlope": None, "RescaleIntercept": None}
PHANTOM = {"shape": (8, 32, 32), "spacing": (3.0, 2.0, 2.0)}


@pytest.fixture
def reader() -> User:
    return factories.user("annotator")


def png(pixels: np.ndarray) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG")
    return sink.getvalue()


def odd_files(folder: Path) -> list[Path]:
    """A series with a gap, a tilted one, one without rescale, objects that are no CT, and files that are nothing."""
    volume, _ = spine_phantom(**PHANTOM)
    tilted, _ = spine_phantom(seed=1, **PHANTOM)
    raw, _ = spine_phantom(seed=2, **PHANTOM)
    gap = [path for n, path in enumerate(write_dicom_series(volume, folder / "gap")) if n not in (3, 4)]
    series = [
        *gap,
        *write_dicom_series(tilted, folder / "tilted", tilt_deg=12, patient_id="P2"),
        *write_dicom_series(raw, folder / "raw", patient_id="P3", overrides=BARE),
        *write_dicom_series(raw, folder / "mr", patient_id="P4", overrides={"Modality": "MR"})[:1],
        *write_dicom_series(raw, folder / "plan", patient_id="P5", overrides={"Modality": "RTPLAN"})[:1],
    ]
    paths = [path.rename(folder / f"{path.parent.name}-{path.name}") for path in series]
    cut = folder / "cut.dcm"
    cut.write_bytes(paths[0].read_bytes()[:-1000])
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[2:4] = 1
    nib.save(nib.Nifti1Image(labels, np.eye(4)), folder / "labels.nii.gz")
    plain = {
        "empty.dcm": b"",
        "named.dcm": b"certainly no image at all" * 50,
        "notes.txt": b"Dear colleague",
        "colours.npy": npy(np.zeros((4, 8, 8, 3), np.int16)),
        "nan.npy": npy(np.full((4, 16, 16), np.nan, np.float32)),
        "broken.png": png(np.zeros((16, 16), np.uint8))[:40],
        "slice1.png": png(np.arange(256, dtype=np.uint8).reshape(16, 16)),
        "packed.7z": b"7z\xbc\xaf\x27\x1c" + bytes(100),
        "away.nhdr": b"NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 4\nencoding: raw\ndata file: gone.raw\n\n",
        "locked.zip": locked_zip(),
    }
    for name, content in plain.items():
        (folder / name).write_bytes(content)
    return [*paths, cut, folder / "labels.nii.gz", *(folder / name for name in plain)]


def npy(values: np.ndarray) -> bytes:
    sink = io.BytesIO()
    np.save(sink, values)
    return sink.getvalue()


def locked_zip() -> bytes:
    """A zip whose only member says that it is encrypted."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.dcm", b"x" * 100)
    content = bytearray(sink.getvalue())
    content[6] |= 1  # the flag in the member's own header, then in the table of contents
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def told(page: str) -> str:
    """The text of a page's main part, as somebody reads it."""
    main = page[page.index("<main") : page.index("</main>")]
    return unescape(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", main, flags=re.DOTALL))


def test_every_verdict_on_odd_files_is_korean_on_the_page_and_by_rest(
    reader: User, client: Client, tmp_path: Path
) -> None:
    upload = send(reader, *odd_files(tmp_path))
    client.force_login(reader)
    verdicts = client.get(reverse("api:upload", args=[upload.pk]), headers=KOREAN).json()["verdicts"]
    page = client.get(upload.get_absolute_url(), headers=KOREAN).content.decode()
    left = {}
    for verdict in verdicts:
        sentences = [one["message"] for one in verdict["messages"]]
        assert verdict["reason"] == " ".join(sentences)
        assert escape(verdict["reason"]) in page
        for words in sentences:
            if english_left(words) or not HANGUL.search(words):
                left[words] = english_left(words)
    assert left == {}
    codes = {verdict["code"] for verdict in verdicts}
    assert {
        "missing-slices",
        "gantry-tilt",
        "no-rescale",
        "not-ct",
        "empty",
        "looks-like-mask",
        "not-finite",
    } <= codes, codes
    assert any(len(verdict["messages"]) > 1 for verdict in verdicts)
    for series in Series.objects.exclude(warnings=[]):
        shown = client.get(reverse("api:series", args=[series.pk]), headers=KOREAN).json()["series"]
        assert all(HANGUL.search(words) for words in shown["warnings"])
        assert [one["message"] for one in shown["notices"]] == shown["warnings"]


def test_an_upload_of_which_nothing_can_be_used_fails_in_korean(reader: User, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "empty.dcm"
    path.write_bytes(b"")
    other = tmp_path / "named.dcm"
    other.write_bytes(b"no image" * 100)
    upload = send(reader, path, other)
    assert upload.run.error_message
    client.force_login(reader)
    run = client.get(reverse("api:upload", args=[upload.pk]), headers=KOREAN).json()["run"]
    assert HANGUL.search(run["error"])
    assert english_left(run["error"]) == []
    page = client.get(upload.get_absolute_url(), headers=KOREAN).content.decode()
    assert escape(run["error"]) in page
    assert FileVerdict.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mask.npy", npy(np.zeros((3, 4, 4), np.uint8))),
        ("mask.npy", npy(np.zeros((3, 4, 4), np.complex64))),
        ("mask.npy", b"\x93NUMPY broken"),
        ("mask.nii.gz", b"\x1f\x8b broken"),
        ("mask.nrrd", b"NRRD0004\ntype: short\n\n"),
        ("mask.png", png(np.zeros((4, 4), np.uint8))),
        ("mask.png", png(np.zeros((16, 20, 3), np.uint8))),
        ("mask.zip", locked_zip()),
        ("mask.7z", b"7z\xbc\xaf\x27\x1c" + bytes(100)),
        ("mask.bmp", b"BM" + bytes(100)),
        ("mask.nii", b""),
    ],
)
def test_a_mask_is_refused_in_korean_on_the_page_and_by_rest(
    reader: User, client: Client, name: str, content: bytes
) -> None:
    place = reader.memberships.get().institution
    series = factories.series(of=factories.case(institution=place))
    client.force_login(reader)
    address = reverse("cases:mask_upload", args=[series.pk])
    page = client.post(address, {"files": SimpleUploadedFile(name, content)}, headers=KOREAN)
    assert page.status_code == 400
    errors = re.findall(r'class="errorlist.*?</ul>', page.content.decode(), re.DOTALL)
    words = unescape(re.sub("<[^>]+>", " ", "".join(errors).partition(">")[2]))
    assert HANGUL.search(words), told(page.content.decode())
    assert english_left(words) == []
    by_rest = client.post(
        reverse("api:masks", args=[series.pk]), {"files": SimpleUploadedFile(name, content)}, headers=KOREAN
    ).json()
    assert HANGUL.search(by_rest["detail"])
    assert english_left(by_rest["detail"].removeprefix("files")) == []


def test_a_notice_is_korean_where_the_series_is_read(reader: User, client: Client, tmp_path: Path) -> None:
    volume, _ = spine_phantom(**PHANTOM)
    send(reader, *write_dicom_series(volume, tmp_path, tilt_deg=12))
    series = Series.objects.get()
    client.force_login(reader)
    with translation.override("ko"):
        expected = [sentence(one) for one in series.warnings]
    assert expected
    for address in (reverse("inference:view", args=[series.pk]), series.case.get_absolute_url()):
        page = client.get(address, headers=KOREAN).content.decode()
        assert all(escape(words) in page or words in page for words in expected), address
