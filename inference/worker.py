"""The segmentation itself. Only inference workers import this module: it loads TensorFlow."""

from __future__ import annotations

import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from cases.models import Annotation, AnnotationSource
from cases.services import MaskOrigin, annotation_record
from cases.states import case_mark_segmented
from inference.models import InferenceRun, Prediction
from inference.out_of_distribution import deviations
from registry.models import ModelVersion
from registry.selectors import versions_active
from spineml.errors import SpineError
from spineml.message import message
from spineml.model.predict import Predictor
from spineml.model.segmentation import Segmentation, segment_to_file
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage
from spineplatform.shared.lease import Lease

log = logging.getLogger(__name__)
# Networks of so many versions stay loaded; institutions may have chosen different ones.
KEPT = 4


class Predictors:
    """The networks this process holds, by their file's hash; loaded once, shared by its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_hash: OrderedDict[str, Predictor] = OrderedDict()
        self._users: Counter[str] = Counter()

    @contextmanager
    def using(self, version: ModelVersion) -> Iterator[Predictor]:
        """The warm predictor of ``version``, loaded when it is new to this process; not let go of while it is used.

        Raises:
            ModelFileRejected: the stored file is not the one that was registered.
        """
        with self._lock:
            if version.sha256 not in self._by_hash:
                self._by_hash[version.sha256] = self._load(version)
            self._by_hash.move_to_end(version.sha256)
            self._users[version.sha256] += 1
        try:
            yield self._by_hash[version.sha256]
        finally:
            with self._lock:
                self._users[version.sha256] -= 1
                self._let_go()

    def _let_go(self) -> None:
        """Close the longest unused beyond the few that are kept."""
        idle = [sha256 for sha256 in self._by_hash if not self._users[sha256]]
        for sha256 in idle[: max(0, len(self._by_hash) - KEPT)]:
            self._by_hash.pop(sha256).close()

    def _load(self, version: ModelVersion) -> Predictor:
        path = storage.local_path(version.file)
        predictor = Predictor(path, cache_dir=Path(settings.CACHE_DIR) / "models", expected_sha256=version.sha256)
        predictor.warm_up()
        log.info("model_loaded version=%s sha256=%s", version.number, version.sha256[:12])
        return predictor


predictors = Predictors()


def warm_up() -> None:
    """Called when the worker starts: load TensorFlow and the active models before the first run arrives, the platform's
    default first, as many as are kept.
    """
    try:
        active = versions_active()
        if not active:
            log.warning("no_active_model")
        for version in active[:KEPT]:
            with predictors.using(version):
                pass
    except (DatabaseError, SpineError, OSError) as error:
        # The first run will load it, or tell a person why it cannot.
        log.warning("not_warm error=%s", type(error).__name__)


def run_inference(lease: Lease[InferenceRun]) -> None:
    """Work of one InferenceRun: stream the slices through the network, then record the mask and the success at once."""
    run = lease.run
    lease.report(0, run.series.depth, message("Loading the model"))
    with (
        predictors.using(run.model_version) as predictor,
        storage.work_folder("segment") as folder,
        storage.stored_or_removed() as stored,
    ):
        path = folder / "mask.h5"
        made = _segment(lease, predictor, path)
        ood_flags = deviations(run.series, run.model_version)
        with lease.finishing():
            _record(run, path, stored, made, ood_flags)


def _segment(lease: Lease[InferenceRun], predictor: Predictor, path: Path) -> Segmentation:
    with SliceFileReader(storage.local_path(lease.run.series.volume)) as source:
        try:
            return segment_to_file(
                predictor,
                source,
                path,
                on_slice=lambda done, total: lease.report(done, total, message("Segmenting")),
                should_stop=lambda: lease.should_stop,
            )
        finally:
            lease.check()  # says why it was stopped


def _record(
    run: InferenceRun, path: Path, stored: list[str], made: Segmentation, ood_flags: list[dict[str, str]]
) -> Annotation:
    version = run.model_version
    annotation = annotation_record(
        series=run.series,
        path=path,
        stored=stored,
        origin=MaskOrigin(
            AnnotationSource.MODEL,
            label=f"Model {version.name_at(run.institution_id)}",
            model_version=version,
            confidence=made.confidence,
            deviations=ood_flags,
        ),
        sizes=made.sizes,
    )
    Prediction.objects.create(
        run=run,
        annotation=annotation,
        seconds=made.timings.total,
        timings=made.timings.as_json(),
    )
    case_mark_segmented(case=run.series.case)
    return annotation
