"""Sends the sandbox what the vendor's contract forbids, made from the contract's own types.

    contract_mutate.py CONTRACT ROWS SANDBOX-URL

For every operation of api.def: a valid request, which must pass; then the same with each value
of a wrong type, each required field gone, words that an enumeration doesn't have, one item too
many, a page too large, a number out of its range, an old version, a body of another kind. Each
must be refused with 4xx in the vendor's error shape, and must leave the tenant as it was. An
operation that neither the sandbox nor our client has is left out. Prints a line per
operation, then "N passed, N failed".
"""
import base64
import copy
import http.client
import json
import re
import sys
import urllib.parse

from contract_rows import LIMITS, Contract
from contract_seen import used

PATCH_OP = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
EXTENSION = 'urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User'
ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error'


class Tenant:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.wire = http.client.HTTPConnection(parts.hostname, parts.port)
        basic = base64.b64encode(b'dirbridge-demo:demo-secret').decode()
        _, answer, _ = self('POST', '/oauth/token', 'grant_type=client_credentials', {
            'Authorization': 'Basic ' + basic,
            'Content-Type': 'application/x-www-form-urlencoded'})
        self.token = answer['access_token']

    def __call__(self, method, path, text=None, headers=None):
        """(status, body, headers)"""
        sent = headers or {'Authorization': 'Bearer ' + self.token,
                           'Content-Type': 'application/json'}
        self.wire.request(method, path, text.encode() if text is not None else None, sent)
        answer = self.wire.getresponse()
        data = answer.read()
        try:
            return answer.status, json.loads(data) if data else None, answer.headers
        except ValueError:
            return answer.status, data, answer.headers

    def send(self, method, path, body=None, **headers):
        sent = {'Authorization': 'Bearer ' + self.token, 'Content-Type': 'application/json'}
        sent.update({k.replace('_', '-'): v for k, v in headers.items()})
        return self(method, path, None if body is None else json.dumps(body), sent)

    def state(self):
        """The tenant as it is, without what reading changes."""
        self.wire.request('GET', '/sandbox/state')
        return self.wire.getresponse().read()

    def first(self, path, name=None):
        status, answer, _ = self.send('GET', path)
        found = [] if status != 200 else answer.get('entities') or answer.get('results') or []
        found = [e for e in found if name is None or e.get('name') == name]
        return found[0] if found else {}


class Things:
    """Objects of the tenant that valid requests name, found by its own lists."""
    def __init__(self, tenant):
        users = tenant.send('GET', '/api/v2/users?pageSize=100')[1]['entities']
        self.user, self.other = users[0]['id'], users[1]['id']
        self.skill = tenant.first('/api/v2/routing/skills').get('id')
        self.language = tenant.first('/api/v2/routing/languages').get('id')
        self.role = tenant.first('/api/v2/authorization/roles', 'Agent').get('id')
        divisions = tenant.send('GET', '/api/v2/authorization/divisions')[1]['entities']
        self.home = next(d['id'] for d in divisions if d.get('homeDivision'))
        self.division = next(d['id'] for d in divisions if not d.get('homeDivision'))
        self.group = tenant.first('/api/v2/groups').get('id')
        self.queue = tenant.first('/api/v2/routing/queues').get('id')
        self.team = tenant.first('/api/v2/teams').get('id')
        self.location = tenant.first('/api/v2/locations').get('id')
        self.unit = tenant.first('/api/v2/workforcemanagement/managementunits').get('id')
        self.plan = tenant.first('/api/v2/workforcemanagement/managementunits/%s/workplans'
                                 % self.unit).get('id')
        self.tenant, self.names = tenant, 0

    def version(self, kind, id):
        return self.tenant.send('GET', '/api/v2/%s/%s' % (kind, id))[1].get('version')

    def group_version(self):
        return self.tenant.first('/api/v2/groups')['version']

    def name(self):
        self.names += 1
        return 'contract-%d' % self.names


