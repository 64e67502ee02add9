# Copyright (c) the tcptune authors
# SPDX-License-Identifier: MIT OR Apache-2.0

from __future__ import annotations

from ansible_collections.tcptune.tcptune.plugins.modules.confirm import fate

ENTRIES = [
    dict(id=3, state='reverted', error='not confirmed in time'),
    dict(id=2, state='undone', error=None),
    dict(id=1, state='committed', error=None),
]


def test_what_is_in_effect_is_kept_already():
    assert fate(ENTRIES, 1) is None


def test_why_an_entry_cannot_be_kept():
    assert fate(ENTRIES, 2) == 'undone'
    assert fate(ENTRIES, 3) == 'reverted: not confirmed in time'
    assert fate(ENTRIES, 4) == 'not in the journal'
