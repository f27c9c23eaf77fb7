"""What no cell may be able to do, tried from inside before the first cell. The host refuses a cage in which anything works."""

import errno
import os

LAST_OWN_DESCRIPTOR = 4


def open_doors(attempts):
    """The names of the attempts that worked."""
    return [name for name, attempt in attempts.items() if _works(attempt)]


def _works(attempt):
    try:
        return bool(attempt())
    except OSError as error:
        return error.errno == errno.ENOENT and attempt is _execute
    except BaseException:
        return False


def _read_host_file():
    return any(os.path.exists(path) for path in ("/etc", "/proc", "/sys", "/dev", "/tmp", "/home", "/root", "/var"))


def _read_host_file_past_wasm():
    """A little tree of its own is there; what it lacks is any machine's."""
    return any(os.path.exists(path) for path in ("/etc", "/sys", "/usr", "/root", "/var", "/proc/1", "C:/Windows"))


def _write_file():
    descriptor = os.open("/unabridged-probe", os.O_CREAT | os.O_WRONLY)
    os.close(descriptor)
    return True


def _write_temporary_file():
    descriptor = os.open("/tmp/unabridged-probe", os.O_CREAT | os.O_WRONLY)
    os.close(descriptor)
    return True


def _open_socket():
    import _socket

    return _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)


def _open_pipe():
    return os.pipe()


def _see_environment():
    return set(os.environ) - {"PWD", "LC_CTYPE"}


def _fork():
    if os.fork() == 0:
        os._exit(0)
    return True


def _execute():
    os.execv("/no-such-program", ["no-such-program"])


def _run_program():
    return os.system("true") == 0


def _inherit_descriptors():
    for descriptor in range(LAST_OWN_DESCRIPTOR + 1, 4096):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        return True


def _send_signal():
    os.kill(os.getpid(), 0)
    return True


def _call_javascript():
    import js

    return js


NATIVE = {
    "read files of the host": _read_host_file,
    "write files": _write_file,
    "open sockets": _open_socket,
    "see the host's environment": _see_environment,
    "start processes": _fork,
    "execute programs": _execute,
    "send signals": _send_signal,
    "use descriptors left open": _inherit_descriptors,
}

WASM = {
    "read files of the host": _read_host_file_past_wasm,
    "write files": _write_file,
    "write temporary files": _write_temporary_file,
    "open sockets": _open_socket,
    "open pipes": _open_pipe,
    "see the host's environment": _see_environment,
    "start processes": _fork,
    "run programs": _run_program,
    "call JavaScript": _call_javascript,
}
