"""The labels of a task as files of other programs."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from registry.access import task_view
from spineml.tasks.export import FILES
from spineplatform.shared.errors import NotFound


@login_required
@require_safe
def labels_download(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    """The labels as the file ``kind``, one of `spineml.tasks.export.FILES`."""
    task = task_view(request.user, slug)
    if kind not in FILES:
        raise NotFound
    content_type, write = FILES[kind]
    response = HttpResponse(write(task.definition), content_type=f"{content_type}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{task.pk}-{kind}"'
    return response
