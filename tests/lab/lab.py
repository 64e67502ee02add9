#!/usr/bin/env python3
"""Traffic for the tests of `doctor`: listeners, clients and strangers, as a test's lines on standard input ask for.

Each line is answered by one line: `ok [fact=value ...]` or `error why`. What repeats goes on in the background until
`calm`. The end of the input ends everything.

The network namespace where this starts is the *near* one, which a test looks at: 10.0.0.1 and fd00::1. A wire leads to
a *far* one that is made here: 10.0.0.2, fd00::2 and, for the clients, all of 10.2.0.0/16. Everything else in
10.0.0.0/8, 10.9.9.9 for instance, is silent: no answer and no ICMP error. Strangers are 10.1.0.0/16: their segments
are written by hand, and what is sent to them is lost unless `answer` is on. IPv6 has clients, but no strangers.

  listen NAME ADDRESS:PORT [backlog=128] [fastopen=N] [reuseport] [far]
                        a listener, in a process of that name; it accepts nothing yet
  accept NAME [N] [every=S] [bye]
                        accepts all, or N, as they come or each S seconds; serves an echo, or closes at once (`bye`)
  pause NAME            accepts no more
  relisten NAME [backlog=N]     listen() once more on the same socket
  files NAME N          its process may open N descriptors more
  close NAME            the listener goes, its connections stay
  facts NAME            accepted, and failed accept() calls
  hold TARGET N [every=S] [near|far] [fastopen]
                        N clients connect and stay; each S seconds N more. TARGET is a listener, or ADDRESS:PORT
  burst TARGET N [every=1] [near|far] [fastopen]
                        N clients connect at once, and leave when the next N come
  clients               what became of all clients since `calm`: connected, connecting, closed, or an errno each
  syn NAME N [every=S] [from=10.1.0.0] [data]
                        a SYN from each of N strangers, with `data` as of TCP Fast Open without a cookie
  ack NAME N [every=S]  an ACK of nothing from each of N strangers
  answer [ack|rst] [after=0] [pace=0]
                        strangers answer every SYN-ACK, S seconds later and S seconds apart; `answer off`
  ordinary NAME... [rate=200]   what a healthy host sees: requests, resets, slow clients, refused ports, small bursts
  calm                  ends all traffic; all clients leave

Clients come from the far side to a listener on the near side, and from the near side to all else.
"""

import collections
import contextlib
import ctypes
import errno
import itertools
import os
import random
import resource
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time

NEAR = {socket.AF_INET: "10.0.0.1", socket.AF_INET6: "fd00::1"}
FAR = {socket.AF_INET: "10.0.0.2", socket.AF_INET6: "fd00::2"}
# Both ends of the wire have it, and neither asks for neighbours: whatever one sends, the other takes in.
MAC = "02:00:00:00:00:01"
WIRE = """
link set lo up
link set {name} address {mac} arp off up
address add {v4}/8 dev {name}
address add {v6}/64 dev {name} nodad
"""
CLIENTS = "10.2.0.0"
STRANGERS = "10.1.0.0"
SYN, RST, ACK = 0x02, 0x04, 0x10
CLONE_NEWNET = 0x40000000
IP_BIND_ADDRESS_NO_PORT = 24
LIBC = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """What a line asks for cannot be."""


class Namespace:
    """A network namespace. What is made in its `with` block, a socket or a process, belongs to it."""

    home = None

    def __init__(self):
        self.handle = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @classmethod
    def new(cls):
        if LIBC.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        made = cls()
        cls.home.enter()
        return made

    def enter(self):
        if LIBC.setns(self.handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def __enter__(self):
        self.enter()

    def __exit__(self, *_):
        Namespace.home.enter()


class Line:
    """`verb word... option=value...`"""

    def __init__(self, line):
        words = line.split()
        self.verb = words[0] if words else ""
        self.words = [word for word in words[1:] if "=" not in word]
        self.options = dict(word.split("=", 1) for word in words[1:] if "=" in word)

    def flag(self, name):
        """Whether the word is there; then it is none of the others."""
        there = name in self.words
        if there:
            self.words.remove(name)
        return there

    def seconds(self, name, default=None):
        return float(self.options[name]) if name in self.options else default

    def number(self, name, default=None):
        return int(self.options[name]) if name in self.options else default


def address_of(text):
    """(family, (address, port)) of `10.0.0.1:80` or `[::]:80`."""
    host, colon, port = text.rpartition(":")
    if not colon:
        raise Refused(f"neither a listener nor ADDRESS:PORT: {text!r}")
    host = host.strip("[]")
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))


def spoken(facts):
    return " ".join(f"{name}={value}" for name, value in sorted(facts.items()))


