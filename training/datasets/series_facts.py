"""What the images of a stored series are like, for the fingerprint of a data set or to hold against one."""

from __future__ import annotations

from dataclasses import replace

from cases.models import Series
from spineml.model.fingerprint import SeriesFacts, histogram, some_slices
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage


def series_facts(series: Series) -> SeriesFacts:
    """Spacing, the histogram of some slices, kernel and maker; lengths are None where the spacing is not known."""
    grid = series.geometry
    with SliceFileReader(storage.local_path(series.volume)) as volume:
        shares = histogram(volume.read(z) for z in some_slices(len(volume)))
    facts = SeriesFacts(
        pixel_spacing=None,
        slice_spacing=None,
        histogram=shares,
        kernel=str(series.meta.get("kernel") or ""),
        maker=str(series.meta.get("manufacturer") or ""),
        image_size=max(grid.shape[1:]),
    )
    if not grid.spacing_known:
        return facts
    between = grid.spacing[0] if grid.shape[0] > 1 else None
    return replace(facts, pixel_spacing=(grid.spacing[1] + grid.spacing[2]) / 2, slice_spacing=between)
