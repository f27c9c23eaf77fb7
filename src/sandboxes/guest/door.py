"""Two file descriptors as the way to the host. It knows bytes, not frames."""

import os
import select


class PipeDoor:
    """Reads from one descriptor and writes to another. Both block; `wait` says when a read would not."""

    def __init__(self, read_descriptor, write_descriptor):
        self._read_descriptor = read_descriptor
        self._write_descriptor = write_descriptor
        self._poll = select.poll()
        self._poll.register(read_descriptor, select.POLLIN)

    def wait(self, timeout):
        """True once bytes can be read; False after `timeout` seconds. None waits for ever."""
        return bool(self._poll.poll(None if timeout is None else max(0, timeout * 1000)))

    def read(self, size):
        return os.read(self._read_descriptor, size)

    def write(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self._write_descriptor, view) :]
