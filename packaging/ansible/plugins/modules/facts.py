#!/usr/bin/python
# Copyright (c) the tcptune authors
# MIT, Apache-2.0, or GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt), at your choice
# SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: facts
short_description: Gather what tcptune knows of a host
version_added: 0.1.0
description:
  - Tells what is declared and whether it holds, who wins at the next boot, and the values that a review needs.
  - A host that is not as it should be is an answer, not a failure.
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
seealso:
  - module: tcptune.tcptune.profile
"""

EXAMPLES = r"""
- name: Look at the host
  tcptune.tcptune.facts:

- name: Every declared key holds
  ansible.builtin.assert:
    that: ansible_facts.tcptune.status.exit == 0
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: success
  type: dict
  contains:
    tcptune:
      description: What C(tcptune) knows of the host.
      type: dict
      contains:
        version:
          description: The version of C(tcptune).
          type: str
          sample: 0.1.0
        snapshot:
          description: The host as C(tcptune diff --against) takes it, far from the host.
          type: dict
        status:
          description: What C(tcptune status --json) says. Its C(exit) is 0 if everything declared holds.
          type: dict
        winners:
          description:
            - What C(tcptune where --json) says. Its C(exit) is 0 if the loaders agree about the next boot, no line is odd,
              and none changes another key's value later.
            - V(none) with O(netns), as files are read for the machine alone.
          type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tcptune.tcptune.plugins.module_utils.tcptune import OPTIONS, Tcptune


def main():
    module = AnsibleModule(argument_spec=dict(OPTIONS), supports_check_mode=True)
    tcptune = Tcptune(module)
    rc, version, err = module.run_command([tcptune.executable, '--version'], check_rc=True)
    facts = dict(
        version=version.split()[-1],
        snapshot=tcptune.run('snapshot'),
        status=tcptune.run('status'),
        winners=None if module.params['netns'] else tcptune.run('where'),
    )
    tcptune.warn(facts['status'])
    module.exit_json(changed=False, ansible_facts=dict(tcptune=facts))


if __name__ == '__main__':
    main()
