"""A double of the end of Neutron's agent that a bridge's controller is: it accepts OpenFlow
connections on 127.0.0.1 port 6633, greets (OFPT_HELLO, version 1.0) and answers
OFPT_ECHO_REQUEST, and sends nothing of its own (OpenFlow 1.0, sections 5.1 and 5.5)."""

import socket
import struct
import threading

HELLO, ECHO_REQUEST, ECHO_REPLY = 0, 2, 3
HEADER = struct.Struct("!BBHI")


def serve(stream):
    with stream, stream.makefile("rb") as incoming:
        while len(header := incoming.read(HEADER.size)) == HEADER.size:
            version, kind, length, transaction = HEADER.unpack(header)
            body = incoming.read(length - HEADER.size)
            if kind == HELLO:
                stream.sendall(HEADER.pack(1, HELLO, HEADER.size, transaction))
            elif kind == ECHO_REQUEST:
                stream.sendall(HEADER.pack(version, ECHO_REPLY, length, transaction) + body)


listener = socket.create_server(("127.0.0.1", 6633))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
