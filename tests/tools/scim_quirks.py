#!/usr/bin/env python3
"""A SCIM service with the oddities of real ones, each a switch.

    scim_quirks.py [--quirk NAME]... [--seed FILE] [--token TOKEN] [--fault FAULT]...
    scim_quirks.py --list

Without a switch it is a correct one (RFC 7643, 7644): Users with the enterprise extension,
Groups, PATCH, filters, paging, ETags, Bulk. Listens on a free port of 127.0.0.1 and prints
its base address. Outside SCIM, without token:

    GET /test/state    {"users", "groups", "calls": {"POST /Users": n}}, as it is now
    GET /test/journal  every request: method, path, query, body, status

SEED: a JSON array of resources; "managed": false marks an account not made by SCIM.
FAULT: METHOD /PATH:after=N:count=N:every=N:status=429:retry-after=1, or cut=before, cut=after
for a connection that ends before or after the request is done. PATH is Users, Groups, Bulk.
"""
import argparse
import base64
import copy
import http.server
import json
import os
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scim_model as model  # noqa: E402
from scim_model import ENTERPRISE, GROUP, MESSAGE, USER, ScimError  # noqa: E402

QUIRKS = {
    # what PATCH takes
    'op-title-case': 'op is Add, Replace, Remove, and nothing else',
    'no-pathless': 'an operation without a path is refused',
    'pathless-only': 'only one object per request without a path is taken, for users',
    'dotted-keys': 'in a value without a path: name.givenName, no objects',
    'one-op': 'one operation a request',
    'patch-8': 'at most eight fields an update',
    'patch-100': 'at most 100 members an operation; members can not be replaced nor all removed',
    'no-member-filter': 'members[value eq ..] is refused',
    'bare-members-all': 'remove with path members removes everybody, whatever the value',
    'members-refused': 'remove with path members and a value is refused',
    'extension-dot': 'paths of an extension with a dot after the URN, not a colon',
    'no-patch': 'PATCH is not there (501); PUT is',
    'no-put': 'PUT is not there (501)',
    # values
    'bool-text': 'booleans are told as text: "True", "False"',
    'null-refused': 'null in a body is refused',
    'empty-keeps': 'null and empty values leave what there was',
    'empty-text': 'a value that is gone is told as ""',
    'active-null': 'active that is removed or null means active',
    'single-valued': 'one e-mail, one phone, one address: the first',
    'no-name': 'givenName and familyName are taken and not kept',
    'mirror-email': 'userName is shown as an e-mail of type other as well, read-only',
    'name-case': 'userName is compared with case',
    # lists
    'page-10': 'ten a page, whatever count says',
    'total-is-page': 'totalResults is the length of the page',
    'start-overlap': 'a page begins one before startIndex',
    'start-is-page': 'startIndex is the number of the page',
    'short-pages': 'every second page is short and not the last',
    'cursor': 'pages by cursor only (RFC 9865); startIndex above 1 is refused',
    'active-only': 'without a filter only active users are listed',
    'page-429': 'more than 25 a page is 429, unless attributes are named',
    'group-filter': 'a list of groups wants a filter',
    'no-attributes': 'attributes and excludedAttributes are refused',
    'no-members-shown': 'groups are shown without members; members.value eq works',
    # filters
    'filter-eq-and': 'only eq and "and"',
    'filter-names': 'only userName eq and externalId eq',
    'filter-none': 'no filters (501)',
    'filter-quotes': 'a filter value with a quote, backslash, # or & matches nobody',
    'hides-unmanaged': 'accounts not made by SCIM are neither listed nor found, yet hold names',
    # writes
    'plain-409': '409 without scimType',
    'invalid-vers': 'a version that does not match is 400 invalidVers, not 412',
    'etag-ignored': 'ETags are told and If-Match is not looked at',
    'etag-412': 'If-Match is 412 also when it matches',
    'etag-mixed': 'meta.version is strong, the header weak; If-Match wants the weak one',
    'soft-delete': 'a deleted account holds its name',
    'disable-final': 'a disabled account can not be enabled',
    'no-group-create': 'groups are neither created nor deleted (405)',
    'group-lost-once': 'a member added for the first time is not kept',
    'manager-first': 'a manager must be an account that exists',
    'lag': 'reads show what was half a second ago',
    'no-location': 'no Location header, no meta.location',
    'post-bare': 'a POST is answered with id and schemas alone',
    # the rest
    'no-config': 'no ServiceProviderConfig (404)',
    'config-wrong': 'ServiceProviderConfig says no patch, filter, etag; says bulk, which is 404',
    'no-bulk': 'Bulk is neither told nor there',
    'bulk-small': 'five operations a Bulk',
    'token-expires': 'the token is refused (401) after 20 requests',
    'odd-ids': 'ids with / # % space and letters beyond ASCII',
    'plain-json': 'answers are application/json',
    'lower-paths': 'paths in lower case only (/users)',
}
LAG_S = 0.5


