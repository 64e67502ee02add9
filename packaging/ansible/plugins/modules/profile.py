#!/usr/bin/python
# Copyright (c) the tcptune authors
# MIT, Apache-2.0, or GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt), at your choice
# SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: profile
short_description: Declare which TCP sysctls a host holds, now and after the next boot
version_added: 0.1.0
description:
  - Makes the kernel and the next boot as profiles and single settings say, all or nothing.
  - Every value is read back. On any error everything that was written is put back, and the task fails.
  - What is declared decides. Keys that only an earlier run declared go back to what they were before.
author: the tcptune authors (@tcptune)
extends_documentation_fragment:
  - tcptune.tcptune.common
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details: Needs no root, except for O(netns).
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
options:
  profiles:
    description:
      - Profiles, left to right, later wins.
      - Names, or paths on the host. A path has a C(/), or ends in C(.toml).
    type: list
    elements: str
    default: []
  settings:
    description:
      - Single keys, by short or full name, that replace what the profiles want for them.
      - A boolean stands for 1 or 0, a list for the fields of a value.
    type: dict
    default: {}
  state:
    description: With V(absent) nothing is declared any more, and every key goes back to what it was.
    type: str
    choices: [present, absent]
    default: present
  scope:
    description:
      - Whether the kernel is meant as it runs, the next boot, or both.
      - V(both) unless O(netns) is given. With O(netns) it is V(live), as files are read for the machine alone.
    type: str
    choices: [live, boot, both]
  drop_in:
    description: Another name for C(99-tcptune.conf) in C(/etc/sysctl.d).
    type: str
  allow_shadowed:
    description: Go on although the next boot would obey another file.
    type: bool
    default: false
  confirm_within:
    description:
      - Take everything back unless M(tcptune.tcptune.confirm) comes within this time, as in V(2m).
      - The host does it by itself, whatever becomes of the connection. A reboot takes it back as well.
    type: str
  expect:
    description: Refuse unless this is what was looked at, RV(hashes.plan) or RV(hashes.desired) of a run in check mode.
    type: str
  reason:
    description: Why, for the journal of the host.
    type: str
  on_hold:
    description:
      - What to do where somebody holds the host with C(tcptune hold).
      - V(skip) leaves it alone with a warning, V(fail) ends the task.
    type: str
    choices: [fail, skip]
    default: skip
  staged:
    description:
      - A directory on the host whose profiles stand for those in C(/etc/tcptune/profiles).
      - Only in check mode, to foretell what profiles will do that are not on the host yet.
    type: path
seealso:
  - module: tcptune.tcptune.confirm
  - module: tcptune.tcptune.rollback
"""

EXAMPLES = r"""
- name: Tune for many short connections, now and after the next boot
  tcptune.tcptune.profile:
    profiles: [high-traffic]
    reason: launch day

- name: The same, with one key of our own
  tcptune.tcptune.profile:
    profiles: [high-traffic, fail-fast]
    settings:
      synack_retries: 2
      fastopen: [client, server]

- name: Apply, and take it back unless it is confirmed
  tcptune.tcptune.profile:
    profiles: [high-traffic]
    confirm_within: 2m

- name: Tune a network namespace
  tcptune.tcptune.profile:
    profiles: [high-traffic]
    netns: blue

- name: Give everything back
  tcptune.tcptune.profile:
    state: absent
"""

RETURN = r"""
changes:
  description: The live keys that were written, or in check mode would be, in the order of the writes.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: The full name.
      type: str
    from:
      description: The value before.
      type: str
    to:
      description: The value after.
      type: str
    cause:
      description: Whether it is V(set), or V(released) because nothing declares it any more.
      type: str
    why:
      description: The reason that the profile gives.
      type: str
kept:
  description: Keys that were left as they are, each with its value and why.
  returned: success
  type: list
  elements: dict
skipped:
  description: Optional keys that this kernel does not have.
  returned: success
  type: list
  elements: dict
drift:
  description: Keys that were declared before and did not hold what they should.
  returned: success
  type: list
  elements: str
outdated:
  description: Whether the profiles say something else than when they were applied.
  returned: success
  type: bool
held:
  description: Who holds the host, since when, until when and why.
  returned: success, V(none) if nobody does
  type: dict
needs_relisten:
  description:
    - Listeners that an earlier C(net.core.somaxconn) still caps. They keep that limit until they call C(listen()) again.
    - Once they have, they are listed no longer. So a handler can be notified by it, also after a run that changed nothing.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: Where it listens.
      type: str
    port:
      description: The port.
      type: int
    pid:
      description: The process, if it may be known.
      type: int
    process:
      description: What that calls itself.
      type: str
    limit:
      description: How many connections may wait, less one.
      type: int
    hint:
      description: What makes it listen again.
      type: str
hashes:
  description: What stands for the contents of the run.
  returned: success
  type: dict
  contains:
    desired:
      description: The hash of what is wanted. The same for every host.
      type: str
    plan:
      description: The hash of what changes, for O(expect).
      type: str
journal_id:
  description: The entry of the journal, for M(tcptune.tcptune.confirm) and M(tcptune.tcptune.rollback).
  returned: success, V(none) in check mode and if there was nothing to do
  type: int
