"""One reader of NRRD and MetaImage headers: strict, bounded, and it opens nothing but what was sent."""

import bz2
import gzip
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from spineml.masks import read
from spineml.readers.headers.itk_volume import open_values, read_header, values_bytes
from spineml.readers.headers.nrrd import nrrd_header
from spineml.readers.scan import scan
from spineml.readers.series import FileNotUsed, ReceivedFile
from tests.spineml.intake_helpers import only_verdict, pixels_of, scan_paths
from tests.spineml.mask_files import SERIES, labels_of, received, refused

META = """ObjectType = Image
NDims = 3
DimSize = 2 3 4
{line}ElementType = MET_SHORT
ElementDataFile = LOCAL
"""
NRRD = "NRRD0005\ntype: short\ndimension: 3\nsizes: 2 3 4\nencoding: raw\nendian: little\n{line}\n"
NUMBERS = list(range(-1000, 1400, 100))
VALUES = np.array(NUMBERS, "<i2").tobytes()
SPACE = "space directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (1,2,3)\n"


@pytest.mark.parametrize(
    ("form", "line"),
    [
        *[
            (META, line)
            for line in (
                "ElementSpacing = 1 2 3\n",
                "ElementSpacing: 1 2 3\n",
                "ElementSize = 1 2 3\n",
                "ElementSpacing = 1 2 3\nElementSize = 4 5 6\n",
                "ElementSpacing = -1 2 3\n",
                "Offset = 1 2 3\n",
                "Position = 1 2 3\n",
                "Origin = 1 2 3\n",
                "TransformMatrix = 0 1 0 1 0 0 0 0 -1\n",
                "Rotation = 0 1 0 1 0 0 0 0 -1\n",
                "Orientation = 0.6 0.8 0 -0.8 0.6 0 0 0 1\nElementSpacing = 1 2 3\n",
                "HeaderSize = -1\n",
                "HeaderSize = 10\n",
                "ElementByteOrderMSB = True\n",
                "CenterOfRotation = 1 2 3\nAnatomicalOrientation = LPI\n",
            )
        ],
        *[
            (NRRD, line)
            for line in (
                "spacings: 1 2 3\n",
                "spacings: 1 nan 3\n",
                "spacings: 1 2 3\naxis mins: 5 6 7\n",
                "spacings: 1 2 3\naxis mins: 5 6 7\ncenters: node node node\n",
                f"space: RAS\n{SPACE}",
                f"space: left-anterior-superior\n{SPACE}",
                f"space: scanner-xyz\n{SPACE}",
                f"space dimension: 3\n{SPACE}",
                "byte skip: -1\n",
                'kinds: space space space\nunits: "mm" "mm" "mm"\n',
                "type:=double\n",
            )
        ],
    ],
)
def test_a_good_header_means_what_it_means_to_itk(tmp_path: Path, form: str, line: str) -> None:
    path = tmp_path / ("a.mha" if form is META else "a.nrrd")
    path.write_bytes(form.format(line=line).encode() + VALUES)
    image = SimpleITK.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()

    header = read_header(path)
    with open_values(header, path) as stream:
        values = np.frombuffer(stream.read(values_bytes(header)), header.dtype)

    assert header.affine_lps == pytest.approx(affine)
    assert (values == SimpleITK.GetArrayFromImage(image).ravel()).all()


@pytest.mark.parametrize("encoding", ["gzip", "bzip2", "hex", "ascii"])
def test_every_encoding_of_nrrd_is_read(tmp_path: Path, encoding: str) -> None:
    packed = {
        "gzip": gzip.compress(VALUES[:20]) + gzip.compress(VALUES[20:]),
        "bzip2": bz2.compress(VALUES[:20]) + bz2.compress(VALUES[20:]),
        "hex": VALUES.hex(" ", 3).encode(),
        "ascii": " ".join(str(number) for number in NUMBERS).encode(),
    }[encoding]
    path = tmp_path / "a.nrrd"
    path.write_bytes(NRRD.format(line="").replace("raw", encoding).encode() + packed)

    (plan,) = scan_paths([path], tmp_path).series

    assert pixels_of(plan).ravel().tolist() == NUMBERS


def test_lines_and_bytes_before_the_values_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    path.write_bytes(NRRD.format(line="line skip: 2\nbyte skip: 3\n").encode() + b"one\ntwo\nxyz" + VALUES)

    (plan,) = scan_paths([path], tmp_path).series

    assert pixels_of(plan).ravel().tolist() == NUMBERS


