"""Compares bridge/api/api.def with the vendor's contract, row by row.

    contract_rows.py CONTRACT ROWS EXCEPTIONS

CONTRACT is the vendor's description (Swagger 2.0), ROWS what tests/tools/api_rows prints,
EXCEPTIONS a list of known differences with their reasons. Compared are path, verb, names in
the path, parameters (name, repeated or not, required), body (shape; fields by name, type,
required, read-only), permissions, success code, and limits wherever the contract states one.
Then the same with mistakes made on purpose. Prints a line per operation and mistake, then "N passed, N failed".
"""
import json
import re
import sys

# Limits are stated in words only; these are the ways it says them. What they limit is told
# by where they stand: a page parameter, or anything else = the items of one call.
LIMITS = [r'[Mm]aximum page size is (\d+)', r'Max value is (\d+)', r'maximum of (\d+) members',
          r'Max (\d+) [a-z ]+ in request body', r'up to (\d+) queue members',
          r'Only (\d+) [a-z]+ can be requested', r'page size over (\d+)']
# A text with these words and a number that none of the above finds is a limit we can't read.
LIMIT_WORDS = re.compile(r'\b(max|maximum|limit|up to|at most|only)\b[^.]*\b\d+', re.I)
# Numbers in texts that limit something else.
OTHER_NUMBERS = {
    ('USERS', 'param integrationPresenceSource'): 'an expansion that we do not ask for',
    ('USERS', 'param userCustomAttributeSchemaIds'): 'an expansion that we do not ask for',
    ('USERS_QUERY', 'param integrationPresenceSource'): 'an expansion that we do not ask for',
    ('USERS_QUERY', 'param userCustomAttributeSchemaIds'): 'an expansion that we do not ask for',
    ('USER', 'param userCustomAttributeSchemaIds'): 'an expansion that we do not ask for',
    ('USERS_SEARCH', 'field integrationPresenceSource'): 'an expansion that we do not ask for',
}
SHAPES = {'TEXT': ['string'], 'NUMBER': ['integer', 'number'], 'BOOL': ['boolean'],
          'OBJECT': ['object'], 'OBJECTS': ['array of object'], 'TEXTS': ['array of string']}
BODIES = {'OBJECT': 'object', 'ARRAY': 'array of object', 'TEXTS': 'array of string'}


class Contract:
    def __init__(self, path):
        with open(path, encoding='utf-8') as file:
            self.whole = json.load(file)

    def operation(self, method, path):
        return self.whole['paths'].get(path, {}).get(method.lower())

    def resolve(self, schema):
        while '$ref' in schema:
            schema = self.whole['definitions'][schema['$ref'].rsplit('/', 1)[1]]
        return schema

    def shape(self, schema):
        schema = self.resolve(schema)
        if schema.get('type') == 'array':
            return 'array of ' + self.shape(schema['items'])
        return schema.get('type', 'object')

    def field(self, schema, path):
        """The schema at "a[].b.c" of a body and whether it is required; None: no such."""
        required = True
        for word in re.findall(r'\[\]|urn:[^\[]*|[^.\[\]]+', path):
            schema = self.resolve(schema)
            if word == '[]':
                schema = schema.get('items')
                if schema is None:
                    return None
                continue
            if word not in schema.get('properties', {}):
                return None
            required = word in schema.get('required', [])
            schema = schema['properties'][word]
        return schema, required

    def required_below(self, schema):
        schema = self.resolve(schema)
        if schema.get('type') == 'array':
            schema = self.resolve(schema['items'])
        return schema.get('required', [])