def converse(lines, answers, obey):
    """Answers each line by what `obey` returns or raises."""
    for line in lines:
        try:
            answer = f"ok {obey(Line(line)) or ''}".strip()
        except (Refused, OSError, ValueError, IndexError, subprocess.CalledProcessError) as why:
            answer = f"error {why}".replace("\n", " ")
        print(answer, file=answers, flush=True)


class Owner:
    """The process of one listener: a loop over its parent's lines, the queue of its listener, and its connections."""

    def __init__(self, name, address, backlog, fastopen, reuseport):
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(name)
        family, address = address_of(address)
        self.backlog = int(backlog)
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setblocking(False)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if int(reuseport):
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if int(fastopen):
            self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, int(fastopen))
        self.listener.bind(address)
        self.listener.listen(self.backlog)
        self.selector = selectors.DefaultSelector()
        self.selector.register(sys.stdin, selectors.EVENT_READ, self.obey_one)
        self.batch, self.every, self.due, self.bye = None, None, None, False
        self.counts = collections.Counter(accepted=0, failed=0)

    def run(self):
        while True:
            wait = None if self.due is None else max(0, self.due - time.monotonic())
            for key, _ in self.selector.select(wait):
                key.data()
            if self.due is not None and time.monotonic() >= self.due:
                self.due += self.every
                self.take()

    def obey_one(self):
        # A line is sent only when the one before was answered, so that nothing waits in a buffer unseen.
        line = sys.stdin.readline()
        if not line:
            sys.exit()
        converse([line], sys.stdout, self.obey)

    def obey(self, line):
        if line.verb == "accept":
            self.pause()
            self.bye = line.flag("bye")
            self.batch = int(line.words[0]) if line.words else None
            self.every = line.seconds("every")
            if self.every is None:
                self.selector.register(self.listener, selectors.EVENT_READ, self.take)
            else:
                self.due = time.monotonic()
        elif line.verb == "pause":
            self.pause()
        elif line.verb == "relisten":
            self.backlog = line.number("backlog", self.backlog)
            self.listener.listen(self.backlog)
        elif line.verb == "files":
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            # One that has run out could not even open the list.
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            limit = len(os.listdir("/proc/self/fd")) - 1 + int(line.words[0])
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        elif line.verb == "close":
            self.pause()
            self.listener.close()
        return spoken(self.counts)

    def pause(self):
        self.due = None
        if self.listener in self.selector.get_map():
            self.selector.unregister(self.listener)

    def take(self):
        """Accepts what waits, or as many as it may."""
        for _ in itertools.count() if self.batch is None else range(self.batch):
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError:
                self.counts["failed"] += 1
                time.sleep(0.05)
                return
            self.counts["accepted"] += 1
            if self.bye:
                connection.close()
            else:
                connection.setblocking(False)
                self.selector.register(connection, selectors.EVENT_READ, lambda it=connection: self.serve(it))

    def serve(self, connection):
        with contextlib.suppress(OSError):
            said = connection.recv(65536)
            if said:
                connection.send(said)
                return
        self.selector.unregister(connection)
        connection.close()


class Client:
    """A connection that is asked for, made or lost; nobody waits for it."""

    STATES = {1: "connected", 2: "connecting"}

    def __init__(self, family, address, source=None, fastopen=False):
        self.error = None
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        try:
            if source:
                self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                self.socket.bind((source, 0))
            if fastopen:
                self.socket.sendto(b"hello", socket.MSG_FASTOPEN, address)
            else:
                self.socket.connect(address)
        except BlockingIOError:
            pass
        except OSError as why:
            self.error = why.errno

    def outcome(self):
        self.error = self.error or self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self.error:
            return errno.errorcode[self.error]
        return self.STATES.get(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0], "closed")