unconfirmed_until:
  description: When everything goes back unless it is confirmed.
  returned: success, V(none) if nothing waits
  type: str
next_boot:
  description: What the next boot gives for each key, and by which file and line.
  returned: success, V(none) if there was nothing to do
  type: list
  elements: dict
code:
  description: A word for the error, such as V(out-of-range), V(absent-key), V(held), V(shadowed) or V(put-back).
  returned: failure
  type: str
hint:
  description: What to do about it. It is at the end of RV(ignore:msg) too.
  returned: failure
  type: str
rc:
  description: The exit code of C(tcptune).
  returned: failure
  type: int
problems:
  description: Every problem of the profiles and settings, with file, line and column.
  returned: failure
  type: list
  elements: dict
left:
  description: What could not be put back.
  returned: failure
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tcptune.tcptune.plugins.module_utils.tcptune import (
    OPTIONS, Tcptune, diff, hinted, needs_relisten, outcome)

# Keys whose fields the kernel takes with commas; all others with blanks.
COMMAS = ('fastopen', 'tcp_fastopen', 'ip_local_reserved_ports')


def text(key, value):
    """A value of YAML as `--set` takes it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list):
        name = key.replace('/', '.').split('.')[-1]
        return (',' if name in COMMAS else ' ').join(text(key, field) for field in value)
    return str(value)


def words(params, check_mode):
    """The command line."""
    present = params['state'] == 'present'
    yield 'apply' if present else 'off'
    yield '--scope=' + (params['scope'] or ('live' if params['netns'] else 'both'))
    for option in ('drop_in', 'confirm_within', 'reason', 'expect'):
        if params[option] is not None:
            yield '--%s=%s' % (option.replace('_', '-'), params[option])
    if params['allow_shadowed']:
        yield '--allow-shadowed'
    if check_mode:
        yield '--dry-run'
        if params['staged'] and present:
            yield '--staged=' + params['staged']
    if present:
        yield '--yes'
        for key, value in sorted(params['settings'].items()):
            yield '--set=%s=%s' % (key, text(key, value))
        # A name that begins with a dash is not an option.
        yield '--'
        yield from params['profiles']


def wanted(params):
    """What the diff calls it."""
    if params['state'] == 'absent':
        return 'nothing declared'
    by_hand = ['%s=%s' % (key, text(key, value)) for key, value in sorted(params['settings'].items())]
    return ' '.join(params['profiles'] + by_hand)


def complaint(params):
    """What is wrong with the options, if anything."""
    declares = params['profiles'] or params['settings']
    if params['state'] == 'present' and not declares:
        return 'profiles or settings: one is wanted; hint: state=absent declares nothing'
    if params['state'] == 'absent' and declares:
        return 'state=absent gives everything back; hint: leave out profiles and settings'
    if params['netns'] and params['scope'] in ('boot', 'both'):
        return 'scope=%s: files are read for the machine, not for a namespace; hint: leave out netns' % params['scope']
    empty = sorted(key for key, value in params['settings'].items() if value is None)
    if empty:
        return 'settings: %s has no value' % ', '.join(empty)
    return None


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            profiles=dict(type='list', elements='str', default=[]),
            settings=dict(type='dict', default={}),
            state=dict(type='str', choices=['present', 'absent'], default='present'),
            scope=dict(type='str', choices=['live', 'boot', 'both']),
            drop_in=dict(type='str'),
            allow_shadowed=dict(type='bool', default=False),
            confirm_within=dict(type='str'),
            expect=dict(type='str'),
            reason=dict(type='str'),
            on_hold=dict(type='str', choices=['fail', 'skip'], default='skip'),
            staged=dict(type='path'),
        ),
        supports_check_mode=True,
    )
    params = module.params
    wrong = complaint(params)
    if wrong:
        module.fail_json(msg=wrong, code='usage')

    tcptune = Tcptune(module)
    before = tcptune.status()
    document = tcptune.run(*words(params, module.check_mode), tolerate=['held'])
    live = before['live'] or {'settings': [], 'outdated': False}
    boot = before['boot'] or {'outdated': False}
    told = dict(
        drift=[row['key'] for row in live['settings'] if row['state'] == 'drift'],
        outdated=bool(live['outdated'] or boot['outdated']),
        held=before['hold'],
    )

    # A run is refused, a dry run only warns: both end here.
    refusals = [said for said in [document['error']] + document['warnings'] if said and said['code'] == 'held']
    if refusals and params['on_hold'] == 'fail':
        module.fail_json(msg=hinted(refusals[0]), hint=refusals[0]['hint'], code='held', rc=document['exit'], **told)
    if refusals:
        module.warn(hinted(refusals[0]))
        module.exit_json(changed=False, changes=[], kept=[], skipped=[], needs_relisten=[],
                         hashes=dict(desired=None, plan=None), journal_id=None, unconfirmed_until=None, next_boot=None, **told)

    tcptune.warn(document)
    result = outcome(document)
    result['needs_relisten'] = needs_relisten(document)
    if module._diff:
        result['diff'] = diff(document, wanted(params))
    module.exit_json(**result, **told)


if __name__ == '__main__':
    main()
