"""The work of tcptune beside the tools that it replaces: whole processes, in turn, and counts that repeat.

speed.py list                names of the works
speed.py head                the head of the table
speed.py WORK ROUNDS         measures one, within a sandbox, and prints its row
"""

import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

TCPTUNE = os.environ.get('TCPTUNE', 'tcptune')
WORK = pathlib.Path(os.environ.get('WORK', '.'))
STATE = pathlib.Path('/var/lib/tcptune')
SYSTEMD = '/lib/systemd/systemd-sysctl'
HIGH_TRAFFIC = 'high-traffic'


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, **options)


def answer(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


class Work:
    """Something to do, with the tools that do it.

    `ours` and each of `peers` are commands; `reset` is run before each of them, and is not measured. With `limit` ours
    may take so many times as long as the faster peer.
    """

    def __init__(self, title, ours, peers, limit, reset=None, counted=True):
        self.title, self.ours, self.peers, self.limit = title, ours, peers, limit
        self.reset = reset or (lambda: None)
        self.counted = counted

    def timed(self, command):
        self.reset()
        start = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, close_fds=False)
        took = (time.perf_counter() - start) * 1000
        assert done.returncode == 0, (command, done.returncode)
        return took

    def medians(self, rounds):
        commands = {'ours': self.ours, **self.peers}
        times = {name: [] for name in commands}
        for name, command in commands.items():
            self.timed(command)
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(self.timed(command))
        return {name: statistics.median(each) for name, each in times.items()}

    def memory(self, command):
        self.reset()
        measure = WORK / 'memory'
        run('/usr/bin/time', '--output', measure, '--format', '%M', *command)
        return int(measure.read_text()) / 1000

    def instructions(self, command):
        """Millions."""
        self.reset()
        log = WORK / 'callgrind'
        run('valgrind', '--tool=callgrind', '--trace-children=no', '--callgrind-out-file=/dev/null', f'--log-file={log}', *command)
        return int(re.search(r'Collected : (\d+)', log.read_text())[1]) / 1e6

    def calls(self, command):
        self.reset()
        log = WORK / 'strace'
        run('strace', '--follow-forks', '--summary-only', '--output', log, *command)
        return int(re.search(r'^100[.,]00\s.*?\s(\d+)(?:\s+\d+)? total$', log.read_text(), re.M)[1])


def bench(name, rounds):
    work = WORKS[name]()
    medians = work.medians(rounds)
    ours = medians.pop('ours')
    faster = min(medians, key=medians.get)
    peers = '; '.join(f'`{peer}` {took:.1f} ms' for peer, took in medians.items())
    cells = [work.title, peers, f'{ours:.1f} ms', f'{ours / medians[faster]:.2f}', f'{work.limit}']
    for count, form in ((work.instructions, '{:.1f} M'), (work.calls, '{}')):
        theirs = form.format(count(work.peers[faster])) if work.counted else 'not counted'
        cells.append(f'{form.format(count(work.ours))} ({theirs})')
    cells.append(f'{work.memory(work.ours):.1f} MB')
    print('| ' + ' | '.join(cells) + ' |', flush=True)


HEAD = ['work', 'peer', 'tcptune', 'times', 'at most', 'instructions (peer)', 'system calls (peer)', 'memory']


def head():
    print('| ' + ' | '.join(HEAD) + ' |')
    print('|' + '---|' * len(HEAD))


# What the works stand on.


def keys_of(profile):
    plan = json.loads(answer(TCPTUNE, 'show', profile, '--json'))
    return [setting['key'] for setting in plan['settings']]


def values(keys):
    return {key: answer('sysctl', '-n', key).strip() for key in keys}


def conf(path, values):
    path.write_text(''.join(f'{key} = {value}\n' for key, value in values.items()))
    return path


def profile(path, values):
    lines = ''.join(f'"{key}" = {value}\n' for key, value in values.items())
    path.write_text(f'[profile]\ndescription = "a benchmark"\n\n[sysctl]\n{lines}')
    return path


def applied():
    run(TCPTUNE, 'apply', HIGH_TRAFFIC)
    keys = keys_of(HIGH_TRAFFIC)
    return keys, conf(WORK / 'high-traffic.conf', values(keys))


PER_INTERFACE = {'accept_redirects': 1, 'rp_filter': 0, 'send_redirects': 1, 'log_martians': 0, 'arp_ignore': 0}


def interfaces(count):
    """So many veths; a sorted list of their names."""
    batch = ''.join(f'link add v{n} type veth peer name v{n + 1}\n' for n in range(0, count, 2))
    run('ip', '-batch', '-', input=batch.encode())
    return sorted(f'v{n}' for n in range(count))


