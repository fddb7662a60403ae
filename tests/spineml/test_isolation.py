"""Readers as real processes: what a hostile file can make them do, and what then becomes of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from spineml.isolation import Limits, ReaderFailed, Readers, confine, landlock
from spineml.isolation.client import Job
from spineml.isolation.folder import UntrustedResult

QUICK = Limits(stall_seconds=2, file_seconds=3, job_seconds=20, memory_bytes=512 * 1024**2, folder_bytes=256 * 1024**2)
NAME = {"name": "bad.png"}


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    readers = Readers("tests.spineml.misbehaving")
    yield readers
    readers.close()


@pytest.fixture
def job(readers: Readers, tmp_path: Path) -> Iterator[Job]:
    with readers.job(folder(tmp_path), QUICK) as job:
        yield job


def folder(tmp_path: Path) -> Path:
    made = tmp_path / f"job{len(list(tmp_path.iterdir()))}"
    made.mkdir()
    return made


def limited(readers: Readers, tmp_path: Path, **changes: Any) -> contextlib.AbstractContextManager[Job]:
    return readers.job(folder(tmp_path), replace(QUICK, **changes))


def failure(job: Job, reader: str) -> ReaderFailed:
    with pytest.raises(ReaderFailed) as raised:
        job.call(reader, NAME)
    return raised.value


def test_a_crash_is_told_of_the_file_last_begun_and_the_next_job_is_done(job: Job) -> None:
    failed = failure(job, "segfault")
    assert (failed.code, failed.names) == ("reader-crashed", ("bad.png",))
    assert "damaged" in failed.message
    assert job.call("quick", {}) > 0


@pytest.mark.slow
def test_a_reader_that_hangs_below_python_is_killed_in_time(job: Job) -> None:
    started = time.monotonic()
    failed = failure(job, "loop")
    assert (failed.code, failed.names) == ("reader-timed-out", ("bad.png",))
    assert time.monotonic() - started < 2 * QUICK.stall_seconds + 2


def test_a_reader_that_hangs_in_python_is_asked_to_give_the_file_up_before(job: Job) -> None:
    assert job.call("loop_in_python", NAME) == "reader-timed-out"


@pytest.mark.slow
def test_a_file_that_keeps_its_reader_busy_has_its_time(job: Job) -> None:
    failed = failure(job, "busy_for_ever")
    assert (failed.code, failed.names) == ("reader-timed-out", ("bad.png",))


def test_no_more_memory_is_given_than_allowed(readers: Readers, tmp_path: Path) -> None:
    with limited(readers, tmp_path, stall_seconds=20) as job:
        refused = job.call("allocate", NAME)
    assert refused.startswith("refused after")
    assert int(refused.rpartition(" ")[2]) < 8


def test_memory_that_the_limit_does_not_count_is_seen_and_ended(readers: Readers, tmp_path: Path) -> None:
    with limited(readers, tmp_path, stall_seconds=20) as job:
        failed = failure(job, "allocate_shared")
    assert (failed.code, failed.names) == ("reader-out-of-memory", ("bad.png",))


def test_a_file_larger_than_allowed_is_not_written(readers: Readers, tmp_path: Path) -> None:
    with limited(readers, tmp_path, file_bytes=64 * 1024**2, folder_bytes=10**12) as job:
        failed = failure(job, "write")
        assert (failed.code, failed.names) == ("reader-too-large", ("bad.png",))
        assert (job.folder.root / "out" / "large").stat().st_size <= 64 * 1024**2


def test_many_files_count_together(readers: Readers, tmp_path: Path) -> None:
    with limited(readers, tmp_path, file_seconds=60) as job:
        failed = failure(job, "write_many")
        assert (failed.code, failed.names) == ("reader-too-large", ("bad.png",))


def test_a_full_disk_is_no_fault_of_the_file(job: Job, readers: Readers, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        job.call("disk", {})
    with limited(readers, tmp_path, free_bytes=10**18) as short, pytest.raises(OSError, match="No space left"):
        short.call("wait", {})


def test_a_reader_knows_no_secret_of_the_process_that_asks(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = job.call("environment", {})
    assert not [name for name in environment if "SPINE" in name or "URL" in name or "DJANGO" in name or "KEY" in name]
    values = " ".join(environment.values())
    for secret in ("SPINE_SECRET_KEY", "DATABASE_URL", "VALKEY_URL"):
        assert os.environ[secret] not in values


def test_a_reader_sees_its_own_folder_and_nothing_else(job: Job, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(b"sent")
    secret = tmp_path / "secret_key"
    secret.write_bytes(b"secret")
    job.folder.add(tmp_path / "sent")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        given = {"secret": str(secret), "outside": str(tmp_path / "outside"), "port": port}
        tried = job.call("look", given)
    assert tried.pop("input") == tried.pop("result") == "done"
    assert tried.pop("privilege") != "done"
    if not job.confined["landlock"]:  # an old kernel: only the account and the filter protect
        tried = {name: tried[name] for name in ("program", "process", "network")}
    assert {name: found for name, found in tried.items() if found == "done"} == {}
    assert (tmp_path / "sent").read_bytes() == b"sent"


def test_what_this_system_offers_is_used(job: Job) -> None:
    job.call("quick", {})
    assert job.confined["landlock"] == (landlock.version() > 0)
    assert job.confined["network"]
    assert job.confined["seccomp"]


def test_a_result_that_is_no_plain_file_is_not_taken(job: Job) -> None:
    name = job.call("steal", {})
    with pytest.raises(UntrustedResult):
        job.folder.take(name)
    with pytest.raises(UntrustedResult):
        job.folder.take("../in/000001")


def test_a_reader_that_talks_without_end_is_ended(readers: Readers, tmp_path: Path) -> None:
    with limited(readers, tmp_path, reply_bytes=8 * 1024**2) as job:
        assert failure(job, "talk").code == "reader-too-large"


def test_what_comes_back_can_be_stored_as_text(job: Job) -> None:
    parts: list[Any] = []
    told = job.call("strange", {}, part=parts.append)
    assert told == {"nul": "a\ufffdb", "surrogate": "c\ufffdd"}
    assert parts == [{"text": "a\ufffdb"}]


def test_an_unexpected_error_is_told_without_what_is_in_the_file(job: Job) -> None:
    failed = failure(job, "unexpected")
    assert (failed.code, failed.names) == ("unexpected", ("bad.png",))
    assert "ZeroDivisionError" in failed.detail
    assert "patient" not in failed.detail


def test_whoever_stops_waiting_kills_the_reader(job: Job) -> None:
    pids: list[int] = []

    def give_up() -> None:
        if pids:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.call("wait", {}, part=pids.append, tick=give_up)
    assert gone(pids[0])


def test_readers_do_not_outlive_their_helper(tmp_path: Path) -> None:
    own = Readers("tests.spineml.misbehaving")
    pids: list[int] = []
    with own.job(folder(tmp_path), QUICK) as job:

        def kill_helper(pid: int) -> None:
            pids.append(pid)
            os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)

        with pytest.raises(ReaderFailed):
            job.call("wait", {}, part=kill_helper)
        assert gone(pids[0])
        assert job.call("quick", {}) > 0  # by a new helper
    own.close()


def test_nothing_is_left_of_a_starter_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from spineml.isolation import Readers;"
        "readers = Readers('tests.spineml.misbehaving');"
        "job = readers.job(pathlib.Path(sys.argv[1])).__enter__();"
        "job.call('wait', {}, part=lambda pid: (print(pid, readers._process.pid, flush=True), os.kill(os.getpid(), 9)))"
    )
    command = [sys.executable, "-c", code, str(folder(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    reader, helper = map(int, done.stdout.split())
    assert gone(reader)
    assert gone(helper)


def test_several_threads_may_ask_at_once(readers: Readers, tmp_path: Path) -> None:
    found: list[int] = []

    def ask(place: Path) -> None:
        with readers.job(place, QUICK) as job:
            found.append(job.call("quick", {}))

    threads = [threading.Thread(target=ask, args=(folder(tmp_path),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 6


def test_a_job_begins_in_milliseconds(job: Job) -> None:
    job.call("quick", {})
    started = time.perf_counter()
    for _ in range(5):
        job.call("quick", {})
    assert (time.perf_counter() - started) / 5 < 0.5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another account")
def test_root_gives_each_job_an_account_of_its_own(tmp_path: Path) -> None:
    accounts = {confine.account_for(number) for number in range(50)}
    assert len(accounts) == 50
    assert all(uid > 60000 for uid, _ in accounts)


def gone(pid: int) -> bool:
    return ended(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def ended(condition: Callable[[], bool]) -> bool:
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        with contextlib.suppress(psutil.NoSuchProcess):
            if condition():
                return True
        time.sleep(0.02)
    return False