class Cut(Exception):
    """The connection ends here."""


class Fault:
    def __init__(self, text):
        what, *words = text.split(':')
        self.method, self.path = what.split(' ')
        self.set = {'after': 0, 'count': 0, 'every': 1, 'retry-after': None}
        for word in words:
            key, _, value = word.partition('=')
            self.set[key] = value if key == 'cut' else int(value)
        self.seen = self.done = 0

    def due(self, method, path):
        if method != self.method or not path.lower().startswith(self.path.lower()):
            return False
        self.seen += 1
        if self.seen <= self.set['after'] or (self.seen - self.set['after']) % self.set['every']:
            return False
        if self.set['count'] and self.done >= self.set['count']:
            return False
        self.done += 1
        return True


class Store:
    """Resources by id with what they were: [(time, resource or None), ...]"""
    def __init__(self):
        self.kept = {USER: {}, GROUP: {}}

    def put(self, schema, id, resource):
        self.kept[schema].setdefault(id, []).append((time.monotonic(), resource))

    def at(self, schema, id, when):
        found = None
        for since, resource in self.kept[schema].get(id, ()):
            if since <= when:
                found = resource
        return found

    def now(self, schema, id):
        versions = self.kept[schema].get(id)
        return versions[-1][1] if versions else None

    def all(self, schema, when=None):
        when = time.monotonic() if when is None else when
        found = (self.at(schema, id, when) for id in self.kept[schema])
        return [r for r in found if r is not None]


