"""The embedded PostgreSQL: making its data folder, its command line, and asking whether it answers."""

from __future__ import annotations

import hashlib
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from spineplatform.embedded.account import Account
from spineplatform.embedded.addresses import DATABASE_NAME, DATABASE_USER, HOST, Secrets, write_private
from spineplatform.embedded.daemon import Daemon, Say, ServiceFailed, is_gone, run_to_end, wait_for
from spineplatform.embedded.programs import Programs, postgres_major

# Fast shutdown first (ends sessions, writes a checkpoint), then immediate (recovers at the next start).
STOP_SIGNALS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))
RETRY_MARKS = ("pre-existing shared memory block",)
PORT_TAKEN_MARKS = ("Address already in use", "could not bind")

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "jit": "off",
    # Containers often have a tiny /dev/shm, which parallel queries would need.
    "max_parallel_workers_per_gather": "0",
    # A failing statement or the values of a violated constraint could hold patient data: keep them out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
}
# For tests: a crash of the machine may lose data. synchronous_commit stays on: a killed server loses no commit.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL server with its data in ``folder``."""

    folder: Path
    programs: Programs
    account: Account
    passwords: Secrets
    durable: bool
    daemon: Daemon

    name = "PostgreSQL"
    stop_signals = STOP_SIGNALS
    retry_marks = RETRY_MARKS
    port_taken_marks = PORT_TAKEN_MARKS

    def prepare(self, say: Say) -> None:
        """Make the data folder when there is none; set the roles' passwords when they have changed.

        Raises:
            ServiceFailed: the folder belongs to another major version, or cannot be made.
        """
        version_file = self.folder / "PG_VERSION"
        if not version_file.exists():
            say("Making the database (a few seconds, only the first time)")
            self._initialise(say)
        elif version_file.read_text(encoding="ascii").strip() != postgres_major():
            raise ServiceFailed(
                f"The data in {self.folder} was made by another version of PostgreSQL than the installed one "
                f"({postgres_major()}). Install the earlier requirements to export it, or move it away."
            )
        self._stop_left_behind(say)
        self._set_roles(say)

    def _initialise(self, say: Say) -> None:
        new = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        password_file = self.folder.with_name("admin-password")
        write_private(password_file, self.passwords.admin)
        self.account.own(password_file)
        options = ["--username=postgres", f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
        # PostgreSQL's own C.UTF-8: the same order of text on every machine, whatever locales it has.
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--pgdata={new}"]
        try:
            extra = [] if self.durable else ["--no-sync"]
            run_to_end([self.programs.initdb, *options, *extra], self.account, say, folder=new.parent)
        finally:
            password_file.unlink()
        self._roles_stamp.unlink(missing_ok=True)
        new.replace(self.folder)

    @property
    def _roles_stamp(self) -> Path:
        """Remember which passwords the roles have; after `secrets.json` was lost they get the new ones."""
        return self.folder.with_name("roles.sha256")

    def _set_roles(self, say: Say) -> None:
        """Give the platform a role that owns one database and may make others (for tests), but is no superuser."""
        fingerprint = hashlib.sha256(repr(self.passwords).encode()).hexdigest()
        if self._roles_stamp.exists() and self._roles_stamp.read_text(encoding="ascii") == fingerprint:
            return
        statements = (
            f"CREATE ROLE {DATABASE_USER} LOGIN CREATEDB",
            f"ALTER ROLE {DATABASE_USER} PASSWORD '{self.passwords.database}'",
            f"ALTER ROLE postgres PASSWORD '{self.passwords.admin}'",
            f"CREATE DATABASE {DATABASE_NAME} OWNER {DATABASE_USER}",
        )
        command: list[str | Path] = [
            self.programs.postgres,
            "--single",
            "-D",
            self.folder,
            *self._options(SETTINGS),
            "postgres",
        ]
        run_to_end(command, self.account, say, folder=self.folder, text="\n".join(statements) + "\n")
        write_private(self._roles_stamp, fingerprint)

    def _stop_left_behind(self, say: Say) -> None:
        """Stop a server of this folder that we have lost track of; forget the lock file of one that is no more.

        After a crash the number in the lock file may belong to any other process, and PostgreSQL would then not start.
        """
        lock = self.folder / "postmaster.pid"
        if not lock.exists():
            return
        try:
            process = psutil.Process(int(lock.read_text(encoding="ascii").split()[0]))
            ours = str(self.folder) in process.cmdline()
        except psutil.ZombieProcess:
            ours = False  # ended, but PostgreSQL would still see its number
        except (psutil.NoSuchProcess, ValueError, IndexError):
            return  # PostgreSQL sees for itself that nobody has this number
        if ours:
            say("Stopping a PostgreSQL that was left behind")
            process.send_signal(signal.SIGINT)
            wait_for(lambda: is_gone(process), 30, lambda waited: say(f"Stopping PostgreSQL ({waited} s)"))
        lock.unlink(missing_ok=True)

    def command(self, port: int) -> list[str | Path]:
        """Return the command line of the server."""
        settings = SETTINGS | ({} if self.durable else NOT_DURABLE) | {"port": str(port)}
        return [self.programs.postgres, "-D", self.folder, *self._options(settings)]

    @staticmethod
    def _options(settings: dict[str, str]) -> list[str]:
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def answers(self, port: int) -> bool:
        """Tell whether our role can log in and query; by password this can only be our own server."""
        import psycopg2

        try:
            connection = psycopg2.connect(
                host=HOST,
                port=port,
                user=DATABASE_USER,
                password=self.passwords.database,
                dbname=DATABASE_NAME,
                connect_timeout=3,
                sslmode="disable",
            )
        except psycopg2.OperationalError:
            return False
        connection.close()
        return True
