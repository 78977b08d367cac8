#!/usr/bin/env python3
"""A small LDAP server for tests: serves an LDIF file, and misbehaves as told.

    ldap_mock.py LDIF --ports FILE [--address 127.0.0.1] [--cert PEM --key PEM [--ca PEM]]
                 [--fault KEY=VALUE]... [--fault-file FILE] [--counters FILE]
                 [--root NAME=VALUE]... [--tls-newest 1.1]

FILE gets a line "name=port" each for ldap, ldaps (with a certificate), dead (a port where
connecting never ends) and counters (a port that sends them, once all connections have
ended). It does simple and anonymous bind, SASL EXTERNAL with a client certificate, StartTLS,
searches with paged results and ranges, abandon and unbind; it writes nothing. Faults are
listed in ldap_faults.py. The fault file is read at each connection; when it has changed,
counters start afresh.

Counters are JSON, written to a file too when connections end: connections, bytes sent,
binds, unbinds, abandons, starttls, and for each search base, scope, filter, attrs, page (size
asked for), more (has a cookie), connection, who (is logged in), tls, entries and code.
Python's standard library only.
"""

import argparse
import json
import selectors
import signal
import sys
import threading

sys.dont_write_bytecode = True  # nothing beside the sources

import ldap_ber as ber
import ldap_faults
import ldap_wire
from ldap_store import OPERATIONAL, Store, fold_dn, parse_filter, read_ldif

PAGED, START_TLS, NOTICE = "1.2.840.113556.1.4.319", "1.3.6.1.4.1.1466.20037", "1.3.6.1.4.1.1466.20036"
AD_BAD_PASSWORD = ("80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, "
                   "data 52e, v1db1")


class Counters:
    """What clients asked for, since the faults were set."""

    def __init__(self):
        self.lock = threading.Lock()
        self.data = {"connections": 0, "bytes": 0, "starttls": 0, "binds": [], "unbinds": 0,
                     "abandons": 0, "searches": []}

    def count(self, name, amount=1):
        with self.lock:
            self.data[name] += amount
            return self.data[name]

    def note(self, name, what):
        with self.lock:
            self.data[name].append(what)

    def text(self):
        with self.lock:
            return json.dumps(self.data, indent=1)


class Server:
    def __init__(self, options):
        self.options = options
        self.entries = read_ldif(options.ldif)
        self.fault_text, self.faults, self.counters = None, None, None
        self.store, self.ranges_asked, self.ranges_moved = None, 0, 0
        self.lock, self.idle = threading.Lock(), threading.Condition()
        self.open = 0  # connections
        self.context = None
        if options.cert:
            self.context = ldap_wire.tls_context(options.cert, options.key, options.ca,
                                                 options.tls_newest)

    def renew(self):
        """Faults of a new connection; everything starts afresh when they have changed."""
        text = "\n".join(self.options.fault)
        if self.options.fault_file:
            with open(self.options.fault_file, encoding="utf-8") as f:
                text += "\n" + f.read()
        if text == self.fault_text:
            return
        self.fault_text, self.faults = text, ldap_faults.Faults(text)
        self.counters = Counters()
        self.ranges_asked = self.ranges_moved = 0
        people = [e for e in self.entries if e.values("employeeNumber")]
        gone = self.faults.number("leave", 0)
        gone = {e.key for e in people[len(people) - gone:]} if gone else set()
        self.store = Store([e for e in self.entries if e.key not in gone])

    def accept(self, sock, secure):
        self.renew()
        faults = self.faults
        number = self.counters.count("connections")
        if number > faults.number("conns", number):
            faults = ldap_faults.Faults(f"leave={faults.number('leave', 0)}")
        connection = Connection(self, sock, faults, number)
        with self.idle:
            self.open += 1
        threading.Thread(target=connection.run, args=(secure,), daemon=True).start()

    def ended(self, counters):
        with self.idle:
            self.open -= 1
            if self.options.counters and counters is self.counters:
                ldap_wire.write_file(self.options.counters, counters.text())
            self.idle.notify_all()

    def tell(self, sock):
        """The counters, once the connections have ended."""
        with self.idle:
            self.idle.wait_for(lambda: self.open == 0)
        sock.sendall(self.counters.text().encode() if self.counters else b"{}")
        sock.close()

    def serve(self):
        waiting = selectors.DefaultSelector()
        plain = ldap_wire.listen(self.options.address)
        dead, held = ldap_wire.dead_port(self.options.address)
        counters = ldap_wire.listen(self.options.address)
        ports = (f"ldap={plain.getsockname()[1]}\ndead={dead}\n"
                 f"counters={counters.getsockname()[1]}\n")
        waiting.register(plain, selectors.EVENT_READ, False)
        waiting.register(counters, selectors.EVENT_READ, None)
        if self.context:
            secure = ldap_wire.listen(self.options.address)
            ports += f"ldaps={secure.getsockname()[1]}\n"
            waiting.register(secure, selectors.EVENT_READ, True)
        ldap_wire.write_file(self.options.ports, ports)
        while held:
            for key, _ in waiting.select():
                sock = key.fileobj.accept()[0]
                if key.data is None:
                    threading.Thread(target=self.tell, args=(sock,), daemon=True).start()
                else:
                    self.accept(sock, key.data)


