"""Forbids execve from here on, in the process itself: the filter around it had to let Python's own start through."""

import ctypes
import os
import struct

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
ALLOW = 0x7FFF0000
REFUSE_WITH_EPERM = 0x00050001

# execve, execveat, prctl, seccomp: after this filter nothing needs them.
FORBIDDEN = {"x86_64": (59, 322, 157, 317), "aarch64": (221, 281, 167, 277)}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def forbid_exec():
    """Raises OSError where the kernel refuses; the check of the cage then finds exec possible and says so."""
    numbers = FORBIDDEN[os.uname().machine]
    load, equal, give = 0x20, 0x15, 0x06
    lines = [(load, 0, 0, 0)]
    # The architecture was checked by the filter outside, so the number alone decides here.
    lines += [(equal, len(numbers) - index, 0, number) for index, number in enumerate(numbers)]
    lines += [(give, 0, 0, ALLOW), (give, 0, 0, REFUSE_WITH_EPERM)]
    code = b"".join(struct.pack("<HBBI", *line) for line in lines)
    buffer = ctypes.create_string_buffer(code)
    program = _Program(len(lines), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refused the system-call filter")
