#!/usr/bin/python
# Copyright (c) the tcptune authors
# MIT, Apache-2.0, or GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt), at your choice
# SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: confirm
short_description: Keep what was applied with a time to confirm
version_added: 0.1.0
description:
  - Keeps what M(tcptune.tcptune.profile) applied with O(tcptune.tcptune.profile#module:confirm_within).
  - Only now the drop-in is written, if the next boot was meant too.
  - If nothing waits, nothing changes.
author: the tcptune authors (@tcptune)
extends_documentation_fragment:
  - tcptune.tcptune.common
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
    details: What is confirmed was in the diff of M(tcptune.tcptune.profile).
options:
  journal_id:
    description:
      - The entry that shall be kept, RV(tcptune.tcptune.profile#module:journal_id).
      - The task fails if that entry is not in effect any more, as when the time was over.
      - Without it, whatever waits is kept.
    type: int
seealso:
  - module: tcptune.tcptune.profile
"""

EXAMPLES = r"""
- name: Apply, and take it back unless it is confirmed
  tcptune.tcptune.profile:
    profiles: [high-traffic]
    confirm_within: 2m
  register: applied

- name: The service answers
  ansible.builtin.uri:
    url: http://localhost:8080/healthy

- name: Keep it
  tcptune.tcptune.confirm:
    journal_id: "{{ applied.journal_id }}"
  when: applied.journal_id is not none
"""

RETURN = r"""
journal_id:
  description: The entry that was confirmed, or in check mode would be.
  returned: success, V(none) if nothing waits
  type: int
code:
  description: A word for the error. V(too-late) means that the entry is not in effect any more.
  returned: failure
  type: str
hint:
  description: What to do about it. It is at the end of RV(ignore:msg) too.
  returned: failure
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tcptune.tcptune.plugins.module_utils.tcptune import OPTIONS, Tcptune


def fate(entries, journal_id):
    """Why an entry cannot be kept any more; nothing if it is kept already."""
    for entry in entries:
        if entry['id'] == journal_id:
            if entry['state'] == 'committed':
                return None
            return ': '.join(filter(None, [entry['state'], entry['error']]))
    return 'not in the journal'


def main():
    module = AnsibleModule(argument_spec=dict(OPTIONS, journal_id=dict(type='int')), supports_check_mode=True)
    wanted = module.params['journal_id']
    tcptune = Tcptune(module)
    waits = tcptune.status()['unconfirmed']
    if waits and wanted in (None, waits['id']):
        if module.check_mode:
            module.exit_json(changed=True, journal_id=waits['id'])
        document = tcptune.run('confirm', tolerate=['nothing-to-confirm'])
        tcptune.warn(document)
        if not document['error']:
            module.exit_json(changed=True, journal_id=waits['id'])
    # Nothing waits, or went back just now: kept already, or too late?
    if wanted is not None:
        why = fate(tcptune.run('history', '--all')['entries'], wanted)
        if why:
            hint = 'apply it again, or allow more time with confirm_within'
            module.fail_json(msg='entry %d is not in effect: %s; hint: %s' % (wanted, why, hint), hint=hint, code='too-late')
    module.exit_json(changed=False, journal_id=None)


if __name__ == '__main__':
    main()
