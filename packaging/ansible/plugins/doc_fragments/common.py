# Copyright (c) the tcptune authors
# SPDX-License-Identifier: MIT OR Apache-2.0

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: linux
requirements:
  - C(tcptune) on the host.
options:
  executable:
    description: The path of C(tcptune) on the host, if it is not in C(PATH) or an C(sbin) directory.
    type: path
  netns:
    description:
      - The network namespace, as a name of C(ip netns), a path, or V(pid:N).
      - Without it, the one that the task runs in.
    type: str
  wait:
    description: How long to wait for another C(tcptune) to finish, as in V(30s) or V(2m).
    type: str
    default: 30s
"""
