# Copyright (c) the tcptune authors
# SPDX-License-Identifier: MIT OR Apache-2.0

"""Runs tcptune and reads the one JSON document that it prints. What it means is tcptune's business, not ours."""

from __future__ import annotations

import json

# Options of every module.
OPTIONS = dict(
    executable=dict(type='path'),
    netns=dict(type='str'),
    wait=dict(type='str', default='30s'),
)


class Tcptune:
    """The tcptune of this host, for one task."""

    def __init__(self, module):
        self.module = module
        self.executable = module.get_bin_path(module.params['executable'] or 'tcptune', required=True)
        if module.params['netns'] == 'all':
            module.fail_json(msg='netns: a task speaks of one namespace; hint: loop over their names', code='usage')

    def run(self, *words, tolerate=()):
        """The document of `tcptune WORDS`. An error ends the task, unless its code is tolerated."""
        argv = [self.executable, '--json', '--wait=' + self.module.params['wait']]
        if self.module.params['netns']:
            argv.append('--netns=' + self.module.params['netns'])
        rc, out, err = self.module.run_command(argv + list(words))
        try:
            document = json.loads(out)
        except ValueError:
            self.module.fail_json(
                msg='%s printed no JSON document' % self.executable, rc=rc, stdout=out, stderr=err, code='no-document')
        error = document['error']
        if error and error['code'] not in tolerate:
            self.module.fail_json(
                msg=message(document), hint=error['hint'], code=error['code'], rc=rc, changed=document['changed'],
                problems=document['problems'], stderr=err,
                left=[left for one in document.get('namespaces', []) for left in one.get('left', [])])
        return document

    def status(self):
        """What is declared, before anything is done about it."""
        return self.run('status')['namespaces'][0]

    def warn(self, document):
        """Passes warnings on, and what is wanted although it does not do what it seems to."""
        findings = [found for one in document.get('namespaces', []) for found in one.get('findings', [])]
        for warning in document['warnings'] + [found for found in findings if found['severity'] == 'warning']:
            self.module.warn(hinted(warning))


def hinted(said):
    return '%s; hint: %s' % (said['message'], said['hint']) if said['hint'] else said['message']


def message(document):
    """The error as one text, with every problem if it is about several."""
    lines = [hinted(document['error'])]
    if len(document['problems']) > 1:
        for problem in document['problems']:
            place = [str(problem[part]) for part in ('file', 'line', 'column') if problem[part] is not None]
            lines.append('%s: %s' % (':'.join(place), hinted(problem)))
    return '\n'.join(lines)


def outcome(document):
    """What a verb that writes returns: the same before, in check mode, as after."""
    one = document['namespaces'][0]
    plan = one['plan']
    return dict(
        changed=document['changed'],
        changes=[{name: change[name] for name in ('key', 'from', 'to', 'cause', 'why')} for change in plan['live']],
        kept=plan['kept'],
        skipped=plan['skipped'],
        hashes=document['hashes'],
        journal_id=one['journal']['id'] if one['journal'] else None,
        unconfirmed_until=one['unconfirmed_until'],
        next_boot=one['next_boot'],
    )


def needs_relisten(document):
    """Listeners that an earlier somaxconn still caps: they get what is declared when they listen again."""
    parts = ('address', 'port', 'pid', 'process', 'limit', 'hint')
    listeners = document['namespaces'][0]['listeners']
    return [{part: one[part] for part in parts} for one in listeners if one['state'] == 'must-listen-again']


def diff(document, wanted):
    """The differences for `--diff`: one for the live keys, and one for each file."""
    one = document['namespaces'][0]
    plan = one['plan']
    differences = []
    if plan['live']:
        kept = [(kept['key'], kept['value']) for kept in plan['kept']]
        differences.append(dict(
            before=lines(kept + [(change['key'], change['from']) for change in plan['live']]),
            after=lines(kept + [(change['key'], change['to']) for change in plan['live']]),
            before_header='live, %s namespace' % one['netns'],
            after_header='%s, %s namespace' % (wanted, one['netns']),
        ))
    for change in (plan['boot'] or {}).get('files', []):
        differences.append(dict(
            before=change['from'] or '',
            after=change['to'] or '',
            before_header=change['path'],
            after_header=change['path'],
        ))
    return differences


def lines(values):
    return ''.join('%s = %s\n' % pair for pair in sorted(values))
