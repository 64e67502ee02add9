"""A full listener on 8080, whose clients keep on coming, and one on 8443 that accepts all of a varying traffic."""

import itertools
import socket
import time


def listen(port, backlog):
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    listener.listen(backlog)
    listener.setblocking(False)
    return listener


def dial(port):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    return client


full, served = listen(8080, 8), listen(8443, 100)
waiting = []
for turn in itertools.count():
    waiting += [dial(8080) for _ in range(12)]
    # What waits stays, so that the queue is full all the time.
    while len(waiting) > 500:
        waiting.pop(20).close()
    clients = [dial(8443) for _ in range(2 + turn * 7 % 30)]
    time.sleep(0.2)
    for _ in clients:
        try:
            served.accept()[0].close()
        except BlockingIOError:
            break
    for client in clients:
        client.close()
