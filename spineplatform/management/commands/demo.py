"""Everything on one machine: services, people, model, a real CT through real workers, and a server to look at it.

The command itself only starts and stops processes; what needs the database runs as a step of its own, in a child that
is given the addresses of the services.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from registry.services import default_version_ensure
from spineplatform.demo.data import demo_case
from spineplatform.demo.steps import PEOPLE, DemoFailed, demo_run, people_ensure, queue_fill
from spineplatform.embedded import ServiceFailed
from spineplatform.embedded.account import NoAccount
from spineplatform.embedded.programs import ProgramsMissing
from spineplatform.processes import QUEUES, AlreadyRunning, Processes, alone, interrupt, migrate, running_services
from spineplatform.state_folder import PROJECT

DEFAULT_PORT = 8000
MOST_CASES = 40


class Command(BaseCommand):
    help = "Start everything on this machine, segment a real CT, and serve until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="exit after the result; the last line is JSON")
        parser.add_argument("--port", type=int, default=int(os.environ.get("SPINE_PORT", DEFAULT_PORT)))
        parser.add_argument("--cases", type=int, default=0, help="also so many cases, of the CT's pieces, to review")
        parser.add_argument("--step", choices=["prepare", "case", "queue"], help="used by the command itself")
        parser.add_argument("--result", type=Path, help="used by the command itself")

    def handle(self, *args: Any, once: bool, port: int, step: str | None, result: Path | None, **options: Any) -> None:
        self.cases = max(0, min(int(options["cases"]), MOST_CASES))
        if step:
            return self._step(step, result)
        signal.signal(signal.SIGTERM, interrupt)
        signal.signal(signal.SIGINT, interrupt)  # also where a background shell had it ignored
        started = time.monotonic()
        try:
            shown = self._run(port, once=once, started=started)
        except KeyboardInterrupt:
            self.say("Stopped.")
            return None
        except (AlreadyRunning, NoAccount, ProgramsMissing, ServiceFailed, DemoFailed) as error:
            raise CommandError(str(error)) from error
        self.say(json.dumps(shown))
        return None

    def say(self, line: str) -> None:
        """Whoever waits must see it at once."""
        self.stdout.write(line)
        self.stdout.flush()

    # --- the supervisor -----------------------------------------------------------------------------------------------
    def _run(self, port: int, *, once: bool, started: float) -> dict[str, Any]:
        state = settings.STATE_DIR
        with alone(state), running_services(state, self.say) as addresses:
            migrate(addresses, self.say)
            self._child("prepare", addresses)
            with Processes(state, environment=addresses, say=self.say) as processes:
                address = processes.start_web(port)
                for queue in QUEUES:
                    processes.start_worker(queue)
                processes.start_beat()
                self.say("Starting the web server and the workers (TensorFlow takes a few seconds)")
                processes.wait_until_ready()
                shown = self._child("case", addresses)
                if self.cases:
                    shown |= self._child("queue", addresses)
                shown["url"] = address + shown["url"]
                self._show(shown, address, time.monotonic() - started)
                if not once:
                    processes.watch()
        return shown

    def _child(self, step: str, addresses: Mapping[str, str]) -> dict[str, Any]:
        result = settings.STATE_DIR / "run" / f"demo-{step}.json"
        result.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "manage.py", "demo", "--step", step, "--result", str(result)]
        command += ["--cases", str(self.cases)]
        done = subprocess.run(command, cwd=PROJECT, env={**os.environ, **addresses}, check=False)
        if done.returncode:
            raise DemoFailed(f"The demo stopped at the step “{step}”; the lines above say why.")
        shown: dict[str, Any] = json.loads(result.read_text())
        return shown

    def _show(self, shown: dict[str, Any], address: str, seconds: float) -> None:
        self.say("")
        self.say(f"  {shown['slices']} slices segmented in {shown['seconds']} s by model {shown['model_version']}")
        if shown["dice"] is not None:
            trained = (
                ", but the model was trained on this case: it proves little" if shown["dice_on_training_data"] else ""
            )
            self.say(f"  Dice {shown['dice']:.3f} (pooled over all voxels{trained})")
        self.say(f"  The result: {shown['url']}")
        self.say(f"  Log in at {address}/ as (user name, password, role):")
        people = json.loads(self._passwords().read_text())
        for username, role in PEOPLE.items():
            self.say(f"    {username:<12} {people[username]:<18} {role.label}")
        self.say(
            f"  Ready {seconds:.0f} s after the start. Ctrl-C stops everything; the data stays in {settings.STATE_DIR}."
        )
        self.say("")

    # --- the steps, each in a child -----------------------------------------------------------------------------------
    def _step(self, step: str, result: Path | None) -> None:
        try:
            shown = {"prepare": self._prepare, "case": self._case, "queue": self._queue}[step]()
        except DemoFailed as error:
            raise CommandError(str(error)) from error
        if result is not None:
            result.write_text(json.dumps(shown))

    def _prepare(self) -> dict[str, Any]:
        self.say("Creating one user for each role")
        people_ensure(self._passwords())
        version = default_version_ensure(folder=settings.MODEL_DIR)
        self.say(f"The default model is {version}")
        return {"model_version": str(version)}

    def _case(self) -> dict[str, Any]:
        institution, people = people_ensure(self._passwords())
        case = demo_case(settings.STATE_DIR / "demo", self.say)
        result = demo_run(
            institution=institution,
            clinician=people["clinician"][0],
            annotator=people["annotator"][0],
            case=case,
            say=self.say,
        )
        return asdict(result)

    def _queue(self) -> dict[str, Any]:
        institution, people = people_ensure(self._passwords())
        case = demo_case(settings.STATE_DIR / "demo", self.say)
        clinician = people["clinician"][0]
        waiting = queue_fill(institution=institution, clinician=clinician, case=case, count=self.cases, say=self.say)
        return {"cases_to_review": waiting}

    def _passwords(self) -> Path:
        path: Path = settings.STATE_DIR / "demo_people.json"
        return path
