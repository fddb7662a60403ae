"""Short ways to scan what a test wrote."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.phantom import spine_phantom
from spineml.readers.scan import DetectedSeries, Intake, IntakeOptions, ReceivedFile, scan
from spineml.volumes.volume import Volume


def small_phantom(depth: int = 8, seed: int = 0) -> Volume:
    """A CT of 64 x 48 pixels (rows, columns): the sides differ, so that a swapped axis shows."""
    volume, _ = spine_phantom((depth, 64, 48), seed, (4.0, 3.0, 3.5))
    return volume


def received(paths: Sequence[Path], root: Path | None = None) -> list[ReceivedFile]:
    return [ReceivedFile(path, str(path.relative_to(root)) if root else path.name) for path in paths]


def scan_paths(paths: Sequence[Path], work_dir: Path, **options: Any) -> Intake:
    return scan(received(paths), work_dir / "work", IntakeOptions(**options))


def pixels_of(plan: DetectedSeries) -> npt.NDArray[np.int16]:
    """All slices, after checking that they come in order and in the promised form."""
    slices = []
    for z, pixels in plan.slices():
        assert z == len(slices)
        assert pixels.dtype == np.int16
        assert pixels.flags.c_contiguous
        assert pixels.shape == plan.geometry.shape[1:]
        slices.append(pixels)
    assert len(slices) == plan.geometry.shape[0]
    return np.stack(slices)


def codes(plan: DetectedSeries) -> list[str]:
    return [notice.code for notice in plan.notices]


def only_verdict(intake: Intake) -> tuple[str, str]:
    (verdict,) = intake.verdicts
    return verdict.status, verdict.code
