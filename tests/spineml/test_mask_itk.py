"""NRRD and MetaImage masks, written by SimpleITK and by hand."""

from dataclasses import replace

import pytest

from spineml.masks import read
from spineml.readers.headers.itk_volume import read_header
from tests.spineml.mask_files import SERIES, labels_of, received, refused, write_itk

OBLIQUE = replace(SERIES, direction=(0.96, 0.0, 0.28, 0.0, 1.0, 0.0, -0.28, 0.0, 0.96))
NRRD = """NRRD0005
# a remark: with a colon
type: {type}
dimension: 3
space: {space}
sizes: 12 10 3
space directions: {directions}
kinds: domain domain domain
endian: {endian}
encoding: raw
space origin: {origin}
key:=value

"""
NRRD_USUAL = {
    "type": "unsigned char",
    "space": "left-posterior-superior",
    "directions": "(0.7,0,0) (0,0.7,0) (0,0,2.5)",
    "endian": "little",
    "origin": "(-20,15,100)",
}
META = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = {big}
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = -20 15 100
ElementSpacing = 0.7 0.7 2.5
DimSize = 12 10 3
ElementType = {type}
ElementDataFile = LOCAL
"""


@pytest.mark.parametrize("name", ["mask.nrrd", "mask.mha"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_mask_that_itk_wrote_is_read(tmp_path, name, dtype, compressed):
    file = write_itk(tmp_path / name, labels_of(OBLIQUE).astype(dtype), OBLIQUE, compressed=compressed)

    assert (read.read_mask([file], OBLIQUE).labels == labels_of(OBLIQUE)).all()
    assert read_header(file.path).affine_lps == pytest.approx(OBLIQUE.affine_lps())


@pytest.mark.parametrize(
    # the same place, told in three worlds
    ("space", "directions", "origin"),
    [
        ("LPS", "(0.7,0,0) (0,0.7,0) (0,0,2.5)", "(-20,15,100)"),
        ("right-anterior-superior", "(-0.7,0,0) (0,-0.7,0) (0,0,2.5)", "(20,-15,100)"),
        ("LAS", "(0.7, 0, 0) (0, -0.7, 0) (0, 0, 2.5)", "(-20, -15, 100)"),
    ],
)
def test_nrrd_may_speak_of_another_world(tmp_path, space, directions, origin):
    header = NRRD.format(**{**NRRD_USUAL, "space": space, "directions": directions, "origin": origin})
    (tmp_path / "mask.nrrd").write_bytes(header.encode() + labels_of(SERIES).tobytes())

    assert (read.read_mask([received(tmp_path / "mask.nrrd")], SERIES).labels == labels_of(SERIES)).all()


def test_nrrd_and_metaimage_may_be_big_endian(tmp_path):
    values = labels_of(SERIES).astype(">i2").tobytes()
    nrrd = NRRD.format(**{**NRRD_USUAL, "type": "short", "endian": "big"})
    meta = META.format(type="MET_SHORT", big="True")
    for name, header in (("mask.nrrd", nrrd), ("mask.mha", meta)):
        (tmp_path / name).write_bytes(header.encode() + values)
        assert (read.read_mask([received(tmp_path / name)], SERIES).labels == labels_of(SERIES)).all()


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("encoding: raw", "encoding: hex"),
        ("encoding: raw", "encoding: raw\nbyte skip: 4"),
        ("sizes: 12 10 3", "sizes: twelve"),
        ("sizes: 12 10 3", "sizes: 2 12 10 3"),
        ("type: unsigned char", "type: block"),
        ("space: left-posterior-superior", "space: scanner-xyz-time"),
        ("space origin: (-20,15,100)", "space origin: (nan,0,0)"),
        ("space directions: (0.7,0,0) (0,0.7,0) (0,0,2.5)", "space directions: (0.7,0,0) (0,0.7,0)"),
        ("BinaryData = True", "BinaryData = False"),
        ("BinaryData = True", "BinaryData = True\nElementNumberOfChannels = 3"),
        ("NDims = 3", "NDims = 2"),
        ("ElementType = MET_UCHAR", "ElementType = MET_OTHER"),
        ("ElementDataFile = LOCAL", "# ElementDataFile"),
    ],
)
def test_an_unusual_header_is_refused(tmp_path, line, instead):
    headers = NRRD.format(**NRRD_USUAL), META.format(type="MET_UCHAR", big="False")
    header = next(text for text in headers if line in text).replace(line, instead)
    (tmp_path / "mask").write_bytes(header.encode() + labels_of(SERIES).tobytes())

    refused([received(tmp_path / "mask")], read.MaskUnreadable)


def test_a_tiny_file_that_claims_to_unpack_to_much_is_not_unpacked(tmp_path):
    header = NRRD.format(**NRRD_USUAL).replace("sizes: 12 10 3", "sizes: 12 10 3000000")
    (tmp_path / "mask.nrrd").write_bytes(header.encode())

    refused([received(tmp_path / "mask.nrrd")], read.MaskWrongSliceCount)
