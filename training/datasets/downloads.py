"""The file of a frozen data set, for pages and for the API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.text import slugify

from cases.exposures import masks_shown
from cases.models import Annotation
from spineml.csv_text import csv_text
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import Conflict
from spineplatform.shared.http import file_download
from training.datasets.selectors import labels_held_by
from training.models import Dataset

CSV_COLUMNS = ["label", "name", "split", "patients", "series", "images", "volume_ml"]
HDF5 = "application/x-hdf5"


class DatasetNotFrozenYet(Conflict):
    """This data set is still a draft, so there is no file. Freeze it first."""

    code = "dataset-not-frozen"


class DatasetReadBlindly(Conflict):
    """You are reading a series of this data set blinded, and the file contains its mask. Finish the reading first."""

    code = "dataset-read-blindly"


def dataset_file(request: HttpRequest, dataset: Dataset) -> HttpResponseBase:
    """The HDF5 file of a data set the caller was let through to; who has it has been shown its masks.

    Raises:
        DatasetNotFrozenYet: there is none.
        DatasetReadBlindly: the caller reads one of its series blindly now.
    """
    if not dataset.is_frozen:
        raise DatasetNotFrozenYet
    masks = Annotation.objects.filter(dataset_items__dataset=dataset)
    if masks.exclude(pk__in=masks.seen_by(request.user)).exists():
        raise DatasetReadBlindly
    masks_shown(masks, request.user)
    for place in dataset.institutions.all():
        audit.record(actor=request.user, action="dataset.downloaded", object_id=dataset.pk, institution_id=place.pk)
    path = storage.local_path(dataset.file)
    return file_download(request, path, name=f"{slugify(dataset.name) or 'dataset'}.h5", content_type=HDF5)


def labels_csv(dataset: Dataset) -> HttpResponse:
    """How much each split has of each label, a line each; no line for a task of one label."""
    rows = (
        [label.value, label.name, split, count.patients, count.series, count.images, f"{count.ml:.3f}"]
        for label in labels_held_by(dataset)
        for split, count in label.splits.items()
    )
    response = HttpResponse(csv_text(CSV_COLUMNS, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slugify(dataset.name) or "dataset"}-labels.csv"'
    return response
