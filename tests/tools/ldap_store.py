"""Entries of an LDIF file, and filters over them: the memory of ldap_mock.py."""

import base64
import re

import ldap_ber as ber

IN_CHAIN = "1.2.840.113556.1.4.1941"
BIT_AND, BIT_OR = "1.2.840.113556.1.4.803", "1.2.840.113556.1.4.804"
# Come only when they are asked for by name or by "+".
OPERATIONAL = {"entryuuid", "createtimestamp", "modifytimestamp", "memberof"}


def fold_dn(dn):
    """Good enough for the DNs of tests: no case, no spaces around commas and equal signs."""
    return re.sub(r"\s*([,=+])\s*", r"\1", dn.strip()).lower()


class Entry:
    def __init__(self, dn):
        self.dn, self.key = dn, fold_dn(dn)
        self.attrs = {}  # lower-case name -> (name as spelled, [bytes])

    def add(self, name, value):
        self.attrs.setdefault(name.lower(), (name, []))[1].append(value)

    def values(self, name):
        return self.attrs.get(name.lower(), (name, []))[1]

    def texts(self, name):
        return [v.decode("utf-8", "surrogateescape") for v in self.values(name)]


def read_ldif(path):
    """Records of an LDIF file (RFC 2849), without changes and without URLs."""
    entries, entry = [], None
    with open(path, "rb") as f:
        lines = f.read().replace(b"\r\n", b"\n").replace(b"\n ", b"").split(b"\n")
    for line in lines:
        if line.startswith(b"#") or line.startswith(b"version:"):
            continue
        if not line:
            entry = None
            continue
        name, value = line.split(b":", 1)
        if value.startswith(b":"):
            value = base64.b64decode(value[1:].strip())
        else:
            value = value.strip()
        if entry is None:
            if name.lower() != b"dn":
                raise SystemExit(f"{path}: {line[:60]!r} where a dn should be")
            entry = Entry(value.decode("utf-8"))
            entries.append(entry)
        else:
            entry.add(name.decode("ascii"), value)
    return entries


class Store:
    def __init__(self, entries):
        self.entries = entries
        self.by_key = {e.key: e for e in entries}

    def below(self, base, scope):
        """Entries of a search's scope, or None when the base is not there."""
        key = fold_dn(base)
        if key and key not in self.by_key:
            return None
        if scope == 0:
            return [self.by_key[key]] if key else []
        tail = "," + key if key else ""
        found = [e for e in self.entries if not tail or e.key.endswith(tail)]
        if scope == 1:
            found = [e for e in found if "," not in e.key[:len(e.key) - len(tail)]]
        elif key:
            found.insert(0, self.by_key[key])
        return found

    def groups_above(self, dn):
        """Keys of the groups that hold `dn`, through any number of others."""
        seen, todo = set(), [fold_dn(dn)]
        while todo:
            wanted = todo.pop()
            for e in self.entries:
                if e.key not in seen and any(fold_dn(m) == wanted for m in e.texts("member")):
                    seen.add(e.key)
                    todo.append(e.key)
        return seen


def as_number(text):
    try:
        return int(text)
    except ValueError:
        return None


def matches_rule(store, entry, rule, name, value):
    if rule == IN_CHAIN:
        if name.lower() == "memberof":
            return fold_dn(value) in store.groups_above(entry.dn)
        return entry.key in store.groups_above(value)
    if rule in (BIT_AND, BIT_OR):
        bits = as_number(value) or 0
        numbers = [n for n in map(as_number, entry.texts(name)) if n is not None]
        if rule == BIT_AND:
            return any(n & bits == bits for n in numbers)
        return any(n & bits for n in numbers)
    return False


def matches_substrings(texts, parts):
    pattern = ""
    for tag, text in parts:
        piece = re.escape(text)
        pattern += {0x80: piece, 0x81: ".*" + piece, 0x82: ".*" + piece + "$"}[tag]
    return any(re.match(pattern, t, re.I | re.S) for t in texts)


def parse_filter(reader):
    """A filter (RFC 4511 section 4.5.1.7) as (text, function of store and entry)."""
    tag, content = reader.element()
    inner = ber.Reader(content)
    if tag in (0xA0, 0xA1):
        parts = []
        while inner.more():
            parts.append(parse_filter(inner))
        sign, join = ("&", all) if tag == 0xA0 else ("|", any)
        return (f"({sign}{''.join(p[0] for p in parts)})",
                lambda s, e: join(p[1](s, e) for p in parts))
    if tag == 0xA2:
        text, match = parse_filter(inner)
        return f"(!{text})", lambda s, e: not match(s, e)
    if tag == 0x87:
        name = content.decode()
        return (f"({name}=*)",
                lambda s, e: name.lower() == "objectclass" or bool(e.values(name)))
    if tag == 0xA4:
        return parse_substrings(inner)
    if tag == 0xA9:
        return parse_extensible(inner)
    return parse_comparison(tag, inner)


def parse_substrings(inner):
    name, parts = inner.text(), []
    pieces = ber.Reader(inner.take(ber.SEQUENCE))
    while pieces.more():
        tag, value = pieces.element()
        parts.append((tag, value.decode("utf-8", "surrogateescape")))
    shown = "".join({0x80: t, 0x81: "*" + t, 0x82: "*" + t}[tag] for tag, t in parts)
    if parts and parts[-1][0] != 0x82:
        shown += "*"
    return f"({name}={shown})", lambda s, e: matches_substrings(e.texts(name), parts)


def parse_extensible(inner):
    rule = name = value = ""
    while inner.more():
        tag, content = inner.element()
        text = content.decode("utf-8", "surrogateescape")
        if tag == 0x81:
            rule = text
        elif tag == 0x82:
            name = text
        elif tag == 0x83:
            value = text
    return (f"({name}:{rule}:={value})",
            lambda s, e: matches_rule(s, e, rule, name, value))


def parse_comparison(tag, inner):
    name, raw = inner.text(), inner.take(ber.OCTETS)
    text = raw.decode("utf-8", "surrogateescape")
    signs = {0xA3: "=", 0xA5: ">=", 0xA6: "<=", 0xA8: "~="}
    if tag not in signs:
        raise ber.BerError(f"filter tag {tag:#x}")

    def equal(_, entry):
        if any(raw == v for v in entry.values(name)):
            return True
        return any(fold_dn(text) == fold_dn(t) for t in entry.texts(name))

    def ordered(_, entry):
        for t in entry.texts(name):
            a, b = as_number(t), as_number(text)
            if a is None or b is None:
                a, b = t.lower(), text.lower()
            if (a >= b) if tag == 0xA5 else (a <= b):
                return True
        return False

    return f"({name}{signs[tag]}{text})", ordered if tag in (0xA5, 0xA6) else equal