def many_keys(count):
    names = interfaces(count // len(PER_INTERFACE))
    before = {f'net.ipv4.conf.{name}.{key}': value for name in names for key, value in PER_INTERFACE.items()}
    for key in list(before)[:len(PER_INTERFACE)]:
        before[key] = int(answer('sysctl', '-n', key))
    keys = {key.rsplit('.', 1)[1]: value for key, value in list(before.items())[:len(PER_INTERFACE)]}
    before = {key: keys[key.rsplit('.', 1)[1]] for key in before}
    after = {key: 1 - value for key, value in before.items()}
    return before, after


def diff_few():
    keys, _ = applied()
    return Work('`diff high-traffic`, nothing to do', [TCPTUNE, 'diff', HIGH_TRAFFIC],
                {'sysctl -n': ['sysctl', '-n', *keys]}, 1.0)


def apply_few():
    _, file = applied()
    return Work('`apply high-traffic`, nothing to do', [TCPTUNE, 'apply', HIGH_TRAFFIC],
                {'sysctl -q -p': ['sysctl', '-q', '-p', file]}, 1.2)


def many(count=1000):
    before, after = many_keys(count)
    file = conf(WORK / 'many.conf', after)
    peers = {'sysctl -q -p': ['sysctl', '-q', '-p', file], 'systemd-sysctl': [SYSTEMD, file]}
    back = conf(WORK / 'before.conf', before)
    return profile(WORK / 'many.toml', after), peers, lambda: run('sysctl', '-q', '-p', back)


def apply_many():
    wish, peers, reset = many()
    return Work('`apply`, 1,000 keys, all different', [TCPTUNE, 'apply', '--yes', wish], peers, 1.5, reset)


def diff_many():
    wish, peers, _ = many()
    run(TCPTUNE, 'apply', wish)
    return Work('`diff` of them, nothing to do', [TCPTUNE, 'diff', wish], peers, 0.6)


def fragments(count, lines=100):
    directory = pathlib.Path('/etc/sysctl.d')
    for n in range(count):
        text = ''.join(f'net.ipv4.conf.if{n}.key{line} = {line}\n' for line in range(lines))
        (directory / f'{n:05}.conf').write_text(text)
    (directory / '50-zz.conf').write_text('net.core.somaxconn = 5000\n')


def where():
    fragments(1000)
    return Work('`where`, 1,000 fragments of 100 lines', [TCPTUNE, 'where', 'net.core.somaxconn'],
                {'systemd-sysctl --cat-config': [SYSTEMD, '--cat-config']}, 0.5)


def namespaces(count):
    for n in range(count):
        run('ip', 'netns', 'add', f'n{n}')


def netns():
    namespaces(200)
    _, file = applied()
    loop = f'for name in $(ls /run/netns); do ip netns exec "$name" sysctl -q -p {file}; done'
    back = WORK / 'back.conf'
    return Work('`apply high-traffic --netns all`, 200 namespaces', [TCPTUNE, 'apply', '--netns', 'all', '--yes', HIGH_TRAFFIC],
                {'ip netns exec … sysctl -q -p': ['sh', '-c', loop]}, 0.1, counted=False)


def journal(count):
    """A state as if so many entries had been written."""
    run(TCPTUNE, 'set', 'net.ipv4.tcp_syn_retries=4')
    entry = json.loads((STATE / 'journal/1.json').read_text())
    for n in range(1, count + 1):
        entry |= {'id': n, 'parent': n - 1}
        (STATE / f'journal/{n}.json').write_text(json.dumps(entry, indent=2) + '\n')
    state = json.loads((STATE / 'state.json').read_text())
    state['last'] = count
    state['namespaces'][0] |= {'last': count, 'line': list(range(count, max(count - 100, 0), -1))}
    (STATE / 'state.json').write_text(json.dumps(state))


def status():
    journal(10)
    few = WORK / 'few'
    shutil.copytree(STATE, few)
    journal_of_many = WORK / 'many'
    shutil.rmtree(STATE)
    run('sysctl', '-q', '-w', 'net.ipv4.tcp_syn_retries=6')
    journal(10000)
    shutil.copytree(STATE, journal_of_many)
    inside = 'mount --bind {} /var/lib/tcptune && exec {} status'
    ours, peer = ([
        'unshare', '--mount', 'sh', '-c', inside.format(directory, TCPTUNE)] for directory in (journal_of_many, few))
    return Work('`status`, a journal of 10,000 entries', ours, {'tcptune status` with 10 entries, `': peer}, 1.5)


def crowd(listeners):
    """So many listeners, held by children of this process."""
    for first in range(0, listeners, 1000):
        ready, done = os.pipe()
        if os.fork() == 0:
            run('prlimit', '--pid', os.getpid(), '--nofile=4096')
            held = [socket.create_server(('127.0.0.1', 2000 + n)) for n in range(first, min(first + 1000, listeners))]
            os.write(done, b'.')
            time.sleep(3600)
            del held
        os.read(ready, 1)


def doctor():
    run('ip', 'link', 'set', 'lo', 'up')
    crowd(5000)
    return Work('`doctor --window 0s`, 5,000 listeners', [TCPTUNE, 'doctor', '--window', '0s'],
                {'ss -Htln': ['ss', '-Htln']}, 1.2)


WORKS = {work.__name__.replace('_', '-'): work for work in
         (diff_few, apply_few, apply_many, diff_many, where, netns, status, doctor)}

if __name__ == '__main__':
    match sys.argv[1:]:
        case ['list']:
            print('\n'.join(WORKS))
        case ['head']:
            head()
        case [name, rounds]:
            bench(name, int(rounds))
