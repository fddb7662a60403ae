"""What a child gives up before it touches a byte of a stranger: privileges, network, other processes, most files."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from spineml.isolation import landlock, seccomp
from spineml.isolation.folder import IN, OUT
from spineml.isolation.limits import Limits, limit_resources

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 1, 4, 38, 24
CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
CAPABILITY_VERSION = 0x20080522
# Accounts that nobody has: systemd hands out this range for a while each, and no distribution gives out the end of it.
FIRST_UID, UIDS = 65200, 200
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/urandom")
PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Confinement:
    """What could be done here; told to whoever asks."""

    landlock: bool
    network: bool
    account: bool
    seccomp: bool


def confine(limits: Limits, account: tuple[int, int] | None) -> Confinement:
    """Bound the calling process, whose working folder is a `JobFolder`. As far as the system allows; never back."""
    limit_resources(limits)
    with contextlib.suppress(OSError):  # the first to go where memory runs out
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    libc = ctypes.CDLL(None, use_errno=True)
    network = _leave_network(libc)
    _drop_account(libc, account)
    for option, value in ((PR_SET_PDEATHSIG, signal.SIGKILL), (PR_SET_DUMPABLE, 0), (PR_SET_NO_NEW_PRIVS, 1)):
        libc.prctl(option, int(value), 0, 0, 0)
    is_restricted = landlock.restrict([Path(IN), *readable_folders()], [Path(OUT)])
    return Confinement(is_restricted, network, os.geteuid() != 0, seccomp.restrict())


def readable_folders() -> list[Path]:
    """Python, its packages, this library and the system's; never the project's folder, which may hold the state."""
    parts = {Path(part).resolve() for part in sys.path if part and Path(part).is_dir()}
    above = {PACKAGE, *PACKAGE.parents}
    places = [part for part in parts if part not in above]
    bases = [Path(base).resolve() for base in {sys.prefix, sys.base_prefix}]
    return [PACKAGE, *places, *(base for base in bases if base not in above), *map(Path, SYSTEM_FOLDERS)]


def _leave_network(libc: ctypes.CDLL) -> bool:
    """A network of its own, without any way out; an ordinary user needs a user namespace for it."""
    own = CLONE_NEWNET | CLONE_NEWIPC
    return bool(libc.unshare(own) == 0 or libc.unshare(CLONE_NEWUSER | own) == 0)


def _drop_account(libc: ctypes.CDLL, account: tuple[int, int] | None) -> None:
    if account is not None:
        uid, gid = account
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


def account_for(number: int) -> tuple[int, int]:
    """The account of a job when root starts it: one that no other running job has."""
    uid = FIRST_UID + number % UIDS
    return uid, uid


def can_use(account: tuple[int, int]) -> bool:
    """Whether a child may become ``account`` and still read Python's and our files; tried in a child."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setresgid(account[1], account[1], account[1])
            os.setresuid(account[0], account[0], account[0])
            os._exit(0 if all(os.access(path, os.R_OK) for path in (os.__file__, __file__)) else 1)
        os._exit(2)
    return os.waitpid(child, 0)[1] == 0
