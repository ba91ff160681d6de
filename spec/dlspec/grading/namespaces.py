"""Where Linux allows it: a submission without a network, whose processes see no others and end with it.

Root may always make such namespaces, and others mostly. Where it isn't allowed, as in many containers, a
submission runs without; the limits of `custody` hold all the same.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

NEW_MOUNTS, NEW_USER, NEW_IPC, NEW_NET, NEW_PIDS = 0x20000, 0x10000000, 0x8000000, 0x40000000, 0x20000000
PARENT_DEATH_SIGNAL, NOT_DUMPABLE, SUBREAPER = 1, 4, 36
PRIVATE, NO_SUID_DEV_EXEC = 0x40000 | 0x4000, 0x2 | 0x4 | 0x8


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: int) -> None:
    """Have this process receive a signal when the one that started it ends."""
    if sys.platform == "linux":
        _libc().prctl(PARENT_DEATH_SIGNAL, number, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own has ended, so that none is ever out of sight."""
    if sys.platform == "linux":
        _libc().prctl(SUBREAPER, 1, 0, 0, 0)


def hide() -> None:
    """Refuse other processes of the same user a look into this one's memory and files; root has it still."""
    if sys.platform == "linux":
        _libc().prctl(NOT_DUMPABLE, 0, 0, 0, 0)


def enter() -> bool:
    """Go on in namespaces of one's own, if that is allowed.

    The caller is from then on a grandchild of the process that called: the child is the first process of the
    namespace, with whose end the kernel ends all the others; and the process itself stays outside, to end as
    its grandchild does.

    Returns:
        Whether there are namespaces now.
    """
    if sys.platform != "linux" or not _unshare():
        return False
    heard, told = os.pipe()
    if os.fork():
        os.close(told)
        _end_likewise(heard)
    os.close(heard)
    die_with_parent(signal.SIGKILL)
    worker = os.fork()
    if worker:
        _wait_for(worker, told)
    os.close(told)
    _see_own_processes_only()
    return True


def _unshare() -> bool:
    user, group = os.getuid(), os.getgid()
    wanted = NEW_NET | NEW_IPC | NEW_PIDS | NEW_MOUNTS
    if _libc().unshare(wanted if user == 0 else wanted | NEW_USER):
        return False
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    return True


def _see_own_processes_only() -> None:
    """Show this namespace's processes under `/proc`; where a container forbids it, the host's stay there."""
    libc = _libc()
    if libc.mount(b"none", b"/", None, ctypes.c_ulong(PRIVATE), None) == 0:
        libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(NO_SUID_DEV_EXEC), None)


def _wait_for(worker: int, told: int) -> None:
    """What the first process of a namespace does: bury the dead, and end when the worker has."""
    while True:
        with contextlib.suppress(InterruptedError):
            pid, status = os.wait()
            if pid == worker:
                os.write(told, b"%d" % status)
                os._exit(0)


def _end_likewise(heard: int) -> None:
    """Wait for the namespace to be over, and end as the worker in it did."""
    status = os.read(heard, 64)
    with contextlib.suppress(ChildProcessError):
        os.wait()
    code = os.waitstatus_to_exitcode(int(status)) if status else -signal.SIGKILL
    if code < 0:
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(max(code, 0))
