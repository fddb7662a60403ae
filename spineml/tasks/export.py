"""Labels of a task as files that other programs, and `files.labels_of_file`, read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from spineml.csv_text import csv_text
from spineml.tasks.label_sizes import LABEL_COLUMNS, label_cells
from spineml.tasks.task import Label, Task


def as_csv(task: Task) -> str:
    """A row for each label; codes as ``scheme value meaning``."""
    return csv_text(LABEL_COLUMNS, map(label_cells, task.labels))


def as_dataset_json(task: Task) -> str:
    """The ``labels`` of an nnU-Net 2 dataset.json."""
    labels = {"background": 0} | {_nnunet_name(label): label.value for label in task.labels}
    return json.dumps({"name": task.name, "channel_names": {"0": task.modality}, "labels": labels}, indent=1) + "\n"


def _nnunet_name(label: Label) -> str:
    """The format keeps one name for itself."""
    return f"{label.name} ({label.value})" if label.name.casefold() == "background" else label.name


def as_colour_table(task: Task) -> str:
    """A 3D Slicer colour table: value, name with ``_`` for spaces, red, green, blue, opacity."""
    rows = [(label.value, "_".join(label.name.split()), *_rgb(label), 255) for label in task.labels]
    lines = ["0 Background 0 0 0 0", *(" ".join(map(str, row)) for row in rows)]
    return f"# Color table of {task.slug}\n" + "\n".join(lines) + "\n"


def as_itk_snap(task: Task) -> str:
    """An ITK-SNAP label description: value, red, green, blue, opacity, shown, in the mesh, name."""
    names = {label.value: label.name.replace('"', "'") for label in task.labels}
    lines = [
        '0 0 0 0 0 0 0 "Clear Label"',
        *(f'{label.value} {" ".join(map(str, _rgb(label)))} 1 1 1 "{names[label.value]}"' for label in task.labels),
    ]
    return f"# ITK-SnAP Label Description File: {task.slug}\n" + "\n".join(lines) + "\n"


def _rgb(label: Label) -> tuple[int, int, int]:
    red, green, blue = (int(label.colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


# By the name of the file that is sent.
FILES: Final[dict[str, tuple[str, Callable[[Task], str]]]] = {
    "labels.csv": ("text/csv", as_csv),
    "dataset.json": ("application/json", as_dataset_json),
    "labels.ctbl": ("text/plain", as_colour_table),
    "labels.txt": ("text/plain", as_itk_snap),
}