class Comparison:
    def __init__(self, contract, rows, exceptions):
        self.contract, self.rows = contract, rows
        self.exceptions, self.used = exceptions, set()
        self.wrong = []

    def differs(self, check, name, what, text):
        for key in ((check, name, what), (check, name, '*')):
            if key in self.exceptions:
                self.used.add(key)
                return
        self.wrong.append('%s: %s' % (what, text) if what else text)

    def parameters(self, row, theirs):
        inside = re.findall(r'{(\w+)}', row['path'])
        named = [p['name'] for p in theirs['parameters'] if p['in'] == 'path']
        if sorted(inside) != sorted(named):
            self.differs('path', row['name'], row['path'], 'the contract has %s' % named)
        known = {p['name']: p for p in theirs['parameters'] if p['in'] == 'query'}
        ours = {}
        for word in filter(None, row['query'].split(',')):
            ours[word.rstrip('*')] = word.endswith('*')
        for name, repeated in ours.items():
            if name not in known:
                self.differs('query', row['name'], name, 'no such parameter')
                continue
            multi = known[name]['type'] == 'array' and \
                known[name].get('collectionFormat') == 'multi'
            if repeated != multi:
                self.differs('query', row['name'], name,
                             'repeated' if repeated else 'not repeated')
        for name, parameter in known.items():
            if parameter.get('required') and name not in ours:
                self.differs('query', row['name'], name, 'required, and not in our row')

    def body(self, row, theirs):
        bodies = [p for p in theirs['parameters'] if p['in'] == 'body']
        if (row['body'] != 'NONE') != bool(bodies):
            self.differs('body', row['name'], 'body', row['body'])
            return
        if not bodies:
            return
        schema = bodies[0]['schema']
        if self.contract.shape(schema) != BODIES.get(row['body']):
            self.differs('body', row['name'], 'body', '%s, the contract has %s' % (
                row['body'], self.contract.shape(schema)))
            return
        if row['body'] == 'TEXTS':
            return
        ours = {f['path']: f for f in self.rows['fields'] if f['op'] == row['name']}
        for path, field in ours.items():
            self.body_field(row, schema, path, field)
        # Of each object that we send something of: what it requires.
        prefixes = {'[].' if row['body'] == 'ARRAY' else ''}
        prefixes |= {p + '[].' for p, f in ours.items() if f['type'] == 'OBJECTS'}
        prefixes |= {p + '.' for p, f in ours.items() if f['type'] == 'OBJECT'}
        for prefix in prefixes:
            at = re.sub(r'(\[\])?\.$', '', prefix)
            found = (schema, True) if at == '' else self.contract.field(schema, at)
            if not found or (prefix and not any(p.startswith(prefix) for p in ours)):
                continue
            for name in self.contract.required_below(found[0]):
                if not ours.get(prefix + name, {'required': False})['required']:
                    self.differs('required', row['name'], prefix + name,
                                 'required by the contract, not by our rows')

    def body_field(self, row, schema, path, field):
        found = self.contract.field(schema, path)
        if not found:
            self.differs('field', row['name'], path, 'no such field')
            return
        theirs, required = found
        if self.contract.shape(theirs) not in SHAPES[field['type']]:
            self.differs('type', row['name'], path, '%s, the contract has %s' % (
                field['type'], self.contract.shape(theirs)))
        if theirs.get('readOnly'):
            self.differs('read-only', row['name'], path, 'read-only in the contract')
        if field['required'] and not required:
            self.differs('stricter', row['name'], path, 'required by our rows only')

    def permission(self, row, theirs):
        wants = theirs.get('x-inin-requires-permissions', {'type': 'NO', 'permissions': []})
        ours = set(filter(None, re.split(r'[|,]', row['permission'])))
        theirs_set = set(wants['permissions'])
        if wants['type'] == 'NO' or not theirs_set:
            good = not ours
        elif wants['type'] == 'ALL' and len(theirs_set) > 1:
            good = ours == theirs_set and '|' not in row['permission']
        else:
            # Any one of theirs is enough; we may ask for fewer than all that would do.
            good = ours and ours <= theirs_set and ',' not in row['permission']
        if not good:
            self.differs('permission', row['name'], row['permission'] or '(none)',
                         'the contract has %s %s' % (wants['type'], sorted(theirs_set)))

    def success(self, row, theirs):
        codes = [c for c in theirs['responses'] if c.startswith('2')]
        # "default" alone: the contract does not say.
        if codes and str(row['success']) not in codes:
            self.differs('success', row['name'], str(row['success']),
                         'the contract has %s' % codes)
        if not codes and 'default' not in theirs['responses']:
            self.differs('success', row['name'], str(row['success']), 'the contract has none')

    def texts(self, row, theirs):
        """Every text of the contract that may state a limit of what we send."""
        yield 'summary', theirs.get('summary', '')
        yield 'description', theirs.get('description', '')
        for parameter in theirs['parameters']:
            if parameter['in'] == 'query':
                yield 'param ' + parameter['name'], parameter.get('description', '')
            if parameter['in'] == 'body':
                schema = self.contract.resolve(parameter['schema'])
                schema = self.contract.resolve(schema.get('items', schema))
                for name, field in schema.get('properties', {}).items():
                    yield 'field ' + name, field.get('description', '')
        for codes in theirs.get('x-inin-error-codes-2018', {}).values():
            for code, text in codes.items():
                yield 'error ' + code, text

    def limits(self, row, theirs):
        for where, text in self.texts(row, theirs):
            if (row['name'], where) in OTHER_NUMBERS:
                continue
            stated = [int(n) for pattern in LIMITS for n in re.findall(pattern, text)]
            if not stated and LIMIT_WORDS.search(text):
                self.differs('limit', row['name'], where, 'what does "%s" limit?' % text)
            for limit in stated:
                page = 'page size' in text or where == 'param pageSize'
                if 'error max.role.ids' == where:
                    continue  # we never ask for roles by id
                ours = row['page_max' if page else 'batch_max']
                if ours == 0 or ours > limit:
                    self.differs('limit', row['name'], where, '%s %d, the contract has %d' % (
                        'page_max' if page else 'batch_max', ours, limit))
        for parameter in theirs['parameters']:
            for word in ('maximum', 'maxItems'):
                if word in parameter and parameter['name'] in ('pageSize', 'count') \
                        and row['page_max'] > parameter[word]:
                    self.differs('limit', row['name'], parameter['name'],
                                 'page_max %d' % row['page_max'])
        paged = {'pageSize', 'count'} & {w.rstrip('*') for w in row['query'].split(',')}
        # A search carries its page size in its body.
        paged |= {f['path'] for f in self.rows['fields']
                  if f['op'] == row['name'] and f['path'] == 'pageSize'}
        if bool(paged) != bool(row['page_max']):
            self.differs('limit', row['name'], 'page_max', '%d' % row['page_max'])

    def compare(self, row):
        self.wrong = []
        theirs = self.contract.operation(row['method'], row['path'])
        if theirs is None or row['host'] != 'API':
            self.differs('missing', row['name'], row['path'], 'not in the contract')
            return self.wrong
        for part in (self.parameters, self.body, self.permission, self.success, self.limits):
            part(row, theirs)
        return self.wrong


