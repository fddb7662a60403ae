"""What never stands in a log, tried with the handlers of the platform's own settings."""

from __future__ import annotations

import contextlib
import io
import logging
import logging.config
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from spineplatform.processes import Processes
from spineplatform.shared.logs import LogFormatter, without_secrets
from spineplatform.shared.mail import NotSent, mail_is_sent
from tests import factories

PATIENT, ADDRESS = "KIM^MINSU", "min.su+ct@hospital.example.kr"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """What the console handler of the settings writes meanwhile."""
    logging.config.dictConfig(settings.LOGGING)
    (handler,) = [one for one in logging.getLogger().handlers if isinstance(one.formatter, LogFormatter)]
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    yield written.getvalue
    if before is not None:
        handler.setStream(before)


# --- links, tokens, addresses -----------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_reset_link_is_asked_for_opened_and_mistyped_without_standing_in_the_log(log: Callable[[], str]) -> None:
    factories.user(Role.CLINICIAN, email=ADDRESS)
    browser = Client()
    assert browser.post(reverse("password_reset"), {"email": ADDRESS}).status_code == 302
    found = re.search(r"/accounts/password/reset/(\w+)/([\w-]+)/", str(mail.outbox[0].body))
    assert found is not None
    link, secret = found.group(0), found.group(2)
    for address in (link, link[:-1] + "x/y/", f"/x{link}", f"/reset/{secret}/", f"/en{link}?next={secret}"):
        browser.get(address, follow=True)
    Client(enforce_csrf_checks=True).post(link, {"new_password1": "x"})
    browser.put(link)
    logging.getLogger("elsewhere").error("could not open https://spine.example.org%s", link)
    assert secret not in log()
    assert ADDRESS not in log()
    assert "Not Found: GET [unknown address]" in log()
    assert "CSRF cookie not set" in log()


@pytest.mark.django_db
def test_a_failed_log_in_is_told_without_who_it_was(log: Callable[[], str], settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    for username in (ADDRESS, ADDRESS, ADDRESS, "my-pass-phrase-typed-into-the-name"):
        Client().post(reverse("login"), {"username": username, "password": "wrong-pass-phrase"})
    assert "AXES" in log()
    assert not [one for one in (ADDRESS, "pass-phrase") if one in log()]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Token 0123456789abcdef0123", "Authorization: Token [removed]"),
        ("'Authorization': 'Bearer abc.def-ghi_jkl'", "'Authorization': 'Bearer [removed]'"),
        (f"sent to <{ADDRESS}>", "sent to <[removed]>"),
        ("user=min.su%40hospital.kr", "user=[removed]"),
        ("a" * 64, "[removed]"),
        ('"GET /cases/?q=Kim+Minsu&state= HTTP/1.1" 200', '"GET /cases/?[removed] HTTP/1.1" 200'),
        ('"WebSocket /ws/cases/?q=Kim" [accepted]', '"WebSocket /ws/cases/?[removed]" [accepted]'),
        ("DETAIL:  Key (title)=(Kim Minsu) exists.", "DETAIL: [removed]"),
        ("[Errno 28] No space left on device: '/var/in/KIM.dcm'", "[Errno 28] No space left on device: [removed]"),
        ("run_failed kind=import run=5f3c code=unexpected", "run_failed kind=import run=5f3c code=unexpected"),
        ("ready at worker-import-12@spine", "ready at worker-import-12@spine"),
    ],
)
def test_what_is_taken_out_of_a_line_and_what_stays(text: str, left: str) -> None:
    assert without_secrets(text) == left


def test_a_line_of_a_megabyte_is_written_at_once() -> None:
    begun = time.monotonic()
    for piece in ("a", "a.", "a@", "/?", "Token ", "[Errno 1]", "/password/reset/", "DETAIL:", "%40.", "-"):
        without_secrets(piece * (1_000_000 // len(piece)))
    assert time.monotonic() - begun < 5


# --- what files hold --------------------------------------------------------------------------------------------------
def raised(error: BaseException) -> BaseException:
    try:
        try:
            {}[PATIENT]
        except KeyError as cause:
            raise error from cause
    except BaseException as caught:  # noqa: BLE001
        return caught


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"{PATIENT} is no number"),
        OSError(28, "No space left on device", f"/incoming/{PATIENT}.dcm"),
        IntegrityError(f"duplicate key\nDETAIL: Key (title)=({PATIENT})"),
        UnicodeDecodeError("utf-8", PATIENT.encode(), 0, 1, PATIENT),
    ],
)
def test_an_exception_is_told_by_its_kind_and_place_never_by_its_text(
    log: Callable[[], str], error: BaseException
) -> None:
    logging.getLogger("cases").error("run_failed run=%s", 7, exc_info=raised(error))
    assert PATIENT not in log()
    assert type(error).__name__ in log()
    assert f'File "{__file__}"' in log()
    assert "run_failed run=7" in log()


