"""Frames on a door: a length, a kind, then JSON or raw bytes. It knows no message's meaning."""

import json
import struct

HEADER = struct.Struct("<IB")
JSON_KIND = 0
RAW_KIND = 1
# The host refuses more and ends the session, so it is refused here first, with words.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024

encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
decode = json.loads


# From here on, texts are worth a frame of their own: an encoder of JSON that has just been started takes longer for half
# a megabyte than a model's answer takes to be read.
WORTH_BYTES = 16 * 1024


def beside(items, field):
    """The items without that field, the sizes of its texts in UTF-8, and the texts; (items, None, None) where they stay."""
    try:
        texts = [item[field].encode() for item in items]
    except (AttributeError, KeyError, TypeError, UnicodeEncodeError):
        # No text, or one with lone surrogates, which only JSON can carry.
        return items, None, None
    raw = b"".join(texts)
    if len(raw) < WORTH_BYTES:
        return items, None, None
    return [{name: item[name] for name in item if name != field} for item in items], [len(text) for text in texts], raw


def check_size(size):
    if size > MAX_MESSAGE_BYTES:
        raise ValueError(
            f"this call carries {size:,} characters; at most {MAX_MESSAGE_BYTES:,} go to the host at once. "
            "Send smaller pieces, or slices of `context` to a child, which travel as references."
        )


class Channel:
    def __init__(self, door, interrupts):
        self._door = door
        self._interrupts = interrupts
        self._buffer = bytearray()
        self.closed = False

    def send(self, message, raw=None):
        """Sends a JSON message, with the raw bytes that belong to it behind it."""
        payload = encode(message).encode("ascii")
        check_size(len(payload))
        if raw is not None and message["type"] == "call":
            check_size(len(raw))
        with self._interrupts:
            self._door.write(HEADER.pack(len(payload), JSON_KIND) + payload)
            if raw is not None:
                self._door.write(HEADER.pack(len(raw), RAW_KIND))
                self._door.write(raw)

    def receive(self, timeout=None):
        """The next JSON message, or None where none came within `timeout` seconds. EOFError once the host is gone."""
        while True:
            size = self._whole_frame()
            if size is not None:
                with self._interrupts:
                    payload = bytes(self._buffer[HEADER.size : size])
                    del self._buffer[:size]
                return decode(payload)
            if not self._door.wait(timeout):
                return None
            self._fill(65536)

    def receive_text(self):
        """The raw frame that comes next, as text: bytes that are not UTF-8 become lone surrogates."""
        while (size := self._whole_frame()) is None:
            self._fill(1 << 20)
        with memoryview(self._buffer) as view, view[HEADER.size : size] as payload:
            text = str(payload, "utf-8", "surrogateescape")
        del self._buffer[:size]
        return text

    def _whole_frame(self):
        """Size of the frame at the front of the buffer, once all of it is there."""
        if len(self._buffer) < HEADER.size:
            return None
        size = HEADER.size + HEADER.unpack_from(self._buffer)[0]
        return size if len(self._buffer) >= size else None

    def _fill(self, size):
        with self._interrupts:
            data = self._door.read(size)
            if not data:
                self.closed = True
                raise EOFError("the host closed the channel")
            self._buffer += data
