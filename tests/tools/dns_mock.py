#!/usr/bin/env python3
"""A DNS server for tests: answers SRV and A questions as told, or does not.

    dns_mock.py --port-file FILE [--address 127.0.0.1] [--record RECORD]... [--fault KEY[=VALUE]]...
    dns_mock.py --self-test

RECORD   NAME SRV PRIORITY WEIGHT PORT HOST, NAME A ADDRESS, or NAME CNAME HOST; one word for
         the shell. UDP and TCP on one free port, whose number goes to FILE.
Faults   nxdomain, servfail, refused, empty    that answer to everything
         truncated       by UDP cut off with the TC bit; by TCP whole (no_tcp: closed)
         silent=N        the first N questions (without N: all) get no answer
         wrong_id, wrong_question              an answer to something else first, then the right
         garbage         bytes that are no answer; short: half an answer; loop: a name that
                         points to itself; many=N: N more SRV records
A name that has no record of the type is answered empty, one without any by NXDOMAIN.
Python's standard library only.
"""

import argparse
import os
import signal
import socket
import socketserver
import struct
import sys
import threading

TYPES = {"A": 1, "CNAME": 5, "SRV": 33}
CODES = {"servfail": 2, "nxdomain": 3, "refused": 5}


def pack_name(text):
    labels = [label for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def read_name(data, at):
    """(name, offset behind it); names of questions have no pointers."""
    labels = []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
        at += 1 + data[at]
    return ".".join(labels).lower(), at + 1


def pack_record(owner, kind, words):
    if kind == "A":
        data = socket.inet_aton(words[0])
    elif kind == "CNAME":
        data = pack_name(words[0])
    else:
        data = struct.pack(">3H", *map(int, words[:3])) + pack_name(words[3])
    return pack_name(owner) + struct.pack(">2HIH", TYPES[kind], 1, 300, len(data)) + data


class Zone:
    def __init__(self, records, faults):
        self.records = []
        for line in records:
            owner, kind, *words = line.split()
            self.records.append((owner.lower().rstrip("."), kind.upper(), words))
        self.faults = dict(f.partition("=")[::2] for f in faults)
        self.asked, self.lock = 0, threading.Lock()

    def found(self, name, kind):
        """(result code, records) as a server would look them up, with aliases on the way."""
        answer, known = [], False
        for _ in range(8):
            alias = None
            for owner, of, words in self.records:
                if owner != name:
                    continue
                known = True
                if TYPES[of] == kind:
                    answer.append(pack_record(owner, of, words))
                elif of == "CNAME":
                    answer.append(pack_record(owner, of, words))
                    alias = words[0].lower().rstrip(".")
            if alias is None:
                break
            name = alias
        return (0 if known else 3), answer

    def answers(self, question, by_tcp):
        """The packets that answer one question."""
        with self.lock:
            self.asked += 1
            number = self.asked
        faults = self.faults
        if "silent" in faults and number <= int(faults["silent"] or number):
            return []
        name, at = read_name(question, 12)
        kind = struct.unpack(">H", question[at:at + 2])[0]
        code, records = self.found(name, kind)
        for fault, wanted in CODES.items():
            if fault in faults:
                code, records = wanted, []
        if "empty" in faults:
            code, records = 0, []
        for i in range(int(faults.get("many") or 0)):
            records.append(pack_record(name, "SRV", ["9", "1", "389", f"more{i}.example.org"]))
        if "loop" in faults:
            pointer = 0xC000 | (at + 4 + 12 + 6)
            data = struct.pack(">4H", 1, 1, 389, pointer)
            records = [struct.pack(">3HIH", 0xC00C, 33, 1, 300, len(data)) + data]
        cut = "truncated" in faults and not by_tcp
        if cut:
            records = []
        asked = question[12:at + 4]
        whole = self.packet(question[:2], code, cut, asked, records)
        if "garbage" in faults:
            return [question[:2] + b"\xff" * 40]
        if "short" in faults:
            return [whole[:len(whole) * 2 // 3]]
        first = []
        if "wrong_id" in faults:
            other = bytes([question[0] ^ 0x55, question[1]])
            first = [self.packet(other, 0, False, asked, [])]
        if "wrong_question" in faults:
            other = pack_name("other.example") + asked[-4:]
            first = [self.packet(question[:2], 0, False, other, [])]
        return first + [whole]

    @staticmethod
    def packet(ident, code, cut, asked, records):
        flags = 0x8180 | code | (0x0200 if cut else 0)
        return (ident + struct.pack(">5H", flags, 1, len(records), 0, 0) + asked +
                b"".join(records))


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        question, sock = self.request
        for packet in self.server.zone.answers(question, False):
            sock.sendto(packet, self.client_address)


class Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        if "no_tcp" in self.server.zone.faults:
            return
        stream = self.request.makefile("rb")
        while True:
            size = stream.read(2)
            if len(size) < 2:
                return
            question = stream.read(struct.unpack(">H", size)[0])
            for packet in self.server.zone.answers(question, True):
                self.request.sendall(struct.pack(">H", len(packet)) + packet)


def start(address, zone):
    """Serve in threads; returns the port, the same for UDP and TCP."""
    socketserver.ThreadingTCPServer.daemon_threads = True
    for _ in range(50):
        udp = socketserver.ThreadingUDPServer((address, 0), Udp)
        try:
            tcp = socketserver.ThreadingTCPServer(udp.server_address, Tcp)
        except OSError:  # somebody has that port by TCP
            udp.server_close()
            continue
        for server in (udp, tcp):
            server.zone = zone
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return udp.server_address[1]
    raise SystemExit("dns_mock: no free port")


def self_test():
    records = ["_ldap._tcp.example.org SRV 10 60 389 dc1.example.org",
               "_ldap._tcp.example.org SRV 20 0 3268 dc2.example.org",
               "dc1.example.org A 127.0.0.2", "alias.example.org CNAME dc1.example.org"]

    def ask(name, kind, faults=(), tcp=False):
        port = start("127.0.0.1", Zone(records, faults))
        question = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + pack_name(name) + struct.pack(">2H", kind, 1)
        if tcp:
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(struct.pack(">H", len(question)) + question)
                return sock.makefile("rb").read(2 + 1)[2:] and b"by tcp"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.3 if "silent" in faults else 30)
            sock.sendto(question, ("127.0.0.1", port))
            try:
                return sock.recv(4096)
            except TimeoutError:
                return b""

    def counts(packet):
        flags, _, answers = struct.unpack(">3H", packet[2:8])
        return flags & 15, answers, bool(flags & 0x0200)

    srv = ("_ldap._tcp.EXAMPLE.org", 33)
    whole = ask(*srv)
    assert counts(whole) == (0, 2, False), whole
    assert struct.pack(">3H", 10, 60, 389) + pack_name("dc1.example.org") in whole
    assert ask("dc1.example.org", 1).endswith(bytes([127, 0, 0, 2]))
    assert counts(ask("alias.example.org", 1)) == (0, 2, False)
    assert counts(ask("dc1.example.org", 33)) == (0, 0, False)
    assert counts(ask("nobody.example.org", 33)) == (3, 0, False)
    assert counts(ask(*srv, ["servfail"])) == (2, 0, False)
    assert counts(ask(*srv, ["refused"])) == (5, 0, False)
    assert counts(ask(*srv, ["truncated"])) == (0, 0, True)
    assert ask(*srv, ["truncated"], tcp=True) == b"by tcp"
    assert ask(*srv, ["truncated", "no_tcp"], tcp=True) == b""
    assert counts(ask(*srv, ["many=3"])) == (0, 5, False)
    assert ask(*srv, ["wrong_id"])[:2] != b"\x12\x34"
    assert pack_name("other.example") in ask(*srv, ["wrong_question"])
    assert len(ask(*srv, ["short"])) < len(whole)
    assert ask(*srv, ["garbage"])[2:4] == b"\xff\xff"
    assert ask(*srv, ["silent"]) == b""
    looped = ask(*srv, ["loop"])
    at = struct.unpack(">H", looped[-2:])[0] & 0x3FFF
    assert at == len(looped) - 2, "the pointer points to itself"
    print("dns_mock: the self-test is good")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--port-file")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--record", action="append", default=[])
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    port = start(options.address, Zone(options.record, options.fault))
    with open(options.port_file + ".new", "w", encoding="utf-8") as f:
        f.write(f"{port}\n")
    os.replace(options.port_file + ".new", options.port_file)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pause()
    return None


if __name__ == "__main__":
    main()
