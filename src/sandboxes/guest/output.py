"""What a cell prints: streamed to the host up to a bound, then only counted, with the end kept."""

import io

STREAMED_CHARACTERS = 512 * 1024
TAIL_CHARACTERS = 64 * 1024
FLUSH_CHARACTERS = 8 * 1024


class Output(io.TextIOBase):
    """Stands for sys.stdout and sys.stderr at once, so that their order is kept."""

    encoding = "utf-8"
    errors = "surrogateescape"

    def __init__(self, channel):
        self._channel = channel
        self.begin_cell()

    def begin_cell(self):
        self.characters = 0
        self._streamed = 0
        self._waiting = []
        self._waiting_characters = 0
        self._tail = []
        self._tail_characters = 0

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        # An exact str: a subclass may lie about its length or its slices.
        text = str.__str__(text)
        size = len(text)
        self.characters += size
        room = STREAMED_CHARACTERS - self._streamed
        if room > 0:
            part = text if size <= room else text[:room]
            self._streamed += len(part)
            self._waiting.append(part)
            self._waiting_characters += len(part)
            if self._waiting_characters >= FLUSH_CHARACTERS:
                self.flush()
        if size > room:
            self._keep_tail(text[max(room, 0) :])
        return size

    def _keep_tail(self, text):
        self._tail.append(text[-TAIL_CHARACTERS:])
        self._tail_characters += len(self._tail[-1])
        if self._tail_characters > 4 * TAIL_CHARACTERS:
            self._tail = [self.tail()]
            self._tail_characters = len(self._tail[0])

    def tail(self):
        return "".join(self._tail)[-TAIL_CHARACTERS:]

    def flush(self):
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting = []
            self._waiting_characters = 0
            for start in range(0, len(text), 1 << 16):
                self._channel.send({"type": "stdout", "text": text[start : start + (1 << 16)]})

    def writable(self):
        return True

    @property
    def buffer(self):
        return _Bytes(self)


class _Bytes(io.RawIOBase):
    """sys.stdout.buffer: bytes are shown as the text they are in UTF-8."""

    def __init__(self, output):
        self._output = output

    def writable(self):
        return True

    def write(self, data):
        self._output.write(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)