def read_exceptions(path):
    found = {}
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            if line.startswith('#') or not line.strip():
                continue
            key, bar, why = line.partition(' | ')
            words = key.split(None, 2)
            if not bar or not why.strip() or len(words) != 3:
                sys.exit('%s:%d: not "CHECK OPERATION WHAT | why"' % (path, number))
            found[tuple(words)] = why.strip()
    return found


# Changes to the rows that the comparison must find: name, operation, field or None, member,
# value (None: the row goes), and a word of what it must say.
MISTAKES = [
    ('path', 'SKILLS_PATCH', None, 'path', '/api/v2/users/{userId}/skills/bulk', 'not in the'),
    ('verb', 'SKILLS_PATCH', None, 'method', 'POST', 'not in the contract'),
    ('name in the path', 'USER', None, 'path', '/api/v2/users/{id}', 'not in the contract'),
    ('parameter', 'USERS', None, 'query', 'pageSize,pageNumber,id*,expnad*', 'no such param'),
    ('repeated', 'USERS', None, 'query', 'pageSize,id', 'not repeated'),
    ('not repeated', 'USERS', None, 'query', 'pageSize*', 'repeated'),
    ('required parameter', 'GROUP_REMOVE', None, 'query', '', 'ids: required'),
    ('no body', 'ROLE_GRANT', None, 'body', 'NONE', 'body: NONE'),
    ('a body', 'GROUP_REMOVE', None, 'body', 'OBJECT', 'body: OBJECT'),
    ('shape', 'SKILLS_PUT', None, 'body', 'OBJECT', 'array of object'),
    ('texts', 'DIVISION_MOVE', None, 'body', 'ARRAY', 'array of string'),
    ('any of', 'SKILL_CREATE', None, 'permission', 'routing:skill:mange', 'ANY'),
    ('any as all', 'SKILL_CREATE', None, 'permission',
     'routing:skill:manage,routing:skill:create', 'ANY'),
    ('all of', 'SUBJECT_BULKREPLACE', None, 'permission', 'authorization:grant:add', 'ALL'),
    ('all as any', 'SUBJECT_BULKREPLACE', None, 'permission',
     'authorization:grant:add|authorization:grant:delete', 'ALL'),
    ('none', 'GROUPS', None, 'permission', 'groups:group:view', 'NO'),
    ('some', 'GRANTS', None, 'permission', '', 'ANY'),
    ('success', 'GROUP_ADD', None, 'success', 200, '202'),
    ('page by text', 'GRANTS', None, 'page_max', 501, 'page_max 501'),
    ('page by parameter', 'QUEUE_MEMBERS', None, 'page_max', 500, 'page_max 500'),
    ('page of SCIM', 'SCIM_USERS', None, 'page_max', 100, 'page_max 100'),
    ('no page', 'TEAMS', None, 'page_max', 0, 'page_max'),
    ('page without', 'TOKEN_INFO', None, 'page_max', 100, 'page_max'),
    ('batch by body', 'GROUP_ADD', None, 'batch_max', 51, 'batch_max 51'),
    ('batch by parameter', 'GROUP_REMOVE', None, 'batch_max', 100, 'batch_max 100'),
    ('batch by text', 'QUEUE_CHANGE', None, 'batch_max', 101, 'batch_max 101'),
    ('batch by description', 'LANGUAGES_PATCH', None, 'batch_max', 60, 'batch_max 60'),
    ('batch by error', 'USERS', None, 'batch_max', 500, 'batch_max 500'),
    ('field name', 'ROLE_GRANT', 'subjectIds', 'path', 'subjects', 'subjects: no such'),
    ('deep field', 'WORK_PLANS_PATCH', 'entities[].workPlanId.value', 'path',
     'entities[].workPlanId.valeu', 'no such field'),
    ('field type', 'ROLE_GRANT', 'subjectIds', 'type', 'TEXT', 'TEXT'),
    ('number', 'SKILLS_PUT', '[].proficiency', 'type', 'TEXT', 'number'),
    ('optional', 'SKILLS_PUT', '[].proficiency', 'required', False, 'required by the contract'),
    ('missing field', 'SUBJECT_BULKADD', 'grants[].divisionId', None, None, 'grants[].div'),
    ('top field', 'UNIT_MOVE', 'userIds', None, None, 'userIds'),
    ('stricter', 'TEAM_ADD', 'memberIds', None, None, 'memberIds'),
    ('only ours', 'WORK_PLANS_PATCH', 'entities', 'required', True, 'our rows only'),
    ('read-only', 'LANGUAGE_CREATE', 'name', 'path', 'id', 'read-only'),
]


