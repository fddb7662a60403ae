"""Readers that do what a damaged or hostile file makes a decoder do. Asked for by their names, in real processes."""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spineml.readers import reading_progress

OUT = Path("out")
GIB = 1024**3


def segfault(arguments: Mapping[str, Any], _reply: Any) -> None:
    reading_progress.begin("good.png")
    reading_progress.begin(arguments["name"])
    ctypes.string_at(0)


def loop(arguments: Mapping[str, Any], _reply: Any) -> None:
    """Below Python: no signal handler ever runs."""
    reading_progress.begin(arguments["name"])
    while True:
        ctypes.CDLL(None).poll(None, 0, -1)


def loop_in_python(arguments: Mapping[str, Any], _reply: Any) -> str:
    reading_progress.begin(arguments["name"])
    try:
        while True:
            pass
    except reading_progress.FAILURES as error:
        return reading_progress.failure(arguments["name"], error).code


def busy_for_ever(arguments: Mapping[str, Any], _reply: Any) -> None:
    reading_progress.begin(arguments["name"])
    while True:
        reading_progress.alive()


def allocate(arguments: Mapping[str, Any], _reply: Any) -> str:
    reading_progress.begin(arguments["name"])
    kept: list[Any] = []
    try:
        while len(kept) < 64:
            kept += [np.full(GIB // 16, 7, np.uint8)]
    except MemoryError:
        return f"refused after {len(kept)}"
    return "taken"


def allocate_shared(arguments: Mapping[str, Any], _reply: Any) -> None:
    """Shared pages, which no limit on private ones counts."""
    import mmap

    reading_progress.begin(arguments["name"])
    held = mmap.mmap(-1, 4 * GIB)
    block = b"x" * (GIB // 64)
    for _ in range(4 * 64):
        held.write(block)


def write(arguments: Mapping[str, Any], _reply: Any) -> str:
    reading_progress.begin(arguments["name"])
    with (OUT / "large").open("wb") as file:
        for _ in range(10 * 1024):
            file.write(b"x" * 1024**2)
    return "written"


def write_many(arguments: Mapping[str, Any], _reply: Any) -> str:
    reading_progress.begin(arguments["name"])
    for number in range(10 * 1024):
        (OUT / f"part{number}").write_bytes(b"x" * 1024**2)
        reading_progress.alive()
    return "written"


def look(arguments: Mapping[str, Any], _reply: Any) -> dict[str, str]:
    """What comes of trying each deed."""
    return {name: _tried(deed) for name, deed in deeds(arguments).items()}


def deeds(arguments: Mapping[str, Any]) -> dict[str, Callable[[], object]]:
    return {
        "input": lambda: Path("in/000001").read_bytes(),
        "result": lambda: (OUT / "made").write_bytes(b"made"),
        "passwd": lambda: Path("/etc/passwd").read_bytes(),
        "secret": lambda: Path(arguments["secret"]).read_bytes(),
        "parent": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "input again": lambda: Path("in/000001").write_bytes(b"changed"),
        "outside": lambda: Path(arguments["outside"]).write_bytes(b"x"),
        "link": lambda: (OUT / "link").symlink_to("/etc/passwd"),
        "network": lambda: socket.create_connection(("127.0.0.1", arguments["port"]), 2),
        "program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "process": os.fork,
        "signal": lambda: os.kill(os.getppid(), 0),
        "privilege": lambda: os.setuid(0) if os.geteuid() else os.chown("in", 1, 1),
    }


def _tried(deed: Callable[[], object]) -> str:
    try:
        deed()
    except (OSError, ValueError) as error:
        return type(error).__name__
    return "done"


def environment(_arguments: Mapping[str, Any], _reply: Any) -> dict[str, str]:
    return dict(os.environ)


def steal(_arguments: Mapping[str, Any], _reply: Any) -> str:
    """A result that is no file, or, where the system lets it, a link to somebody else's."""
    try:
        (OUT / "result").symlink_to("/etc/passwd")
    except OSError:
        (OUT / "result").mkdir()
    return "result"


def talk(_arguments: Mapping[str, Any], reply: Any) -> None:
    while True:
        reply.part("x" * 1024**2)


def strange(_arguments: Mapping[str, Any], reply: Any) -> dict[str, str]:
    reply.part({"text": "a\0b"})
    return {"nul": "a\0b", "surrogate": "c\ud800d"}


def unexpected(arguments: Mapping[str, Any], _reply: Any) -> None:
    reading_progress.begin(arguments["name"])
    raise ZeroDivisionError("the name of the patient")


def disk(_arguments: Mapping[str, Any], _reply: Any) -> None:
    raise OSError(28, "No space left on device")


def quick(_arguments: Mapping[str, Any], _reply: Any) -> int:
    return os.getpid()


def wait(_arguments: Mapping[str, Any], reply: Any) -> None:
    reply.part(os.getpid())
    while True:
        time.sleep(0.05)
        reading_progress.alive()


READERS = {
    reader.__name__: reader
    for reader in (
        *(segfault, loop, loop_in_python, busy_for_ever, allocate, allocate_shared, write, write_many, look),
        *(environment, steal, talk, strange, unexpected, disk, quick, wait),
    )
}
