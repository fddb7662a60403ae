"""Which account runs the services, and what that account can reach.

PostgreSQL refuses to run as root. As an ordinary user the services run as that user; as root they run as ``nobody`` or
another unprivileged account. No account is created and no folder of anybody else is opened for it.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREFERRED_ACCOUNTS = ("nobody", "daemon", "games")


class NoAccount(Exception):
    """Running as root, and no unprivileged account can be used for PostgreSQL. Run as an ordinary user instead."""


@dataclass(frozen=True)
class Account:
    """An account of the operating system; ``switch`` is False when it is the one we run as."""

    uid: int
    gid: int
    name: str
    switch: bool

    @property
    def process_options(self) -> dict[str, Any]:
        """Return what makes ``subprocess`` run a command as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def can(self, flag: str, path: Path) -> bool:
        """Try whether the account passes ``test FLAG PATH`` (-r read, -w write, -x run or pass through)."""
        command = ["test", flag, str(path)]
        return subprocess.run(command, check=False, cwd="/", **self.process_options).returncode == 0

    def own(self, path: Path) -> None:
        """Hand a file or folder that we made over to the account."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose_account() -> Account:
    """Return the account for the services: ourselves, or an unprivileged one when we are root.

    Raises:
        NoAccount: we are root and cannot become anybody else.
    """
    if os.geteuid() != 0:
        return ourselves()
    for entry in unprivileged_entries():
        account = Account(entry.pw_uid, entry.pw_gid, entry.pw_name, switch=True)
        if is_usable(account):
            return account
    raise NoAccount(NoAccount.__doc__)


def ourselves() -> Account:
    """Return the account this process runs as."""
    return Account(os.geteuid(), os.getegid(), pwd_name(os.geteuid()), switch=False)


def unprivileged_entries() -> list[pwd.struct_passwd]:
    """List the accounts that are not root, the preferred ones first."""
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    order = {name: number for number, name in enumerate(PREFERRED_ACCOUNTS)}
    return sorted(entries, key=lambda entry: (order.get(entry.pw_name, len(order)), entry.pw_uid))


def is_usable(account: Account) -> bool:
    """Tell whether we may become this account (not so in some containers)."""
    try:
        return account.can("-d", Path("/"))
    except (OSError, subprocess.SubprocessError):
        return False


def pwd_name(uid: int) -> str:
    """Return the account's name, or its number where it has none (containers started with a bare number)."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
