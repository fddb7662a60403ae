"""What the REST doors of an open reading room have in common."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.views import APIView

from spineplatform.shared.api import refuse_above
from spineplatform.shared.errors import Conflict

# Slices of a mask deflate to a few kB; this is room for a wild mask of thousands of them.
MAX_BODY = 64 * 1024**2


class AnotherPerson(Conflict):
    """Another person has logged in with this browser since the page was opened. Nothing was saved under their name."""

    code = "another-person"


class ViewerAPIView(APIView):
    """A door of the viewer: bodies are limited, and a page that was opened by one person never writes as another."""

    takes_masks = False

    @classmethod
    def body_limit(cls) -> int:
        return MAX_BODY if cls.takes_masks else int(settings.BODY_MAX_BYTES)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        refuse_above(request, self.body_limit())
        super().initial(request, *args, **kwargs)
        reader = request.headers.get("X-Reader", "")
        if reader and reader != str(request.user.pk):
            raise AnotherPerson
