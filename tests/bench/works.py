"""Works of tcptune, the tools that they replace, and what both cost: whole processes, within a sandbox.

works.py NAME SCALE walls ROUNDS     median milliseconds of each binary and each peer, in turn, and megabytes
works.py NAME SCALE counts           instructions and system calls of the static binary
works.py NAME SCALE peer             the same of the first peer
works.py NAME SCALE share SECONDS    percent of one core, of what goes on until `q` is pressed

BINARIES names the binaries as `name=path`, with blanks between them. Prints JSON.
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time

WORK = pathlib.Path(os.environ.get('WORK', '/tmp'))
BINARIES = dict(binary.split('=') for binary in os.environ.get('BINARIES', 'static=tcptune').split())
STATIC = BINARIES['static']
STATE = pathlib.Path('/var/lib/tcptune')
SYSTEMD = '/lib/systemd/systemd-sysctl'
HIGH_TRAFFIC = 'high-traffic'


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, **options)


def answer(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


class Work:
    """Something to do: words for tcptune, and whole commands of its peers. `reset` is run before each, and is not measured;
    it is told whether a peer is next."""

    def __init__(self, ours, peers, reset=lambda is_peer: None):
        self.ours = {name: [binary, *ours] for name, binary in BINARIES.items()}
        self.peers = peers
        self.reset = reset

    def walls(self, rounds):
        commands = self.ours | self.peers
        times = {name: [] for name in commands}
        # The first round warms the caches.
        for turn in range(rounds + 1):
            for name, command in commands.items():
                self.reset(name in self.peers)
                start = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, close_fds=False)
                if turn > 0:
                    times[name].append((time.perf_counter() - start) * 1000)
        return {name: statistics.median(each) for name, each in times.items()}

    def memory(self):
        measure = ['/usr/bin/time', '--output={log}', '--format=%M']
        return max(self.measured(measure, command, r'(\d+)$') for command in self.ours.values()) / 1000

    def faults(self, command):
        return self.measured(['/usr/bin/time', '--output={log}', '--format=%R'], command, r'(\d+)$')

    def counts(self, command):
        callgrind = ['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', '--log-file={log}']
        strace = ['strace', '--follow-forks', '--summary-only', '--output={log}']
        return {
            'instructions': self.measured(callgrind, command, r'Collected : (\d+)'),
            'calls': self.measured(strace, command, r'^100[.,]00\s.*?\s(\d+)(?:\s+\d+)? total$'),
        }

    def share(self, seconds):
        child, terminal = pty.fork()
        if child == 0:
            os.execv(self.ours['static'][0], self.ours['static'])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('4H', 24, 80, 0, 0))
        # Somebody has to look, or the terminal is full.
        threading.Thread(target=self.look, args=(terminal,), daemon=True).start()
        start = time.perf_counter()
        time.sleep(seconds)
        os.write(terminal, b'q')
        _, code, used = os.wait4(child, 0)
        assert code == 0, code
        return (used.ru_utime + used.ru_stime) / (time.perf_counter() - start) * 100

    @staticmethod
    def look(terminal):
        try:
            while os.read(terminal, 4096):
                pass
        except OSError:
            # The other side is closed.
            pass

    def measured(self, measure, command, pattern):
        self.reset(False)
        log = WORK / 'measured'
        run(*[part.format(log=log) for part in measure], *command, stderr=subprocess.DEVNULL)
        return int(re.search(pattern, log.read_text(), re.M)[1])


# What the works stand on.


def conf(path, values):
    path.write_text(''.join(f'{key} = {value}\n' for key, value in values.items()))
    return path


def profile(path, values):
    lines = ''.join(f'"{key}" = {value}\n' for key, value in values.items())
    path.write_text(f'[profile]\ndescription = "a benchmark"\n\n[sysctl]\n{lines}')
    return path


def applied():
    """The keys of a profile that is in force, and a file that says the same."""
    run(STATIC, 'apply', HIGH_TRAFFIC)
    keys = [setting['key'] for setting in json.loads(answer(STATIC, 'show', HIGH_TRAFFIC, '--json'))['settings']]
    return keys, conf(WORK / 'high-traffic.conf', {key: answer('sysctl', '-n', key).strip() for key in keys})


PER_INTERFACE = ['accept_redirects', 'arp_ignore', 'log_martians', 'rp_filter', 'send_redirects']


def many(count):
    """A profile and a file of so many keys, each of which is to change, and what brings them back."""
    names = [f'v{n}' for n in range(count // len(PER_INTERFACE))]
    links = ''.join(f'link add {one} type veth peer name {other}\n' for one, other in zip(names[::2], names[1::2]))
    run('ip', '-batch', '-', input=links.encode())
    holds = {key: int(answer('sysctl', '-n', f'net.ipv4.conf.v0.{key}')) for key in PER_INTERFACE}
    before = {f'net.ipv4.conf.{name}.{key}': value for name in names for key, value in holds.items()}
    after = {key: 1 - min(value, 1) for key, value in before.items()}
    file, back = conf(WORK / 'many.conf', after), conf(WORK / 'before.conf', before)
    peers = {'sysctl -q -p': ['sysctl', '-q', '-p', file], 'systemd-sysctl FILE': [SYSTEMD, file]}
    return profile(WORK / 'many.toml', after), peers, lambda _: run('sysctl', '-q', '-p', back)


def journal(count):
    """A state as if so many entries had been written."""
    run(STATIC, 'set', 'net.ipv4.tcp_syn_retries=4')
    entry = json.loads((STATE / 'journal/1.json').read_text())
    for n in range(1, count + 1):
        entry |= {'id': n, 'parent': n - 1}
        (STATE / f'journal/{n}.json').write_text(json.dumps(entry, separators=(',', ':')) + '\n')
    state = json.loads((STATE / 'state.json').read_text())
    state['last'] = count
    state['namespaces'][0] |= {'last': count, 'line': list(range(count, max(count - 100, 0), -1))}
    state['journal_changed'] = (STATE / 'journal').stat().st_mtime_ns
    (STATE / 'state.json').write_text(json.dumps(state))


def listen(count):
    """So many listeners, held by processes that end with the sandbox.

    Each has an address of its own: the kernel lists those of one address in an order that may be any, or that of their
    ports, which takes less to sort.
    """
    def address(n):
        return f'127.0.{n // 250}.{n % 250 + 1}', 2000 + n
    run('ip', 'link', 'set', 'lo', 'up')
    for first in range(0, count, 1000):
        ready, done = os.pipe()
        if os.fork() == 0:
            run('prlimit', '--pid', os.getpid(), '--nofile=4096')
            held = [socket.create_server(address(n)) for n in range(first, min(first + 1000, count))]
            os.write(done, b'.')
            time.sleep(3600)
            del held
        os.read(ready, 1)


# The works.


def diff_few(_):
    keys, _ = applied()
    return Work(['diff', HIGH_TRAFFIC], {'sysctl -n': ['sysctl', '-n', *keys]})


def apply_few(_):
    _, file = applied()
    return Work(['apply', HIGH_TRAFFIC], {'sysctl -q -p': ['sysctl', '-q', '-p', file]})


def apply_many(count):
    wish, peers, reset = many(count)
    return Work(['apply', '--yes', wish], peers, reset)


def diff_many(count):
    wish, peers, _ = many(count)
    run(STATIC, 'apply', wish)
    return Work(['diff', wish], peers)


def where(count):
    for n in range(count):
        lines = ''.join(f'net.ipv4.conf.if{n}.key{line} = {line}\n' for line in range(100))
        pathlib.Path(f'/etc/sysctl.d/{n:05}.conf').write_text(lines)
    pathlib.Path('/etc/sysctl.d/50-app.conf').write_text('net.core.somaxconn = 5000\n')
    return Work(['where', 'net.core.somaxconn'], {'systemd-sysctl --cat-config': [SYSTEMD, '--cat-config']})


def netns(count):
    for n in range(count):
        run('ip', 'netns', 'add', f'n{n}')
    _, file = applied()
    loop = f'for name in $(ls /run/netns); do ip netns exec "$name" sysctl -q -p {file}; done'
    return Work(['apply', '--netns', 'all', '--yes', HIGH_TRAFFIC], {'ip netns exec sysctl -q -p': ['sh', '-c', loop]})


def status(count):
    journal(10)
    few = WORK / 'few'
    shutil.rmtree(few, ignore_errors=True)
    shutil.copytree(STATE, few)
    shutil.rmtree(STATE)
    run('sysctl', '-q', '-w', 'net.ipv4.tcp_syn_retries=6')
    journal(count)

    def short_or_long(is_peer):
        subprocess.run(['umount', STATE], stderr=subprocess.DEVNULL, check=False)
        if is_peer:
            run('mount', '--bind', few, STATE)

    # The peer is ourselves, with a short journal.
    return Work(['status'], {'tcptune status, 10 entries': [STATIC, 'status']}, short_or_long)


def doctor(count):
    listen(count)
    return Work(['doctor', '--window', '0s'], {'ss -Htln': ['ss', '-Htln']})


def watch(count):
    listen(count)
    return Work(['watch'], {})


def main(name, scale, what, much=0):
    # The files of the machine are none of a benchmark's.
    run('mount', '-t', 'tmpfs', 'tmpfs', '/usr/lib/sysctl.d')
    work = globals()[name](int(scale))
    match what:
        case 'walls':
            told = {
                'walls': work.walls(int(much)),
                'memory': work.memory(),
                'faults': [work.faults(command) for command in (work.ours['static'], next(iter(work.peers.values())))],
            }
        case 'memory':
            told = work.memory()
        case 'counts':
            told = work.counts(work.ours['static'])
        case 'peer':
            told = work.counts(next(iter(work.peers.values())))
        case 'share':
            told = work.share(float(much))
    print(json.dumps(told))


if __name__ == '__main__':
    main(*sys.argv[1:])
