"""A connection of ldap_mock.py: bytes in and out, TLS or not, that breaks where it is told.

TLS runs over memory, not over the socket, so that bytes on the wire are counted and cut
below it, in the handshake too.
"""

import os
import socket
import ssl
import struct
import time

import ldap_ber as ber


class Gone(Exception):
    """The connection is over."""


class Wire:
    def __init__(self, sock, faults):
        self.sock, self.faults = sock, faults
        self.sent = 0
        self.plain = b""
        self.tls = None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # --- below TLS ---

    def raw_recv(self):
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            raise Gone
        return data

    def raw_send(self, data):
        limit = self.faults.number("drop_at")
        flip = self.faults.number("flip_at")
        if flip is not None and self.sent <= flip < self.sent + len(data):
            data = bytearray(data)
            data[flip - self.sent] ^= self.faults.number("flip_bits", 0xFF)
        try:
            if limit is not None and self.sent + len(data) > limit:
                self.sock.sendall(data[:max(0, limit - self.sent)])
                self.drop()
            self.sock.sendall(data)
        except OSError:
            raise Gone from None
        self.sent += len(data)

    def drop(self):
        """End it as `drop_how` says: fin (default), rst, or notify (TLS says goodbye)."""
        how = self.faults.text("drop_how") or "fin"
        try:
            if how == "rst":
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     struct.pack("ii", 1, 0))
            elif how == "notify" and self.tls:
                try:
                    self.tls.unwrap()
                except ssl.SSLError:
                    pass
                self.sock.sendall(self.outgoing.read())
            if how != "rst":
                self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        raise Gone

    def hang(self):
        """Never answer; return when the other side gives up."""
        while True:
            self.raw_recv()

    # --- TLS ---

    def start_tls(self, context):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.pump(self.tls.do_handshake)

    def pump(self, step, *args):
        """Do a step of TLS, moving bytes until it is done."""
        while True:
            try:
                result = step(*args)
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.raw_recv())
                continue
            except ssl.SSLError:
                self.flush()
                raise Gone from None
            self.flush()
            return result

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.raw_send(data)

    # --- messages ---

    def recv(self):
        if not self.tls:
            return self.raw_recv()
        data = self.pump(self.tls.read, 65536)
        if not data:
            raise Gone
        return data

    def message(self):
        """The next whole LDAP message."""
        while True:
            size = ber.whole_element(self.plain)
            if size is not None:
                found, self.plain = self.plain[:size], self.plain[size:]
                return found
            self.plain += self.recv()

    def send(self, data):
        slow = self.faults.number("slow", 0)
        if slow:
            time.sleep(slow / 1000)
        if self.tls:
            self.pump(self.tls.write, data)
        else:
            self.raw_send(data)

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


def tls_context(cert, key, ca=None, newest=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if ca:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    if newest:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = getattr(ssl.TLSVersion, "TLSv" + newest.replace(".", "_"))
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def listen(address, backlog=128):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, 0))
    sock.listen(backlog)
    return sock


def dead_port(address):
    """A port where connecting never ends: its queue is full and nobody accepts."""
    sock = listen(address, 0)
    held = [sock]
    for _ in range(4):
        waiting = socket.socket()
        waiting.setblocking(False)
        try:
            waiting.connect(sock.getsockname())
        except BlockingIOError:
            pass
        held.append(waiting)
    return sock.getsockname()[1], held


def write_file(path, text):
    """Whole or not at all, for whoever reads it meanwhile."""
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)