class Connection:
    def __init__(self, server, sock, faults, number):
        self.server, self.faults, self.number = server, faults, number
        self.store, self.counters = server.store, server.counters
        self.wire = ldap_wire.Wire(sock, faults)
        self.who = ""  # logged in
        self.results = 0  # of searches, sent
        self.cookies = {}  # cookie -> (base, filter, offset of the next, pages so far)

    def run(self, secure):
        try:
            if self.faults.text("hang") == "accept":
                self.wire.hang()
            if secure:
                self.hang_at("tls")
                self.wire.start_tls(self.server.context)
            while self.handle(self.wire.message()):
                pass
        except ldap_wire.Gone:
            pass
        except ber.BerError as e:
            print(f"ldap_mock: the client sent {e}", file=sys.stderr, flush=True)
        finally:
            self.wire.close()
            self.counters.count("bytes", self.wire.sent)
            self.server.ended(self.counters)

    def hang_at(self, point, faults=None):
        if (faults or self.faults).text("hang") == point:
            self.wire.hang()

    def handle(self, data):
        """One request; False ends the connection."""
        reader = ber.Reader(ber.Reader(data).take(ber.SEQUENCE))
        ident = reader.number()
        tag, body = reader.element()
        controls = self.controls(reader)
        if tag == 0x60:
            self.bind(ident, ber.Reader(body))
        elif tag == 0x63:
            Search(self, ident, ber.Reader(body), controls).run()
        elif tag == 0x77:
            self.extended(ident, ber.Reader(body))
        elif tag == 0x50:
            self.counters.count("abandons")
        elif tag == 0x42:
            self.counters.count("unbinds")
            return False
        else:
            self.result(ident, 0x79, 2, "not in this server")
        return True

    @staticmethod
    def controls(reader):
        """OID -> (critical, value)"""
        found = {}
        if reader.peek() != 0xA0:
            return found
        listed = ber.Reader(reader.take(0xA0))
        while listed.more():
            one = ber.Reader(listed.take(ber.SEQUENCE))
            oid, critical, value = one.text(), False, b""
            if one.peek() == ber.BOOLEAN:
                critical = one.take(ber.BOOLEAN) != b"\0"
            if one.peek() == ber.OCTETS:
                value = one.take(ber.OCTETS)
            found[oid] = (critical, value)
        return found

    def result(self, ident, tag, code, text="", extra=b"", controls=b""):
        op = ber.tlv(tag, ber.enum(code), ber.octets(""), ber.octets(text), extra)
        self.wire.send(ldap_faults.message(ident, op, controls))

    # --- bind, StartTLS ---

    def bind(self, ident, body):
        body.number()
        dn = body.text()
        tag, secret = body.element()
        mechanism = "simple" if tag == 0x80 else ber.Reader(secret).text()
        self.hang_at("bind")
        if self.faults.has("drop_bind"):
            self.wire.drop()
        code, text = self.bind_code(dn, mechanism, secret)
        self.who = (dn or mechanism) if code == 0 and (dn or mechanism != "simple") else ""
        self.counters.note("binds", {"dn": dn, "mechanism": mechanism, "code": code,
                                     "connection": self.number,
                                     "tls": self.wire.tls is not None})
        self.result(ident, 0x61, code, text)

    def bind_code(self, dn, mechanism, secret):
        faults = self.faults
        if faults.has("bind") or faults.has("bind_error"):
            return faults.number("bind", 49), faults.text("bind_error")
        if mechanism == "EXTERNAL":
            known = self.wire.tls and self.wire.tls.getpeercert()
            return (0, "") if known else (48, "no client certificate came")
        if mechanism != "simple":
            return 7, f"no mechanism {mechanism}"
        if not dn:
            return 0, ""
        if not secret:
            return 53, "unauthenticated bind (DN with no password) disallowed"
        for e in self.server.entries:
            if e.key == fold_dn(dn) or dn in e.texts("userPrincipalName"):
                if secret in e.values("userPassword"):
                    return 0, ""
        return 49, AD_BAD_PASSWORD

    def extended(self, ident, body):
        name = body.take(0x80).decode()
        if name != START_TLS:
            self.result(ident, 0x78, 2, f"no operation {name}")
            return
        self.counters.count("starttls")
        self.hang_at("starttls")
        if self.faults.has("starttls") or not self.server.context:
            self.result(ident, 0x78, self.faults.number("starttls", 52), "no TLS here")
            return
        self.result(ident, 0x78, 0)
        self.hang_at("tls")
        self.wire.start_tls(self.server.context)


