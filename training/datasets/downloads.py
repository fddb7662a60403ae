"""The file of a frozen data set, for pages and for the API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.utils.text import slugify

from spineplatform.shared import audit, storage
from spineplatform.shared.errors import Conflict
from spineplatform.shared.http import file_download
from training.models import Dataset

HDF5 = "application/x-hdf5"


class DatasetNotFrozenYet(Conflict):
    """This data set is still a draft, so there is no file. Freeze it first."""

    code = "dataset-not-frozen"


def dataset_file(request: HttpRequest, dataset: Dataset) -> HttpResponseBase:
    """The HDF5 file of a data set the caller was let through to.

    Raises:
        DatasetNotFrozenYet: there is none.
    """
    if not dataset.is_frozen:
        raise DatasetNotFrozenYet
    for place in dataset.institutions.all():
        audit.record(actor=request.user, action="dataset.downloaded", object_id=dataset.pk, institution_id=place.pk)
    path = storage.local_path(dataset.file)
    return file_download(request, path, name=f"{slugify(dataset.name) or 'dataset'}.h5", content_type=HDF5)
