#!/usr/bin/python
# Copyright (c) the tcptune authors
# MIT, Apache-2.0, or GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt), at your choice
# SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Bring back the TCP sysctls that were there before
version_added: 0.1.0
description:
  - Undoes entries of the journal of a host, on the kernel and on the next boot alike.
  - With O(to) it is idempotent. Without O(to) every run undoes one more entry.
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
  to:
    description:
      - Back to how things stood right after this entry, RV(tcptune.tcptune.profile#module:journal_id).
      - V(0) is before the first one.
      - Without it, the entry in effect is undone, each time that the task runs.
    type: int
  force:
    description: Go on although a key, or the drop-in, is not as C(tcptune) left it.
    type: bool
    default: false
  reason:
    description: Why, for the journal of the host.
    type: str
seealso:
  - module: tcptune.tcptune.profile
"""

EXAMPLES = r"""
- name: Back to how it stood after entry 41
  tcptune.tcptune.rollback:
    to: 41
    reason: incident 17

- name: Undo what was done last, once
  tcptune.tcptune.rollback:
  run_once: true
"""

RETURN = r"""
changes:
  description: The live keys that were written, or in check mode would be, each with C(key), C(from), C(to), C(cause) and C(why).
  returned: success
  type: list
  elements: dict
kept:
  description: Keys that were left as they are, each with its value and why.
  returned: success
  type: list
  elements: dict
skipped:
  description: Keys that this kernel does not have any more.
  returned: success
  type: list
  elements: dict
hashes:
  description: The hash C(desired) of what is declared then, and the hash C(plan) of what changes.
  returned: success
  type: dict
journal_id:
  description: The entry of the journal. A rollback is an entry too.
  returned: success, V(none) in check mode and if there was nothing to do
  type: int
unconfirmed_until:
  description: Always V(none), as a rollback needs no confirmation.
  returned: success
  type: str
next_boot:
  description: What the next boot gives for each key, and by which file and line.
  returned: success, V(none) if there was nothing to do
  type: list
  elements: dict
code:
  description: A word for the error, such as V(moved) or V(no-entry).
  returned: failure
  type: str
hint:
  description: What to do about it. It is at the end of RV(ignore:msg) too.
  returned: failure
  type: str
left:
  description: What could not be put back.
  returned: failure
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tcptune.tcptune.plugins.module_utils.tcptune import OPTIONS, Tcptune, diff, outcome


def words(params, check_mode):
    """The command line."""
    yield 'rollback'
    for option in ('to', 'reason'):
        if params[option] is not None:
            yield '--%s=%s' % (option, params[option])
    if params['force']:
        yield '--force'
    if check_mode:
        yield '--dry-run'


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            to=dict(type='int'),
            force=dict(type='bool', default=False),
            reason=dict(type='str'),
        ),
        supports_check_mode=True,
    )
    to = module.params['to']
    tcptune = Tcptune(module)
    document = tcptune.run(*words(module.params, module.check_mode))
    tcptune.warn(document)
    result = outcome(document)
    if module._diff:
        result['diff'] = diff(document, 'one entry back' if to is None else 'as after entry %d' % to)
    module.exit_json(**result)


if __name__ == '__main__':
    main()
