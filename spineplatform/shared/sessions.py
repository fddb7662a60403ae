"""Which sessions are still open: for many WebSockets by two queries."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from spineplatform.shared.coalescing import Gathering

# A session's key, and the person who opened a WebSocket with it.
Opened = tuple[str, int]


def still_open(asked: list[Opened]) -> dict[Opened, bool | Exception]:
    """Whether each session is still that person's: it ends by logging out, by a new password and by its age.

    As `django.contrib.auth.get_user` has it, for sessions in the database.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    rows = Session.objects.filter(session_key__in={key for key, _ in asked}, expire_date__gt=timezone.now())
    sessions = {row.session_key: store.decode(row.session_data) for row in rows}
    people = get_user_model()._default_manager.filter(is_active=True).in_bulk({person for _, person in asked})
    return {(key, person): _is_of(sessions.get(key, {}), people.get(person)) for key, person in asked}


def _is_of(session: dict[str, Any], person: Any) -> bool:
    if person is None or session.get(SESSION_KEY) != str(person.pk):
        return False
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return False
    given = session.get(HASH_SESSION_KEY, "")
    known = [person.get_session_auth_hash(), *person.get_session_auth_fallback_hash()]
    return any(constant_time_compare(given, one) for one in known)


SESSIONS: Gathering[Opened, bool] = Gathering(still_open)
