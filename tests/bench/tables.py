"""The tables of speed, in Markdown, and the gate that holds counts against recorded ones.

tables.py walls ROUNDS     each work beside its peers
tables.py growth ROUNDS    each work with ten and a hundred times as much
tables.py watch SECONDS    what the live screen takes of one core
tables.py gate             instructions and system calls of the static binary, which with UPDATE=1 are recorded; and its
                           memory, which has a limit
"""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = HERE / 'counts.json'

# By so much may a count differ from the one that was recorded.
TOLERANCE = 0.05

# Megabytes: what no work, as large as it is here, may take more of.
MEMORY = 16

# What is done, how much of it, and how many times as long as the faster peer it may take.
WORKS = {
    'diff_few': ('`diff high-traffic`, nothing to do', [1], 1.0),
    'apply_few': ('`apply high-traffic`, nothing to do', [1], 1.2),
    'apply_many': ('`apply`, keys that all differ', [10, 100, 1000], 1.5),
    'diff_many': ('`diff` of them, nothing to do', [10, 100, 1000], 0.6),
    'where': ('`where KEY`, fragments of 100 lines', [10, 100, 1000], 0.5),
    'netns': ('`apply high-traffic --netns all`, namespaces', [2, 20, 200], 0.1),
    'status': ('`status`, entries of the journal', [100, 1000, 10000], 1.5),
    'doctor': ('`doctor --window 0s`, listeners', [50, 500, 5000], 1.2),
}


def measured(name, scale, *what):
    """What works.py says, in a sandbox of its own."""
    command = [*os.environ['SANDBOX'].split(), 'python3', str(HERE / 'works.py'), name, str(scale), *what]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def row(*cells):
    print('| ' + ' | '.join(str(cell) for cell in cells) + ' |', flush=True)


def head(*cells):
    row(*cells)
    print('|' + '---|' * len(cells))


def million(count):
    return f'{count / 1e6:.1f} M'


def walls(rounds):
    head('work', 'how many', 'peer', 'tcptune', 'times, at most', 'instructions, and the peer\'s', 'system calls', 'page faults', 'memory')
    for name, (title, scales, limit) in WORKS.items():
        told = measured(name, scales[-1], 'walls', rounds)
        took = told['walls']
        ours = {one: took.pop(one) for one in ('static', 'packaged') if one in took}
        best = min(took.values())
        ours = '; '.join(f'{one} {ms:.1f} ms, **{ms / best:.2f}**' for one, ms in ours.items())
        counts = measured(name, scales[-1], 'counts')
        # Processes that start others are not counted.
        peer = measured(name, scales[-1], 'peer') if name not in ('netns', 'status') else None
        instructions = [million(one['instructions']) if one else 'not counted' for one in (counts, peer)]
        calls = [str(one['calls']) if one else 'not counted' for one in (counts, peer)]
        faults = [str(told['faults'][0]), str(told['faults'][1]) if peer else 'not counted']
        peers = '; '.join(f'`{peer}` {ms:.1f} ms' for peer, ms in took.items())
        row(title, scales[-1], peers, ours, limit, ', '.join(instructions), ', '.join(calls),
            ', '.join(faults), f'{told["memory"]:.1f} MB')


def growth(rounds):
    head('work', 'how many', 'static', 'instructions', 'for one more', 'system calls', 'for one more')
    for name, (title, scales, _) in WORKS.items():
        before = None
        for scale in scales if len(scales) > 1 else []:
            took = measured(name, scale, 'walls', rounds)['walls']['static']
            counts = measured(name, scale, 'counts')
            more = {}
            if before:
                more = {what: (counts[what] - before[1][what]) / (scale - before[0]) for what in counts}
            each = [f'{more[what]:,.{digits}f}' if more else '' for what, digits in (('instructions', 0), ('calls', 1))]
            row(title, scale, f'{took:.1f} ms', million(counts['instructions']), each[0], counts['calls'], each[1])
            before = scale, counts


def watch(seconds):
    head('`watch` on a terminal, listeners', 'of one core')
    for scale in (5, 50, 500, 5000):
        row(scale, f'{measured("watch", scale, "share", seconds):.2f} %')


def gate():
    now = {}
    for name, (_, scales, _) in WORKS.items():
        # Enough to show what grows, and quick under a debugger.
        scale = scales[len(scales) // 2]
        now[name] = measured(name, scale, 'counts')
    if os.environ.get('UPDATE') == '1':
        RECORDED.write_text(json.dumps(now, indent=2) + '\n')
    recorded = json.loads(RECORDED.read_text())
    moved = []
    for name, counts in now.items():
        for what, count in counts.items():
            was = recorded[name][what]
            print(f'{name}: {count} {what}, recorded {was}')
            if abs(count - was) > was * TOLERANCE:
                moved.append(f'{name}: {what} was {was} and is {count}')
    large = {}
    for name, (_, scales, _) in WORKS.items():
        large[name] = measured(name, scales[-1], 'memory')
        print(f'{name}: {large[name]:.1f} MB, at most {MEMORY}')
    if any(memory > MEMORY for memory in large.values()):
        sys.exit('too much memory')
    if moved:
        sys.exit('counts moved by more than 5 %; if that is meant, UPDATE=1 records them:\n' + '\n'.join(moved))


if __name__ == '__main__':
    {'walls': walls, 'growth': growth, 'watch': watch, 'gate': gate}[sys.argv[1]](*sys.argv[2:])
