"""Landlock by system call: from here on this process sees only the named folders (Linux 5.13; landlock(7)).

The numbers are those of ``linux/landlock.h``. Each version of the interface added rights; what the kernel does not know
is left out.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
RULE_PATH_BENEATH = 1
WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
TRUNCATE = 1 << 14
# Rights to files by version: 13 at first, then REFER, TRUNCATE and IOCTL_DEV.
FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
TCP_RIGHTS, TCP_VERSION = 0b11, 4
SCOPES, SCOPE_VERSION = 0b11, 6  # abstract sockets and signals
READ_RIGHTS = READ_FILE | READ_DIR
# Read, write, make and remove files and folders; no devices, sockets, pipes or links, and nothing is executed.
OUT_RIGHTS = READ_RIGHTS | WRITE_FILE | (1 << 4) | (1 << 5) | (1 << 7) | (1 << 8) | TRUNCATE
OF_ONE_FILE = READ_FILE | WRITE_FILE | TRUNCATE


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The kernel's version of Landlock; 0 where there is none."""
    found = _syscall(CREATE_RULESET, None, 0, VERSION_FLAG)
    return max(found, 0)


def restrict(read: Sequence[Path], write: Sequence[Path]) -> bool:
    """See only ``read`` (to read) and ``write`` (to read, make and remove files), for good. False where it cannot be.

    Also: no TCP, and no signals or abstract sockets to other processes, where the kernel knows how. The process must
    have no new privileges (prctl).
    """
    known = version()
    if not known:
        return False
    handled = FILE_RIGHTS[max(since for since in FILE_RIGHTS if since <= known)]
    rules = _Ruleset(handled, TCP_RIGHTS if known >= TCP_VERSION else 0, SCOPES if known >= SCOPE_VERSION else 0)
    size = 8 if known < TCP_VERSION else 16 if known < SCOPE_VERSION else 24
    ruleset = _syscall(CREATE_RULESET, ctypes.byref(rules), size, 0)
    if ruleset < 0:
        return False
    try:
        for paths, rights in ((read, READ_RIGHTS), (write, OUT_RIGHTS)):
            for path in paths:
                _allow(ruleset, path, rights & handled)
        return _syscall(RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not there, or not for this account
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= OF_ONE_FILE
        _syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(_Beneath(rights, place)), 0)
    finally:
        os.close(place)


def _syscall(*arguments: object) -> int:
    found: int = ctypes.CDLL(None, use_errno=True).syscall(*arguments)
    return found
