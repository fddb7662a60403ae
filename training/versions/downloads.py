"""The file of a version, for pages and REST."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from registry.access import version_get_file
from registry.models import ModelVersion
from spineplatform.shared import audit, storage
from spineplatform.shared.http import file_download

HDF5 = "application/x-hdf5"


@login_required
@require_safe
def version_download(request: HttpRequest, version_id: str) -> HttpResponseBase:
    return version_file(request, version_get_file(request.user, version_id))


def version_file(request: HttpRequest, version: ModelVersion) -> HttpResponseBase:
    """The HDF5 file of a version the caller was let through to."""
    audit.record(actor=request.user, action="model.downloaded", object_id=version.pk, institution_id=version.owner_id)
    path = storage.local_path(version.file)
    return file_download(request, path, name=f"{version.task_id}-{version.file_name}.h5", content_type=HDF5)
