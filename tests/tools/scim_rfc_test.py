#!/usr/bin/env python3
"""The examples of RFC 7643 and 7644 against a running SCIM service.

    scim_rfc_test.py CASES BASE TOKEN [DIFFERS]

CASES is tests/cases/scim/rfc.jsonl. Resources are created and read back, PATCH requests are sent to
resources made for them, filters look for the full user of RFC 7643 8.3, Bulk requests are
sent as they are. DIFFERS lists rows in which the service is known to differ: "NAME | how".
Prints a line per case and "N passed, N failed".
"""
import http.client
import json
import sys
import urllib.parse

USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
MESSAGE = 'urn:ietf:params:scim:api:messages:2.0:'
NOT_OURS = ('id', 'meta', 'groups', 'password', 'schemas')


class Service:
    def __init__(self, base, token):
        parts = urllib.parse.urlsplit(base)
        self.wire = http.client.HTTPConnection(parts.hostname, parts.port)
        self.path, self.token = parts.path, token

    def __call__(self, method, path, body=None):
        self.wire.request(method, self.path + path, None if body is None else json.dumps(body), {
            'Authorization': 'Bearer ' + self.token, 'Content-Type': 'application/scim+json'})
        answer = self.wire.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data else None

    def make(self, kind, body):
        status, made = self('POST', '/' + kind, body)
        assert status == 201, 'POST: %d %s' % (status, made)
        return made['id']


def told(resource):
    """What a service must keep: without its own attributes and what it may leave out."""
    def plain(value):
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in ('$ref', 'display', 'displayName')
                    or 'userName' in value or 'members' in value}
        if isinstance(value, list):
            return sorted((plain(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
        return value
    found = {k: plain(v) for k, v in resource.items() if k not in NOT_OURS}
    if 'members' in resource:
        found['members'] = sorted(m['value'] for m in resource['members'])
    # A group has no active; a user's is the service's when not told.
    return {k: v for k, v in found.items() if k != 'active'}


class Runner:
    def __init__(self, service):
        self.service, self.ids = service, {}

    def known(self, value):
        """The same with ids of the examples replaced by those of users made here."""
        text = json.dumps(value)
        for member in json.loads(text).get('members', ()) if isinstance(value, dict) else ():
            self.member(member['value'])
        for old, new in self.ids.items():
            text = text.replace(old, new)
        return json.loads(text)

    def member(self, id):
        if id not in self.ids:
            self.ids[id] = self.service.make('Users', {
                'schemas': [USER], 'userName': 'member-' + id})

    def kind(self, body):
        return 'Groups' if 'members' in body or GROUP in body.get('schemas', ()) else 'Users'

    def resource(self, row):
        body = {k: v for k, v in row['body'].items() if k not in ('id', 'meta')}
        kind = self.kind(body)
        body = self.known(body)
        id = self.service.make(kind, body)
        status, read = self.service('GET', '/%s/%s' % (kind, id))
        self.service('DELETE', '/%s/%s' % (kind, id))
        assert status == 200 and told(read) == told(body), '%s, not %s' % (told(read), told(body))

    def patch(self, row):
        for place in (row['resource'], row['wanted']):
            self.known(place)
        kind = self.kind(row['resource'])
        id = self.service.make(kind, dict(self.known(row['resource']), schemas=[row['schema']]))
        status, answer = self.service('PATCH', '/%s/%s' % (kind, id), {
            'schemas': [MESSAGE + 'PatchOp'], 'Operations': self.known(row['operations'])})
        _, read = self.service('GET', '/%s/%s' % (kind, id))
        self.service('DELETE', '/%s/%s' % (kind, id))
        assert status in (200, 204), '%d %s' % (status, answer)
        wanted = told(self.known(row['wanted']))
        assert told(read) == wanted, '%s, not %s' % (told(read), wanted)

    def filter(self, row):
        status, answer = self.service('GET', '/Users?count=100&filter=' +
                                      urllib.parse.quote(row['filter']))
        assert status == 200, '%d %s' % (status, answer)
        names = [u['userName'] for u in answer.get('Resources', ())]
        if row['found'] is not None:
            assert ('bjensen@example.com' in names) == row['found'], 'found %s' % names

    def bulk(self, row):
        status, answer = self.service('POST', '/Bulk', {
            'schemas': [MESSAGE + 'BulkRequest'], 'Operations': row['operations']})
        assert status == 200, '%d %s' % (status, answer)
        seen = [o['status'] for o in answer['Operations']]
        for operation in answer['Operations']:
            if operation.get('location') and operation['status'] == '201':
                kind, id = operation['location'].rsplit('/', 2)[1:]
                self.service('DELETE', '/%s/%s' % (kind, id))
        # A circle may be resolved or refused (RFC 7644 3.7.1).
        assert seen in (row['statuses'], ['201', '201']), 'statuses %s' % seen


def main():
    cases, base, token, *differs = sys.argv[1:]
    with open(cases, encoding='utf-8') as file:
        rows = [json.loads(line) for line in file]
    listed = {}
    for path in differs:
        with open(path, encoding='utf-8') as file:
            listed = dict(line.strip().split(' | ', 1) for line in file
                          if line.strip() and not line.startswith('#'))
    runner = Runner(Service(base, token))
    full = next(r['body'] for r in rows if r['name'] == 'RFC 7643 8.3, enterprise user')
    passed = failed = 0
    order = ['resource', 'patch', 'bulk', 'filter']
    for row in sorted((r for r in rows if r['kind'] in order),
                      key=lambda r: order.index(r['kind'])):
        if row['kind'] == 'filter' and 'full' not in runner.ids:
            runner.ids['full'] = runner.service.make(
                'Users', {k: v for k, v in full.items() if k not in ('id', 'meta')})
        try:
            getattr(runner, row['kind'])(row)
            wrong = None
        except AssertionError as error:
            wrong = str(error)
        if (wrong is not None) == (row['name'] in listed):
            passed += 1
            print('ok   %s%s' % (row['name'], ' (differs: %s)' % listed[row['name']] if wrong else ''))
        else:
            failed += 1
            print('FAIL %s: %s' % (row['name'], wrong or 'no longer differs'))
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
