"""The process that forks readers: ``python -m spineml.isolation.zygote MODULE FD``, started by `Readers`.

It has imported everything that readers need, holds no secret, and touches no file of a stranger itself. Over the socket
FD it is given jobs: each is two sockets, one for the child, and one over which it tells how the child ended. When that
one is closed at the other end, or the whole connection is, the child is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from spineml.isolation import child
from spineml.isolation.confine import PR_SET_PDEATHSIG, account_for, can_use
from spineml.isolation.limits import own_memory

LOOK_SECONDS = 0.1
PACKET_BYTES = 4096
CHILD_JOB_FD = 3
FAILED_EXIT = 70


@dataclass
class _Child:
    pid: int
    watch: socket.socket
    memory_bytes: int
    used_too_much: bool = False
    is_watched: bool = True


class Zygote:
    """The loop: take jobs, fork, watch the memory of children, tell how they ended."""

    def __init__(self, control: socket.socket, readers: Mapping[str, child.Reader]) -> None:
        self._control, self._readers = control, readers
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._wakeup, bell = socket.socketpair()
        for end in (self._wakeup, bell):
            end.setblocking(False)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._bell = bell

    def serve(self) -> None:
        """Until the other end closes the connection."""
        while True:
            ready = self._selector.select(LOOK_SECONDS if self._children else None)
            for key, _ in ready:
                if key.fileobj is self._control:
                    if not self._take():
                        return
                elif key.fileobj is self._wakeup:
                    with contextlib.suppress(BlockingIOError):
                        self._wakeup.recv(PACKET_BYTES)
                else:  # whoever waited has gone
                    self._selector.unregister(key.fileobj)
                    self._children[key.data].is_watched = False
                    self._kill(key.data)
            self._reap()
            self._look_at_memory()

    def end(self) -> None:
        """Kill the children that are left."""
        for pid in list(self._children):
            self._kill(pid)

    def _take(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._control, PACKET_BYTES, 2)
        if not packet:
            return False
        job, watch = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        pid = os.fork()
        if pid == 0:
            self._become_child(job.detach())
        job.close()
        self._children[pid] = _Child(pid, watch, int(json.loads(packet)["memory_bytes"]))
        self._selector.register(watch, selectors.EVENT_READ, pid)
        return True

    def _become_child(self, job: int) -> None:
        """Everything of this process is closed but the job; then the job, and out."""
        code = FAILED_EXIT
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            for standard in (0, 1, 2):
                os.dup2(os.open(os.devnull, os.O_RDWR), standard)
            os.dup2(job, CHILD_JOB_FD)
            os.closerange(CHILD_JOB_FD + 1, os.sysconf("SC_OPEN_MAX"))
            child.run(CHILD_JOB_FD, self._readers)
            code = 0
        finally:
            os._exit(code)

    def _kill(self, pid: int) -> None:
        if pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        for pid, running in list(self._children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._children[pid]
            if running.is_watched:
                self._selector.unregister(running.watch)
            told = {"status": os.waitstatus_to_exitcode(status), "used_too_much": running.used_too_much}
            with contextlib.suppress(OSError):
                running.watch.sendall(json.dumps(told).encode())
            running.watch.close()

    def _look_at_memory(self) -> None:
        for running in self._children.values():
            if not running.used_too_much and own_memory(running.pid) > running.memory_bytes:
                running.used_too_much = True
                self._kill(running.pid)


def main(module: str, descriptor: int) -> None:
    """Import, say what can be done here, and serve."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    readers = importlib.import_module(module).READERS
    control = socket.socket(fileno=descriptor)
    is_root = os.geteuid() == 0
    hello = {"account": is_root and can_use(account_for(0))}
    control.sendall(json.dumps(hello).encode())
    gc.collect()
    gc.freeze()  # children share these pages as long as nobody writes to them
    zygote = Zygote(control, readers)
    try:
        zygote.serve()
    finally:
        zygote.end()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
