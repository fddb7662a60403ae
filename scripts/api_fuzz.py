"""Send odd requests to every operation of the REST API for some minutes, as three roles, on a platform of its own.

    python scripts/api_fuzz.py --minutes 5

The last line is JSON; it ends with 1 when anything failed or contradicted the OpenAPI document. It needs the tools of
requirements-test.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from spineplatform.processes import Processes, migrate, running_services  # noqa: E402  (after the path is set)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spine-fuzz-", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        state.chmod(0o711)
        with running_services(state, say) as addresses:
            environment = {**addresses, "SPINE_STATE_DIR": str(state)}
            migrate(environment, say)
            os.environ.update(environment, DJANGO_SETTINGS_MODULE="spineplatform.settings")
            with Processes(state, environment=environment, say=say) as processes:
                address = processes.start_web()
                processes.wait_until_ready()
                return tried(address, options.minutes * 60, options.seed)


def tried(address: str, seconds: float, number: int) -> int:
    import django

    django.setup()
    from django.db import connection

    trying = import_module("tests.api_fuzz")
    world = trying.known()
    connection.close()
    found = trying.Outcome()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        say(f"Round {number}: {found.statuses.total()} requests, {len(found.problems)} problems")
        one = trying.fuzz(address, world, examples=5, number=number, until=end)
        found.statuses += one.statuses
        found.problems = {**one.problems, **found.problems}
        number += 1
    for name, words in sorted(found.problems.items()):
        say(f"\n--- {name}\n{words}")
    statuses = dict(sorted(Counter(found.statuses).items()))
    say(json.dumps({"requests": found.statuses.total(), "statuses": statuses, "problems": len(found.problems)}))
    return bool(found.problems)


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
