"""In what a series differs from everything that a model version learned from. For workers: it reads the volume."""

from __future__ import annotations

import logging
from dataclasses import asdict

from cases.models import Series
from registry.models import ModelVersion
from spineml.model.fingerprint import Fingerprint, series_facts
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage

log = logging.getLogger(__name__)


def deviations(series: Series, version: ModelVersion) -> list[dict[str, str]]:
    """``code`` and ``message`` of each; empty when the images are like those learned from, or these are not known.

    A fingerprint comes with an imported file and may be anything: one that cannot be read flags nothing.
    """
    stated = version.spec.get("fingerprint")
    if not stated:
        return []
    with SliceFileReader(storage.local_path(series.volume)) as volume:
        facts = series_facts(volume, series.meta)
    try:
        found = Fingerprint.from_json(stated).outside(facts)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        log.warning("fingerprint_unreadable version=%s error=%s", version.number, type(error).__name__)
        return []
    return [asdict(one) for one in found]
