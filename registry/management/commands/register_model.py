"""Register a model file from the command line, for example the shipped default on a new server."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from registry.selectors import version_active_or_none
from registry.services import default_version_ensure, version_register
from spineml.errors import ModelFileRejected


class Command(BaseCommand):
    help = "Check an HDF5 model file and register it as the platform's version; without a path, the shipped default."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="?", type=Path)
        parser.add_argument("--activate", action="store_true", help="make it the platform's default")

    def handle(self, *args: Any, path: Path | None, activate: bool, **options: Any) -> None:
        try:
            if path is None:
                version = default_version_ensure(folder=settings.MODEL_DIR)
            else:
                version = version_register(path=path, activate=activate)
        except (ModelFileRejected, FileNotFoundError) as error:
            raise CommandError(str(error)) from error
        default = version_active_or_none(None, version.task_id) == version
        state = "the default" if default else "retired" if version.retired else "a candidate"
        self.stdout.write(f"{version.task_id} {version} is {state} ({version.sha256[:12]})")
