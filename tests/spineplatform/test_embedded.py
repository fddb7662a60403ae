"""The embedded PostgreSQL and Valkey start, come back after a crash, and stop."""

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from spineplatform.embedded import Addresses, EmbeddedServices, ServiceFailed, read_addresses
from spineplatform.embedded import account as accounts
from spineplatform.embedded.addresses import SECRETS_FILE, SERVICES_FILE
from spineplatform.embedded.programs import ProgramsMissing, can_run, copy_programs, in_folder, site_packages
from spineplatform.state_folder import ensure_state_dir

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """Return an empty state folder, outside pytest's own, which the services' account cannot reach."""
    parent = Path(tempfile.mkdtemp(prefix="spine-embedded-"))
    parent.chmod(0o711)
    yield parent / "state"
    shutil.rmtree(parent)


@pytest.fixture
def embedded(state_dir: Path) -> Iterator[EmbeddedServices]:
    services = EmbeddedServices(state_dir, durable=False)
    yield services
    services.stop()


def query(addresses: Addresses, sql: str) -> str:
    connection = psycopg2.connect(addresses.database_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return str(cursor.fetchone()[0]) if cursor.description else ""
    finally:
        connection.close()


def ping(addresses: Addresses) -> bool:
    with redis.Redis.from_url(addresses.valkey_url) as client:
        return bool(client.ping())


def processes_of(services: EmbeddedServices) -> dict[str, int | None]:
    return {status.name: status.pid for status in services.status()}


def test_start_gives_a_database_and_a_broker_that_answer(embedded: EmbeddedServices) -> None:
    addresses = embedded.start()
    assert query(addresses, "SELECT 'ok'") == "ok"
    assert ping(addresses)
    assert all(status.answers for status in embedded.status())


def test_the_database_speaks_utf8_and_utc_and_our_role_is_no_superuser(embedded: EmbeddedServices) -> None:
    addresses = embedded.start(["postgres"])
    assert query(addresses, "SHOW server_encoding") == "UTF8"
    assert query(addresses, "SHOW timezone") == "UTC"
    assert query(addresses, "SELECT upper('é 척추')") == "É 척추"
    assert query(addresses, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "False"


def test_both_listen_on_this_machine_only_and_ask_for_the_password(embedded: EmbeddedServices) -> None:
    addresses = embedded.start()
    wrong = Addresses(*(url.replace(url.split(":")[2].split("@")[0], "wrong") for url in vars(addresses).values()))
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        query(wrong, "SELECT 1")
    with pytest.raises(redis.AuthenticationError):
        ping(wrong)
    assert query(addresses, "SHOW listen_addresses") == "127.0.0.1"


def test_stop_leaves_no_process_and_keeps_the_data(embedded: EmbeddedServices) -> None:
    query(embedded.start(), "CREATE TABLE kept (value int)")
    embedded.stop()
    assert processes_of(embedded) == {"postgres": None, "valkey": None}
    assert query(embedded.start(), "SELECT count(*) FROM kept") == "0"


def test_a_second_start_finds_the_running_services(embedded: EmbeddedServices, state_dir: Path) -> None:
    first, pids = embedded.start(), processes_of(embedded)
    second = EmbeddedServices(state_dir).start()
    assert second == first == read_addresses(state_dir)
    assert processes_of(embedded) == pids


def test_stopping_twice_or_before_the_first_start_is_no_error(embedded: EmbeddedServices) -> None:
    embedded.stop()
    embedded.start(["valkey"])
    embedded.stop()
    embedded.stop()


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_killed_service_comes_back_at_the_same_address(embedded: EmbeddedServices, name: str) -> None:
    before = embedded.start()
    query(before, "CREATE TABLE committed AS SELECT 7 AS value")
    embedded.kill(name)
    assert processes_of(embedded)[name] is None
    after = embedded.start()
    assert after == before
    assert query(after, "SELECT value FROM committed") == "7"
    assert ping(after)


def test_one_service_can_be_stopped_and_started_alone(embedded: EmbeddedServices) -> None:
    embedded.start()
    postgres = processes_of(embedded)["postgres"]
    embedded.stop(["valkey"])
    assert processes_of(embedded) == {"postgres": postgres, "valkey": None}
    assert ping(embedded.start(["valkey"]))
    assert processes_of(embedded)["postgres"] == postgres


def test_a_process_number_that_now_belongs_to_another_is_not_taken_for_ours(embedded: EmbeddedServices) -> None:
    embedded.start()
    embedded.kill("postgres")
    marker = embedded.state_dir / "postgres.pid"
    marker.write_text(json.dumps({"pid": os.getpid(), "created": 0}))
    lock = Path(json.loads((embedded.state_dir / SERVICES_FILE).read_text())["data_dir"], "postgres", "postmaster.pid")
    lock.write_text("\n".join([str(os.getpid()), *lock.read_text().splitlines()[1:]]))
    assert query(embedded.start(), "SELECT 1") == "1"


def test_a_taken_port_is_given_up_for_another(embedded: EmbeddedServices) -> None:
    reserved = embedded.reserve()
    with socket.create_server(("127.0.0.1", int(reserved.valkey_url.rsplit(":")[-1].split("/")[0]))):
        started = embedded.start(["valkey"])
    assert started.valkey_url != reserved.valkey_url
    assert ping(started)


def test_new_passwords_are_set_when_the_old_ones_were_lost(embedded: EmbeddedServices, state_dir: Path) -> None:
    before = embedded.start()
    query(before, "CREATE TABLE kept AS SELECT 1 AS value")
    embedded.stop()
    (state_dir / SECRETS_FILE).unlink()
    after = EmbeddedServices(state_dir, durable=False).start()
    assert after != before
    assert query(after, "SELECT value FROM kept") == "1"


def test_reserve_names_the_addresses_without_starting_anything(embedded: EmbeddedServices) -> None:
    reserved = embedded.reserve()
    assert processes_of(embedded) == {"postgres": None, "valkey": None}
    assert embedded.start() == reserved


def test_passwords_are_kept_for_the_owner_alone(embedded: EmbeddedServices, state_dir: Path) -> None:
    embedded.reserve()
    for name in (SECRETS_FILE, SERVICES_FILE):
        assert stat.S_IMODE((state_dir / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(state_dir.stat().st_mode) & 0o066 == 0


def test_data_of_another_major_version_is_refused_with_the_reason(embedded: EmbeddedServices, state_dir: Path) -> None:
    embedded.start()
    embedded.stop()
    version = Path(json.loads((state_dir / SERVICES_FILE).read_text())["data_dir"], "postgres", "PG_VERSION")
    kept = version.read_text()
    version.write_text("9\n")
    with pytest.raises(ServiceFailed, match="another version of PostgreSQL"):
        embedded.start()
    version.write_text(kept)


def test_without_a_state_folder_there_are_no_addresses(tmp_path: Path) -> None:
    assert read_addresses(tmp_path / "nothing") is None


def test_a_state_folder_that_exists_keeps_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    ensure_state_dir(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the services as another account")
class TestAsRoot:
    def test_the_services_run_as_an_unprivileged_account(self, embedded: EmbeddedServices) -> None:
        embedded.start()
        uids = {Path(f"/proc/{pid}").stat().st_uid for pid in processes_of(embedded).values()}
        assert 0 not in uids

    def test_data_goes_elsewhere_and_it_is_said_when_the_account_cannot_reach_the_folder(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        said: list[str] = []
        services = EmbeddedServices(tmp_path / "state", durable=False, say=said.append)
        home = None
        try:
            addresses = services.start()
            home = Path(json.loads((services.state_dir / SERVICES_FILE).read_text())["data_dir"])
            assert query(addresses, "SELECT 1") == "1"
            assert not home.is_relative_to(tmp_path)
            assert any(str(home) in line for line in said)
        finally:
            services.stop()
            if home is not None:
                shutil.rmtree(home)
                with contextlib.suppress(OSError):
                    home.parent.rmdir()

    def test_programs_are_copied_for_an_account_that_cannot_read_the_environment(self, state_dir: Path) -> None:
        account = accounts.choose_account()
        state_dir.mkdir(mode=0o711)
        copy_programs(site_packages(), state_dir / "programs", account)
        programs = in_folder(state_dir / "programs")
        assert can_run(account, programs)
        version = subprocess.run(
            [programs.postgres, "--version"],
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
            **account.process_options,
        )
        assert version.stdout.startswith("postgres (PostgreSQL)")

    def test_when_no_account_can_be_used_the_message_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(accounts, "unprivileged_entries", list)
        with pytest.raises(accounts.NoAccount, match="ordinary user"):
            accounts.choose_account()


def test_a_wheel_without_a_program_for_this_machine_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramsMissing, match="There is no postgres for"):
        copy_programs(tmp_path, tmp_path / "copy", accounts.choose_account())


def test_reading_the_addresses_imports_neither_django_nor_a_database_driver() -> None:
    code = "import sys, spineplatform.embedded.addresses; print({'psycopg2', 'redis', 'tensorflow'} & set(sys.modules))"
    # The project package itself loads Celery's app; only what this adds is measured here.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
