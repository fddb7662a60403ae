"""Training against its peers, each part in a process of its own: ``python -m spineplatform.bench.training``.

Whole slices of 512x512 from a coded phantom, the default network. Peers: plain Keras ``fit`` on the same batches as
arrays in memory, and our own training fed from memory. The memory of a training is looked at with one and with four
times the slices. With the public CT at hand the default model is adapted to a few slices of a patient it never saw.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.checksum import sha256_of
from spineml.learning.dataset_file import DatasetReader, DatasetWriter, SeriesFacts

FloatArray = npt.NDArray[np.float32]
Batch = tuple[FloatArray, FloatArray]
SIDE, SLICES, BATCH, ROUNDS = 512, 8, 4, 3
MEMORY_SLICES, MEMORY_STEPS = 48, 4
# Of the volume that the model is adapted to: every so many slices, from the first, the second and the rest.
CORRECTED_EVERY = 5


def main(models: Path, data: Path) -> dict[str, Any]:
    """All figures; those that need the public CT are left out where it is not there."""
    with tempfile.TemporaryDirectory() as folder:
        files = {times: phantom_set(Path(folder) / f"{times}.h5", times * MEMORY_SLICES) for times in (1, 4)}
        figures = epochs(files[1])
        peaks = [part("memory", files[times])["peak_mb"] for times in (1, 4)]
        figures |= {"training_peak_mb": peaks[0], "training_peak_growth_mb": round(peaks[1] - peaks[0], 1)}
        if data.is_dir():
            figures |= part("adapt", models, data, Path(folder))
    return figures


def part(name: str, *arguments: Path, **environment: str) -> dict[str, Any]:
    """One part in a process of its own; its figures are its last line."""
    command = [sys.executable, "-m", "spineplatform.bench.training", name, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def phantom_set(path: Path, slices: int) -> Path:
    """A frozen data set of one training patient: a few slices of a phantom over and over."""
    from spineml.phantom import spine_phantom

    volume, mask = spine_phantom((SLICES, SIDE, SIDE), spacing=(3.0, 0.7, 0.7))
    facts = SeriesFacts("phantom", "p0", "train", "", "", (slices, SIDE, SIDE), volume.geometry.spacing)
    with DatasetWriter(path) as writer:
        writer.add(facts, ((volume.hu[z % SLICES], mask.labels[z % SLICES]) for z in range(slices)))
    return path


def epochs(frozen: Path) -> dict[str, Any]:
    """Seconds an image of our training and of plain ``fit`` on the same batches, taking turns; fed from HDF5, too."""
    ours, peers = zip(*((part("ours", frozen), part("keras", frozen)) for _ in range(2)), strict=True)
    peer = {key: min(one[key] for one in peers) for key in peers[0]}
    best = {key: min(one[key] for one in ours) for key in ours[0]}
    return {
        "training_image_s": round(best["frozen_s"], 3),
        "training_keras_image_s": round(peer["image_s"], 3),
        "training_ratio": round(peer["image_s"] / best["memory_s"], 2),
        "training_cpu_ratio": round(peer["image_cpu_s"] / best["memory_cpu_s"], 2),
        "training_reading_share": round(best["memory_s"] / best["frozen_s"], 3),
    }


def keras_fit(frozen: Path) -> dict[str, Any]:
    """Plain Keras ``fit`` on arrays in memory, with the network, loss, optimizer and oneDNN of our training."""
    from spineml.learning import losses
    from spineml.model import unet
    from spineml.model.architecture import Architecture

    import keras  # isort: skip

    images, targets = _in_memory(frozen)
    network = unet.build(Architecture())
    network.compile(optimizer=keras.optimizers.AdamW(global_clipnorm=1.0), loss=losses.bce_dice)

    def epoch() -> None:
        network.fit(images, targets, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)

    epoch()  # the first one compiles
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter(), time.process_time()
        epoch()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return {"image_s": min(wall for wall, _ in times) / SLICES, "image_cpu_s": min(cpu for _, cpu in times) / SLICES}


def our_steps(frozen: Path) -> dict[str, Any]:
    """`spineml.learning.loop.run`, fed from arrays in memory and then from the frozen file."""
    images, targets = _in_memory(frozen)

    def from_memory(step: int) -> Batch:
        chosen = _numbers(step)
        return images[chosen], targets[chosen]

    with DatasetReader(frozen) as reader:

        def from_file(step: int) -> Batch:
            pairs = [_prepared(reader, z) for z in _numbers(step)]
            return np.stack([image for image, _ in pairs]), np.stack([target for _, target in pairs])

        memory_s, memory_cpu_s = _seconds_of_run(from_memory)
        return {"memory_s": memory_s, "memory_cpu_s": memory_cpu_s, "frozen_s": _seconds_of_run(from_file)[0]}


def _seconds_of_run(source: Callable[[int], Batch]) -> tuple[float, float]:
    """Seconds and CPU seconds an image in the quickest epoch of a run, the first left out: it compiles."""
    from spineml.learning import loop
    from spineml.model import unet
    from spineml.model.architecture import Architecture

    steps = SLICES // BATCH
    whole = steps * (ROUNDS + 1)
    plan = loop.TrainingPlan(steps=whole, evaluate_every=whole, keep_every=whole)
    marks: list[tuple[float, float]] = []
    hooks = loop.Hooks(on_step=lambda step: marks.append((step.seconds, time.process_time())))
    with tempfile.TemporaryDirectory() as folder:
        loop.run(unet.build(Architecture()), source, plan, keep_in=Path(folder), hooks=hooks)
    ends = np.array(marks[steps - 1 :: steps])
    wall, cpu = (np.diff(ends, axis=0) / SLICES).min(axis=0)
    return float(wall), float(cpu)


def _numbers(step: int) -> list[int]:
    return [(step * BATCH + n) % SLICES for n in range(BATCH)]


def _prepared(reader: DatasetReader, z: int) -> tuple[FloatArray, FloatArray]:
    from spineml.model.preprocess import Preprocess

    hu, mask = reader.read(0, z)
    canvas, _ = Preprocess().prepare(hu, reader.entries[0].pixel_spacing)
    target = np.stack([mask, np.ones_like(mask)], axis=-1).astype(np.float32)
    return canvas[..., np.newaxis], target


def _in_memory(frozen: Path) -> tuple[FloatArray, FloatArray]:
    with DatasetReader(frozen) as reader:
        images, targets = zip(*(_prepared(reader, z) for z in range(SLICES)), strict=True)
    return np.stack(images), np.stack(targets)


def memory(frozen: Path) -> dict[str, Any]:
    """The highest memory of a process that trains a few steps on the frozen set as a training run does."""
    from spineml.learning import fit
    from spineml.learning.settings import defaults_for

    with DatasetReader(frozen) as reader, tempfile.TemporaryDirectory() as folder:
        fit.fit(fit.Job(reader, defaults_for(reader.entries), steps=MEMORY_STEPS), keep_in=Path(folder))
    return {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)}


def adapt(models: Path, data: Path, folder: Path) -> dict[str, Any]:
    """Adapt the newest model that never saw a CT to a fifth of its slices, and judge the rest.

    Raises:
        StopIteration: every model has seen it.
    """
    from scripts.default_model.scoring import score
    from scripts.default_model.train import segmenter
    from scripts.default_model.training_data import totalsegmentator
    from spineml.learning import fit
    from spineml.learning.settings import defaults_for
    from spineml.model import model_file

    volume = next(one for one in totalsegmentator(data) if one.name == "example_ct")
    model = next(path for path in sorted(models.glob("*.h5"), reverse=True) if not knows(path, volume.pixel_hash))
    slices = list(range(len(volume.hu)))
    parts = {name: slices[n::CORRECTED_EVERY] for n, name in enumerate(("train", "validation"))}
    parts["test"] = [z for z in slices if z % CORRECTED_EVERY > 1]
    frozen = folder / "corrected.h5"
    with DatasetWriter(frozen) as writer:
        for name, chosen in parts.items():
            facts = SeriesFacts(name, name, name, "", "", (len(chosen), *volume.hu.shape[1:]), volume.geometry.spacing)
            writer.add(facts, ((volume.hu[z], volume.mask[z]) for z in chosen))
    with DatasetReader(frozen) as reader:

        def dice(of: Path) -> float:
            return score("", reader, reader.in_split("test"), segmenter(*model_file.load(of))).rates.dice

        before, started = dice(model), time.perf_counter()
        job = fit.Job(reader, defaults_for(reader.entries, model_file.inspect(model)), model, sha256_of(model))
        outcome = fit.fit(job, keep_in=folder / "kept")
        fit.write(job, folder / "adapted.h5", keep_in=folder / "kept")
        minutes, after = (time.perf_counter() - started) / 60, dice(folder / "adapted.h5")
    return {
        "adapting_min": round(minutes, 2),
        "adapting_epochs": outcome.epochs,
        "adapting_slices": len(parts["train"]),
        "adapting_dice_before": round(before, 4),
        "adapting_dice_after": round(after, 4),
        "adapting_dice_gain": round(after - before, 4),
    }


def knows(model: Path, pixel_hash: str) -> bool:
    from spineml.model import model_file

    return model_file.inspect(model).has_seen(pixel_hash)


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "all": main,
    "keras": keras_fit,
    "ours": our_steps,
    "memory": memory,
    "adapt": adapt,
}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(PARTS[sys.argv[1]](*map(Path, sys.argv[2:]))) + "\n")
