"""The web process: HTTP by Django, WebSockets by Channels. TensorFlow is never imported here."""

import os
import tempfile

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spineplatform.settings")
http = get_asgi_application()

from spineplatform.bodies import BodyLimit  # noqa: E402  (after Django is set up)
from spineplatform.websockets import SameOrigin, websocket_urlpatterns  # noqa: E402

# Django keeps the body of a request in the temporary folder: a large upload belongs on the disk of the state folder.
tempfile.tempdir = str(settings.INCOMING_DIR)

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(http),
        "websocket": SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
