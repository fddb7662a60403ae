"""What a web process may hold in memory, and which database driver Django runs on."""

import importlib.util
import json
import subprocess
import sys

from django.db import connection

HEAVY = ["tensorflow", "keras"]


def modules_after(statement: str) -> set[str]:
    """Return the modules loaded after the statement in a new Python process."""
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_web_process_never_imports_tensorflow() -> None:
    everything_a_request_may_load = "import spineplatform.asgi, spineplatform.urls"
    assert modules_after(everything_a_request_may_load).isdisjoint(HEAVY)


def test_loading_every_page_address_and_task_never_imports_tensorflow() -> None:
    load = "import django; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns"
    tasks = "from spineplatform.celery import app; app.loader.import_default_modules()"
    assert modules_after(f"{load}; {tasks}").isdisjoint(HEAVY)


def test_django_runs_on_psycopg2() -> None:
    from django.db.backends.postgresql import psycopg_any

    assert connection.vendor == "postgresql"
    assert not psycopg_any.is_psycopg3


def test_psycopg_3_is_not_installed() -> None:
    assert importlib.util.find_spec("psycopg") is None