HOSTILE = [
    *[META.replace("NDims = 3", f"NDims = {count}") for count in ("-1", "0", "6", "100", "3.0", "9" * 5000, "")],
    *[
        META.replace("2 3 4", sizes)
        for sizes in ("0 3 4", "-2 3 4", "2 3", "99999999999 99999999999 99999999", "2e3 1 1")
    ],
    META.replace("{line}", "NDims = 3\n"),
    META.replace("{line}", "ElementSpacing = nan 1 1\n"),
    META.replace("{line}", "ElementSpacing = 0 1 1\n"),
    META.replace("{line}", "ElementSpacing = 1e300 1 1\n"),
    META.replace("{line}", "TransformMatrix = 0 0 0 0 0 0 0 0 0\n"),
    META.replace("{line}", "Offset = 1 2 3\nOrigin = 3 2 1\n"),
    META.replace("{line}", "ElementNumberOfChannels = 99999999999\n"),
    META.replace("{line}", "BinaryData = False\nCompressedData = True\n"),
    META.replace("{line}", "Comment = a\x0bElementDataFile = /etc/passwd\n"),
    META.replace("{line}", "A = 1\n" * 5000),
    NRRD.replace("dimension: 3", "dimension: 100"),
    NRRD.replace("dimension: 3", "dimension: 0"),
    NRRD.replace("sizes: 2 3 4", "sizes: 0 3 4"),
    NRRD.replace("{line}", "type: double\n"),
    NRRD.replace("{line}", "space: RAS\nspace directions: " + "(" * 20000 + "\n"),
    NRRD.replace("{line}", "space: RAS\nspace directions: none none none\n"),
    NRRD.replace("{line}", "space: RAS\nspace directions: (1,0,0) (1,0,0) (0,0,1)\n"),
    NRRD.replace("{line}", "kinds: list list list\n"),
    NRRD.replace("{line}", "content: a\x0bdata file: /etc/passwd\n"),
    NRRD.replace("{line}", "x" * 1015 + "\n"),
    NRRD.replace("{line}", "byte skip: 99999999999999\n"),
    NRRD.replace("{line}", "line skip: -1\n"),
    NRRD.replace("raw", "gzip").replace("{line}", "byte skip: -1\n"),
    "NRRD0005",
    "NRRD0005\n",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_header_is_refused_as_a_ct_and_as_a_mask(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.nrrd"
    path.write_bytes(text.replace("{line}", "").encode() + VALUES)

    status, code = only_verdict(scan_paths([path], tmp_path))

    assert status == "rejected"
    assert code in {
        "damaged-header", "no-slices", "too-large", "truncated", "wrong-geometry", "colour", "several-volumes",
    }  # fmt: skip
    with pytest.raises(read.MaskRejected):
        read.read_mask([received(path)], SERIES)


@pytest.mark.parametrize(
    "line",
    [
        "ElementDataFile:{secret}",
        "ElementDataFile = {secret}",
        "ElementDataFile={secret}",
        "elementdatafile : {secret}",
        "ElementDataFile = ../secret.raw",
        "ElementDataFile = ./../secret.raw",
        "ElementDataFile = ..\\secret.raw",
        "ElementDataFile = sub\\..\\..\\secret.raw",
        "ElementDataFile = file://{secret}",
        "ElementDataFile = LOCAL\x0b{secret}",
        "ElementDataFile = \t{secret}",
        "ElementDataFile = //{secret}",
        "ElementDataFile = secret.raw\x00.mha",
        "ElementDataFile = LIST\n{secret}",
        "ElementDataFile = %s{secret}",
    ],
)
def test_no_spelling_of_a_metaimage_reads_a_file_that_was_not_sent(tmp_path: Path, line: str) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(VALUES)
    path = tmp_path / "sent" / "a.mha"
    path.parent.mkdir()
    path.write_text(META.format(line="").replace("ElementDataFile = LOCAL", line.format(secret=secret)))

    status, code = only_verdict(scan_paths([path], tmp_path))

    assert status == "rejected"
    assert code in {"missing-companion", "several-files", "damaged-header"}


@pytest.mark.parametrize(
    "line",
    [
        "data file: {secret}",
        "datafile: {secret}",
        "Data File:{secret}",
        "content: x\x0bdata file: {secret}",
        "content: x\x85data file: {secret}",
        "content: x\x1cdata file: {secret}",
        "content: x\rdata file: {secret}",
        "data file: ../secret.raw",
        "data file: ./sub/../../secret.raw",
        "data file: ..\\secret.raw",
        "data file: LIST\n{secret}",
        "data file: secret%d.raw 1 1 1",
        "data file: ~/secret.raw",
        "data file: ",
    ],
)
def test_no_spelling_of_a_nrrd_reads_a_file_that_was_not_sent(tmp_path: Path, line: str) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(VALUES)
    path = tmp_path / "sent" / "a.nhdr"
    path.parent.mkdir()
    path.write_text(NRRD.format(line=line.format(secret=secret) + "\n"), newline="")

    status, code = only_verdict(scan_paths([path], tmp_path))

    assert status == "rejected"
    assert code in {"missing-companion", "several-files", "damaged-header", "truncated"}


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("ct.raw", "ct.raw"),
        ("./ct.raw", "ct.raw"),
        ("././ct.raw", "ct.raw"),
        ("values/ct.raw", "values/ct.raw"),
        ("./values/./ct.raw", "values/ct.raw"),
        ("허리 100%.raw", "허리 100%.raw"),
        ("CT.RAW", "ct.raw"),
        ("허리.raw", unicodedata.normalize("NFD", "허리.raw")),
    ],
)
@pytest.mark.parametrize("folder", ["", "case/"])
def test_values_are_found_by_their_path_from_the_header(tmp_path: Path, named: str, sent: str, folder: str) -> None:
    (tmp_path / "header").write_text(NRRD.format(line=f"data file: {named}\n"))
    (tmp_path / "values").write_bytes(VALUES)
    files = [
        ReceivedFile(tmp_path / "header", f"{folder}ct.nhdr"),
        ReceivedFile(tmp_path / "values", f"{folder}{sent}"),
    ]

    intake = scan(files, tmp_path / "work")

    assert [verdict.status for verdict in intake.verdicts] == ["warning", "warning"]
    assert pixels_of(intake.series[0]).ravel().tolist() == NUMBERS


