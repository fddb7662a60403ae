"""Live progress of an import over the WebSocket."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import AnonymousUser

from accounts.models import Role, User
from cases.consumers import ImportRunConsumer
from cases.models import ImportRun, Verdict
from spineplatform.shared.progress import NOT_FOUND, UNAUTHENTICATED
from spineplatform.shared.runs import RunState
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def first_answer(run: ImportRun, user: Any) -> dict[str, Any]:
    """What the server sends first: a message, or the event that closes the connection."""

    async def talk() -> dict[str, Any]:
        address = {"user": user, "url_route": {"kwargs": {"run_id": str(run.pk)}}}
        socket = ApplicationCommunicator(ImportRunConsumer.as_asgi(), {"type": "websocket", **address})
        await socket.send_input({"type": "websocket.connect"})
        assert (await socket.receive_output(timeout=10))["type"] == "websocket.accept"
        event = await socket.receive_output(timeout=10)
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(timeout=10)
        return dict(event)

    return async_to_sync(talk)()


def finished_run() -> tuple[ImportRun, User]:
    series = factories.series()
    upload = factories.upload(institution=series.institution)
    factories.verdict(upload, status=Verdict.IMPORTED, series=series)
    run = factories.import_run(of=upload, state=RunState.SUCCEEDED)
    return run, factories.user(Role.CLINICIAN, institution=series.institution)


def test_a_finished_import_names_the_case_it_made() -> None:
    run, clinician = finished_run()
    text = first_answer(run, clinician)["text"]
    assert '"type": "snapshot"' in text
    assert run.result_url() in text


def test_a_stranger_is_told_that_there_is_no_such_run() -> None:
    run, _ = finished_run()
    answer = first_answer(run, factories.user(Role.CLINICIAN))
    assert (answer["type"], answer["code"]) == ("websocket.close", NOT_FOUND)


def test_who_is_not_logged_in_is_told_so() -> None:
    run, _ = finished_run()
    answer = first_answer(run, AnonymousUser())
    assert (answer["type"], answer["code"]) == ("websocket.close", UNAUTHENTICATED)