class Search:
    references = 0 # sent with a number
    def __init__(self, connection, ident, body, controls):
        self.connection, self.ident = connection, ident
        self.store, self.wire = connection.store, connection.wire
        self.base, self.scope = body.text(), body.number(ber.ENUM)
        body.number(ber.ENUM)
        self.size_limit, self.time_limit = body.number(), body.number()
        body.take(ber.BOOLEAN)
        self.filter, self.match = parse_filter(body)
        listed = ber.Reader(body.take(ber.SEQUENCE))
        self.attrs = []
        while listed.more():
            self.attrs.append(listed.text())
        self.faults = connection.faults.at(self.base)
        self.page = self.cookie = None
        self.pages = 0  # that came before this one
        self.critical = False
        if PAGED in controls:
            self.critical = controls[PAGED][0]
            value = ber.Reader(ber.Reader(controls[PAGED][1]).take(ber.SEQUENCE))
            self.page, self.cookie = value.number(), value.take(ber.OCTETS)
        self.sent = 0
        self.before = None  # the entry sent last
        self.note = {"base": self.base, "scope": self.scope, "filter": self.filter,
                     "attrs": self.attrs, "page": self.page, "more": bool(self.cookie),
                     "connection": connection.number, "entries": 0, "code": None,
                     "who": connection.who, "tls": self.wire.tls is not None}
        connection.counters.note("searches", self.note)

    # --- the course of a search ---

    def run(self):
        if not self.base and self.scope == 0:
            self.send_entry(root_entry(self.connection.server), 0)
            self.done(0)
            return
        faults = self.faults
        if faults.text("hang") == ("page" if self.cookie else "search"):
            self.wire.hang()
        if faults.has("no_paging"):
            if self.critical and self.page:
                self.done(12, "the control is not known here")
                return
            self.page = self.cookie = None
        found = self.store.below(self.base, self.scope)
        if found is None:
            self.done(32, "no such entry")
            return
        found = [e for e in found if self.match(self.store, e)]
        if faults.has("zero_entries"):
            found = []
        found = found[:faults.number("fewer", len(found))]
        self.range_requests()
        if faults.has("range_refused") and any(";range=" in a.lower() for a in self.attrs):
            self.done(53, "no ranges here")
            return
        start, pages = 0, 0
        if self.cookie:
            state = self.connection.cookies.get(self.cookie)
            if state is None or state[:2] != (self.base, self.filter):
                self.done(53, "paged results cookie is invalid")
                return
            start, pages = state[2:]
        self.send_page(found, start, pages)

    def send_page(self, found, start, pages):
        faults, code, text = self.faults, 0, ""
        self.pages = pages
        if self.cookie and pages >= faults.number("cookie_lost", 1 << 30):
            self.done(53, "paged results cookie is invalid")
            return
        if faults.number("result_page", pages + 1) == pages + 1:
            for name, number in (("result", None), ("size_limit", 4), ("time_limit", 3),
                                 ("admin_limit", 11), ("referral", 10)):
                if not faults.has(name):
                    continue
                code = number or faults.number("result")
                text = faults.text("result_text")
                after = faults.number("result_after", 0) if name in ("result", "referral") \
                    else faults.number(name)
                if after - start <= self.room(faults):
                    found = found[:max(start, after)]
                else:
                    code = 0  # not yet on this page
        size, cookie = self.page_size(found, start, pages)
        if not self.page and len(found) - start > size:
            code = code or 4
        if self.size_limit and size > self.size_limit:
            size, code = self.size_limit, 4
        for at, entry in enumerate(found[start:start + size], start):
            self.before_entry(at)
            self.send_entry(entry, at)
        self.before_entry(start + min(size, len(found) - start))
        self.done(code, text, cookie if code == 0 else b"")

    def room(self, faults):
        """Entries that this page may have."""
        most = faults.number("page_max", 1 << 30)
        return min(self.page, most) if self.page else most

    def page_size(self, found, start, pages):
        """How many come now, and the cookie for the rest (b"" at the end)."""
        faults, size = self.faults, self.room(self.faults)
        if not self.page:
            return size, b""
        keep = (self.base, self.filter)
        cookies = self.connection.cookies
        if faults.has("empty_pages") or pages < faults.number("empty_first", 0):
            cookie = b"empty %d" % pages
            cookies[cookie] = (*keep, 0, pages + 1)
            return 0, cookie
        if faults.has("cookie_same"):
            cookies[b"same"] = (*keep, 0, pages + 1)
            return size, b"same"
        if start + size >= len(found):
            return size, b""
        after = 0 if faults.has("cookie_reset") and pages == 0 else start + size
        cookie = b"page %d of %d" % (pages + 1, id(self))
        cookies[cookie] = (*keep, after, pages + 1)
        return size, cookie

    def before_entry(self, at):
        """Faults that come after `at` entries of the whole search."""
        faults = self.faults
        if faults.number("reference_at", 0) == at and faults.has("reference"):
            for url in faults.text("reference").split("|"):
                if "%N" in url:  # another one each time
                    Search.references += 1
                    url = url.replace("%N", str(Search.references))
                self.wire.send(ldap_faults.message(self.ident, ber.tlv(0x73, ber.octets(url))))
        if faults.number("notice", -1) == at:
            op = ber.tlv(0x78, ber.enum(52), ber.octets(""), ber.octets("shutting down"),
                         ber.octets(NOTICE, 0x8A))
            self.wire.send(ldap_faults.message(0, op))
            self.wire.drop()
        if faults.number("drop_after", -1) == at:
            self.wire.drop()
        if faults.number("hang_after", -1) == at:
            self.wire.hang()

    def done(self, code, text="", cookie=b""):
        faults = self.faults
        self.note["code"] = code
        if faults.text("hang") == "done":
            self.wire.hang()
        if faults.has("drop_done"):
            self.wire.drop()
        extra = b""
        if code == 10:
            extra = ber.tlv(0xA3, *map(ber.octets, faults.text("referral").split("|")))
        op = ber.tlv(ldap_faults.DONE, ber.enum(code), ber.octets(""), ber.octets(text), extra)
        gone = faults.number("cookie_gone", 1 << 30) <= self.pages
        control = b""
        if self.page and not gone:
            control = ldap_faults.page_control(ber.sequence(ber.integer(0), ber.octets(cookie)))
        bad = ldap_faults.broken_done(faults.text("malformed"), self.ident, op, 0, cookie)
        self.wire.send(bad or ldap_faults.message(self.ident, op, control))
        self.connection.results += 1
        if faults.number("end_after", -1) == self.connection.results:
            self.wire.drop()

    # --- entries ---

    def send_entry(self, entry, at):
        faults = self.faults
        attrs = self.chosen(entry, at)
        dn = entry.dn
        self.before = entry
        if faults.has("wrong_dn") and at == 2:
            dn = {"empty": "", "garbage": "not, a=DN,=", "outside": "uid=x,dc=elsewhere"}[
                faults.text("wrong_dn")]
        self.sent += 1
        self.note["entries"] = self.sent
        bad = None
        if at + 1 == faults.number("malformed_at", 3):
            bad = ldap_faults.broken_entry(faults.text("malformed"), self.ident, dn, attrs,
                                           faults.text("malformed_attr"))
        op = ldap_faults.entry_op(dn, attrs)
        self.wire.send(bad or ldap_faults.message(self.ident, op))

    def chosen(self, entry, at):
        """[(description, values)] of an entry, as asked for and as the faults want it."""
        faults = self.faults
        chosen = []
        every = not self.attrs or "*" in self.attrs
        for key, (name, values) in entry.attrs.items():
            if faults.text("silent_attr").lower() == key:
                continue
            if key in ("entryuuid", "objectguid") and self.bad_id(at):
                if faults.has("dup_id"):
                    chosen.append((name, self.before.values(key)))
                continue
            asked = [a for a in self.attrs if a.lower().partition(";range=")[0] == key]
            hidden = key in OPERATIONAL
            if asked:
                chosen += self.ranged(entry, name, values, asked[0])
            elif (every and not hidden) or ("+" in self.attrs and hidden):
                chosen += self.ranged(entry, name, values, name)
        return chosen

    def bad_id(self, at):
        for name in ("no_id", "dup_id"):
            if self.faults.text(name) in ("all", str(at + 1)):
                return True
        return False

    # --- ranges ---

    def range_requests(self):
        """Count requests for more of an attribute; move values when it is time to."""
        server, faults = self.connection.server, self.faults
        further = [a for a in self.attrs if ";range=" in a.lower()
                   and not a.lower().endswith(";range=0-*")]
        if not further or self.scope != 0:
            return
        if faults.text("hang") == "range":
            self.wire.hang()
        with server.lock:
            server.ranges_asked += 1
            for name in ("range_moves", "range_adds"):
                if not faults.has(name) or server.ranges_asked < faults.number(name) or \
                        server.ranges_moved >= faults.number("range_times", 1):
                    continue
                server.ranges_moved += 1
                entry = self.store.by_key[fold_dn(self.base)]
                self.move(entry, further[0].partition(";")[0], name)

    def move(self, entry, attribute, how):
        """Take the first value away, or put one before it; stamps of the entry move too."""
        # The entry is copied: other connections and later runs see the file's.
        changed = type(entry)(entry.dn)
        changed.attrs = {k: (n, list(v)) for k, (n, v) in entry.attrs.items()}
        values = changed.values(attribute)
        if how == "range_moves":
            values.pop(0)
        else:
            values.insert(0, b"cn=new %d,dc=example,dc=org"
                          % self.connection.server.ranges_moved)
        for stamp in ("uSNChanged", "modifyTimestamp", "whenChanged"):
            for i, old in enumerate(changed.values(stamp)):
                digits = old.rstrip(b"Z.0Z") or b"1"
                changed.values(stamp)[i] = b"%d" % (int(digits) + 1) + old[len(digits):]
        self.store.by_key[entry.key] = changed
        self.store.entries[self.store.entries.index(entry)] = changed

    def ranged(self, entry, name, values, asked):
        """An attribute whole, or the part of it that a range names."""
        faults, most = self.faults, self.faults.number("range", 0)
        first, last, wanted = 0, None, False
        if ";range=" in asked.lower():
            wanted = True
            first, _, last = asked.lower().partition(";range=")[2].partition("-")
            first, last = int(first), None if last == "*" else int(last)
        if not wanted and (not most or len(values) <= most):
            return [(name, values)]
        if wanted and first:
            if faults.has("range_none"):
                return []
            if faults.has("range_stuck"):
                first, last = 0, None
            if faults.has("range_gap"):
                first += 1
        stop = len(values) if last is None else min(last + 1, len(values))
        stop = min(stop, first + most) if most else stop
        if first >= stop:
            return []
        part = values[first:stop]
        last = "*" if stop >= len(values) else stop - 1
        found = [(f"{name};range={first}-{last}", part)]
        if faults.has("range_empty_too"):
            found.insert(0, (name, []))
        return found


def root_entry(server):
    root = type(server.entries[0])("")
    for line in (f"namingContexts={server.entries[0].dn}", "supportedLDAPVersion=3",
                 f"supportedControl={PAGED}", f"supportedExtension={START_TLS}",
                 "objectClass=top", *server.options.root):
        name, _, value = line.partition("=")
        root.add(name, value.encode())
    return root


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ldif")
    parser.add_argument("--ports", required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--ca")
    parser.add_argument("--tls-newest")
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--fault-file")
    parser.add_argument("--counters")
    parser.add_argument("--root", action="append", default=[])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(options_of(sys.argv[1:])).serve()
