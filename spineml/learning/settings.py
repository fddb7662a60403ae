"""The settings of a training run: defaults that follow from the data, one line of explanation each, and their limits.

No TensorFlow here: forms and the REST API check settings with it, `spineml.learning.fit` carries them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from spineml.learning.dataset_file import Entry
from spineml.message import Message, message
from spineml.model.architecture import Architecture
from spineml.model.model_file import ModelSpec
from spineml.model.preprocess import Preprocess

LOSSES = ("bce-dice", "dice", "tversky", "focal")
OPTIMISERS = ("adamw", "adam", "sgd")
SCHEDULES = ("cosine", "constant", "steps")
PRECISIONS = ("float32", "mixed_float16")
AUGMENTATIONS = ("flip", "rotate", "scale", "elastic", "intensity", "noise", "crop")
USUAL_AUGMENTATIONS = tuple(name for name in AUGMENTATIONS if name != "elastic")

EXPLANATIONS = {
    "base_filters": message(
        "Filters of the first level, doubled at each further level. 16 is fast on a CPU; the paper used 64."
    ),
    "depth": message("Number of downsampling steps. More levels see more of the body around the spine."),
    "stem_stride": message(
        "2 halves the image first: four times faster, with a Dice of at most 0.987. The paper used 1."
    ),
    "normalisation": message("Batch normalisation makes training faster and more stable. The paper used none."),
    "window_centre": message("Centre of the greyscale in HU. Bone is around 450."),
    "window_width": message("HU from black to white. 1500 separates soft tissue from bone."),
    "loss": message(
        "Cross-entropy plus Dice is stable. Tversky weights false negatives more, focal loss hard pixels more."
    ),
    "optimiser": message("AdamW needs the least tuning."),
    "learning_rate": message("Size of the first steps. Use a fifth of it for fine-tuning a trained version."),
    "schedule": message("Cosine decreases the steps towards the end, which gives the best last epochs."),
    "batch_size": message(
        "Crops per step. More is more stable and needs more memory; the paper used 32 for 1,000 images."
    ),
    "crop_size": message(
        "Side of the training crops in pixels. Crops around the spine teach faster than whole slices, which make "
        "three of ten batches."
    ),
    "epochs": message("Maximum number of passes through the training images."),
    "patience": message(
        "Stops when the validation Dice has not improved for this many epochs, and keeps the best weights. 0 disables "
        "early stopping and keeps the last weights."
    ),
    "augmentation": message("Random changes of the training images. Those not chosen are not applied."),
    "spine_share": message("Share of the crops taken from slices with spine; the rest is background."),
    "seed": message("The same seed, data and machine give the same curve."),
    "precision": message("Half precision is about twice as fast on a GPU and many times slower on a CPU."),
    "sample_every": message("How often, in epochs, images of a few validation slices are saved."),
}
MAX_BATCH, MAX_EPOCHS, MAX_CROP, MAX_SEED = 256, 2000, 1024, 2**31 - 1
FINE_TUNE_RATE = 0.2
CPU_BATCH, CROP = 8, 256
# Pixel-steps that have been enough: small sets are gone through more often than large ones.
WANTED_IMAGES, FEWEST_EPOCHS, MOST_EPOCHS = 6000, 10, 60


class SettingRejected(ValueError):
    """A setting that cannot work; ``field`` says which, the message what to do."""

    def __init__(self, field: str, message: Message) -> None:
        super().__init__(message)
        self.field, self.message = field, message


@dataclass(frozen=True)
class TrainingSettings:
    """All settings of a run; `EXPLANATIONS` has a line on each. Lengths are pixels of the network's own grid.

    Raises:
        SettingRejected: a value outside what can work.
    """

    base_filters: int = 16
    depth: int = 4
    stem_stride: int = 2
    normalisation: str = "batch"
    window_centre: float = 450.0
    window_width: float = 1500.0
    loss: str = "bce-dice"
    optimiser: str = "adamw"
    learning_rate: float = 5e-3
    schedule: str = "cosine"
    batch_size: int = CPU_BATCH
    crop_size: int = CROP
    epochs: int = 20
    patience: int = 0
    augmentation: tuple[str, ...] = USUAL_AUGMENTATIONS
    spine_share: float = 0.8
    seed: int = 2020
    precision: str = "float32"
    sample_every: int = 5

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise SettingRejected(name, message("Choose one of {known}.", known=", ".join(map(str, choices))))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingRejected(
                    name, message("Choose a number from {low} to {high}.", low=f"{low:g}", high=f"{high:g}")
                )
        unknown = sorted(set(self.augmentation) - set(AUGMENTATIONS))
        if unknown:
            raise SettingRejected(
                "augmentation",
                message(
                    "Unknown: {unknown}. Known: {known}.", unknown=", ".join(unknown), known=", ".join(AUGMENTATIONS)
                ),
            )
        if self.crop_size % self.architecture.stride:
            raise SettingRejected(
                "crop_size", message("Choose a multiple of {stride} for this network.", stride=self.architecture.stride)
            )

    @property
    def architecture(self) -> Architecture:
        normalisation = "batch" if self.normalisation == "batch" else "none"
        return Architecture(self.base_filters, self.depth, self.stem_stride, normalisation)  # type: ignore[arg-type]

    def architecture_on(self, base: Architecture | None) -> Architecture:
        """The network of these settings; whatever they leave open is as in ``base``, an imported one perhaps."""
        own = self.architecture
        if base is None:
            return own
        asked = {name: getattr(own, name) for name in ("base_filters", "depth", "stem_stride", "normalisation")}
        return replace(base, **asked)

    def preprocess(self, base: Preprocess | None = None) -> Preprocess:
        """The window of these settings; spacing and canvases of ``base`` or the usual ones."""
        return replace(base or Preprocess(), window_centre=self.window_centre, window_width=self.window_width)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"augmentation": list(self.augmentation)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainingSettings:
        """Settings from JSON or a form's clean values; what is left out has its default.

        Raises:
            SettingRejected: an unknown setting, a wrong type, or a value outside its limits.
        """
        known = {one.name: one for one in fields(cls)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise SettingRejected(
                unknown[0], message("There is no such setting. Known: {known}.", known=", ".join(known))
            )
        return cls(**{name: _typed(name, known[name].default, value) for name, value in values.items()})


_CHOICES: dict[str, tuple[Any, ...]] = {
    "loss": LOSSES,
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
    "normalisation": ("batch", "none"),
    "stem_stride": (1, 2),
}
_RANGES: dict[str, tuple[float, float]] = {
    "base_filters": (1, 128),
    "depth": (1, 6),
    "window_centre": (-1000, 3000),
    "window_width": (10, 8000),
    "learning_rate": (1e-7, 1.0),
    "batch_size": (1, MAX_BATCH),
    "crop_size": (32, MAX_CROP),
    "epochs": (1, MAX_EPOCHS),
    "patience": (0, MAX_EPOCHS),
    "spine_share": (0.0, 1.0),
    "seed": (0, MAX_SEED),
    "sample_every": (1, MAX_EPOCHS),
}


def possible_values(name: str) -> tuple[tuple[Any, ...], tuple[float | None, float | None]]:
    """The choices of a setting, empty for a number, and the range of a number."""
    choices = AUGMENTATIONS if name == "augmentation" else _CHOICES.get(name, ())
    return choices, _RANGES.get(name, (None, None))


def _typed(name: str, default: Any, value: Any) -> Any:
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise SettingRejected(name, message("Give a list of names."))
        return tuple(value)
    if isinstance(default, str):
        if not isinstance(value, str):
            raise SettingRejected(name, message("Give one of the names."))
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SettingRejected(name, message("Give a number."))
    if isinstance(default, int) and value != int(value):
        raise SettingRejected(name, message("Give a whole number."))
    return type(default)(value)


def defaults_for(entries: Sequence[Entry], base: ModelSpec | None = None, *, gpus: int = 0) -> TrainingSettings:
    """Settings that suit a data set, for adapting ``base`` or, when it is None, for learning from scratch.

    A base brings its architecture and window, and smaller steps. Epochs follow from the number of images, the crop
    from the largest image, precision and batch from the device.
    """
    training = [entry for entry in entries if entry.split == "train"]
    images = sum(len(entry.spine_slices) or 1 for entry in training)
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(WANTED_IMAGES / max(images, 1))))
    largest = max((max(entry.shape[1:]) for entry in training), default=CROP)
    found = TrainingSettings(
        epochs=epochs,
        crop_size=CROP if largest >= CROP else 128,
        batch_size=min(32, CPU_BATCH * 2 * gpus) if gpus else CPU_BATCH,
        precision="mixed_float16" if gpus else "float32",
        sample_every=max(1, epochs // 6),
    )
    if base is None:
        return found
    architecture = base.architecture
    return replace(
        found,
        base_filters=architecture.base_filters,
        depth=architecture.depth,
        stem_stride=architecture.stem_stride,
        normalisation=architecture.normalisation,
        window_centre=base.preprocess.window_centre,
        window_width=base.preprocess.window_width,
        learning_rate=found.learning_rate * FINE_TUNE_RATE,
    )
