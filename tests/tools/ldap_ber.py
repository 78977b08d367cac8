"""BER as LDAP uses it (RFC 4511 section 5.1): definite lengths, one-byte tags.

For the LDAP server of the tests (ldap_mock.py). Values that are to be broken are made from
the same parts, with `raw_length` in the place of the true one.
"""

BOOLEAN, INTEGER, OCTETS, ENUM, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31


class BerError(Exception):
    pass


def length(n):
    if n < 0x80:
        return bytes([n])
    digits = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def tlv(tag, *parts, raw_length=None):
    """An element; `raw_length` (bytes) lies about its length."""
    content = b"".join(parts)
    head = length(len(content)) if raw_length is None else raw_length
    return bytes([tag]) + head + content


def octets(value, tag=OCTETS):
    if isinstance(value, str):
        value = value.encode("utf-8")
    return tlv(tag, value)


def integer(n, tag=INTEGER):
    size = 1
    while not -(1 << (8 * size - 1)) <= n < 1 << (8 * size - 1):
        size += 1
    return tlv(tag, n.to_bytes(size, "big", signed=True))


def enum(n):
    return integer(n, ENUM)


def boolean(value):
    return tlv(BOOLEAN, b"\xff" if value else b"\x00")


def sequence(*parts):
    return tlv(SEQUENCE, *parts)


class Reader:
    """Elements of a byte string, one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def more(self):
        return self.at < len(self.data)

    def peek(self):
        return self.data[self.at] if self.more() else None

    def element(self):
        size = whole_element(self.data, self.at)
        if size is None:
            raise BerError("an element is cut off")
        tag, start = self.data[self.at], self.at
        head = 2
        if self.data[start + 1] & 0x80:
            head += self.data[start + 1] & 0x7F
        self.at += size
        return tag, self.data[start + head:start + size]

    def take(self, tag):
        got, content = self.element()
        if got != tag:
            raise BerError(f"tag {got:#x} instead of {tag:#x}")
        return content

    def text(self, tag=OCTETS):
        return self.take(tag).decode("utf-8", "surrogateescape")

    def number(self, tag=INTEGER):
        return int.from_bytes(self.take(tag), "big", signed=True)


def whole_element(data, at=0):
    """Bytes of the element that begins at `at`, or None while it is not all there."""
    if len(data) < at + 2:
        return None
    size, head = data[at + 1], 2
    if size & 0x80:
        digits = size & 0x7F
        if not 1 <= digits <= 4:
            raise BerError("a length that LDAP does not have")
        if len(data) < at + 2 + digits:
            return None
        size, head = int.from_bytes(data[at + 2:at + 2 + digits], "big"), 2 + digits
    return head + size if len(data) >= at + head + size else None
