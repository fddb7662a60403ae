"""The embedded Valkey: its configuration, its command line, and asking whether it answers."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from spineplatform.embedded.account import Account
from spineplatform.embedded.addresses import HOST, Secrets, write_private
from spineplatform.embedded.daemon import Daemon, Say
from spineplatform.embedded.programs import Programs


@dataclass(frozen=True)
class Valkey:
    """One Valkey server. It keeps nothing on disk: PostgreSQL is the truth, a lost message is sent again."""

    folder: Path
    programs: Programs
    account: Account
    passwords: Secrets
    daemon: Daemon

    name = "Valkey"
    stop_signals = ((signal.SIGTERM, 10.0),)
    retry_marks: tuple[str, ...] = ()
    port_taken_marks = ("Address already in use", "Failed listening on port")

    def prepare(self, say: Say) -> None:
        """Make the folder and write the configuration; the password stands there, not on the command line."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        lines = [
            f"bind {HOST}",
            "protected-mode yes",
            f"requirepass {self.passwords.valkey}",
            "daemonize no",
            'save ""',
            "appendonly no",
            "maxmemory 256mb",
            "maxmemory-policy noeviction",
            f'dir "{self.folder}"',
        ]
        write_private(self._configuration, "\n".join(lines) + "\n")
        for path in (self.folder, self._configuration):
            self.account.own(path)

    @property
    def _configuration(self) -> Path:
        return self.folder / "valkey.conf"

    def command(self, port: int) -> list[str | Path]:
        """Return the command line of the server."""
        return [self.programs.valkey, self._configuration, "--port", str(port)]

    def answers(self, port: int) -> bool:
        """Tell whether a Valkey with our password answers."""
        try:
            with socket.create_connection((HOST, port), timeout=3) as connection:
                connection.sendall(f"AUTH {self.passwords.valkey}\r\nPING\r\n".encode())
                with connection.makefile("rb") as answer:
                    return answer.readline() == b"+OK\r\n" and answer.readline() == b"+PONG\r\n"
        except OSError:
            return False
