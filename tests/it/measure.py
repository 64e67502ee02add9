"""What the kernel really does, for the tests of `measured.rs`: one experiment, one JSON document on standard output."""
import json, os, select, socket, struct, subprocess, sys, time

def sysctl(name, value):
    with open("/proc/sys/net/" + name, "w") as key:
        key.write(f"{value}\n")

def counters():
    found = {}
    rows = open("/proc/net/netstat").read().splitlines() + open("/proc/net/snmp").read().splitlines()
    for names, values in zip(rows[::2], rows[1::2]):
        found.update(zip(names.split()[1:], map(int, values.split()[1:])))
    return found

def listener(backlog, port=0, address="127.0.0.1"):
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen(backlog)
    return made

def started(to):
    made = socket.socket()
    made.setblocking(False)
    made.connect_ex(to)
    return made

HERE = "192.0.2.1"

def wire():
    """A wire whose other end is silent; 10.0.0.0/8 is behind it."""
    subprocess.run("ip link add v0 type veth peer name v1 && ip link set v0 arp off && ip addr add 192.0.2.1/24 dev v0"
                   " && ip link set v0 up && ip link set v1 up && ip route add 10.0.0.0/8 dev v0", shell=True, check=True)

def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff

def syns(port, count):
    """One SYN from each of so many strangers."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    to = socket.inet_aton(HERE)
    for number in range(count):
        source = struct.pack("!BBH", 10, 1, number + 1)
        head = struct.pack("!HHIIBBHHH", 4000, port, 1000, 0, 5 << 4, 2, 65535, 0, 0)
        pseudo = source + to + struct.pack("!BBH", 0, 6, len(head))
        head = head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, number, 0, 64, 6, 0, source, to)
        raw.sendto(ip + head, (HERE, 0))
    time.sleep(0.2)

def half_open():
    return sum(line.split()[3] == "03" for line in open("/proc/net/tcp").read().splitlines()[1:])

def until(wanted, limit):
    begun = time.monotonic()
    while not wanted() and time.monotonic() - begun < limit:
        time.sleep(0.01)
    return time.monotonic() - begun

def accept_queue():
    found = []
    for backlog, somaxconn in [(4, 128), (50, 4), (0, 128), (10, 0)]:
        sysctl("core/somaxconn", somaxconn)
        server = listener(backlog)
        clients = [started(server.getsockname()) for _ in range(9)]
        time.sleep(0.2)
        found.append([min(backlog, somaxconn), len(select.select([], clients, [], 0)[1])])
        for one in clients:
            one.close()
    return found

def listen_again():
    sysctl("core/somaxconn", 16)
    server = listener(1000)
    limit = lambda: struct.unpack_from("I", server.getsockopt(6, 11, 104), 8 + 4 * 5)[0]
    found = [limit()]
    sysctl("core/somaxconn", 512)
    found.append(limit())
    server.listen(1000)
    return found + [limit()]

def syn_queue():
    wire()
    found = []
    for somaxconn, backlog, cookies in [(8, 1024, 1), (8, 1024, 3), (8, 1024, 0), (8, 1024, 2), (400, 64, 0), (400, 64, 1), (400, 0, 0)]:
        sysctl("core/somaxconn", somaxconn)
        sysctl("ipv4/tcp_max_syn_backlog", backlog)
        sysctl("ipv4/tcp_syncookies", cookies)
        server = listener(somaxconn, 0, HERE)
        before = counters()
        syns(server.getsockname()[1], 450)
        after = counters()
        cookies_sent = after["SyncookiesSent"] - before["SyncookiesSent"]
        drops = after["ListenDrops"] - before["ListenDrops"]
        found.append([somaxconn, backlog, cookies, half_open(), cookies_sent, drops])
        server.close()
        until(lambda: half_open() == 0, 2)
    return found

def syn_ack():
    """How long half-open requests live: a lonely one with one retransmission, then a crowd with five."""
    wire()
    sysctl("core/somaxconn", 16)
    sysctl("ipv4/tcp_synack_retries", 1)
    server = listener(16, 0, HERE)
    before = counters()["TCPSynRetrans"]
    syns(server.getsockname()[1], 1)
    lonely = until(lambda: half_open() == 0, 5) + 0.2
    again = counters()["TCPSynRetrans"] - before
    sysctl("ipv4/tcp_synack_retries", 5)
    syns(server.getsockname()[1], 12)
    first = until(lambda: half_open() < 12, 10) + 0.2
    time.sleep(0.5)
    return {"lonely": lonely, "again": again, "first": first, "left": half_open()}

def syn():
    """connect() to nobody, with a cap of one second on intervals and a least interval below that of a SYN."""
    wire()
    sysctl("ipv4/tcp_syn_retries", 2)
    sysctl("ipv4/tcp_syn_linear_timeouts", 0)
    sysctl("ipv4/tcp_rto_max_ms", 1000)
    sysctl("ipv4/tcp_rto_min_us", 5000)
    before = counters()["TCPSynRetrans"]
    client = started(("192.0.2.2", 9))
    first = until(lambda: counters()["TCPSynRetrans"] > before, 5)
    ended = first + until(lambda: client.getsockopt(1, 4) == 110, 9)
    return {"first": first, "ended": ended, "again": counters()["TCPSynRetrans"] - before}

def overflow():
    """A final ACK that meets a full queue: what the client reads."""
    found = []
    for abort in (0, 1):
        sysctl("ipv4/tcp_abort_on_overflow", abort)
        sysctl("core/somaxconn", 128)
        # Requests are half-open until data comes, and their data then meets a queue that others filled.
        server = listener(1)
        server.setsockopt(6, 9, 5)
        late = socket.create_connection(server.getsockname())
        server.setsockopt(6, 9, 0)
        filling = [started(server.getsockname()) for _ in range(2)]
        time.sleep(0.2)
        before = counters()
        late.settimeout(0.5)
        late.send(b"x")
        try:
            late.recv(1)
            end = "closed"
        except ConnectionResetError:
            end = "reset"
        except TimeoutError:
            end = "silence"
        moved = {name: counters()[name] - before[name] for name in ("ListenOverflows", "EmbryonicRsts")}
        found.append([abort, end, moved["ListenOverflows"] > 0, moved["EmbryonicRsts"] > 0])
        # A SYN is dropped whatever the key says.
        more = started(server.getsockname())
        time.sleep(0.1)
        found[-1].append(not select.select([], [more], [], 0)[1])
        for one in filling + [late, more, server]:
            one.close()
    return found

def cookie_options():
    """What a connection through a cookie negotiates, with timestamps and without."""
    sysctl("ipv4/tcp_syncookies", 2)
    found = []
    for timestamps in (1, 0):
        sysctl("ipv4/tcp_timestamps", timestamps)
        server = listener(5)
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        # TCPI_OPT_SACK 2, TCPI_OPT_WSCALE 4
        found.append(accepted.getsockopt(6, 11, 8)[5] & 6)
    return found

def fast_open():
    rows = {}
    for bits in (0x0, 0x1, 0x2, 0x3, 0x5, 0x7, 0x203, 0x205, 0x207, 0x401, 0x403, 0x603, 0x607):
        for option in (0, 1):
            subprocess.run("ip tcp_metrics flush", shell=True, stderr=subprocess.DEVNULL)
            sysctl("ipv4/tcp_fastopen", bits)
            server = socket.socket()
            server.bind(("127.0.0.1", 0))
            if option:
                server.setsockopt(6, 23, 5)
            server.listen(5)
            taken = []
            for _ in range(2):
                client = socket.socket()
                before = counters()
                try:
                    client.sendto(b"x", 0x20000000, server.getsockname())
                    accepted, _ = server.accept()
                    assert accepted.recv(1) == b"x"
                except OSError as why:
                    taken.append(f"errno {why.errno}")
                    continue
                after = counters()
                moved = lambda name: after[name] > before[name]
                taken.append("in SYN" if moved("TCPFastOpenActive") else "twice" if moved("TCPFastOpenActiveFail") else "after")
            rows[f"{bits} {option}"] = taken
    return rows

def black_hole():
    """A SYN with data that nobody answers, and what the next client does then and later."""
    wire()
    sysctl("ipv4/tcp_fastopen", 0x207)
    sysctl("ipv4/tcp_fastopen_blackhole_timeout_sec", 2)
    sysctl("ipv4/tcp_syn_retries", 1)
    sysctl("ipv4/tcp_syn_linear_timeouts", 0)
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.setsockopt(6, 23, 5)
    server.listen(5)
    def sent():
        before = counters()["TCPFastOpenActive"]
        client = socket.socket()
        client.sendto(b"x", 0x20000000, server.getsockname())
        server.accept()[0].recv(1)
        return counters()["TCPFastOpenActive"] - before
    first = sent()
    try:
        socket.socket().sendto(b"x", 0x20000000, ("192.0.2.2", 9))
    except OSError:
        pass
    soon = sent()
    time.sleep(2.2)
    return [first, soon, sent()]

def closing():
    """FIN-WAIT-2 of a peer that never closes, and the timer of TIME-WAIT."""
    sysctl("ipv4/tcp_fin_timeout", 3)
    server = listener(5)
    client = socket.create_connection(server.getsockname())
    kept, _ = server.accept()
    port = client.getsockname()[1]
    client.close()
    state = lambda: {int(line.split()[1].split(":")[1], 16): line.split()[3] for line in open("/proc/net/tcp").read().splitlines()[1:]}.get(port)
    fin_wait = until(lambda: state() not in ("04", "05"), 6)
    other = socket.create_connection(server.getsockname())
    theirs, _ = server.accept()
    port = other.getsockname()[1]
    other.close()
    theirs.close()
    time.sleep(0.1)
    shown = subprocess.run(["ss", "-Htno", "state", "time-wait", f"( sport = :{port} )"], capture_output=True, text=True).stdout
    return {"fin_wait": fin_wait, "time_wait": shown}

def keepalive():
    """An idle connection whose peer is gone."""
    return silent("keepalive")

def retries2():
    """Data that nobody acknowledges."""
    return silent("retries2")

def silent(how):
    other = subprocess.Popen(["unshare", "--net", "sleep", "60"])
    try:
        time.sleep(0.3)
        run = lambda script: subprocess.run(script.replace("FAR", f"nsenter --net=/proc/{other.pid}/ns/net"), shell=True, check=True)
        run(f"ip link add v0 type veth peer name v1 netns {other.pid}; ip link set v0 arp off; ip addr add 192.0.2.1/24 dev v0; ip link set v0 up;"
            " FAR ip link set v1 arp off; FAR ip addr add 192.0.2.2/24 dev v1; FAR ip link set v1 up;"
            " ip link set v0 address 02:00:00:00:00:01; FAR ip link set v1 address 02:00:00:00:00:01")
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        import ctypes
        libc = ctypes.CDLL(None)
        libc.setns(os.open(f"/proc/{other.pid}/ns/net", os.O_RDONLY), 0)
        server = listener(5, 80, "192.0.2.2")
        libc.setns(here, 0)
        for name, value in [("time", 1), ("intvl", 1), ("probes", 3)]:
            sysctl(f"ipv4/tcp_keepalive_{name}", value)
        sysctl("ipv4/tcp_retries2", 2)
        client = socket.create_connection(("192.0.2.2", 80))
        if how == "keepalive":
            client.setsockopt(1, 9, 1)
        run("FAR ip addr del 192.0.2.2/24 dev v1")
        begun = time.monotonic()
        if how == "retries2":
            client.send(b"x")
        client.settimeout(15)
        try:
            client.recv(1)
        except OSError as why:
            return {"errno": why.errno, "s": time.monotonic() - begun}
    finally:
        other.kill()

def ports():
    sysctl("ipv4/ip_local_port_range", "40000 40003")
    server = listener(50, 50000)
    made = []
    try:
        for _ in range(9):
            made.append(socket.create_connection(server.getsockname()))
    except OSError as why:
        return {"made": len(made), "errno": why.errno}

def slabs():
    rows = (line.split() for line in open("/proc/slabinfo"))
    return {row[0]: int(row[3]) for row in rows if row[0] in ("TCP", "request_sock_TCP")}

print(json.dumps(globals()[sys.argv[1]]()))
