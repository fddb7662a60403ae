"""The folder of what this machine keeps of the platform: caches, logs, stored files, data of its own servers."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PARTS = ("cache", "incoming", "logs", "media", "run", "static")


def state_dir() -> Path:
    """``SPINE_STATE_DIR``, or ``var`` beside the code."""
    return Path(os.environ.get("SPINE_STATE_DIR") or PROJECT / "var").resolve()


def ensure_state_dir(folder: Path) -> None:
    """Create the state folder and its parts, so that no other account can list them.

    A folder that exists keeps its permissions. Root's folder may be passed through (0711): the services run as another
    account and keep their data inside.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    for name in PARTS:
        (folder / name).mkdir(mode=0o700, exist_ok=True)
