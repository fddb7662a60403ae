"""How good the default model's recipe is on patients it has not seen: cross-validation and a learning curve.

``python -m scripts.default_model.cross_validation --data ../shared/data --work var/training/cross-validation``

Every patient is held out once; each fold trains from scratch on the others. Interrupted, the same command goes on from
the fold it was in. ``--learning-curve`` trains on 5, 10, 20, ... patients instead and judges all on the same fold.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from scripts.default_model import recipe, synthetic
from scripts.default_model.synthetic import Anatomy
from scripts.default_model.training_data import LabelledSeries, load_all
from spineml.learning import fit, loop
from spineml.learning.dataset_file import DatasetReader
from spineml.learning.settings import defaults_for
from spineml.learning.validation import Validation, probabilities
from spineml.metrics.bootstrap import Interval, PatientBootstrap
from spineml.metrics.confusion import Confusion, PatientRates, patient_rates
from spineml.model.model_file import ModelSpec

FOLDS, STEPS, SEED = 5, 2500, 2020
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
CURVE_PATIENTS = (3, 8, 16, 38)
# The voxels of one patient at each threshold.
PatientCounts = dict[str, dict[str, list[int]]]


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    series = load_all(options.data)
    anatomies = synthetic.load_anatomies(options.data / "labelmaps")
    folds = draw_folds(series, options.folds, options.seed)
    if options.learning_curve:
        print(learning_curve(series, anatomies, folds, options), flush=True)
        return
    counts: PatientCounts = {}
    for fold in range(options.folds):
        training = [one for one in series if folds[one.patient] != fold]
        held_out = [one for one in series if folds[one.patient] == fold]
        counts |= judged(training, held_out, anatomies, options.work / f"fold-{fold}", options)
    print(as_table(scores(counts, series, options.threshold)), flush=True)
    print(threshold_table(counts, series), flush=True)


def draw_folds(series: Sequence[LabelledSeries], count: int, seed: int) -> dict[str, int]:
    """The fold of each patient: shuffled within its source, then dealt out, so that every fold has some of each source.

    Raises:
        ValueError: fewer patients than folds.
    """
    of_source: dict[str, set[str]] = defaultdict(set)
    for one in series:
        of_source[one.source].add(one.patient)
    dealt = [
        patient
        for source in sorted(of_source)
        for patient in np.random.default_rng((seed, len(of_source[source]))).permutation(sorted(of_source[source]))
    ]
    if len(dealt) < count:
        raise ValueError(f"{count} folds need at least as many patients. Received instead: {len(dealt)}")
    return {str(patient): place % count for place, patient in enumerate(dealt)}


def judged(
    training: Sequence[LabelledSeries],
    held_out: Sequence[LabelledSeries],
    anatomies: Sequence[Anatomy],
    folder: Path,
    options: Any,
) -> PatientCounts:
    """Train on ``training``, then count right and wrong pixels of the patients held out; kept in ``folder``."""
    kept = folder / "counts.json"
    if kept.exists():
        counts: PatientCounts = json.loads(kept.read_text())
        return counts
    teaching = {one.patient for one in training}
    frozen = recipe.freeze(
        [*training, *held_out], folder / "data.h5", lambda one: "train" if one.patient in teaching else "test"
    )
    with DatasetReader(frozen) as reader:
        settings = replace(defaults_for(reader.entries), seed=options.seed)
        sources = recipe.sources(reader, anatomies, settings.spine_share)
        job = fit.Job(reader, settings, sources=sources, steps=options.steps)
        fit.fit(job, keep_in=folder, listener=fit.Listener(on_epoch=lambda epoch: _show(folder.name, epoch.progress)))
        model, spec = fit.finished(job, keep_in=folder)
        counts = _counts(reader, model, spec)
    kept.write_text(json.dumps(counts))
    return counts


def _counts(reader: DatasetReader, model: keras.Model, spec: ModelSpec) -> PatientCounts:
    slices = [(entry, z) for entry in reader.in_split("test") for z in range(entry.shape[0])]
    judge = Validation(reader, probabilities(model, spec.preprocess), spec.postprocess, slices)
    counts: PatientCounts = defaultdict(dict)
    for level, patients in judge.counts(*THRESHOLDS).items():
        for patient, found in patients.items():
            counts[patient][str(level)] = [found.tp, found.fp, found.fn, found.tn]
    return dict(counts)


@dataclass(frozen=True)
class SourceScore:
    """One source, out of fold. The interval of the Dice is 95 %."""

    source: str
    rates: PatientRates
    interval: Interval | None


def scores(counts: PatientCounts, series: Sequence[LabelledSeries], threshold: float) -> list[SourceScore]:
    """Scores per source at ``threshold`` (one of `THRESHOLDS`), then of all patients together."""
    source_of = {one.patient: one.source for one in series}
    groups: dict[str, list[Confusion]] = defaultdict(list)
    for patient, levels in sorted(counts.items()):
        found = Confusion(*levels[str(threshold)])
        if found.tp + found.fn:
            groups[source_of[patient]].append(found)
    everyone = [one for group in groups.values() for one in group]
    return [_score(name, group) for name, group in [*sorted(groups.items()), ("all", everyone)]]


def _score(source: str, found: Sequence[Confusion]) -> SourceScore:
    rates = patient_rates(found)
    if rates is None:
        raise ValueError("no patient with spine was held out")
    dice = np.array([one.dice for one in found])
    return SourceScore(source, rates, PatientBootstrap(len(dice)).mean_interval(dice, np.arange(len(dice))))


def as_table(rows: Sequence[SourceScore]) -> str:
    lines = ["| source | patients | Dice | 95 % interval | worst patient | precision | sensitivity |", "|---" * 7 + "|"]
    for row in rows:
        interval = f"{row.interval.low:.3f}-{row.interval.high:.3f}" if row.interval else "one patient"
        lines.append(
            f"| {row.source} | {row.rates.patients} | {row.rates.dice:.3f} | {interval} | {row.rates.worst_dice:.3f} "
            f"| {row.rates.precision:.3f} | {row.rates.sensitivity:.3f} |"
        )
    return "\n".join(lines)


def threshold_table(counts: PatientCounts, series: Sequence[LabelledSeries]) -> str:
    """Dice, precision and sensitivity of all patients against the threshold."""
    lines = ["| threshold | Dice | precision | sensitivity |", "|---|---|---|---|"]
    for level in THRESHOLDS:
        row = scores(counts, series, level)[-1].rates
        lines.append(f"| {level} | {row.dice:.3f} | {row.precision:.3f} | {row.sensitivity:.3f} |")
    return "\n".join(lines)


def learning_curve(
    series: Sequence[LabelledSeries], anatomies: Sequence[Anatomy], folds: dict[str, int], options: Any
) -> str:
    """Dice on fold 0 against the number of patients trained on; a larger set contains the smaller ones."""
    held_out = [one for one in series if folds[one.patient] == 0]
    others = [str(name) for name in np.random.default_rng(options.seed).permutation(sorted(folds)) if folds[name] != 0]
    lines = ["| training patients | Dice | precision | sensitivity |", "|---|---|---|---|"]
    for number in dict.fromkeys(min(number, len(others)) for number in CURVE_PATIENTS):
        training = [one for one in series if one.patient in others[:number]]
        counts = judged(training, held_out, anatomies, options.work / f"patients-{number}", options)
        row = scores(counts, series, options.threshold)[-1].rates
        lines.append(f"| {number} | {row.dice:.3f} | {row.precision:.3f} | {row.sensitivity:.3f} |")
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="scripts.default_model.cross_validation", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder with the public CT (see the model card)")
    parser.add_argument("--work", type=Path, default=Path("var", "training", "cross-validation"))
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps of a fold (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threshold", type=float, choices=THRESHOLDS, default=0.5, help="of the table per source")
    parser.add_argument("--learning-curve", action="store_true", help="Dice against the number of patients instead")
    return parser.parse_args(arguments)


def _show(name: str, at: loop.Progress) -> None:
    print(f"{name}: step {at.step}, {at.seconds:.0f} s, loss {at.loss:.4f}", flush=True)


if __name__ == "__main__":
    main()