def self_test(contract, rows, exceptions):
    """Mistakes of each kind are found, or this comparison proves nothing."""
    failed = 0
    for name, op, field, member, value, word in MISTAKES:
        broken = json.loads(json.dumps(rows))
        row = next(r for r in broken['operations'] if r['name'] == op)
        target = row if field is None else next(
            f for f in broken['fields'] if f['op'] == op and f['path'] == field)
        if member is None:
            broken['fields'].remove(target)
        else:
            target[member] = value
        wrong = '; '.join(Comparison(contract, broken, exceptions).compare(row))
        if word not in wrong:
            failed += 1
            print('FAIL a wrong row, %s: said "%s"' % (name, wrong))
        else:
            print('ok   a wrong row, %s' % name)
    return len(MISTAKES) - failed, failed


def main():
    contract_path, rows_path, exceptions_path = sys.argv[1:]
    with open(rows_path, encoding='utf-8') as file:
        rows = json.load(file)
    exceptions = read_exceptions(exceptions_path)
    comparison = Comparison(Contract(contract_path), rows, exceptions)
    passed = failed = 0
    for row in rows['operations']:
        wrong = comparison.compare(row)
        if wrong:
            failed += 1
            print('FAIL row %s: %s' % (row['name'], '; '.join(wrong)))
        else:
            passed += 1
            print('ok   row %s' % row['name'])
    for key in sorted(set(exceptions) - comparison.used):
        failed += 1
        print('FAIL %s: no difference uses "%s"' % (exceptions_path, ' '.join(key)))
    found, missed = self_test(Contract(contract_path), rows, exceptions)
    passed, failed = passed + found, failed + missed
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == '__main__':
    main()
