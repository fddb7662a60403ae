"""The web process: HTTP by Django, WebSockets by Channels. TensorFlow is never imported here.

Its threads are counted and live on (ADR 15), so their database connections may, too: this is set before Django is.
"""

import os
import tempfile

import django
from channels.routing import ProtocolTypeRouter
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spineplatform.settings")
os.environ.setdefault("SPINE_CONN_MAX_AGE", "60")
django.setup(set_prefix=False)

from spineplatform.web.bodies import remove_abandoned  # noqa: E402  (after Django is set up)
from spineplatform.web.client_address import ClientAddress  # noqa: E402
from spineplatform.web.handler import PlatformHandler  # noqa: E402
from spineplatform.web.websockets import websockets  # noqa: E402

# The body of a request lies in the temporary folder: a large upload belongs on the disk of the state folder.
tempfile.tempdir = str(settings.INCOMING_DIR)
remove_abandoned()

application = ClientAddress(ProtocolTypeRouter({"http": PlatformHandler(), "websocket": websockets}))
