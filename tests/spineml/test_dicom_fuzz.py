"""Whatever a DICOM header says, each file gets one verdict, soon, and nothing of it is read that is not there."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from spineml.errors import UnreadableFile
from spineml.readers.dicom.deidentify import deidentify_dicom
from spineml.readers.scan import ReceivedFile, scan
from tests.fuzz.dicom import files


@pytest.mark.parametrize("seed", range(4))
def test_any_header_gives_a_verdict(tmp_path: Path, seed: int) -> None:
    received = []
    for name, content in itertools.islice(files(seed), 150):
        (tmp_path / name).write_bytes(content)
        received.append(ReceivedFile(tmp_path / name, name))
    began = time.monotonic()
    intake = scan(received, tmp_path / "work")
    assert [verdict.name for verdict in intake.verdicts] == [file.name for file in received]
    assert "unexpected" not in {verdict.code for verdict in intake.verdicts}
    for plan in intake.series:
        try:
            assert sum(1 for _ in plan.slices()) == plan.geometry.shape[0]
            plan.doubts()
            for file in plan.files:
                deidentify_dicom(file.path, tmp_path / "clean.dcm", uid_salt="salt")
        except UnreadableFile as error:
            assert error.reason  # noqa: PT017 - either is right
    assert time.monotonic() - began < 60
