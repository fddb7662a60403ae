"""The figures of docs/performance.md: ratios in one run, a table, and one JSON object as the last line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from registry.services import default_version_ensure
from spineplatform.bench import load, peer, platform, viewer, worklist
from spineplatform.bench.report import peer_table, table
from spineplatform.processes import Processes, migrate, running_services
from spineplatform.state_folder import PROJECT

# The folder of the model card; what needs it is left out where it is not there.
PUBLIC_CT = PROJECT.parent / "shared" / "data"


@contextmanager
def state_folder() -> Iterator[Path]:
    """A new state folder, which the services may enter: as root they run as another account."""
    with tempfile.TemporaryDirectory(prefix="spine-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


class Command(BaseCommand):
    help = "Measure the platform against its peers and its aims."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--long", action="store_true", help="also a 1,000-slice volume (two minutes more)")
        parts = ["network", "training", "reading", "platform", "worklist", "load", "viewer"]
        parser.add_argument("--only", choices=parts)
        parser.add_argument(
            "--step",
            choices=["prepare", "prepare-viewer", "prepare-load", "measure", "worklist", "load"],
            help="used by the command itself",
        )
        parser.add_argument("--given", type=Path, help="used by the command itself")

    def handle(
        self, *args: Any, long: bool, only: str | None, step: str | None, given: Path | None, **options: Any
    ) -> None:
        if step and given:
            return self._step(step, given)
        figures: dict[str, Any] = {}
        if only in {None, "network"}:
            figures |= self._network()
            figures |= self._evaluation()
            figures |= self._labels()
        if only in {None, "training"}:
            figures |= self._training()
        if only in {None, "reading"}:
            figures |= self._reading()
        if only in {None, "platform"}:
            with state_folder() as folder:
                figures |= self._platform(folder, long=long)
        if only in {None, "worklist"}:
            with state_folder() as folder:
                figures |= self._worklist(folder)
        if only in {None, "load"}:
            with state_folder() as folder:
                figures |= self._load(folder)
        if only in {None, "viewer"}:
            with state_folder() as folder:
                figures |= self._viewer(folder)
        for line in table(figures):
            self.stdout.write(line)
        self.stdout.write(json.dumps(figures))
        return None

    def _network(self) -> dict[str, Any]:
        self.say("The forward pass against its peers (a minute)")
        model = max(settings.MODEL_DIR.glob("*.h5"))
        command = [sys.executable, "-m", "spineplatform.bench.network", str(model)]
        done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def _evaluation(self) -> dict[str, Any]:
        self.say("Fourteen slices judged, with all figures and plots")
        command = [sys.executable, "-m", "spineplatform.bench.evaluation"]
        done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def _labels(self) -> dict[str, Any]:
        self.say("Two label maps of 26 vertebrae compared, against SimpleITK (two minutes)")
        command = [sys.executable, "-m", "spineplatform.bench.labels"]
        done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def _reading(self) -> dict[str, Any]:
        self.say("A zip of 300 DICOM slices read in child processes and in threads, in turns (two minutes)")
        command = [sys.executable, "-m", "spineplatform.bench.reading"]
        done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def _training(self) -> dict[str, Any]:
        self.say("Training against its peers, its memory, and the default model adapted (some minutes)")
        command = [sys.executable, "-m", "spineplatform.bench.training", "all", str(settings.MODEL_DIR), str(PUBLIC_CT)]
        done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def _platform(self, state: Path, *, long: bool) -> dict[str, Any]:
        with running_services(state, self.say) as addresses:
            environment = {**addresses, "SPINE_STATE_DIR": str(state)}
            migrate(environment, self.say)
            given = {"password": self._child("prepare", {}, environment)["password"]}
            with Processes(state, environment=environment, say=self.say) as processes:
                started = time.monotonic()
                processes.start_worker("inference")
                processes.wait_until_ready("worker-inference")
                ready = time.monotonic() - started
                address = processes.start_web()
                for queue in ("import",):
                    processes.start_worker(queue)
                processes.start_beat()
                processes.wait_until_ready()
                self.say("Single slices, whole volumes and a new version through REST")
                pids = {"web_pid": processes.pid("web"), "worker_pid": processes.pid("worker-inference")}
                given |= {"address": address, "long": long, **pids}
                return {"worker_ready_s": round(ready, 1)} | self._child("measure", given, environment)

    def _worklist(self, state: Path) -> dict[str, Any]:
        with running_services(state, self.say) as addresses:
            environment = {**addresses, "SPINE_STATE_DIR": str(state)}
            migrate(environment, self.say)
            self.say("The work list of 100,000 cases against one of 1,000 (two minutes)")
            return self._child("worklist", {}, environment)

    def _load(self, state: Path) -> dict[str, Any]:
        with running_services(state, self.say) as addresses:
            environment = {**addresses, "SPINE_STATE_DIR": str(state)}
            migrate(environment, self.say)
            given = self._child("prepare-load", {}, environment)
            with Processes(state, environment=environment, say=self.say) as processes:
                address = processes.start_web()
                processes.wait_until_ready()
                self.say("400 requests at once, and 1,000 WebSockets (a minute)")
                return self._child("load", {"address": address, "given": given}, environment)

    def _viewer(self, state: Path) -> dict[str, Any]:
        with running_services(state, self.say) as addresses:
            environment = {**addresses, "SPINE_STATE_DIR": str(state)}
            migrate(environment, self.say)
            given = self._child("prepare-viewer", {}, environment)
            built = self._peer(state / "peer")
            with Processes(state, environment={**environment, **built}, say=self.say) as processes:
                address = processes.start_web()
                processes.wait_until_ready()
                asked = address, platform.USER, given["password"], given["series"]
                try:
                    self.say("The reading room in Chromium, with series of 30, 300 and 900 slices (four minutes)")
                    figures = viewer.measure(*asked)
                    return figures | (self._beside_peer(state / "peer", asked, figures) if built else {})
                except viewer.NothingToMeasureWith as missing:
                    self.say(f"The viewer was not measured. {missing.__doc__}")
                    return {}

    def _peer(self, folder: Path) -> dict[str, str]:
        """Build Cornerstone3D's page; returns the web process's settings for it, none when it cannot be built."""
        self.say("Building the peer, Cornerstone3D (half a minute, from the npm registry)")
        try:
            peer.build(folder)
        except peer.PeerMissing as missing:
            self.say(f"Peer not measured, because {missing}.")
            return {}
        return {"DJANGO_SETTINGS_MODULE": "spineplatform.bench.peer_settings", "SPINE_BENCH_PEER": str(folder)}

    def _beside_peer(
        self, folder: Path, asked: tuple[str, str, str, dict[str, str]], figures: dict[str, Any]
    ) -> dict[str, Any]:
        self.say("The reading room and Cornerstone3D in turns, with series of 30 and 300 slices (six minutes)")
        viewers = peer.measure(*asked)
        viewers[peer.OURS] |= {
            f"stroke_end_{depth}_ms": figures[f"viewer_stroke_end_{depth}_ms"] for depth in peer.DEPTHS
        }
        for line in peer_table(viewers):
            self.say(line)
        return {"viewers": viewers} | {f"peer_{name}": size for name, size in peer.code_sent(folder).items()}

    def _child(self, step: str, given: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
        """Run a step that needs the database in a child that has its address; the file carries values both ways."""
        path = Path(environment["SPINE_STATE_DIR"]) / f"bench-{step}.json"
        path.write_text(json.dumps(given))
        command = [sys.executable, "manage.py", "bench", "--step", step, "--given", str(path)]
        done = subprocess.run(command, cwd=PROJECT, env={**os.environ, **environment}, check=False)
        if done.returncode:
            raise CommandError(f"The step “{step}” failed; the lines above say why.")
        answer: dict[str, Any] = json.loads(path.read_text())
        return answer

    def _step(self, step: str, path: Path) -> None:
        given = json.loads(path.read_text())
        if step == "prepare":
            default_version_ensure(folder=settings.MODEL_DIR)
            answer: dict[str, Any] = {"password": platform.prepare()}
        elif step == "prepare-viewer":
            answer = {"password": platform.prepare(), "series": viewer.prepare()}
        elif step == "prepare-load":
            answer = load.prepare()
        elif step == "load":
            answer = load.measure(**given)
        elif step == "worklist":
            answer = worklist.measure()
        else:
            long = given.pop("long")
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                answer = platform.measure(platform.Platform(**given), Path(folder), long=long)
        path.write_text(json.dumps(answer))

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
