# Copyright (c) the tcptune authors
# SPDX-License-Identifier: MIT OR Apache-2.0

from __future__ import annotations

from ansible_collections.tcptune.tcptune.plugins.module_utils.tcptune import (
    diff, hinted, message, needs_relisten, outcome)

FILE = '/etc/sysctl.d/99-tcptune.conf'


def document(**parts):
    """What an apply says that raises one key and keeps another."""
    plan = dict(
        live=[{'key': 'net.core.somaxconn', 'from': '4096', 'to': '16384', 'cause': 'set', 'why': 'bursts', 'line': 5}],
        kept=[dict(key='net.ipv4.tcp_syncookies', value='1', why='already right')],
        skipped=[],
        boot=None,
    )
    one = dict(netns='host', plan=dict(plan, **parts), listeners=[], journal=None, unconfirmed_until=None, next_boot=[])
    return dict(changed=True, hashes=dict(desired='d', plan='p'), namespaces=[one])


def test_a_hint_is_at_the_end():
    assert hinted(dict(message='no', hint=None)) == 'no'
    assert hinted(dict(message='no', hint='do')) == 'no; hint: do'


def test_several_problems_are_all_told():
    bad = dict(file='a.toml', line=4, column=16, message='999 is too much', hint=None)
    worse = dict(file='b.toml', line=None, column=None, message='not there', hint='look')
    error = dict(message='2 problems in the input', hint=None)
    assert message(dict(error=error, problems=[bad, worse])) == '\n'.join(
        ['2 problems in the input', 'a.toml:4:16: 999 is too much', 'b.toml: not there; hint: look'])
    # A single problem is the message already.
    assert message(dict(error=error, problems=[bad])) == '2 problems in the input'


def test_an_outcome_has_what_is_documented_of_a_change():
    result = outcome(document())
    assert result['changes'] == [
        {'key': 'net.core.somaxconn', 'from': '4096', 'to': '16384', 'cause': 'set', 'why': 'bursts'}]
    assert result['journal_id'] is None


def test_the_diff_has_keys_in_order_and_whole_files():
    boot = dict(files=[{'path': FILE, 'from': None, 'to': 'net.core.somaxconn = 16384\n'}])
    live, file = diff(document(boot=boot), 'high-traffic')
    assert live == dict(
        before='net.core.somaxconn = 4096\nnet.ipv4.tcp_syncookies = 1\n',
        after='net.core.somaxconn = 16384\nnet.ipv4.tcp_syncookies = 1\n',
        before_header='live, host namespace',
        after_header='high-traffic, host namespace',
    )
    assert file == dict(before='', after='net.core.somaxconn = 16384\n', before_header=FILE, after_header=FILE)


def test_what_does_not_change_has_no_diff():
    assert diff(document(live=[]), 'high-traffic') == []


def test_only_who_must_listen_again_is_told():
    told = document()
    stale = dict(address='0.0.0.0', port=443, pid=7, process='web', limit=4096, hint='restart it')
    own = dict(stale, port=22, limit=128, hint=None, state='limited-by-application')
    told['namespaces'][0]['listeners'] = [dict(stale, state='must-listen-again', queued=0), own]
    assert needs_relisten(told) == [stale]
