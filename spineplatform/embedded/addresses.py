"""Where the services of a state folder are: ports in ``services.json``, passwords in ``secrets.json`` (mode 0600)."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
DATABASE_NAME = "spine"
DATABASE_USER = "spine"
SERVICES_FILE = "services.json"
SECRETS_FILE = "secrets.json"


@dataclass(frozen=True)
class Addresses:
    """Where Django, Celery and Channels find the database and the broker; both hold a password."""

    database_url: str
    valkey_url: str

    def environment(self) -> dict[str, str]:
        """What ``spineplatform.settings`` reads; a server that is named there already is kept."""
        return {
            "DATABASE_URL": os.environ.get("DATABASE_URL") or self.database_url,
            "VALKEY_URL": os.environ.get("VALKEY_URL") or self.valkey_url,
        }


@dataclass(frozen=True)
class Secrets:
    """The passwords: of the database's administrator, of the platform's own role, and of Valkey."""

    admin: str
    database: str
    valkey: str


@dataclass(frozen=True)
class Placement:
    """Which ports the services were given and which folder holds their data."""

    postgres_port: int
    valkey_port: int
    data_dir: str


def read_addresses(state_dir: Path) -> Addresses | None:
    """Return the addresses this folder's services have or had, or None when there never were any."""
    placement, passwords = read_placement(state_dir), read_secrets(state_dir)
    return addresses_of(placement, passwords) if placement and passwords else None


def addresses_of(placement: Placement, passwords: Secrets) -> Addresses:
    """Write ports and passwords as URLs."""
    server = f"{HOST}:{placement.postgres_port}"
    return Addresses(
        database_url=f"postgres://{DATABASE_USER}:{passwords.database}@{server}/{DATABASE_NAME}",
        valkey_url=f"redis://:{passwords.valkey}@{HOST}:{placement.valkey_port}/0",
    )


def read_placement(state_dir: Path) -> Placement | None:
    """Return what ``services.json`` says, or None when it is missing or cut off."""
    values = read_json(state_dir / SERVICES_FILE)
    if values is None:
        return None
    return Placement(int(values["postgres_port"]), int(values["valkey_port"]), str(values["data_dir"]))


def read_secrets(state_dir: Path) -> Secrets | None:
    """Return what ``secrets.json`` says, or None when it is missing or cut off."""
    values = read_json(state_dir / SECRETS_FILE)
    return Secrets(**values) if values else None


def write_placement(state_dir: Path, placement: Placement) -> None:
    """Remember ports and data folder for the next start."""
    write_private(state_dir / SERVICES_FILE, json.dumps(asdict(placement), indent=1))


def new_secrets(state_dir: Path) -> Secrets:
    """Draw three passwords (256 bit each, hexadecimal: safe in URLs, SQL and configuration files) and keep them."""
    drawn = Secrets(*(secrets.token_hex(32) for _ in range(3)))
    write_private(state_dir / SECRETS_FILE, json.dumps(asdict(drawn), indent=1))
    return drawn


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, or None when it is missing or cut off."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None
    return values if isinstance(values, dict) else None


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else can read it at any moment."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