class Service:
    def __init__(self, quirks, token, faults, seed=()):
        self.quirks, self.token, self.faults = quirks, token, faults
        self.store, self.last, self.requests = Store(), 0, 0
        self.unmanaged, self.names_held, self.lost_once = set(), set(), set()
        self.journal, self.calls, self.lock = [], {}, threading.Lock()
        for resource in seed:
            self.load(resource)

    def on(self, name):
        return name in self.quirks

    def load(self, resource):
        resource = dict(resource)
        managed = resource.pop('managed', True)
        schema = GROUP if GROUP in resource.get('schemas', ()) else USER
        kept = model.clean(model.ATTRIBUTES[schema], resource)
        made = self.stamp(schema, None, kept)
        if not managed:
            self.unmanaged.add(made['id'])

    # --- one resource --------------------------------------------------------------------

    def stamp(self, schema, old, resource):
        now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        if old is None:
            self.last += 1
            odd = 'a/b c#%%41é-%d' if self.on('odd-ids') else 'q%06d'
            resource['id'] = odd % self.last
            meta = {'created': now}
            version = 1
        else:
            resource['id'], meta = old['id'], dict(old['meta'])
            version = int(meta['version'].strip('W/"')) + 1
        kind = schema.rsplit(':', 1)[1]
        meta.update(resourceType=kind, lastModified=now, version='W/"%d"' % version,
                    location='%s/%ss/%s' % ('/scim/v2', kind,
                                            urllib.parse.quote(resource['id'], safe='')))
        resource['meta'] = meta
        resource['schemas'] = [schema] + [e for e in model.EXTENSIONS[schema] if e in resource]
        self.store.put(schema, resource['id'], resource)
        return resource

    def check_user(self, old, resource):
        if not resource.get('userName'):
            raise ScimError(400, 'invalidValue', 'userName is required')
        fold = (lambda s: s) if self.on('name-case') else str.lower
        name = fold(resource['userName'])
        taken = name in self.names_held or any(
            fold(u['userName']) == name and (old is None or u['id'] != old['id'])
            for u in self.store.all(USER))
        if taken:
            raise ScimError(409, None if self.on('plain-409') else 'uniqueness',
                            'userName %s is taken' % resource['userName'])
        if self.on('active-null') or old is None:
            resource.setdefault('active', True)
        if self.on('disable-final') and old and not old['active'] and resource['active']:
            raise ScimError(400, 'mutability', 'a disabled account stays disabled')
        manager = resource.get(ENTERPRISE, {}).get('manager', {}).get('value')
        if self.on('manager-first') and manager and not self.store.now(USER, manager):
            raise ScimError(400, 'invalidValue', 'there is no manager %s' % manager)
        if self.on('no-name'):
            for key in ('givenName', 'familyName'):
                resource.get('name', {}).pop(key, None)
            if not resource.get('name', True):
                del resource['name']
        if self.on('single-valued'):
            for key in ('emails', 'phoneNumbers', 'addresses'):
                if key in resource:
                    del resource[key][1:]
        if self.on('mirror-email'):
            mails = [m for m in resource.get('emails', []) if m.get('type') != 'other']
            resource['emails'] = mails + [{'type': 'other', 'value': resource['userName']}]

    def check_group(self, old, resource):
        if not resource.get('displayName'):
            raise ScimError(400, 'invalidValue', 'displayName is required')
        before = {m['value'] for m in (old or {}).get('members', ())}
        kept = []
        for member in resource.get('members', ()):
            value = member.get('value')
            if not self.store.now(USER, value) and not self.store.now(GROUP, value):
                raise ScimError(400, 'invalidValue', 'there is no member %s' % value)
            if any(k['value'] == value for k in kept):
                continue
            if self.on('group-lost-once') and value not in before | self.lost_once:
                self.lost_once.add(value)
                continue
            kept.append({'value': value})
        model.set_or_drop(resource, 'members', kept)

    def write(self, schema, old, resource):
        (self.check_user if schema == USER else self.check_group)(old, resource)
        if old is not None:
            same = {k: v for k, v in old.items() if k not in ('meta', 'schemas', 'id')}
            if same == {k: v for k, v in resource.items() if k not in ('meta', 'schemas', 'id')}:
                return old
        return self.stamp(schema, old, resource)

    # --- answers -------------------------------------------------------------------------

    def show(self, schema, resource, query=None):
        found = copy.deepcopy(resource)
        if schema == USER:
            found.pop('password', None)
            groups = [{'value': g['id'], 'display': g['displayName']}
                      for g in self.store.all(GROUP)
                      if any(m['value'] == resource['id'] for m in g.get('members', ()))]
            if groups:
                found['groups'] = groups
        elif self.on('no-members-shown'):
            found.pop('members', None)
        if self.on('empty-text'):
            for name in ('title', 'nickName') if schema == USER else ():
                found.setdefault(name, '')
        if self.on('etag-mixed'):
            found['meta']['version'] = found['meta']['version'][2:]
        if self.on('no-location'):
            del found['meta']['location']
        only, without = ([w for v in (query or {}).get(k, ()) for w in v.split(',')]
                         for k in ('attributes', 'excludedAttributes'))
        if only or without:
            if self.on('no-attributes'):
                raise ScimError(400, 'invalidSyntax', 'attributes is not a parameter')
            found = model.project(found, only, without)
        return booleans_as_text(found) if self.on('bool-text') else found

    def version_header(self, resource):
        return {'ETag': resource['meta']['version']}

    def check_version(self, resource, headers):
        wanted = headers.get('If-Match')
        if wanted is None or self.on('etag-ignored'):
            return
        # Weak comparison: servers that tell weak tags are sent weak tags.
        told = [t.strip() for t in wanted.split(',')]
        version = resource['meta']['version']
        good = '*' in told or version in told or \
            (version[2:] in told and not self.on('etag-mixed'))
        if not good or self.on('etag-412'):
            if self.on('invalid-vers'):
                raise ScimError(400, 'invalidVers', 'the version is %s' % version)
            raise ScimError(412, None, 'the version is %s' % version)

    # --- requests ------------------------------------------------------------------------

    def get(self, schema, id, query, headers):
        when = time.monotonic() - (LAG_S if self.on('lag') else 0)
        resource = self.store.at(schema, id, when)
        if resource is None or (self.on('hides-unmanaged') and id in self.unmanaged):
            raise ScimError(404, None, 'there is no %s' % id)
        if headers.get('If-None-Match') == resource['meta']['version']:
            return 304, self.version_header(resource), None
        return 200, self.version_header(resource), self.show(schema, resource, query)

    def allowed_filter(self, schema, query):
        text = query.get('filter', [None])[0]
        if text is None:
            if schema == GROUP and self.on('group-filter'):
                raise ScimError(400, 'invalidFilter', 'a filter is wanted')
            return None
        if self.on('filter-none'):
            raise ScimError(501, None, 'no filters')
        found = model.Filter(text, model.ATTRIBUTES[schema], schema)
        used = {o for _, o in found.comparisons}
        if self.on('filter-eq-and') and used - {'eq'}:
            raise ScimError(400, 'invalidFilter', 'only eq and "and"')
        if self.on('filter-names') and (found.ands or used - {'eq'} or any(
                n not in ('userName', 'externalId', 'displayName')
                for n, _ in found.comparisons)):
            raise ScimError(400, 'invalidFilter', 'only userName eq and externalId eq')
        if self.on('filter-quotes') and any(c in text[text.find('"') + 1:-1] for c in '"\\#&'):
            found.test = lambda resource: False
        return found

    def list(self, schema, query):
        chosen = self.allowed_filter(schema, query)
        when = time.monotonic() - (LAG_S if self.on('lag') else 0)
        found = self.store.all(schema, when)
        if self.on('hides-unmanaged'):
            found = [r for r in found if r['id'] not in self.unmanaged]
        if schema == USER and self.on('active-only') and chosen is None:
            found = [r for r in found if r.get('active')]
        if chosen is not None:
            found = [r for r in found if chosen.test(r)]
        return 200, {}, self.page(schema, found, query)

    def page(self, schema, found, query):
        try:
            start = max(1, int(query.get('startIndex', ['1'])[0]))
            count = max(0, int(query.get('count', ['100'])[0]))
        except ValueError:
            raise ScimError(400, 'invalidValue', 'startIndex and count are numbers')
        if self.on('page-429') and count > 25 and not (
                'attributes' in query or 'excludedAttributes' in query):
            raise ScimError(429, 'tooMany', 'more than 25 a page')
        count = min(count, 10 if self.on('page-10') else 200)
        answer = {'schemas': [MESSAGE + 'ListResponse']}
        if self.on('cursor'):
            if 'startIndex' in query and start > 1:
                raise ScimError(400, 'invalidValue', 'pages by cursor, not by startIndex')
            start = 1
            if query.get('cursor', [''])[0]:
                try:
                    start = int(base64.b64decode(query['cursor'][0]))
                except ValueError:
                    raise ScimError(400, 'invalidCursor', 'no such cursor')
            count = min(count, 10)
            if start + count <= len(found) and count:
                answer['nextCursor'] = base64.b64encode(b'%d' % (start + count)).decode()
        elif self.on('start-is-page'):
            start = (start - 1) * count + 1
        elif self.on('start-overlap') and start > 1:
            start -= 1
        if self.on('short-pages') and count > 1 and (start // max(1, count)) % 2 == 0:
            count -= count // 3 or 1
        part = [self.show(schema, r, query) for r in found[start - 1:start - 1 + count]]
        answer['totalResults'] = len(part) if self.on('total-is-page') else len(found)
        if not self.on('cursor'):
            answer['startIndex'] = start
        answer['itemsPerPage'], answer['Resources'] = len(part), part
        return answer

    def post(self, schema, body):
        if schema == GROUP and self.on('no-group-create'):
            raise ScimError(405, None, 'groups are not created here')
        self.check_body(schema, body)
        made = self.write(schema, None, model.clean(model.ATTRIBUTES[schema], body))
        shown = self.show(schema, made)
        if self.on('post-bare'):
            shown = {'schemas': shown['schemas'], 'id': shown['id']}
        headers = self.version_header(made)
        if not self.on('no-location'):
            headers['Location'] = made['meta']['location']
        return 201, headers, shown

    def check_body(self, schema, body):
        if not isinstance(body, dict) or schema not in body.get('schemas', ()):
            raise ScimError(400, 'invalidSyntax', 'schemas does not name %s' % schema)
        if self.on('null-refused') and holds_null(body):
            raise ScimError(400, 'invalidValue', 'null is no value')

    def put(self, schema, id, headers, body):
        if self.on('no-put'):
            raise ScimError(501, None, 'no PUT')
        old = self.must(schema, id)
        self.check_version(old, headers)
        self.check_body(schema, body)
        new = model.clean(model.ATTRIBUTES[schema], body)
        if self.on('empty-keeps'):
            new = {**{k: v for k, v in old.items() if k not in ('id', 'meta', 'schemas')}, **new}
        made = self.write(schema, old, new)
        return 200, self.version_header(made), self.show(schema, made)

    def must(self, schema, id):
        old = self.store.now(schema, id)
        if old is None:
            raise ScimError(404, None, 'there is no %s' % id)
        return old

    def patch(self, schema, id, headers, body):
        if self.on('no-patch'):
            raise ScimError(501, None, 'no PATCH')
        old = self.must(schema, id)
        self.check_version(old, headers)
        if not isinstance(body, dict) or MESSAGE + 'PatchOp' not in body.get('schemas', ()):
            raise ScimError(400, 'invalidSyntax', 'schemas does not name PatchOp')
        if self.on('null-refused') and holds_null(body):
            raise ScimError(400, 'invalidValue', 'null is no value')
        operations = body.get('Operations')
        if not isinstance(operations, list) or not operations:
            raise ScimError(400, 'invalidSyntax', 'no Operations')
        self.check_operations(schema, operations)
        new = copy.deepcopy(old)
        for operation in operations:
            self.operate(schema, new, operation)
        made = self.write(schema, old, new)
        return 200, self.version_header(made), self.show(schema, made)

    def check_operations(self, schema, operations):
        for operation in operations:
            op, path = operation.get('op'), operation.get('path')
            names = ('Add', 'Replace', 'Remove')
            if not isinstance(op, str) or op.title() not in names or (
                    self.on('op-title-case') and op not in names):
                raise ScimError(400, 'invalidSyntax', 'op %s' % json.dumps(op))
            if path is None and self.on('no-pathless'):
                raise ScimError(400, 'invalidPath', 'a path is wanted')
            if path is not None and self.on('pathless-only') and schema == USER:
                raise ScimError(400, 'invalidPath', 'one object without a path is wanted')
            if self.on('dotted-keys') and path is None and any(
                    isinstance(v, dict) for v in operation['value'].values()):
                raise ScimError(400, 'invalidValue', 'dotted keys are wanted')
        if (self.on('one-op') or (self.on('pathless-only') and schema == USER)) \
                and len(operations) > 1:
            raise ScimError(400, 'tooMany', 'one operation a request')
        fields = sum(len(o['value']) if 'path' not in o else 1 for o in operations)
        if self.on('patch-8') and schema == USER and fields > 8:
            raise ScimError(400, 'tooMany', 'eight fields a request')

    def operate(self, schema, resource, operation):
        op, path = operation['op'].lower(), operation.get('path')
        value = operation.get('value')
        if op != 'remove' and 'value' not in operation:
            raise ScimError(400, 'invalidValue', '%s wants a value' % op)
        if path is not None and not isinstance(path, str):
            raise ScimError(400, 'invalidPath', 'path is text')
        if schema == GROUP and path:
            self.check_members(op, path, value)
            if path.lower() == 'members' and op == 'remove' and self.on('bare-members-all'):
                value = None
        if self.on('empty-keeps') and (
                (op != 'remove' and (model.empty(value) or value == '')) or
                (op == 'remove' and schema == USER)):
            return
        if schema == USER and path is None and isinstance(value, dict):
            value = self.dot_keys(value)
        model.patch(schema, resource, op, path, value, self.on('extension-dot'))

    def check_members(self, op, path, value):
        if not path.lower().startswith('members'):
            return
        if '[' in path and self.on('no-member-filter'):
            raise ScimError(400, 'invalidPath', 'members[...] is not taken')
        if op == 'remove' and path.lower() == 'members' and value and self.on('members-refused'):
            raise ScimError(400, 'invalidValue', 'remove members takes no value')
        if self.on('patch-100'):
            if op == 'replace' or (op == 'remove' and path.lower() == 'members' and not value):
                raise ScimError(400, 'invalidPath', 'members are added and removed')
            if len(model.listed(value)) > 100:
                raise ScimError(400, 'tooMany', '100 members an operation')

    def dot_keys(self, value):
        # {"urn:...:User": {...}} and "urn:...:User:department" alike.
        return {k: v for k, v in value.items()
                if not (self.on('empty-keeps') and (model.empty(v) or v == ''))}

    def delete(self, schema, id, headers):
        if schema == GROUP and self.on('no-group-create'):
            raise ScimError(405, None, 'groups are not deleted here')
        old = self.must(schema, id)
        self.check_version(old, headers)
        self.store.put(schema, id, None)
        if schema == USER and self.on('soft-delete'):
            self.names_held.add(old['userName'].lower())
        for group in self.store.all(GROUP):
            if any(m['value'] == id for m in group.get('members', ())):
                new = copy.deepcopy(group)
                model.set_or_drop(new, 'members',
                                  [m for m in new['members'] if m['value'] != id])
                self.stamp(GROUP, group, new)
        return 204, {}, None

    # --- Bulk ----------------------------------------------------------------------------

    def bulk(self, headers, body):
        if self.on('no-bulk') or self.on('config-wrong'):
            raise ScimError(404, None, 'no Bulk')
        if not isinstance(body, dict) or MESSAGE + 'BulkRequest' not in body.get('schemas', ()):
            raise ScimError(400, 'invalidSyntax', 'schemas does not name BulkRequest')
        operations = body.get('Operations')
        if not isinstance(operations, list) or not operations:
            raise ScimError(400, 'invalidSyntax', 'no Operations')
        if len(operations) > self.bulk_max():
            raise ScimError(413, 'tooMany', '%d operations a request' % self.bulk_max())
        ids, answers, errors = {}, [], 0
        waiting = list(range(len(operations)))
        results = {}
        # RFC 7644 3.7.2: an operation that names a later one waits for it.
        while waiting:
            ready = [i for i in waiting if not unknown_references(operations[i], ids, operations)]
            if not ready:
                for i in waiting:
                    results[i] = self.bulk_answer(operations[i], 409, None, {
                        'schemas': [MESSAGE + 'Error'], 'status': '409',
                        'detail': 'bulkId of an operation that failed'})
                break
            i = ready[0]
            waiting.remove(i)
            if body.get('failOnErrors') and errors >= body['failOnErrors']:
                break
            results[i] = self.bulk_one(operations[i], ids)
            errors += int(results[i]['status']) >= 400
        answers = [results[i] for i in sorted(results)]
        return 200, {}, {'schemas': [MESSAGE + 'BulkResponse'], 'Operations': answers}

    def bulk_one(self, operation, ids):
        method = str(operation.get('method', '')).upper()
        text = json.dumps(operation.get('data'))
        path = operation.get('path', '')
        for name, id in ids.items():
            text = text.replace('bulkId:' + name + '"', json.dumps(id)[1:-1] + '"')
            path = path.replace('bulkId:' + name, urllib.parse.quote(id, safe=''))
        headers = {'If-Match': operation['version']} if 'version' in operation else {}
        try:
            if method == 'POST' and not operation.get('bulkId'):
                raise ScimError(400, 'invalidSyntax', 'POST wants a bulkId')
            if method not in ('POST', 'PUT', 'PATCH', 'DELETE'):
                raise ScimError(400, 'invalidSyntax', 'method %s' % method)
            status, _, answer = self.dispatch(method, path, {}, headers, json.loads(text))
        except ScimError as error:
            return self.bulk_answer(operation, error.status, None, error_body(error))
        if answer is not None and operation.get('bulkId'):
            ids[operation['bulkId']] = answer['id']
        return self.bulk_answer(operation, status, answer, None)

    @staticmethod
    def bulk_answer(operation, status, resource, error):
        answer = {'method': operation.get('method'), 'status': str(status)}
        if operation.get('bulkId'):
            answer['bulkId'] = operation['bulkId']
        if resource:
            answer['location'] = resource.get('meta', {}).get('location') or \
                '/scim/v2/%s/%s' % (operation['path'].strip('/').split('/')[0],
                                    urllib.parse.quote(resource['id'], safe=''))
            if 'meta' in resource:
                answer['version'] = resource['meta']['version']
        elif operation.get('path', '').count('/') > 1:
            answer['location'] = '/scim/v2' + operation['path']
        if error:
            answer['response'] = error
        return answer

    def bulk_max(self):
        return 5 if self.on('bulk-small') else 1000

    # --- what it says of itself ------------------------------------------------------------

    def config(self):
        if self.on('no-config'):
            raise ScimError(404, None, 'no ServiceProviderConfig')
        right = not self.on('config-wrong')
        bulk = not self.on('no-bulk')
        return 200, {}, {
            'schemas': [model.CORE + 'ServiceProviderConfig'],
            'patch': {'supported': right and not self.on('no-patch')},
            'bulk': {'supported': bulk, 'maxOperations': self.bulk_max() if bulk else 0,
                     'maxPayloadSize': 1048576 if bulk else 0},
            'filter': {'supported': right and not self.on('filter-none'), 'maxResults': 200},
            'changePassword': {'supported': True}, 'sort': {'supported': False},
            'etag': {'supported': right},
            'authenticationSchemes': [{'type': 'oauthbearertoken', 'name': 'Bearer token',
                                       'description': 'RFC 6750'}]}

    def types(self):
        found = []
        for schema in (USER, GROUP):
            kind = schema.rsplit(':', 1)[1]
            found.append({'schemas': [model.CORE + 'ResourceType'], 'id': kind, 'name': kind,
                          'endpoint': '/%ss' % kind, 'schema': schema,
                          'schemaExtensions': [{'schema': e, 'required': False}
                                               for e in model.EXTENSIONS[schema]]})
        return whole_list(found)

    def schemas(self):
        def tell(attributes):
            return [{'name': a.name, 'type': a.kind, 'multiValued': a.multi,
                     'required': a.required, 'caseExact': a.exact,
                     'mutability': 'readOnly' if a.read_only else 'writeOnly' if a.write_only
                     else 'readWrite', 'returned': 'never' if a.write_only else 'default',
                     'uniqueness': 'server' if a.name == 'userName' else 'none',
                     **({'subAttributes': tell(a.subs)} if a.subs else {})}
                    for a in attributes.values()
                    if not a.name.startswith('urn:')
                    and a.name not in ('schemas', 'id', 'externalId', 'meta')]
        return whole_list([{'schemas': [model.CORE + 'Schema'], 'id': schema,
                            'name': schema.rsplit(':', 1)[1],
                            'attributes': tell(model.ATTRIBUTES[schema])}
                           for schema in (USER, GROUP, ENTERPRISE)])

    # --- routing -------------------------------------------------------------------------

    def dispatch(self, method, path, query, headers, body):
        words = [urllib.parse.unquote(w) for w in path.strip('/').split('/')]
        names = {'Users': USER, 'Groups': GROUP}
        if self.on('lower-paths'):
            names = {k.lower(): v for k, v in names.items()}
        if method == 'GET' and len(words) == 1:
            told = {'ServiceProviderConfig': self.config, 'ResourceTypes': self.types,
                    'Schemas': self.schemas}.get(words[0])
            if told:
                return told()
        if words == ['Bulk'] and method == 'POST':
            return self.bulk(headers, body)
        if words == ['Me']:
            raise ScimError(501, None, 'no Me')
        if words[-1] == '.search' and len(words) == 2 and method == 'POST' and words[0] in names:
            return self.list(names[words[0]], search_query(body))
        if words[0] not in names or len(words) > 2:
            raise ScimError(404, None, 'no %s' % path)
        schema = names[words[0]]
        if len(words) == 1:
            if method == 'GET':
                return self.list(schema, query)
            if method == 'POST':
                return self.post(schema, body)
            raise ScimError(405, None, method)
        id = words[1]
        if method == 'GET':
            return self.get(schema, id, query, headers)
        if method == 'PUT':
            return self.put(schema, id, headers, body)
        if method == 'PATCH':
            return self.patch(schema, id, headers, body)
        if method == 'DELETE':
            return self.delete(schema, id, headers)
        raise ScimError(405, None, method)

    def authorised(self, headers):
        self.requests += 1
        if headers.get('Authorization') != 'Bearer ' + self.token:
            raise ScimError(401, None, 'no such token')
        if self.on('token-expires') and self.requests > 20:
            raise ScimError(401, None, 'the token is too old')

    def handle(self, method, path, query, headers, text):
        """One request from outside: (status, headers, body)."""
        with self.lock:
            what = '%s /%s' % (method, path.strip('/').split('/')[0])
            self.calls[what] = self.calls.get(what, 0) + 1
            note = {'method': method, 'path': path, 'query': query,
                    'if_match': headers.get('If-Match')}
            self.journal.append(note)
            fault = next((f for f in self.faults if f.due(method, path)), None)
            note['fault'] = fault.set if fault else None
            try:
                self.authorised(headers)
                if fault and 'status' in fault.set:
                    raise ScimError(fault.set['status'], None, 'a fault made on purpose')
                if fault and fault.set.get('cut') == 'before':
                    raise Cut()
                body = json.loads(text) if text else None
                note['body'] = body
                if body is not None and 'json' not in headers.get('Content-Type', ''):
                    raise ScimError(415, None, 'not JSON')
                status, more, answer = self.dispatch(method, path, query, headers, body)
                if fault and fault.set.get('cut') == 'after':
                    raise Cut()
            except ScimError as error:
                status, more, answer = error.status, {}, error_body(error)
                if fault and fault.set['retry-after'] is not None:
                    more['Retry-After'] = str(fault.set['retry-after'])
            except ValueError:
                status, more = 400, {}
                answer = error_body(ScimError(400, 'invalidSyntax', 'not JSON'))
            note['status'] = status
            return status, more, answer

    def state(self):
        with self.lock:
            return {'users': [dict(u, managed=u['id'] not in self.unmanaged)
                              for u in self.store.all(USER)],
                    'groups': self.store.all(GROUP), 'calls': self.calls}


def error_body(error):
    body = {'schemas': [MESSAGE + 'Error'], 'status': str(error.status), 'detail': error.detail}
    if error.kind:
        body['scimType'] = error.kind
    return body


def whole_list(found):
    return 200, {}, {'schemas': [MESSAGE + 'ListResponse'], 'totalResults': len(found),
                     'startIndex': 1, 'itemsPerPage': len(found), 'Resources': found}


def search_query(body):
    query = {}
    for key, value in (body or {}).items():
        if key != 'schemas':
            query[key] = [str(v) for v in value] if isinstance(value, list) else [str(value)]
    return query


def holds_null(value):
    if isinstance(value, dict):
        return any(holds_null(v) for v in value.values())
    if isinstance(value, list):
        return any(holds_null(v) for v in value)
    return value is None


def booleans_as_text(value):
    if isinstance(value, dict):
        return {k: booleans_as_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [booleans_as_text(v) for v in value]
    return str(value) if isinstance(value, bool) else value


def unknown_references(operation, ids, operations):
    """bulkIds of other operations that have no id yet."""
    text = json.dumps(operation.get('data')) + '"' + operation.get('path', '') + '"'
    named = {o.get('bulkId') for o in operations} - {None, operation.get('bulkId')}
    return [n for n in named - set(ids)
            if 'bulkId:' + n + '"' in text or 'bulkId:' + n + '/' in text]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    # Head and body in one write: else the body waits 40 ms for the head's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    service = None

    def log_message(self, *words):
        pass

    def answer(self, status, headers, body):
        data = b'' if body is None else json.dumps(body).encode()
        self.send_response(status)
        if body is not None:
            plain = self.service.on('plain-json')
            self.send_header('Content-Type',
                             'application/json' if plain else 'application/scim+json')
        for name, value in headers.items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(data)

    def do(self):
        path, _, query = self.path.partition('?')
        text = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        if path == '/test/state':
            return self.answer(200, {}, self.service.state())
        if path == '/test/journal':
            return self.answer(200, {}, self.service.journal)
        if not path.startswith('/scim/v2/'):
            return self.answer(404, {}, error_body(ScimError(404, None, 'no such path')))
        try:
            return self.answer(*self.service.handle(
                self.command, path[len('/scim/v2'):],
                urllib.parse.parse_qs(query, keep_blank_values=True), self.headers, text))
        except Cut:
            self.close_connection = True
            self.connection.shutdown(2)
            return None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def start(quirks=(), token='token', faults=(), seed=()):
    """A running server: (server, base address). For tests in this language."""
    unknown = set(quirks) - set(QUIRKS)
    if unknown:
        raise SystemExit('no quirk %s; --list tells all' % ', '.join(sorted(unknown)))
    handler = type('Bound', (Handler,), {
        'service': Service(set(quirks), token, [Fault(f) for f in faults], seed)})
    server = Server(('127.0.0.1', 0), handler)
    return server, 'http://127.0.0.1:%d/scim/v2' % server.server_address[1]


def main():
    parser = argparse.ArgumentParser(description='A SCIM service with the oddities of real ones.')
    parser.add_argument('--quirk', action='append', default=[])
    parser.add_argument('--fault', action='append', default=[])
    parser.add_argument('--token', default='token')
    parser.add_argument('--seed')
    parser.add_argument('--list', action='store_true')
    options = parser.parse_args()
    if options.list:
        for name, what in QUIRKS.items():
            print('%-18s %s' % (name, what))
        return
    seed = []
    if options.seed:
        with open(options.seed, encoding='utf-8') as file:
            seed = json.load(file)
    server, base = start(options.quirk, options.token, options.fault, seed)
    print(base, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    main()