def requests(t):
    """Valid requests: operation -> function giving {path ids}, {query}, body. They are asked
    anew for each sending: versions and names move on."""
    grants = {'grants': [{'roleId': t.role, 'divisionId': t.division}]}
    level = [{'id': t.skill, 'proficiency': 3}]
    language = [{'id': t.language, 'proficiency': 4}]
    unit = {'managementUnitId': t.unit}
    return {
        'SKILL_CREATE': lambda: ({}, {}, {'name': t.name()}),
        'LANGUAGE_CREATE': lambda: ({}, {}, {'name': t.name()}),
        'USERS_SEARCH': lambda: ({}, {}, {'pageSize': 25, 'pageNumber': 1, 'query': [
            {'type': 'EXACT', 'fields': ['email'], 'value': 'a@example.org'}]}),
        'WORK_PLANS_QUERY': lambda: (unit, {}, {
            'agentIds': [t.user], 'startDate': '2026-01-05', 'weekCount': 1}),
        'SCIM_CREATE': lambda: ({}, {}, {
            'schemas': [USER], 'userName': t.name() + '@example.org', 'displayName': 'A B',
            'active': True, 'title': 'T', 'externalId': t.name(),
            'emails': [{'type': 'work', 'value': t.name() + '@example.org'}],
            'phoneNumbers': [{'type': 'work', 'value': '+493012345'}],
            ENTERPRISE: {'department': 'D', 'division': 'Home', 'employeeNumber': '1',
                         'manager': {'value': t.user}}}),
        'SCIM_PATCH': lambda: ({'userId': t.user}, {}, {'schemas': [PATCH_OP], 'Operations': [
            {'op': 'replace', 'path': 'title', 'value': t.name()}]}),
        'USER_PATCH': lambda: ({'userId': t.user}, {}, {
            'version': t.version('users', t.user), 'locations': [{'id': t.location}]}),
        'DIVISION_MOVE': lambda: ({'divisionId': t.division, 'objectType': 'USER'}, {}, [t.user]),
        'SKILLS_PATCH': lambda: ({'userId': t.user}, {}, copy.deepcopy(level)),
        'SKILLS_PUT': lambda: ({'userId': t.user}, {}, copy.deepcopy(level)),
        'LANGUAGES_PATCH': lambda: ({'userId': t.user}, {}, copy.deepcopy(language)),
        'ROLE_GRANT': lambda: ({'roleId': t.role}, {}, {
            'subjectIds': [t.user], 'divisionIds': [t.division]}),
        'SUBJECT_BULKADD': lambda: ({'subjectId': t.user}, {}, grants),
        'SUBJECT_BULKREMOVE': lambda: ({'subjectId': t.user}, {}, grants),
        'SUBJECT_BULKREPLACE': lambda: ({'subjectId': t.user}, {}, grants),
        'GROUP_ADD': lambda: ({'groupId': t.group}, {}, {
            'memberIds': [t.user], 'version': t.group_version()}),
        'GROUP_REMOVE': lambda: ({'groupId': t.group}, {'ids': t.user}, None),
        'QUEUE_CHANGE': lambda: ({'queueId': t.queue}, {}, [{'id': t.user}]),
        'TEAM_ADD': lambda: ({'teamId': t.team}, {}, {'memberIds': [t.user]}),
        'TEAM_REMOVE': lambda: ({'teamId': t.team}, {'id': t.user}, None),
        'UNIT_MOVE': lambda: ({}, {}, {
            'userIds': [t.other], 'destinationManagementUnitId': t.unit}),
        'WORK_PLANS_PATCH': lambda: (unit, {}, {'entities': [
            {'userId': t.user, 'workPlanId': {'value': t.plan}}]}),
        'USERS': lambda: ({}, {'pageSize': '25', 'state': 'any', 'expand': 'groups',
                               'id': [t.user]}, None),
        'USERS_QUERY': lambda: ({}, {'pageSize': '25', 'state': 'any'}, None),
        'USER': lambda: ({'userId': t.user}, {'state': 'active', 'expand': 'groups'}, None),
        'GRANTS': lambda: ({'divisionId': t.division}, {'pageSize': '25'}, None),
        'QUEUE_MEMBERS': lambda: ({'queueId': t.queue}, {'memberBy': 'user'}, None),
        'SCIM_USERS': lambda: ({}, {'count': '5', 'filter': 'userName eq "a@x.org"'}, None),
    }


# An old version, and what only the contract's words say: (operation, name, change).
def by_hand(t):
    def set_in(*way):
        *path, value = way

        def change(body):
            inner = body
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = value
            return body
        return change
    return [
        ('GROUP_ADD', 'an old version', set_in('version', 999999), None),
        ('USER_PATCH', 'an old version', set_in('version', 999999), None),
        ('SCIM_PATCH', 'an old version', lambda b: b, {'If-Match': '"999999"'}),
        ('SKILLS_PATCH', 'above 5.0', set_in(0, 'proficiency', 5.1), None),
        ('SKILLS_PATCH', 'below 0.0', set_in(0, 'proficiency', -1), None),
        ('SKILLS_PUT', 'above 5.0', set_in(0, 'proficiency', 5.1), None),
        ('LANGUAGES_PATCH', 'above 5.0', set_in(0, 'proficiency', 6), None),
        ('SCIM_PATCH', 'remove without a path', set_in('Operations', 0, {'op': 'remove'}), None),
        ('SCIM_PATCH', 'a read-only attribute', set_in(
            'Operations', 0, {'op': 'replace', 'path': 'groups', 'value': []}), None),
        ('SCIM_CREATE', 'a name that is taken', None, None),
    ]


