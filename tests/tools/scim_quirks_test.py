#!/usr/bin/env python3
"""Proves each switch of scim_quirks.py: the same requests to a server without it and to one
with it, and the two observations that are wanted. A switch without a row is a failure.
Prints a line per case and "N passed, N failed".
"""
import http.client
import json
import sys
import threading
import time
import urllib.parse

import scim_quirks
from scim_model import ENTERPRISE, GROUP, MESSAGE, USER

E = urllib.parse.quote


class Client:
    def __init__(self, base):
        parts = urllib.parse.urlsplit(base)
        self.wire = http.client.HTTPConnection(parts.hostname, parts.port)
        self.path = parts.path

    def __call__(self, method, path, body=None, **headers):
        """(status, body); the headers of the answer are in self.headers."""
        sent = {'Authorization': 'Bearer token', 'Content-Type': 'application/scim+json'}
        sent.update({k.replace('_', '-'): v for k, v in headers.items()})
        text = None if body is None else json.dumps(body)
        self.wire.request(method, self.path + path, text, sent)
        answer = self.wire.getresponse()
        data = answer.read()
        self.headers = answer.headers
        return answer.status, json.loads(data) if data else None

    def user(self, user_name='ann@x.org', **more):
        return self('POST', '/Users', {'schemas': [USER], 'userName': user_name, **more})

    def group(self, name='g', *members):
        return self('POST', '/Groups', {'schemas': [GROUP], 'displayName': name,
                                        'members': [{'value': m} for m in members]})

    def patch(self, kind, id, *operations, **headers):
        return self('PATCH', '/%s/%s' % (kind, E(id, safe='')),
                    {'schemas': [MESSAGE + 'PatchOp'], 'Operations': list(operations)}, **headers)

    def read(self, kind, id):
        return self('GET', '/%s/%s' % (kind, E(id, safe='')))[1]

    def users(self, count):
        return [self.user('u%02d@x.org' % i)[1]['id'] for i in range(count)]

    def names(self, query=''):
        answer = self('GET', '/Users' + query)[1]
        return [u['userName'][:3] for u in answer.get('Resources', [])]


def op(name, path=None, value=None):
    found = {'op': name}
    if path is not None:
        found['path'] = path
    if value is not None:
        found['value'] = value
    return found


def patched(c, *operations, show='title', made=None):
    """Status of a PATCH of a new user, and an attribute afterwards."""
    id = c.user(title='old', **(made or {}))[1]['id']
    status, answer = c.patch('Users', id, *operations)
    return status, c.read('Users', id).get(show)


def members(c, operation, count=3):
    """Status of a PATCH of a group of `count`, and how many are left."""
    ids = c.users(count)
    id = c.group('g', *ids)[1]['id']
    status, _ = c.patch('Groups', id, operation(ids))
    return status, len(c.read('Groups', id).get('members', ()))


def replaced_by_put(c):
    id = c.user(title='old')[1]['id']
    status, _ = c('PUT', '/Users/' + id, {'schemas': [USER], 'userName': 'ann@x.org'})
    return status, c.read('Users', id).get('title')


def one_by_one(c):
    return patched(c, op('replace', 'title', 'a'), op('replace', 'nickName', 'b'))[0], \
        c.patch('Users', 'q000001', op('replace', 'title', 'c'))[0]


def null_again(c):
    id = c.user()[1]['id']
    return c('PATCH', '/Users/' + id, {'schemas': [MESSAGE + 'PatchOp'], 'Operations': [
        {'op': 'replace', 'path': 'title', 'value': None}]})[0]


def active_null(c):
    id = c.user(active=False)[1]['id']
    c.patch('Users', id, op('remove', 'active'))
    return c.read('Users', id).get('active')


def several(c):
    made = c.user(emails=[{'value': 'a@x', 'type': 'work'}, {'value': 'b@x', 'type': 'home'}])[1]
    return len(made['emails'])


def twice(c, second='ANN@x.org'):
    c.user()
    status, answer = c.user(second)
    return status, answer.get('scimType')


def overlap(c):
    c.users(6)
    return c.names('?startIndex=3&count=2')


def by_page(c):
    c.users(6)
    return c.names('?startIndex=2&count=2')


def total(c):
    c.users(5)
    return c('GET', '/Users?count=2')[1]['totalResults']


