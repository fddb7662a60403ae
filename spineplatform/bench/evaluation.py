"""Fourteen slices judged, as in the 2020 paper, in a process of its own: ``python -m spineplatform.bench.evaluation``.

Everything after the forward pass: metrics of each slice, means with their intervals, Bland-Altman, curve, and all plots
as SVG and PNG. The metrics alone are compared with the straightforward way through SimpleITK: overlap by its label
filter, surface distances by its distance maps. Both take turns, and their figures are compared too.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spineml.metrics.evaluation import Identity, SeriesCollector, SeriesRow
from spineml.metrics.summary import summarise
from spineml.phantom import spine_phantom
from spineml.reports.plots import evaluation_plots
from spineml.volumes.volume import Geometry

SLICES, SIDE, ROUNDS = 14, 512, 5
SPACING = (3.0, 0.7, 0.7)
MaskArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PhantomSlice:
    """One slice of one patient."""

    reference: MaskArray
    predicted: MaskArray
    probability: npt.NDArray[np.float32]


def main() -> dict[str, float]:
    """Seconds of it all, started cold, and how many times faster the metrics are than by SimpleITK."""
    slices = phantom_slices()
    started = time.perf_counter()
    rows = ours(slices)
    drawn = sum(len(plot.files) for plot in evaluation_plots(rows, summarise(rows)))
    whole = time.perf_counter() - started
    mine, peer = in_turns(lambda: ours(slices), lambda: by_simpleitk(slices))
    peers = by_simpleitk(slices)
    gap = max(abs(row.images[0].confusion.dice - dice) for row, (dice, _) in zip(rows, peers, strict=True))
    return {
        "evaluation_s": round(whole, 2),
        "evaluation_plots": drawn,
        "evaluation_metrics_ms": round(1000 * mine, 1),
        "evaluation_simpleitk_ms": round(1000 * peer, 1),
        "evaluation_metrics_ratio": round(peer / mine, 2),
        "evaluation_dice_gap": round(gap, 9),
    }


def phantom_slices() -> list[PhantomSlice]:
    """Slices of a coded spine; the predicted mask is a little off, and sure of itself but at its edge."""
    _, mask = spine_phantom((3 * SLICES, SIDE, SIDE), spacing=SPACING)
    fullest = np.argsort(-mask.labels.sum(axis=(1, 2), dtype=int), kind="stable")[:SLICES]
    found = []
    for z, reference in enumerate(mask.labels[fullest]):
        predicted = np.roll(reference, (z % 3, 1 + z % 2), axis=(0, 1))
        edge = predicted != np.roll(predicted, 1, axis=1)
        probability = np.where(edge, 0.6, predicted * 0.95).astype(np.float32)
        found.append(PhantomSlice(reference, predicted, probability))
    return found


def ours(slices: list[PhantomSlice]) -> list[SeriesRow]:
    """Each slice as a patient of its own, as the paper counts."""
    rows = []
    for number, one in enumerate(slices):
        collector = SeriesCollector(Identity(str(number), f"{number:02d}"), Geometry((1, SIDE, SIDE), SPACING))
        collector.push(one.reference, one.predicted, one.probability)
        rows.append(collector.finish())
    return rows


def by_simpleitk(slices: list[PhantomSlice]) -> list[tuple[float, float]]:
    """(Dice, HD95 in mm) of each slice, the way it is mostly written; the other figures cost nothing beside these."""
    import SimpleITK

    found = []
    for one in slices:
        images = [SimpleITK.GetImageFromArray(mask) for mask in (one.reference, one.predicted)]
        for image in images:
            image.SetSpacing(SPACING[:0:-1])
        overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
        overlap.Execute(images[1], images[0])
        maps = [
            SimpleITK.Abs(SimpleITK.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True))
            for image in images
        ]
        edges = [SimpleITK.LabelContour(image) for image in images]
        distances = [
            SimpleITK.GetArrayViewFromImage(maps[1 - side])[SimpleITK.GetArrayViewFromImage(edges[side]) > 0]
            for side in (0, 1)
        ]
        hd95 = max(float(np.percentile(one_way, 95)) if len(one_way) else 0.0 for one_way in distances)
        found.append((overlap.GetDiceCoefficient(1), hd95))
    return found


def in_turns(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of each, so that a slow moment of the machine hits both alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for call, own in zip((first, second), times, strict=True):
            start = time.perf_counter()
            call()
            own.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
