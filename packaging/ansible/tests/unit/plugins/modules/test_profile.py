# Copyright (c) the tcptune authors
# SPDX-License-Identifier: MIT OR Apache-2.0

from __future__ import annotations

import pytest

from ansible_collections.tcptune.tcptune.plugins.modules.profile import complaint, text, words

NOTHING = dict(
    profiles=[], settings={}, state='present', scope=None, netns=None, drop_in=None, confirm_within=None, reason=None,
    expect=None, allow_shadowed=False, staged=None)


@pytest.mark.parametrize('key, value, said', [
    ('syncookies', True, '1'),
    ('syncookies', False, '0'),
    ('syncookies', 'when-full', 'when-full'),
    ('synack_retries', 3, '3'),
    ('rmem', [4096, 65536, 1048576], '4096 65536 1048576'),
    ('net.ipv4.tcp_fastopen', ['client', 'server'], 'client,server'),
    ('net/ipv4/tcp_fastopen', ['client', 'server'], 'client,server'),
    ('fastopen', ['client'], 'client'),
    ('ip_local_reserved_ports', [8080, '9000-9010'], '8080,9000-9010'),
    ('allowed_congestion_control', ['cubic', 'reno'], 'cubic reno'),
])
def test_values(key, value, said):
    assert text(key, value) == said


def test_both_axes_are_meant_but_in_a_namespace():
    assert list(words(dict(NOTHING, profiles=['a']), False)) == ['apply', '--scope=both', '--yes', '--', 'a']
    assert list(words(dict(NOTHING, profiles=['a'], netns='blue'), False))[1] == '--scope=live'
    assert list(words(dict(NOTHING, profiles=['a'], scope='boot'), False))[1] == '--scope=boot'


def test_no_value_becomes_an_option():
    params = dict(NOTHING, profiles=['--persist'], settings=dict(b='-1', a=2), reason='--force')
    assert list(words(params, False)) == [
        'apply', '--scope=both', '--reason=--force', '--yes', '--set=a=2', '--set=b=-1', '--', '--persist']


def test_what_is_staged_counts_in_check_mode_alone():
    params = dict(NOTHING, profiles=['a'], staged='/s')
    assert '--staged=/s' in words(params, True)
    assert '--staged=/s' not in words(params, False)
    assert '--dry-run' in words(params, True)
    assert '--dry-run' not in words(params, False)


def test_absent_is_off():
    assert list(words(dict(NOTHING, state='absent'), True)) == ['off', '--scope=both', '--dry-run']


@pytest.mark.parametrize('params, said', [
    (dict(), 'one is wanted'),
    (dict(profiles=['a'], state='absent'), 'leave out profiles and settings'),
    (dict(profiles=['a'], netns='blue', scope='both'), 'leave out netns'),
    (dict(settings=dict(b=None, a=None)), 'a, b has no value'),
])
def test_complaints(params, said):
    assert said in complaint(dict(NOTHING, **params))


@pytest.mark.parametrize('params', [
    dict(profiles=['a']), dict(settings=dict(a=0)), dict(state='absent'), dict(profiles=['a'], netns='blue', scope='live')])
def test_no_complaint(params):
    assert complaint(dict(NOTHING, **params)) is None