def wrong_values(contract, schema):
    schema = contract.resolve(schema)
    kind = schema.get('type', 'object')
    # A definition without properties is any JSON.
    if kind == 'object':
        return ['text', [1]] if schema.get('properties') else []
    found = {'string': [5, {'a': 1}], 'boolean': ['maybe', 5], 'integer': ['x', True],
             'number': ['x', True], 'array': [{'a': 1}, 'text']}[kind]
    return found + (['nonsense'] if 'enum' in schema else [])


def mutations(contract, schema, body):
    """(what, body) of everything the types of `schema` forbid at the places of `body`."""
    def walk(schema, value, way):
        schema = contract.resolve(schema)
        for bad in wrong_values(contract, schema):
            yield way + (bad,)
        if isinstance(value, list) and schema.get('type') == 'array':
            for index, one in enumerate(value):
                yield from walk(schema['items'], one, way + (index,))
        elif isinstance(value, dict):
            for key, one in value.items():
                below = schema.get('properties', {}).get(key)
                if below and not below.get('readOnly'):
                    yield from walk(below, one, way + (key,))
    for *way, bad in walk(schema, body, ()):
        where = '.'.join(map(str, way)) or 'the body'
        if not way:
            yield '%s = %s' % (where, json.dumps(bad)), bad
            continue
        changed = copy.deepcopy(body)
        inner = changed
        for step in way[:-1]:
            inner = inner[step]
        inner[way[-1]] = bad
        yield '%s = %s' % (where, json.dumps(bad)), changed
    yield from without(contract, schema, body)


def without(contract, schema, body):
    """Each required field gone, and null."""
    def walk(schema, value, way):
        schema = contract.resolve(schema)
        if isinstance(value, list) and 'items' in schema:
            for index, one in enumerate(value):
                yield from walk(schema['items'], one, way + (index,))
        elif isinstance(value, dict):
            for key in value:
                below = schema.get('properties', {}).get(key)
                if key in schema.get('required', []):
                    yield way + (key,)
                if below:
                    yield from walk(below, value[key], way + (key,))
    for way in walk(schema, body, ()):
        for null in (False, True):
            changed = copy.deepcopy(body)
            inner = changed
            for step in way[:-1]:
                inner = inner[step]
            if null:
                inner[way[-1]] = None
            else:
                del inner[way[-1]]
            yield '%s %s' % ('null' if null else 'no', '.'.join(map(str, way))), changed


def batch_limit(contract, operation):
    """Items that one request may carry, where the contract says it."""
    texts = [operation.get('summary', ''), operation.get('description', '')]
    for parameter in operation['parameters']:
        if parameter['name'] not in ('pageSize', 'count'):
            texts.append(parameter.get('description', ''))
        if parameter['in'] == 'body':
            schema = contract.resolve(parameter['schema'])
            texts += [p.get('description', '') for p in schema.get('properties', {}).values()]
    for codes in operation.get('x-inin-error-codes-2018', {}).values():
        texts += codes.values()
    found = [int(n) for text in texts if 'page size' not in text
             for pattern in LIMITS for n in re.findall(pattern, text)]
    return found[0] if found else None


# Caps that are not in the contract but in the vendor's own client (facts, sections 7 and 8).
KNOWN_CAPS = {'SKILLS_PATCH': 50, 'TEAM_ADD': 25, 'TEAM_REMOVE': 25}


def too_many(limit, query, body):
    """The request with one item more than `limit`; None when it carries no list."""
    if isinstance(body, list):
        return query, body * (limit + 1)
    if isinstance(body, dict):
        lists = [k for k, v in body.items() if isinstance(v, list) and k != 'schemas']
        if lists:
            return query, {**body, lists[0]: body[lists[0]] * (limit + 1)}
    for key in ('ids', 'id'):
        if key in query:
            return {**query, key: query[key] * (limit + 1) if isinstance(query[key], list)
                    else ','.join([query[key]] * (limit + 1))}, body
    return None


def error_shape(row, answer):
    """What is wrong with an error's body; None: nothing."""
    status, body, headers = answer
    if not 400 <= status < 500:
        return 'status %d' % status
    if not isinstance(body, dict) or 'json' not in headers.get('Content-Type', ''):
        return '%d without a JSON body' % status
    if not headers.get('ININ-Correlation-Id'):
        return 'no correlation id'
    if '/scim/' in row['path']:
        if ERROR not in body.get('schemas', ()) or body.get('status') != str(status) \
                or not body.get('detail'):
            return 'not a SCIM error: %s' % body
    elif not isinstance(body.get('message'), str) or not isinstance(body.get('code'), str) \
            or body.get('status') != status \
            or body.get('contextId') != headers['ININ-Correlation-Id']:
        return 'not an ErrorBody: %s' % body
    return None


