"""Refuses what no reader needs of the kernel: programs, sockets, other processes (seccomp(2), a filter in classic BPF).

A call that is refused fails with EPERM. Threads and files work as before. Only where the machine is known.
"""

from __future__ import annotations

import ctypes
import errno
import platform

PR_SET_SECCOMP, MODE_FILTER = 22, 2
LOAD_WORD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, REFUSE_AS_UNKNOWN = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
NUMBER_AT, MACHINE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
CLONE_THREAD = 0x00010000
X32 = 0x40000000  # the second table of calls of x86-64, with other numbers
# From the tables of system calls of the kernel. Refused are socket, connect, bind, listen, accept, sendto, sendmsg,
# socketpair; fork, vfork, execve, execveat; kill, tkill, ptrace, process_vm_readv and _writev, pidfd_getfd; mount,
# umount2, pivot_root, unshare, setns; bpf, perf_event_open, userfaultfd, keyctl, add_key, request_key, io_uring_setup,
# open_by_handle_at and memfd_create.
REFUSED_X86_64 = (
    *(41, 42, 49, 50, 43, 44, 46, 53),
    *(57, 58, 59, 322),
    *(62, 200, 101, 310, 311, 438),
    *(165, 166, 155, 272, 308),
    *(321, 298, 323, 250, 248, 249, 425, 304, 319),
)
REFUSED_AARCH64 = (
    *(198, 203, 200, 201, 202, 206, 211, 199),
    *(221, 281),
    *(129, 130, 117, 270, 271, 438),
    *(40, 39, 41, 97, 268),
    *(280, 241, 282, 219, 217, 218, 425, 265, 279),
)
# The machine's name in the filter, clone, clone3, and what is refused.
MACHINES: dict[str, tuple[int, int, int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, 56, 435, REFUSED_X86_64),
    "aarch64": (0xC00000B7, 220, 435, REFUSED_AARCH64),
}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("first", ctypes.POINTER(_Instruction)))


def restrict() -> bool:
    """Put the filter on the calling process for good; False where it cannot be. Needs no new privileges (prctl)."""
    known = MACHINES.get(platform.machine())
    if known is None:
        return False
    filters = _filter(*known)
    program = _Program(len(filters), (_Instruction * len(filters))(*filters))
    return bool(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program)) == 0)


def _filter(machine: int, clone: int, clone3: int, refused: tuple[int, ...]) -> list[_Instruction]:
    """A program for another machine's table is refused; a clone must be a thread; clone3 hides what it is."""
    steps = [
        _Instruction(LOAD_WORD, 0, 0, MACHINE_AT),
        _Instruction(JUMP_EQUAL, 1, 0, machine),
        _Instruction(RETURN, 0, 0, REFUSE),
        _Instruction(LOAD_WORD, 0, 0, NUMBER_AT),
        _Instruction(JUMP_AT_LEAST, 0, 1, X32),
        _Instruction(RETURN, 0, 0, REFUSE),
        _Instruction(JUMP_EQUAL, 0, 1, clone3),
        _Instruction(RETURN, 0, 0, REFUSE_AS_UNKNOWN),
    ]
    for call in refused:
        steps += [_Instruction(JUMP_EQUAL, 0, 1, call), _Instruction(RETURN, 0, 0, REFUSE)]
    return [
        *steps,
        _Instruction(JUMP_EQUAL, 0, 3, clone),
        _Instruction(LOAD_WORD, 0, 0, FIRST_ARGUMENT_AT),
        _Instruction(JUMP_ANY_BIT, 1, 0, CLONE_THREAD),
        _Instruction(RETURN, 0, 0, REFUSE),
        _Instruction(RETURN, 0, 0, ALLOW),
    ]
