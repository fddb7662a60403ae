"""The distance of each point of a grid to the nearest of others on it, exact, fast where the two lie close together.

Most elements of two surfaces that people compare lie within a few voxels of each other. So the neighbours of a point
are looked up in order of their distance, and the first that is there is the nearest; what has none within `REACH`
steps is searched for in a k-d tree.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

IndexArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

REACH = 4
MOST_STEPS = 96
# Of a table of the box around all points, one byte for each voxel; beyond it everything is searched for in the tree.
MOST_BYTES = 128 * 1024**2
# A tree is for more than a few points; looking up goes on for the last ones.
FEW = 0.02
# So many are compared one by one sooner than a tree is made.
MOST_PAIRS = 20_000


def nearest(points: IndexArray, others: IndexArray, scale: FloatArray) -> FloatArray:
    """For each of ``points`` the distance to the nearest of ``others``, which are not empty.

    Both are indices ``(n, axes)`` of one grid; ``scale`` (axes, axes) takes an index row to mm.
    """
    distances = np.zeros(len(points))
    left = np.arange(len(points))
    # Column by column: NumPy is slow along short rows.
    columns = [(points[:, axis], others[:, axis]) for axis in range(points.shape[1])]
    low = np.array([min(one.min() for one in pair) for pair in columns]) - REACH
    sides = np.array([max(one.max() for one in pair) for pair in columns]) + REACH + 1 - low
    if np.prod(sides) <= MOST_BYTES:
        left = _look_up(distances, _flat(points - low, sides), _flat(others - low, sides), sides, scale)
    if len(left):
        distances[left] = _search(points[left] @ scale, others @ scale)
    return distances


def _look_up(
    distances: FloatArray, points: IndexArray, others: IndexArray, sides: IndexArray, scale: FloatArray
) -> IndexArray:
    """Write the distances of points that have a neighbour nearby; returns the places of all others."""
    table = np.zeros(int(np.prod(sides)), bool)
    table[others] = True
    left = np.arange(len(points))
    few = FEW * len(points)
    steps, lengths = _steps(scale.tobytes(), len(sides))
    for step, length in zip(_flat(steps, sides).tolist(), lengths.tolist(), strict=True):
        hit = table[points + step]
        distances[left[hit]] = length
        left, points = left[~hit], points[~hit]
        if len(left) <= few:
            break
    return left


def _flat(indices: IndexArray, sides: IndexArray) -> IndexArray:
    strides = np.append(np.cumprod(sides[:0:-1])[::-1], 1)
    flat: IndexArray = sum(indices[:, axis] * stride for axis, stride in enumerate(strides.tolist()))
    return flat


@lru_cache(maxsize=32)
def _steps(scale_bytes: bytes, axes: int) -> tuple[IndexArray, FloatArray]:
    """Steps on the grid and their lengths, the shortest first; none that is shorter is missing.

    A step of more than `REACH` along an axis is at least ``smallest singular value * (REACH + 1)`` long.
    """
    scale = np.frombuffer(scale_bytes).reshape(axes, axes)
    side = np.arange(-REACH, REACH + 1)
    steps = np.stack(np.meshgrid(*[side] * axes, indexing="ij"), axis=-1).reshape(-1, axes)
    lengths = np.linalg.norm(steps @ scale, axis=1)
    complete = lengths < np.linalg.svd(scale, compute_uv=False)[-1] * (REACH + 1)
    order = np.argsort(lengths, kind="stable")
    order = order[complete[order]][:MOST_STEPS]
    return steps[order], lengths[order]


def _search(points: FloatArray, others: FloatArray) -> FloatArray:
    if len(points) * len(others) <= MOST_PAIRS:
        pairs = points[:, None, :] - others[None, :, :]
        closest: FloatArray = np.sqrt(np.einsum("ijk,ijk->ij", pairs, pairs).min(axis=1))
        return closest
    from scipy.spatial import cKDTree  # 20 MB that a web process does not need

    tree = cKDTree(others, balanced_tree=False, compact_nodes=False)
    distances: FloatArray = tree.query(points)[0]
    return distances
