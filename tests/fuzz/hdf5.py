"""HDF5 files by their grammar: weights of a network as we or Keras write them, with odd arrays, links and texts."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

import h5py
import numpy as np

from spineml.learning.dataset_file import ATTRIBUTE
from spineml.model.architecture import Architecture
from spineml.model.model_file import SPEC_ATTRIBUTE, ModelSpec, stored_name
from tests.fuzz import odd
from tests.fuzz.mutate import mutated

TINY = Architecture(base_filters=2, depth=1, stem_stride=1)
FILTERS: tuple[dict[str, Any], ...] = (
    {"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True}, {"fletcher32": True}, {"scaleoffset": 2},
)  # fmt: skip
DTYPES = ("f4", "f8", "i8", "u1", "c8", "S9", "?", ">f4", "f2")
# What h5py says to a change that the one before has made impossible.
IMPOSSIBLE = (ValueError, KeyError, TypeError, OSError, RuntimeError, AttributeError)
ODD_VALUES = (None, -1, 0, 10**9, 10**400, 1e308, "x" * 999, [], {}, [[]], True, "\x00")
Change = Callable[[h5py.File, Random], None]


def files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Odd HDF5 files without an end; the same for the same seed."""
    rng = Random(f"hdf5 {seed}")
    while True:
        content = _file(rng)
        yield "a.h5", mutated(rng, content) if rng.random() < 0.3 else content


def _file(rng: Random) -> bytes:
    sink = io.BytesIO()
    with h5py.File(sink, "w", libver=rng.choice(("earliest",) * 9 + ("latest",))) as file:
        for name, shape in TINY.weight_shapes().items():
            file.create_dataset(stored_name(name), data=np.ones(shape, np.float32))
        kind = rng.randrange(4)
        if kind < 2:
            file.attrs[SPEC_ATTRIBUTE] = _spec(rng)
        elif kind == 2:
            file.attrs["layer_names"] = [name.split("/")[0].encode() for name in TINY.weight_shapes()]
        else:
            file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {"layers": []}})
            file.create_dataset(ATTRIBUTE, data=np.frombuffer(b'{"format": 1, "entries": []}', np.uint8))
        for _ in range(rng.choice((0, 1, 1, 2, 4))):
            with suppress(*IMPOSSIBLE):
                rng.choice(CHANGES)(file, rng)
    return sink.getvalue()


def _spec(rng: Random) -> str:
    """The JSON of a spec with one value, somewhere, exchanged."""
    values = ModelSpec(TINY).as_json()
    if rng.random() < 0.7:
        part = values
        key = rng.choice(sorted(part))
        while isinstance(part[key], dict) and part[key] and rng.random() < 0.8:
            part = part[key]
            key = rng.choice(sorted(part))
        part[key] = rng.choice((*ODD_VALUES, odd.word(rng)))
    text = json.dumps(values).replace("\x00", "")
    return rng.choice((text,) * 6 + (text.replace("0", "1e999"), text.replace("1", "NaN"), "[" * 9999, text[:-5]))


def _place(file: h5py.File, rng: Random) -> str:
    return rng.choice([stored_name(name) for name in TINY.weight_shapes()])


def _exchange(file: h5py.File, rng: Random) -> None:
    place = _place(file, rng)
    shape = file[place].shape
    del file[place]
    shapes = (shape, (10**6, 10**6), (0,), (), (2**31,), (1024, 1024, 128), (*shape, 1))
    chosen = rng.choice(shapes)
    options = rng.choice((*FILTERS, {}, {}, {"chunks": True}, {"fillvalue": 7}))
    file.create_dataset(place, chosen, rng.choice(DTYPES), **({} if chosen == () else options))


def _link(file: h5py.File, rng: Random) -> None:
    place = _place(file, rng)
    if rng.random() < 0.5:
        del file[place]
    target = rng.choice(
        (h5py.SoftLink("/"), h5py.SoftLink("/nowhere"), h5py.ExternalLink("/etc/passwd", "/"), file["/"])
    )
    file[rng.choice((place, "loop", "a/b/c/d/e/f/g/h"))] = target


def _outside(file: h5py.File, rng: Random) -> None:
    place = _place(file, rng)
    del file[place]
    if rng.random() < 0.5:
        file.create_dataset(place, (100,), "f4", external=[("/etc/passwd", 0, 400)])
    else:
        layout = h5py.VirtualLayout((100,), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (100,))
        file.create_virtual_dataset(place, layout)


def _attribute(file: h5py.File, rng: Random) -> None:
    name = rng.choice((SPEC_ATTRIBUTE, "layer_names", "model_config", "keras_version", "backend"))
    values = (
        np.zeros(9),
        h5py.Empty("f"),
        "x" * 60_000,
        b"\xff\xfe",
        np.array([b"a"] * 900),
        7,
        "",
        file["/"].ref,
        [["a"]],
    )
    file.attrs[name] = rng.choice(values)


def _many(file: h5py.File, rng: Random) -> None:
    for number in range(rng.choice((50, 500, 3000))):
        file.create_group(f"{number}")


def _name(file: h5py.File, rng: Random) -> None:
    name = odd.word(rng).replace("\x00", "").replace("/", "")[:500]
    file.create_dataset(name or "x", data=np.zeros(3, np.float32))


CHANGES: tuple[Change, ...] = (_exchange, _exchange, _link, _outside, _attribute, _attribute, _many, _name)
