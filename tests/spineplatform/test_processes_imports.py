"""What a web process may hold in memory, and which database driver Django runs on."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from spineplatform.embedded.addresses import Placement, addresses_of, new_secrets, write_placement

HEAVY = ["tensorflow", "keras"]


def modules_after(statement: str, **environment: str) -> set[str]:
    """Return the modules loaded after the statement in a new Python process."""
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_web_process_never_imports_tensorflow() -> None:
    everything_a_request_may_load = "import spineplatform.asgi, spineplatform.urls"
    assert modules_after(everything_a_request_may_load).isdisjoint(HEAVY)


def test_loading_every_page_address_and_task_never_imports_tensorflow() -> None:
    load = "import django; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns"
    tasks = "from spineplatform.celery import app; app.loader.import_default_modules()"
    assert modules_after(f"{load}; {tasks}").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "start",
    [
        "import spineplatform.asgi, spineplatform.urls",
        "from spineplatform.celery import app; app.loader.import_default_modules()",
        "import runpy; sys.argv = ['manage.py', 'check']; runpy.run_path('manage.py', run_name='__main__')",
    ],
    ids=["web", "worker", "command"],
)
def test_nothing_of_the_embedded_servers_is_loaded_in_production(start: str) -> None:
    production = {"SPINE_PRODUCTION": "1", "SPINE_ALLOWED_HOSTS": "spine.example.org"}
    assert not {name for name in modules_after(start, **production) if name.startswith("spineplatform.embedded")}


def test_a_command_speaks_to_the_servers_of_make_run_where_none_are_named(tmp_path: Path) -> None:
    placement = Placement(postgres_port=5439, valkey_port=6390, data_dir=str(tmp_path))
    write_placement(tmp_path, placement)
    addresses = addresses_of(placement, new_secrets(tmp_path))
    command = "from django.conf import settings; print(settings.DATABASE_URL, settings.VALKEY_URL)"
    named = {"DATABASE_URL": "", "VALKEY_URL": "", "SPINE_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", command],
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [addresses.database_url, addresses.valkey_url], done.stderr


def test_django_runs_on_psycopg2() -> None:
    from django.db.backends.postgresql import psycopg_any

    assert connection.vendor == "postgresql"
    assert not psycopg_any.is_psycopg3


def test_psycopg_3_is_not_installed() -> None:
    assert importlib.util.find_spec("psycopg") is None