class Judge:
    def __init__(self, contract, tenant):
        self.contract, self.tenant = contract, tenant

    def send(self, row, ids, query, body, headers=None, text=None):
        path = row['path']
        for key, value in ids.items():
            path = path.replace('{%s}' % key, urllib.parse.quote(str(value)))
        if query:
            path += '?' + urllib.parse.urlencode(query, doseq=True)
        if text is not None:
            return self.tenant(row['method'], path, text)
        return self.tenant.send(row['method'], path, body, **(headers or {}))

    def operation(self, row, make, hand):
        """What the sandbox let pass or refused in a wrong way; number of requests."""
        theirs = self.contract.operation(row['method'], row['path'])
        ids, query, body = make()
        if None in ids.values():
            return ['the tenant has nothing to try it on'], 0
        # Twice: what the first one changes must not be what the second compares with.
        for _ in range(2):
            ids, query, body = make()
            status, answer, _ = self.send(row, ids, query, body)
            if not 200 <= status < 300:
                return ['the valid request: %d %s' % (status, answer)], 1
        wrong, count, before = [], 1, self.tenant.state()

        def refused(what, *request, **more):
            nonlocal count
            count += 1
            said = error_shape(row, self.send(row, *request, **more))
            if said:
                wrong.append('%s: %s' % (what, said))

        if body is not None:
            schema = next(p['schema'] for p in theirs['parameters'] if p['in'] == 'body')
            for what, changed in mutations(self.contract, schema, make()[2]):
                refused(what, ids, query, changed)
            refused('no body', ids, query, None)
            refused('not JSON', ids, query, None, text='{"a": ')
            refused('null', ids, query, None, text='null')
        for key in query:
            theirs_of = next(p for p in theirs['parameters'] if p['name'] == key)
            if theirs_of.get('required'):
                refused('no ' + key, ids, {k: v for k, v in query.items() if k != key}, body)
            if theirs_of['type'] == 'integer':
                refused('%s = x' % key, ids, {**query, key: 'x'}, body)
                if row['page_max'] and key == 'pageSize':
                    refused('%s too large' % key, ids, {**query, key: 501}, body)
            if 'enum' in theirs_of or 'enum' in theirs_of.get('items', {}):
                refused('%s = nonsense' % key, ids, {**query, key: 'nonsense'}, body)
        refused('an unknown parameter', ids, {**query, 'nonsense': '1'}, body)
        limit = batch_limit(self.contract, theirs) or KNOWN_CAPS.get(row['name'])
        if limit and (many := too_many(limit, query, make()[2])):
            refused('%d items' % (limit + 1), ids, *many)
        for _, what, change, headers in (h for h in hand if h[0] == row['name']):
            one = make()[2]
            if change is None:
                one['userName'] = self.taken
            else:
                one = change(one)
            refused(what, ids, query, one, headers)
        if self.tenant.state() != before:
            wrong.append('the tenant has changed')
        return wrong, count


class Pretender:
    """A tenant that takes everything: every wrong request must be found out."""
    def __call__(self, method, path, text=None, headers=None):
        return 200, {'taken': True}, {'Content-Type': 'application/json'}

    def send(self, method, path, body=None, **headers):
        return self(method, path)

    @staticmethod
    def state():
        return b''


def main():
    contract = Contract(sys.argv[1])
    with open(sys.argv[2], encoding='utf-8') as file:
        rows = json.load(file)['operations']
    tenant = Tenant(sys.argv[3])
    things = Things(tenant)
    valid, judge = requests(things), Judge(contract, tenant)
    fooled = Judge(contract, Pretender())
    judge.taken = tenant.send('GET', '/api/v2/users?pageSize=1')[1]['entities'][0]['email']
    fooled.taken = judge.taken
    ours = used()
    passed = failed = 0
    for row in rows:
        name = row['name']
        if row['host'] != 'API' or (row['body'] == 'NONE' and name not in valid):
            continue
        if name not in valid:
            wrong, count = ['no valid request is known'], 0
        else:
            try:
                wrong, count = judge.operation(row, valid[name], by_hand(things))
            except (KeyError, TypeError, AttributeError) as error:
                wrong, count = ['no valid request: %r' % error], 0
        absent = name not in ours and len(wrong) == 1 and (
            'there is no \\"' in json.dumps(wrong[0]) or count == 0)
        if absent:
            continue
        if not wrong:
            found, sent = fooled.operation(row, valid[name], by_hand(things))
            if len(found) != sent - 1 or sent < 2:
                wrong = ['a tenant that takes everything is believed: %d of %d' % (
                    len(found), sent - 1)]
        if wrong:
            failed += 1
            print('FAIL wrong requests, %s: %s' % (name, '; '.join(wrong)))
        else:
            passed += 1
            print('ok   wrong requests, %s: %d refused' % (name, count - 1))
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == '__main__':
    main()