def page_lengths(c, count=12, ask=6):
    c.users(count)
    first = c('GET', '/Users?count=%d' % ask)[1]
    second = c('GET', '/Users?count=%d&startIndex=%d' % (ask, 1 + len(first['Resources'])))[1]
    return len(first['Resources']), len(second.get('Resources', ()))


def cursor(c):
    c.users(12)
    refused = c('GET', '/Users?startIndex=2')[0]
    first = c('GET', '/Users?cursor=')[1]
    next = first.get('nextCursor')
    rest = c('GET', '/Users?cursor=' + E(next))[1] if next else {'Resources': []}
    return refused, len(first['Resources']), len(rest['Resources'])


def only_active(c):
    c.user('ann@x.org')
    c.user('bob@x.org', active=False)
    return c.names(), c.names('?filter=' + E('active eq false'))


def shown_members(c):
    a, b = c.users(2)
    id = c.group('g', a)[1]['id']
    found = [c('GET', '/Groups?filter=' + E('members.value eq "%s"' % i))[1]['totalResults']
             for i in (a, b)]
    return 'members' in c.read('Groups', id), found


def filters(*texts):
    def probe(c):
        c.user('ann@x.org', externalId='e"1', title='t')
        return [c('GET', '/Users?filter=' + E(t))[0] for t in texts]
    return probe


def quotes(c):
    c.user('ann@x.org', externalId='e"1')
    return c('GET', '/Users?filter=' + E('externalId eq "e\\"1"'))[1]['totalResults']


def versions(c, what='status'):
    """If-Match with the version that is, then with one that was."""
    made = c.user()[1]
    header = c.headers['ETag']
    version = made['meta']['version']
    good = c.patch('Users', made['id'], op('replace', 'title', 'a'), If_Match=header)[0]
    bad, answer = c.patch('Users', made['id'], op('replace', 'title', 'b'), If_Match=header)
    return good, bad, answer.get('scimType'), version == header


def deleted_name(c):
    id = c.user()[1]['id']
    c('DELETE', '/Users/' + id)
    return c('GET', '/Users/' + id)[0], c.user()[0]


def enabled_again(c):
    id = c.user()[1]['id']
    c.patch('Users', id, op('replace', 'active', False))
    return c.patch('Users', id, op('replace', 'active', True))[0]


def first_member(c):
    id, = c.users(1)
    group = c.group()[1]['id']
    counts = []
    for _ in range(2):
        c.patch('Groups', group, op('add', 'members', [{'value': id}]))
        counts.append(len(c.read('Groups', group).get('members', ())))
    return counts


def lag(c):
    id = c.user()[1]['id']
    at_once = c('GET', '/Users/' + id)[0]
    while c('GET', '/Users/' + id)[0] != 200:
        time.sleep(0.02)
    return at_once


def locations(c):
    made = c.user()[1]
    return c.headers.get('Location') is not None, 'location' in made['meta']


def bulk(count, say=None):
    def probe(c):
        status, answer = c('POST', '/Bulk', {
            'schemas': [MESSAGE + 'BulkRequest'], 'Operations': [
                {'method': 'POST', 'path': '/Users', 'bulkId': 'b%d' % i,
                 'data': {'schemas': [USER], 'userName': 'b%d@x' % i}} for i in range(count)]})
        told = c('GET', '/ServiceProviderConfig')[1].get('bulk', {}).get('supported')
        return status, told
    return probe


def config(c):
    status, told = c('GET', '/ServiceProviderConfig')
    id = c.user()[1]['id']
    works = c.patch('Users', id, op('replace', 'title', 'a'))[0]
    return status, told.get('patch', {}).get('supported'), works


def many_requests(c):
    return {c('GET', '/Users')[0] for _ in range(70)}


def odd(c):
    id = c.user()[1]['id']
    return id.isalnum(), c.read('Users', id).get('id') == id, \
        c('GET', '/Users/' + id.split('/')[0])[0]


def hidden(c):
    # "seen@x.org" is in the seed, made elsewhere.
    return c.names('?filter=' + E('userName eq "seen@x.org"')), c.user('seen@x.org')[0]


def extension(c):
    id = c.user()[1]['id']
    return [c.patch('Users', id, op('replace', ENTERPRISE + sep + 'department', 'd'))[0]
            for sep in ':.']


def updated(count):
    names = ['title', 'nickName', 'displayName', 'userType', 'locale', 'timezone',
             'preferredLanguage', 'profileUrl', 'externalId']
    return lambda c: patched(c, *[op('replace', n, 'v') for n in names[:count]])[0]


def both(*probes):
    return lambda c: [p(c) for p in probes]