def test_with_debug_on_a_machine_of_ones_own_the_text_is_told(log: Callable[[], str], settings: Any) -> None:
    settings.DEBUG = True
    logging.getLogger("cases").error("run_failed", exc_info=raised(ValueError("17 is no number")))
    assert "ValueError: 17 is no number" in log()


@pytest.mark.django_db
def test_what_the_database_refuses_is_not_repeated(log: Callable[[], str]) -> None:
    with pytest.raises(Exception, match=PATIENT[:3]) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT %s::integer", [PATIENT])
    logging.getLogger("django.request").error("Internal", exc_info=caught.value)
    assert PATIENT not in log()
    assert "DataError" in log()


def test_the_database_that_is_away_is_told_with_its_reason(log: Callable[[], str]) -> None:
    from django.db import OperationalError

    logging.getLogger("cases").error("lost", exc_info=OperationalError("connection refused\nmore"))
    assert "OperationalError: connection refused\n" in log()


def test_libraries_that_repeat_the_values_of_files_are_silent(log: Callable[[], str]) -> None:
    import pydicom  # noqa: F401  (sets the level of its logger)

    logging.getLogger("pydicom").error("Invalid value %s", PATIENT)
    record = warnings.formatwarning(f"The value '{PATIENT}' is too long", UserWarning, "/x/pydicom/valuerep.py", 44)
    logging.getLogger("py.warnings").warning("%s", record)
    assert PATIENT not in log()
    assert "/x/pydicom/valuerep.py:44: UserWarning\n" in log()


def test_a_failed_task_is_told_by_the_kind_of_its_error(log: Callable[[], str]) -> None:
    given = {"name": "cases.tasks.x", "id": "1", "exc": f"ValueError('{PATIENT}')", "args": f"['{PATIENT}']"}
    logging.getLogger("celery.app.trace").error("Task %(name)s[%(id)s] raised: %(exc)s %(args)s", given)
    assert PATIENT not in log()
    assert "Task cases.tasks.x[1] raised: ValueError" in log()


def test_the_web_server_writes_errors_through_the_same_formatter_and_no_access_log(log: Callable[[], str]) -> None:
    from uvicorn.config import Config

    Config("spineplatform.asgi:application").configure_logging()  # as it does before it imports the application
    logging.config.dictConfig(settings.LOGGING)
    (handler,) = logging.getLogger().handlers[-1:]
    assert isinstance(handler.formatter, LogFormatter)
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    path = "/accounts/password/reset/MQ/c0ffee-secret/?q=Kim"
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "10.0.0.7:4711", "GET", path, "1.1", 200)
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "10.0.0.7:4711", "/ws/cases/")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=ValueError(PATIENT))
    if before is not None:
        handler.setStream(before)
    assert not logging.getLogger("uvicorn.access").hasHandlers()  # it does not even make the lines
    assert written.getvalue().splitlines()[0].endswith("ERROR uvicorn.error Exception in ASGI application")
    assert [one for one in ("c0ffee", PATIENT, "Kim", "10.0.0.7") if one in written.getvalue()] == []


@pytest.mark.slow
def test_a_running_web_process_writes_no_link(web: str, processes: Processes) -> None:
    for path in ("/accounts/password/reset/MQ/c0ffee-secret/?q=Kim", "/c0ffee-secret/?q=Kim", "/api/v1/c0ffee-secret/"):
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{web}{path}").close()  # noqa: S310
    text = processes.output("web")
    assert "Not Found: GET [unknown address]" in text
    assert [line for line in text.splitlines() if "c0ffee" in line or "Kim" in line] == []


# --- mails ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("url", ["", "consolemail://", "filemail:///tmp/mails"])
def test_in_production_no_mail_is_written_where_the_log_is(url: str, tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.EMAIL_BACKEND)"
    environment = {
        "DJANGO_SETTINGS_MODULE": "spineplatform.settings",
        "SPINE_STATE_DIR": str(tmp_path),
        "SPINE_PRODUCTION": "1",
        "SPINE_SECRET_KEY": "k" * 60,
        **({"SPINE_EMAIL_URL": url} if url else {}),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "spineplatform.shared.mail.NotSent"


def test_a_mail_that_is_not_sent_is_told_without_its_text(log: Callable[[], str], settings: Any) -> None:
    settings.EMAIL_BACKEND = "spineplatform.shared.mail.NotSent"
    assert NotSent().send_messages([mail.EmailMessage("Reset", "the link", to=[ADDRESS])]) == 0
    assert "mail_not_sent n=1" in log()
    assert ADDRESS not in log()
    assert [one.id for one in mail_is_sent(None)] == ["spine.W001"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert mail_is_sent(None) == []
