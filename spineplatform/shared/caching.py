"""What stays behind in a browser: nothing on computers that people share, where the settings say so.

``SPINE_SHARED_COMPUTERS`` forbids browsers to keep any answer but static files. Without it a browser keeps slices,
which never change, for its user (``private``). Logging out has the browser forget what it kept; on shared computers
also drafts and measurements that could not be sent, after asking (``static/js/leaving.js``).
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase


class KeptInBrowsersMiddleware:
    """Adds ``Cache-Control`` and, to the answer that logs somebody out, ``Clear-Site-Data``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if settings.SHARED_COMPUTERS:
            response["Cache-Control"] = "private, no-store"
        if getattr(request, "logged_out", False):
            response["Clear-Site-Data"] = '"cache", "storage"' if settings.SHARED_COMPUTERS else '"cache"'
        return response