PATHLESS = op('replace', None, {'title': 'new'})
PATHED = op('replace', 'title', 'new')
MANY = [{'value': 'q%06d' % i} for i in range(1, 102)]
# quirk: (probe, what a correct server shows, what one with the quirk shows)
ROWS = {
    'op-title-case': (lambda c: [patched(c, PATHED), c.patch(
        'Users', 'q000001', op('Replace', 'title', 'x'))[0]],
        [(200, 'new'), 200], [(400, 'old'), 200]),
    'no-pathless': (lambda c: patched(c, PATHLESS), (200, 'new'), (400, 'old')),
    'pathless-only': (lambda c: patched(c, PATHED), (200, 'new'), (400, 'old')),
    'dotted-keys': (lambda c: [patched(c, op('replace', None, {'name': {'givenName': 'A'}}),
                                       show='name'),
                               c.patch('Users', 'q000001', op(
                                   'replace', None, {'name.givenName': 'B'}))[0]],
                    [(200, {'givenName': 'A'}), 200], [(400, None), 200]),
    'one-op': (one_by_one, (200, 200), (400, 200)),
    'patch-8': (both(updated(9)), [200], [400]),
    'patch-100': (lambda c: members(c, lambda ids: op('replace', 'members', [])),
                  (200, 0), (400, 3)),
    'no-member-filter': (lambda c: members(c, lambda ids: op(
        'remove', 'members[value eq "%s"]' % ids[0])), (200, 2), (400, 3)),
    'bare-members-all': (lambda c: members(c, lambda ids: op(
        'remove', 'members', [{'value': ids[0]}])), (200, 2), (200, 0)),
    'members-refused': (lambda c: members(c, lambda ids: op(
        'remove', 'members', [{'value': ids[0]}])), (200, 2), (400, 3)),
    'extension-dot': (extension, [200, 400], [400, 200]),
    'no-patch': (lambda c: patched(c, PATHED), (200, 'new'), (501, 'old')),
    'no-put': (replaced_by_put, (200, None), (501, 'old')),
    'bool-text': (lambda c: c.user()[1]['active'], True, 'True'),
    'null-refused': (null_again, 200, 400),
    'empty-keeps': (lambda c: [patched(c, op('remove', 'title')), patched(
        c, op('replace', 'title', ''), made={'userName': 'b'})],
        [(200, None), (200, '')], [(200, 'old'), (200, 'old')]),
    'empty-text': (lambda c: c.user()[1].get('title'), None, ''),
    'active-null': (active_null, None, True),
    'single-valued': (several, 2, 1),
    'no-name': (lambda c: c.user(name={'givenName': 'A', 'familyName': 'B'})[1].get('name'),
                {'givenName': 'A', 'familyName': 'B'}, None),
    'mirror-email': (lambda c: c.user()[1].get('emails'), None,
                     [{'type': 'other', 'value': 'ann@x.org'}]),
    'name-case': (twice, (409, 'uniqueness'), (201, None)),
    'page-10': (lambda c: page_lengths(c, 15, 12), (12, 3), (10, 5)),
    'total-is-page': (total, 5, 2),
    'start-overlap': (overlap, ['u02', 'u03'], ['u01', 'u02']),
    'start-is-page': (by_page, ['u01', 'u02'], ['u02', 'u03']),
    'short-pages': (page_lengths, (6, 6), (4, 4)),
    'cursor': (cursor, (200, 12, 0), (400, 10, 2)),
    'active-only': (only_active, (['ann', 'bob'], ['bob']), (['ann'], ['bob'])),
    'page-429': (lambda c: [c('GET', '/Users?count=26')[0], c('GET', '/Users?count=25')[0],
                            c('GET', '/Users?count=26&attributes=userName')[0]],
                 [200, 200, 200], [429, 200, 200]),
    'group-filter': (lambda c: [c('GET', '/Groups')[0], c(
        'GET', '/Groups?filter=' + E('displayName sw "a"'))[0]], [200, 200], [400, 200]),
    'no-attributes': (lambda c: (c.user(), c('GET', '/Users?attributes=userName')[0])[1],
                      200, 400),
    'no-members-shown': (shown_members, (True, [1, 0]), (False, [1, 0])),
    'filter-eq-and': (filters('title sw "t"', 'title eq "t" and userName eq "a"',
                              'title eq "t" or userName eq "a"'),
                      [200, 200, 200], [400, 200, 400]),
    'filter-names': (filters('userName eq "a"', 'title eq "t"', 'userName sw "a"'),
                     [200, 200, 200], [200, 400, 400]),
    'filter-none': (filters('userName eq "a"'), [200], [501]),
    'filter-quotes': (quotes, 1, 0),
    'hides-unmanaged': (hidden, (['see'], 409), ([], 409)),
    'plain-409': (lambda c: twice(c, 'ann@x.org'), (409, 'uniqueness'), (409, None)),
    'invalid-vers': (versions, (200, 412, None, True), (200, 400, 'invalidVers', True)),
    'etag-ignored': (versions, (200, 412, None, True), (200, 200, None, True)),
    'etag-412': (versions, (200, 412, None, True), (412, 412, None, True)),
    'etag-mixed': (versions, (200, 412, None, True), (200, 412, None, False)),
    'soft-delete': (deleted_name, (404, 201), (404, 409)),
    'disable-final': (enabled_again, 200, 400),
    'no-group-create': (lambda c: c.group()[0], 201, 405),
    'group-lost-once': (first_member, [1, 1], [0, 1]),
    'manager-first': (lambda c: c.user(**{ENTERPRISE: {'manager': {'value': 'none'}}})[0],
                      201, 400),
    'lag': (lag, 200, 404),
    'no-location': (locations, (True, True), (False, False)),
    'post-bare': (lambda c: sorted(c.user()[1]), ['active', 'id', 'meta', 'schemas', 'userName'],
                  ['id', 'schemas']),
    'no-config': (lambda c: c('GET', '/ServiceProviderConfig')[0], 200, 404),
    'config-wrong': (both(config, bulk(1)), [(200, True, 200), (200, True)],
                     [(200, False, 200), (404, True)]),
    'no-bulk': (bulk(1), (200, True), (404, False)),
    'bulk-small': (bulk(6), (200, True), (413, True)),
    'token-expires': (many_requests, {200}, {200, 401}),
    'odd-ids': (odd, (True, True, 200), (False, True, 404)),
    'plain-json': (lambda c: (c.user(), c.headers['Content-Type'])[1],
                   'application/scim+json', 'application/json'),
    'lower-paths': (lambda c: [c('GET', '/Users')[0], c('GET', '/users')[0]],
                    [200, 404], [404, 200]),
}
SEED = [{'schemas': [USER], 'userName': 'seen@x.org', 'managed': False}]


