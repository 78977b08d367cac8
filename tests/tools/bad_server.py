#!/usr/bin/env python3
"""A tenant that answers badly, for what only a real socket shows.

  bad_server.py FOLDER

Listens on two free ports of loopback, writes them to FOLDER/ports, and answers tokens well
and every other GET as FOLDER/mode says. The second port is another host that nothing may be
sent to: each request there is written to FOLDER/elsewhere.
"""
import os
import socketserver
import sys
import threading

FOLDER = sys.argv[1]
TOKEN = b'{"access_token":"tok-never-shown","token_type":"bearer","expires_in":3600}'
GOOD = b'{"entities":[],"total":0,"pageNumber":1,"pageSize":100}'
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nININ-Correlation-Id: cid-77\r\n"
BLOCK = b" " * (1 << 20)
PORTS = []


def length(n):
    return b"Content-Length: %d\r\n\r\n" % n


def whole(body):
    return OK + length(len(body)) + body


def huge_chunks(send):
    send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(1024):
        send(b"%x\r\n" % len(BLOCK) + BLOCK + b"\r\n")
    send(b"0\r\n\r\n")


def huge_length(send):
    send(OK + length(1 << 30))
    for _ in range(1024):
        send(BLOCK)


def endless_headers(send):
    send(OK)
    for n in range(20000):
        send(b"X-%d: %s\r\n" % (n, b"a" * 100))
    send(length(0))


def redirect(send):
    send(b"HTTP/1.1 302 Found\r\nININ-Correlation-Id: cid-77\r\n"
         b"Location: http://127.0.0.1:%d/api/v2/x\r\n" % PORTS[1] + length(0))


MODES = {
    "good": lambda send: send(whole(GOOD)),
    "huge-chunks": huge_chunks,
    "huge-length": huge_length,
    "endless-headers": endless_headers,
    "redirect": redirect,
    "half-body": lambda send: send(OK + length(len(GOOD)) + GOOD[:20]),
    "half-chunk": lambda send: send(OK + b"Transfer-Encoding: chunked\r\n\r\n37\r\n" + GOOD[:20]),
    "nothing": lambda send: None,
    "no-http": lambda send: send(b"220 mail.example.org ESMTP\r\n"),
    "html": lambda send: send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                              b"ININ-Correlation-Id: cid-77\r\n" + length(17)
                              + b"<html>Hello</html"),
    "binary": lambda send: send(whole(bytes(range(256)))),
    "zip": lambda send: send(OK + b"Content-Encoding: gzip\r\n" + length(20) + b"\x1f\x8b" * 10),
}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            line = self.rfile.readline(65536)
            if not line:
                return
            size, headers = 0, []
            while True:
                header = self.rfile.readline(65536)
                if header in (b"\r\n", b"\n", b""):
                    break
                headers.append(header)
                if header.lower().startswith(b"content-length:"):
                    size = int(header.split(b":")[1])
            self.rfile.read(size)
            if self.server.server_address[1] == PORTS[1]:
                with open(f"{FOLDER}/elsewhere", "ab") as f:
                    f.write(line + b"".join(headers))
                return
            if line.startswith(b"POST /oauth/token"):
                self.wfile.write(whole(TOKEN))
                continue
            with open(f"{FOLDER}/mode", encoding="ascii") as f:
                mode = f.read().strip()
            try:
                MODES[mode](self.wfile.write)
            except OSError:
                return
            if mode not in ("good", "redirect", "html", "binary"):
                return


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


servers = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
PORTS += [s.server_address[1] for s in servers]
threading.Thread(target=servers[1].serve_forever, daemon=True).start()
with open(f"{FOLDER}/ports.new", "w", encoding="ascii") as f:
    f.write("%d %d\n" % tuple(PORTS))
os.rename(f"{FOLDER}/ports.new", f"{FOLDER}/ports")
servers[0].serve_forever()
