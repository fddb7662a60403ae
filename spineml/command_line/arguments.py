"""What is typed, and what is said in return: progress and errors on stderr, nothing else unless asked for."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from spineml.command_line.segment import SegmentOptions, segment_files, write_statistics
from spineml.errors import SpineError
from spineml.readers.series import IntakeOptions

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
SHOWN_EVERY_SECONDS = 0.2


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit status: 0 done, 1 could not be done, 2 not understood, 130 interrupted."""
    asked = _parser().parse_args(arguments)
    shown = _Progress(sys.stderr, quiet=asked.quiet)
    options = SegmentOptions(
        task=asked.task,
        model=asked.model,
        series=asked.series,
        intake=IntakeOptions(
            pixel_spacing_mm=tuple(asked.pixel_spacing) if asked.pixel_spacing else None,
            slice_spacing_mm=asked.slice_spacing,
        ),
    )
    try:
        statistics = segment_files(asked.ct, asked.output, options, shown)
        if asked.statistics:
            write_statistics(statistics, asked.statistics)
    except SpineError as error:
        shown.end()
        sys.stderr.write("\n".join([str(error.message), *getattr(error, "details", ())]) + "\n")
        return FAILED
    except OSError as error:
        shown.end()
        sys.stderr.write(f"{error.filename or asked.output}: {error.strerror}\n")
        return FAILED
    except KeyboardInterrupt:
        shown.end()
        return INTERRUPTED
    shown.end()
    for notice in statistics["notices"]:
        sys.stderr.write(f"{notice}\n")
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spineml", description="Spine segmentation in CT.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    segment = commands.add_parser("segment", help="segment a CT and write its mask on the grid of the CT")
    segment.add_argument("ct", type=Path, metavar="CT", help="a folder, zip or file: DICOM, NIfTI, NRRD, MHA, NPY, PNG")
    segment.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.nii.gz", help=".nii.gz, .nii or .npy")
    segment.add_argument("--task", default="", help="what is segmented (default: spine-ct)")
    segment.add_argument(
        "--model", type=Path, metavar="FILE", help="a model file; else the one that comes with the platform"
    )
    segment.add_argument(
        "--series", type=int, metavar="N", help="which one where the files hold several series, from 1"
    )
    segment.add_argument(
        "--statistics", type=Path, metavar="OUT.json", help="write volumes, slices and confidence there"
    )
    segment.add_argument(
        "--pixel-spacing", type=float, nargs=2, metavar=("Y", "X"), help="mm, where the files say nothing"
    )
    segment.add_argument("--slice-spacing", type=float, metavar="Z", help="mm, where the files say nothing")
    segment.add_argument("-q", "--quiet", action="store_true", help="no progress")
    return parser


class _Progress:
    """One line that is written over on a terminal, and a line for each step elsewhere."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream, self._quiet = stream, quiet
        self._terminal = stream.isatty()
        self._step, self._last, self._width = "", 0.0, 0

    def __call__(self, done: int, total: int, said: str) -> None:
        if self._quiet:
            return
        if not self._terminal:
            if said != self._step:
                self._stream.write(f"{said}\n")
            self._step = said
            return
        now = time.monotonic()
        if said == self._step and done < total and now - self._last < SHOWN_EVERY_SECONDS:
            return
        line = f"{said} {done}/{total}" if total else said
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._step, self._last, self._width = said, now, len(line)

    def end(self) -> None:
        """Begin a line of its own for what follows."""
        if self._width:
            self._stream.write("\n")
            self._width = 0