def observe(probe, quirks=(), faults=(), seed=()):
    server, base = scim_quirks.start(quirks, faults=faults, seed=seed)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        return probe(Client(base))
    finally:
        server.shutdown()
        server.server_close()


def cut(c):
    try:
        c.user()
        return 'answered'
    except (http.client.HTTPException, OSError):
        c.wire.close()
        return c('GET', '/Users')[1]['totalResults']


FAULTS = [
    ('a status', 'POST /Users:after=1:count=1:status=503',
     lambda c: [c.user('u%d' % i)[0] for i in range(3)], [201, 503, 201]),
    ('every other', 'POST /Users:every=2:status=500',
     lambda c: [c.user('u%d' % i)[0] for i in range(4)], [201, 500, 201, 500]),
    ('Retry-After', 'GET /Users:count=1:status=429:retry-after=3',
     lambda c: (c('GET', '/Users')[0], c.headers['Retry-After']), (429, '3')),
    ('cut before the write', 'POST /Users:cut=before', cut, 0),
    ('cut after the write', 'POST /Users:cut=after', cut, 1),
]


def main():
    passed = failed = 0

    def tell(name, good, why):
        nonlocal passed, failed
        passed, failed = passed + good, failed + (not good)
        print('ok   %s' % name if good else 'FAIL %s: %s' % (name, why))

    for name in scim_quirks.QUIRKS:
        if name not in ROWS:
            tell('quirk ' + name, False, 'no row proves it')
            continue
        probe, right, odd_one = ROWS[name]
        seed = SEED if name == 'hides-unmanaged' else ()
        try:
            seen = observe(probe, seed=seed), observe(probe, [name], seed=seed)
        except Exception as error:  # a probe that breaks is a failure of its row
            seen = repr(error)
        tell('quirk ' + name, right != odd_one and seen == (right, odd_one),
             'saw %s, not %s' % (seen, (right, odd_one)))
    for name, fault, probe, wanted in FAULTS:
        seen = observe(probe, faults=[fault])
        tell('fault ' + name, seen == wanted, 'saw %s' % (seen,))
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
