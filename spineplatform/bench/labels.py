"""Two label maps of 26 vertebrae compared, in a process of its own: ``python -m spineplatform.bench.labels``.

All figures of a comparison, with the surface distances of every label in 3-D and of the whole in 3-D and in each slice,
read from files as a worker does. SimpleITK computes the figures of the labels, overlap by its label filter and surface
distances by its distance maps: the way it is mostly written, over the volume (one label is timed, times their number),
and the fast way, within the box of each label. It gives no figures of the whole and of the slices.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.metrics.evaluation import Identity, SeriesCollector
from spineml.metrics.overlap import Comparison, compare
from spineml.metrics.summary import summarise
from spineml.tasks.shipped import VERTEBRAE_CT
from spineml.volumes.canonical_file import SliceFileReader, SliceFileWriter
from spineml.volumes.volume import Geometry

MODULE = "spineplatform.bench.labels"
LABELS = 26
GEOMETRY = Geometry((300, 512, 512), (2.5, 0.7, 0.7))
LARGE = Geometry((1000, 512, 512), (1.0, 0.7, 0.7))
VALUES = tuple(sorted(VERTEBRAE_CT.values))[:LABELS]
LabelMap = npt.NDArray[np.uint8]


def main(geometry: Geometry = GEOMETRY) -> dict[str, float]:
    """Seconds of both, how many times faster ours is, the largest gap of their figures, and the memory of ours, which
    is measured in a process of its own.
    """
    memory = subprocess.run([sys.executable, "-m", MODULE, "memory"], check=True, stdout=subprocess.PIPE, text=True)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("reference.h5", "predicted.h5")]
        for path, shift in zip(paths, (0, 1), strict=True):
            write_spine(path, geometry, shift)
        started = time.perf_counter()
        with SliceFileReader(paths[0]) as reference, SliceFileReader(paths[1]) as predicted:
            compared = compare(reference, predicted, geometry, values=VALUES)
        ours = time.perf_counter() - started
        started = time.perf_counter()
        with SliceFileReader(paths[0]) as reference, SliceFileReader(paths[1]) as predicted:
            maps = reference.read_all(), predicted.read_all()
        peers = by_simpleitk(*maps, geometry)
        in_boxes = time.perf_counter() - started
        started = time.perf_counter()
        distances([_image(labels == VALUES[0], geometry) for labels in maps])
        plainly = LABELS * (time.perf_counter() - started)
    return {
        "label_comparison_s": round(ours, 2),
        "label_comparison_simpleitk_s": round(plainly, 2),
        "label_comparison_ratio": round(plainly / ours, 2),
        "label_comparison_boxes_ratio": round(in_boxes / ours, 2),
        "label_comparison_gap": round(gap(compared, peers), 6),
        "label_memory_mb": float(memory.stdout),
    }


def memory_mb(geometry: Geometry = LARGE) -> float:
    """The most memory of this process while a thousand slices with 30 labels are compared and then evaluated, MB."""
    values = tuple(range(1, 31))
    collector = SeriesCollector(Identity("series", "patient"), geometry, values)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("reference.h5", "predicted.h5")]
        for path, shift in zip(paths, (0, 1), strict=True):
            write_spine(path, geometry, shift, values)
        with SliceFileReader(paths[0]) as reference, SliceFileReader(paths[1]) as predicted:
            compare(reference, predicted, geometry, values=values)
            for z in range(geometry.shape[0]):
                labels = predicted.read(z)
                collector.push(reference.read(z), labels, (labels > 0).astype(np.float32))
            summarise([collector.finish()])
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def write_spine(path: Path, geometry: Geometry, shift: int, values: tuple[int, ...] = VALUES) -> None:
    """A column of vertebrae from above to below, each a body with an arch and a spinous process."""
    depth, height, width = geometry.shape
    rows, columns = np.ogrid[:height, :width]
    with SliceFileWriter(path, geometry, "mask") as writer:
        for z in range(depth):
            level, part = divmod((z + shift) * len(values) / depth, 1)
            size = height / 512 * (1 - (part - 0.5) ** 2)
            y, x = rows - height * (0.5 + 0.05 * np.sin(z / 40)), columns - width / 2 - shift
            body = (y / (34 * size)) ** 2 + (x / (46 * size)) ** 2 < 1
            ring = np.hypot((y - 48 * size) / size, x / size)
            arch = (ring < 30) & (ring > 18)
            process = (np.abs(x) < 6 * size) & (y > 76 * size) & (y < 120 * size)
            value = values[-1 - int(level) % len(values)]
            writer.write(z, (body | arch | process).astype(np.uint8) * np.uint8(value))


def by_simpleitk(reference: LabelMap, predicted: LabelMap, geometry: Geometry) -> dict[int, tuple[float, float, float]]:
    """(Dice, HD95, mean surface distance) of each label that both have."""
    import SimpleITK

    images = [_image(labels, geometry) for labels in (reference, predicted)]
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(images[1], images[0])
    boxes = []
    for image in images:
        shape = SimpleITK.LabelShapeStatisticsImageFilter()
        shape.Execute(image)
        boxes.append({value: shape.GetBoundingBox(value) for value in shape.GetLabels()})
    found = {}
    for value in sorted(boxes[0].keys() & boxes[1].keys()):
        cuts = [_cut(image, boxes[0][value], boxes[1][value]) == value for image in images]
        found[value] = (overlap.GetDiceCoefficient(value), *distances(cuts))
    return found


def _image(labels: npt.NDArray[Any], geometry: Geometry) -> Any:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(labels.astype(np.uint8))
    image.SetSpacing(geometry.spacing[::-1])
    return image


def _cut(image: Any, *boxes: tuple[int, ...]) -> Any:
    """The image within both boxes and one voxel around them, where there is one."""
    size = image.GetSize()
    start = [max(0, min(box[axis] for box in boxes) - 1) for axis in range(3)]
    end = [min(size[axis], max(box[axis] + box[axis + 3] for box in boxes) + 1) for axis in range(3)]
    return image[start[0] : end[0], start[1] : end[1], start[2] : end[2]]


def distances(masks: list[Any]) -> tuple[float, float]:
    """HD95 and mean surface distance of two binary images."""
    import SimpleITK

    edges = [
        SimpleITK.Crop(SimpleITK.LabelContour(SimpleITK.ConstantPad(one, [1] * 3, [1] * 3, 0)), [1] * 3, [1] * 3)
        for one in masks
    ]
    # Negative inside of the edges' own voxels.
    maps = [
        SimpleITK.Maximum(SimpleITK.SignedMaurerDistanceMap(edge, squaredDistance=False, useImageSpacing=True), 0)
        for edge in edges
    ]
    one_way = [
        SimpleITK.GetArrayViewFromImage(maps[1 - side])[SimpleITK.GetArrayViewFromImage(edges[side]) > 0]
        for side in (0, 1)
    ]
    hd95 = max(float(np.percentile(distances, 95)) for distances in one_way)
    return hd95, float(sum(each.sum(dtype=float) for each in one_way) / sum(map(len, one_way)))


def gap(compared: Comparison, peers: dict[int, tuple[float, float, float]]) -> float:
    """The largest difference of a figure of any label."""
    ours = {one.value: one.values() for one in compared.labels if one.counts}
    return max(
        abs((ours[value][name] or 0.0) - figure)
        for value, figures in peers.items()
        for name, figure in zip(("dice", "hd95", "mean_surface_distance"), figures, strict=True)
    )


if __name__ == "__main__":
    sys.stdout.write((str(memory_mb()) if sys.argv[1:] == ["memory"] else json.dumps(main())) + "\n")