def test_a_mask_may_have_its_values_in_a_second_file(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(labels_of(SERIES))
    image.SetSpacing(SERIES.spacing[::-1])
    image.SetOrigin(SERIES.origin)
    SimpleITK.WriteImage(image, str(tmp_path / "mask.mhd"))
    files = [received(tmp_path / "mask.mhd"), received(tmp_path / "mask.raw")]

    assert (read.read_mask(files, SERIES).labels == labels_of(SERIES)).all()
    assert "mask.raw" in refused(files[:1], read.MaskUnreadable)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "content",
    [
        b"ObjectType = Image\n" + b" " * 60_000 + b"\nElementDataFile",
        b"\n" * 200_000,
        b" " * 200_000 + b"ElementDataFile = ",
        b"NRRD0005\n" + b"\r\n"[:1] * 60_000,
        b"NRRD0005\ncontent: " + b"(" * 60_000 + b"\n\n",
        b"ObjectType = Image\nElementDataFile" + b" " * 200_000,
        b"ObjectType = Image\n" + (b"ElementDataFile" + b" " * 50 + b"\n") * 900,
    ],
)
def test_a_header_of_blanks_takes_no_time(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mha"
    path.write_bytes(content)

    assert only_verdict(scan_paths([path], tmp_path))[0] == "rejected"
    refused([received(path)], read.MaskUnreadable)


def test_packed_values_are_unpacked_no_further_than_the_header_says(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    path.write_bytes(NRRD.format(line="").replace("raw", "gzip").encode() + gzip.compress(VALUES + bytes(50_000_000)))

    (plan,) = scan_paths([path], tmp_path).series

    assert pixels_of(plan).ravel().tolist() == NUMBERS
    assert sum(file.stat().st_size for file in (tmp_path / "work").iterdir()) == len(VALUES)


@pytest.mark.parametrize("encoding", ["gzip", "bzip2", "text", "hex"])
def test_a_small_file_that_claims_a_large_volume_writes_nothing(tmp_path: Path, encoding: str) -> None:
    packed = {"gzip": gzip.compress(bytes(10**6)), "bzip2": bz2.compress(bytes(10**6))}.get(encoding, b"00 00 00")
    path = tmp_path / "a.nrrd"
    text = NRRD.format(line="").replace("raw", encoding).replace("2 3 4", "512 512 4000")
    path.write_bytes(text.encode() + packed)

    status, code = only_verdict(scan_paths([path], tmp_path))

    assert (status, code) in {("rejected", "too-large"), ("rejected", "truncated")}
    assert list((tmp_path / "work").iterdir()) == []


def test_what_is_refused_is_named() -> None:
    with pytest.raises(FileNotUsed, match="“sizes”"):
        nrrd_header(NRRD.format(line="").replace("2 3 4", "2 3").encode(), complete=True)