class Strangers:
    """Those who speak from addresses that nobody has: their segments are put on the far end of the wire."""

    def __init__(self):
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.there = ("far0", 0x0800, 0, 0, bytes.fromhex(MAC.replace(":", "")))
        self.count = itertools.count(1)
        self.ear = None

    @staticmethod
    def sum16(data):
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        total = (total & 0xFFFF) + (total >> 16)
        return ~(total + (total >> 16)) & 0xFFFF

    def send(self, source, target, flags, seq, ack=0, options=b"", data=b""):
        """A segment between two (packed address, port)."""
        tcp = struct.pack("!HHIIBBHHH", source[1], target[1], seq, ack, (20 + len(options)) << 2, flags, 65535, 0, 0)
        tcp += options + data
        pseudo = source[0] + target[0] + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp))
        check = self.sum16(pseudo + tcp + b"\0" * (len(tcp) % 2))
        tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0) + source[0] + target[0]
        ip = ip[:10] + struct.pack("!H", self.sum16(ip)) + ip[12:]
        self.wire.sendto(ip + tcp, self.there)

    def speak(self, target, count, base, flags, data):
        """One segment from each of so many strangers that nobody has heard of."""
        options = struct.pack("!BBH", 2, 4, 1460) if flags == SYN else b""
        if data:
            options += bytes([34, 2, 1, 1])
        target = (socket.inet_aton(target[0]), target[1])
        first = int.from_bytes(socket.inet_aton(base), "big")
        for number in itertools.islice(self.count, count):
            source = (first + number % 65535).to_bytes(4, "big"), random.randrange(1024, 65536)
            ack = random.getrandbits(32) if flags & ACK else 0
            self.send(source, target, flags, random.getrandbits(32), ack, options, b"hello" if data else b"")

    def answer(self, flags, after, pace):
        """Begins to answer each SYN-ACK to a stranger, as a client does that is so far away."""
        self.ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        threading.Thread(target=self.listen, args=(self.ear, flags, after, pace), daemon=True).start()

    def listen(self, ear, flags, after, pace):
        later = collections.deque()
        prefix = socket.inet_aton(STRANGERS)[:2]
        while ear is self.ear:
            ear.settimeout(max(0.001, later[0][0] - time.monotonic()) if later else 0.1)
            with contextlib.suppress(TimeoutError):
                packet = ear.recv(2048)
                tcp = packet[(packet[0] & 15) * 4 :]
                if packet[9] == socket.IPPROTO_TCP and packet[16:18] == prefix and tcp[13] & 0x17 == SYN | ACK:
                    later.append((time.monotonic() + after, packet[12:16], packet[16:20], tcp[:12]))
            while later and later[0][0] <= time.monotonic():
                _, server, stranger, tcp = later.popleft()
                here, there, seq, ack = struct.unpack("!HHII", tcp)
                acknowledged = (seq + 1) & 0xFFFFFFFF if flags == ACK else 0
                self.send((stranger, there), (server, here), flags, ack, acknowledged)
                time.sleep(pace)
        ear.close()


