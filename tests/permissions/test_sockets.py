"""A WebSocket opens for members only; outsiders are told no more than that there is nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from spineplatform.web.websockets import websocket_urlpatterns
from tests.permissions import world as worlds
from tests.permissions.sockets import SOCKETS, Socket
from tests.permissions.world import ANONYMOUS, EVERYBODY, MEMBERS, STRANGER, World
from tests.waiting import PATIENCE_SECONDS

OF_MEMBERS = {ANONYMOUS: 4401, STRANGER: 4404, **dict.fromkeys(MEMBERS, "snapshot")}
OF_EVERYBODY = OF_MEMBERS | {STRANGER: "snapshot"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("socket", SOCKETS, ids=str)
async def test_each_role_gets_a_snapshot_or_the_close_code_of_the_table(socket: Socket) -> None:
    world = await sync_to_async(worlds.make)()
    expected = OF_MEMBERS if socket.thing else OF_EVERYBODY
    assert {who: await _listen(socket, world, who) for who in EVERYBODY} == expected


async def _listen(socket: Socket, world: World, who: str) -> Any:
    """The type of the first message, or the code with which the socket closes."""
    path = "/" + socket.route
    if socket.thing:
        path = re.sub("<uuid:.*?>", str(world.things[socket.thing].pk), path)
    user = AnonymousUser() if who == ANONYMOUS else world.people[who]
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": [], "subprotocols": [], "user": user}
    communicator = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
    await communicator.send_input({"type": "websocket.connect"})
    answer = await communicator.receive_output(timeout=PATIENCE_SECONDS)
    assert answer["type"] == "websocket.accept"
    answer = await communicator.receive_output(timeout=PATIENCE_SECONDS)
    if answer["type"] == "websocket.close":
        return answer["code"]
    await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await communicator.wait(timeout=PATIENCE_SECONDS)
    message = json.loads(answer["text"])
    is_other_run = "run" in message and message["run"]["id"] != str(world.things[socket.thing].pk)
    return message if is_other_run else message["type"]