class Lab:
    """The verbs of a test."""

    def __init__(self):
        Namespace.home = self.near = Namespace()
        self.far = Namespace.new()
        self.ip(f"link add near0 type veth peer name far0 netns /proc/self/fd/{self.far.handle}")
        self.ip(WIRE.format(name="near0", mac=MAC, v4=NEAR[socket.AF_INET], v6=NEAR[socket.AF_INET6]))
        with self.far:
            self.ip(WIRE.format(name="far0", mac=MAC, v4=FAR[socket.AF_INET], v6=FAR[socket.AF_INET6]))
            self.ip(f"route add local {CLIENTS}/16 dev lo")
            self.strangers = Strangers()
        self.owners = {}
        self.traffic, self.stop = [], threading.Event()
        self.clients, self.gone = set(), collections.Counter()
        self.sources = itertools.count(1)

    def ip(self, script):
        subprocess.run(
            ["ip", "-batch", "-"], input=script.encode(), check=True, pass_fds=[self.far.handle]
        )

    def obey(self, line):
        verb = getattr(self, f"do_{line.verb}", None)
        if verb is None:
            raise Refused(f"no verb {line.verb!r}")
        return verb(line)

    # Listeners

    def do_listen(self, line):
        near = not line.flag("far")
        reuseport = line.flag("reuseport")
        name, address = line.words
        if name in self.owners:
            self.owners.pop(name)[0].communicate()
        about = [name, address, line.number("backlog", 128), line.number("fastopen", 0), int(reuseport)]
        with self.near if near else self.far:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", os.path.abspath(__file__), *map(str, about)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
        answer = process.stdout.readline()
        if not answer:
            raise Refused(f"no listener at {address}")
        self.owners[name] = process, near, address_of(address)
        return f"pid={process.pid}"

    def do_accept(self, line):
        name = line.words.pop(0)
        if name not in self.owners:
            raise Refused(f"no listener {name!r}")
        process = self.owners[name][0]
        options = [f"{key}={value}" for key, value in line.options.items()]
        print(line.verb, *line.words, *options, file=process.stdin, flush=True)
        answer = process.stdout.readline().strip()
        if not answer.startswith("ok"):
            raise Refused(answer.removeprefix("error ") or f"{name} has ended")
        return answer[3:]

    do_pause = do_relisten = do_files = do_close = do_facts = do_accept

    def target(self, text):
        """(whether near, family, address) of a listener, or of an address beyond the wire."""
        if text not in self.owners:
            return False, *address_of(text)
        _, near, (family, (host, port)) = self.owners[text]
        return near, family, ((NEAR if near else FAR)[family] if host in ("0.0.0.0", "::") else host, port)

    # Clients

    def do_hold(self, line):
        connect, _ = self.crowd(line)
        self.repeat(connect, line.seconds("every"))

    def do_burst(self, line):
        connect, leave = self.crowd(line)

        def burst():
            leave()
            connect()

        self.repeat(burst, line.seconds("every", 1))

    def crowd(self, line):
        """How the clients of a line connect, and how they leave."""
        near, far, fastopen = line.flag("near"), line.flag("far"), line.flag("fastopen")
        name, count = line.words
        target_near, family, address = self.target(name)
        from_near = near or not (far or target_near)
        present = []

        def connect():
            with self.near if from_near else self.far:
                for _ in range(int(count)):
                    client = Client(family, address, None if from_near or fastopen else self.source(family), fastopen)
                    present.append(client)
                    self.clients.add(client)

        def leave():
            while present:
                self.leave(present.pop())

        return connect, leave

    def source(self, family):
        """The address of the next far client: they are many."""
        if family == socket.AF_INET6:
            return None
        first = int.from_bytes(socket.inet_aton(CLIENTS), "big")
        return socket.inet_ntoa((first + next(self.sources) % 65535).to_bytes(4, "big"))

    def leave(self, client):
        self.clients.discard(client)
        self.gone[client.outcome()] += 1
        # What is unread would make a reset of the close.
        with contextlib.suppress(OSError):
            client.socket.setblocking(False)
            client.socket.recv(65536)
        client.socket.close()

    def do_clients(self, _):
        facts = self.gone.copy()
        for client in list(self.clients):
            # It may leave at this moment.
            with contextlib.suppress(OSError):
                facts[client.outcome()] += 1
        return spoken(facts)

    # Strangers

    def do_syn(self, line):
        self.speak(line, SYN)

    def do_ack(self, line):
        self.speak(line, ACK)

    def speak(self, line, flags):
        data = line.flag("data")
        name, count = line.words
        _, family, address = self.target(name)
        if family != socket.AF_INET:
            address = NEAR[socket.AF_INET], address[1]
        base = line.options.get("from", STRANGERS)
        self.repeat(lambda: self.strangers.speak(address, int(count), base, flags, data), line.seconds("every"))

    def do_answer(self, line):
        self.strangers.ear = None
        if not line.flag("off"):
            flags = RST if line.flag("rst") else ACK
            with self.far:
                self.strangers.answer(flags, line.seconds("after", 0), line.seconds("pace", 0))

    # Ordinary load

    def do_ordinary(self, line):
        targets = [self.target(name)[1:] for name in line.words]
        refused = [(family, (NEAR[family], 9)) for family in NEAR]
        pace = 1 / line.number("rate", 200)
        rounds = itertools.count(1)
        slow = collections.deque()

        def one():
            number = next(rounds)
            family, address = random.choice(targets if number % 20 else refused)
            burst = 8 if number % 211 == 0 else 1
            with self.near if number % 3 == 0 else self.far:
                clients = [Client(family, address) for _ in range(burst)]
            self.clients.update(clients)
            for client in clients:
                with contextlib.suppress(OSError):
                    client.socket.settimeout(2)
                    if number % 10 == 3:
                        slow.append((time.monotonic() + random.uniform(0.2, 2), client))
                        continue
                    if number % 10 == 7:
                        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    else:
                        client.socket.sendall(b"hello")
                        client.socket.recv(5)
                self.leave(client)
            while slow and slow[0][0] < time.monotonic():
                self.leave(slow.popleft()[1])

        self.repeat(one, pace)

    # Time

    def repeat(self, act, every):
        """Does it now, and once more each time that so many seconds have gone, until all is calm."""
        act()
        if every:
            thread = threading.Thread(target=self.go_on, args=(act, every, self.stop), daemon=True)
            self.traffic.append(thread)
            thread.start()

    @staticmethod
    def go_on(act, every, stop):
        due = time.monotonic() + every
        while not stop.wait(max(0, due - time.monotonic())):
            act()
            due += every

    def do_calm(self, _):
        self.stop.set()
        for thread in self.traffic:
            thread.join()
        self.traffic, self.stop = [], threading.Event()
        for client in list(self.clients):
            self.leave(client)
        facts, self.gone = spoken(self.gone), collections.Counter()
        return facts


def main():
    if len(sys.argv) > 1:
        owner = Owner(*sys.argv[1:])
        print("ok", flush=True)
        owner.run()
    lab = Lab()
    print("ok", flush=True)
    converse(sys.stdin, sys.stdout, lab.obey)


if __name__ == "__main__":
    main()
