"""Resources of a SCIM service as its own tests see them: attributes (RFC 7643), filters and
PATCH (RFC 7644 3.4.2.2, 3.5.2). Written apart from the program it tests and without looking
at it; strict where the RFCs let a service be strict.
"""
import copy
import json
import re

CORE = 'urn:ietf:params:scim:schemas:core:2.0:'
USER, GROUP = CORE + 'User', CORE + 'Group'
ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
MESSAGE = 'urn:ietf:params:scim:api:messages:2.0:'

# One attribute a line: name, type, words. A dot makes a sub-attribute. "ci" compares without
# case, "ro" is read-only.
TABLE = {
    USER: '''
userName string required ci
name complex
name.formatted string ci
name.familyName string ci
name.givenName string ci
name.middleName string ci
name.honorificPrefix string ci
name.honorificSuffix string ci
displayName string ci
nickName string ci
profileUrl reference
title string ci
userType string ci
preferredLanguage string ci
locale string ci
timezone string ci
active boolean
password string wo
emails complex multi
emails.value string ci
emails.display string ci
emails.type string ci
emails.primary boolean
phoneNumbers complex multi
phoneNumbers.value string ci
phoneNumbers.display string ci
phoneNumbers.type string ci
phoneNumbers.primary boolean
ims complex multi
ims.value string ci
ims.type string ci
photos complex multi
photos.value reference
photos.type string ci
addresses complex multi
addresses.formatted string ci
addresses.streetAddress string ci
addresses.locality string ci
addresses.region string ci
addresses.postalCode string ci
addresses.country string ci
addresses.type string ci
addresses.primary boolean
groups complex multi ro
groups.value string ro
groups.$ref reference ro
groups.display string ro
groups.type string ro
entitlements complex multi
entitlements.value string ci
entitlements.type string ci
roles complex multi
roles.value string ci
roles.display string ci
roles.type string ci
roles.primary boolean
x509Certificates complex multi
x509Certificates.value binary
''',
    ENTERPRISE: '''
employeeNumber string
costCenter string ci
organization string ci
division string ci
department string ci
manager complex
manager.value string
manager.$ref reference
manager.displayName string ro
''',
    GROUP: '''
displayName string required ci
members complex multi
members.value string
members.$ref reference
members.type string ci
members.display string
''',
}
COMMON = '''
schemas string multi
id string ro
externalId string
meta complex ro
meta.resourceType string ro
meta.created string ro
meta.lastModified string ro
meta.location string ro
meta.version string ro
'''
EXTENSIONS = {USER: [ENTERPRISE], GROUP: []}


class ScimError(Exception):
    def __init__(self, status, kind, detail):
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail


class Attribute:
    def __init__(self, name, kind, words):
        self.name, self.kind = name, kind
        self.multi, self.exact = 'multi' in words, 'ci' not in words
        self.read_only, self.required = 'ro' in words, 'required' in words
        self.write_only = 'wo' in words
        self.subs = {}


def read_table(text):
    found = {}
    for line in text.strip().splitlines():
        name, kind, *words = line.split()
        above, _, name = name.rpartition('.')
        into = found[above.lower()].subs if above else found
        into[name.lower()] = Attribute(name, kind, words)
    return found


ATTRIBUTES = {schema: read_table(text) for schema, text in TABLE.items()}
for core in (USER, GROUP):
    ATTRIBUTES[core].update(read_table(COMMON))
for core, extensions in EXTENSIONS.items():
    for extension in extensions:
        whole = Attribute(extension, 'complex', [])
        whole.subs = ATTRIBUTES[extension]
        ATTRIBUTES[core][extension.lower()] = whole


def empty(value):
    """RFC 7643 2.5: null, an empty list and no value are the same."""
    return value is None or value == [] or value == {}


# --- values ------------------------------------------------------------------------------

def clean_one(attribute, value, where):
    kinds = {'string': str, 'reference': str, 'binary': str, 'boolean': bool, 'complex': dict}
    if not isinstance(value, kinds[attribute.kind]):
        raise ScimError(400, 'invalidValue', '%s: %s is no %s' % (
            where, json.dumps(value), attribute.kind))
    if attribute.kind != 'complex':
        return value
    return clean(attribute.subs, value, where + '.')


def clean_value(attribute, value, where):
    if empty(value):
        return None
    if not attribute.multi:
        return clean_one(attribute, value, where)
    if not isinstance(value, list):
        raise ScimError(400, 'invalidValue', '%s has several values: a list' % where)
    return [clean_one(attribute, one, where) for one in value]


def clean(attributes, value, where=''):
    """A complex value with the names as the schema writes them; read-only ones are ignored
    (RFC 7644 3.3), empty ones gone, unknown ones refused."""
    found = {}
    for key, one in value.items():
        attribute = attributes.get(key.lower())
        if attribute is None:
            raise ScimError(400, 'invalidSyntax', 'no attribute %s%s' % (where, key))
        if attribute.read_only or empty(one):
            continue
        one = clean_value(attribute, one, where + attribute.name)
        if not empty(one):
            found[attribute.name] = one
    return found


# --- paths -------------------------------------------------------------------------------

def split_urn(schema, text, dot_form=False):
    """(attributes that `text` is about, what is left of it, whether an extension)."""
    for urn in [schema] + EXTENSIONS[schema]:
        if not text.lower().startswith(urn.lower()):
            continue
        rest, extension = text[len(urn):], urn != schema
        if rest == '':
            return ATTRIBUTES[schema], urn, False
        wanted = '.' if dot_form and extension else ':'
        if rest[0] != wanted:
            raise ScimError(400, 'invalidPath', '%s: not a path' % text)
        return ATTRIBUTES[urn], rest[1:], extension and urn
    return ATTRIBUTES[schema], text, False


class Path:
    """attribute, sub-attribute or None, filter of its values or None, extension or False"""
    def __init__(self, schema, text, dot_form=False):
        attributes, rest, self.extension = split_urn(schema, text, dot_form)
        self.filter = self.sub = None
        match = re.match(r'^(urn:[^\[]+|[^.\[]+)(?:\[(.*)\])?(?:\.([^.\[\]]+))?$', rest)
        if not match:
            raise ScimError(400, 'invalidPath', '%s: not a path' % text)
        name, condition, sub = match.groups()
        self.attribute = attributes.get(name.lower())
        if self.attribute is None:
            raise ScimError(400, 'invalidPath', 'no attribute %s' % text)
        if condition is not None:
            self.filter = Filter(condition, self.attribute.subs)
        if sub is not None:
            self.sub = self.attribute.subs.get(sub.lower())
            if self.sub is None:
                raise ScimError(400, 'invalidPath', 'no attribute %s' % text)


# --- filters -----------------------------------------------------------------------------

TOKEN = re.compile(r'\s*(?:(?P<word>[^\s()\[\]"]+)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<mark>[()\[\]]))')


class Filter:
    """RFC 7644 3.4.2.2. `attributes` are those of the resource, or of the complex attribute
    whose values are chosen. `comparisons` lists (name, operator) for services that allow few.
    """
    def __init__(self, text, attributes, schema=None):
        self.attributes, self.schema = attributes, schema
        self.tokens, self.comparisons, self.ands, at = [], [], 0, 0
        text = text.strip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise ScimError(400, 'invalidFilter', 'not a filter: %s' % text)
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            at = match.end()
        self.at, self.text = 0, text
        self.test = self.read_or()
        if self.at != len(self.tokens):
            self.wrong()

    def wrong(self):
        raise ScimError(400, 'invalidFilter', 'not a filter: %s' % self.text)

    def peek(self, *words):
        if self.at >= len(self.tokens):
            return None
        word = self.tokens[self.at][1]
        return word if not words or word.lower() in words else None

    def take(self, *words):
        word = self.peek(*words)
        if word is not None:
            self.at += 1
        return word

    def read_or(self):
        tests = [self.read_and()]
        while self.take('or'):
            tests.append(self.read_and())
            self.comparisons.append(('', 'or'))
        return lambda r: any(t(r) for t in tests)

    def read_and(self):
        tests = [self.read_one()]
        while self.take('and'):
            tests.append(self.read_one())
            self.ands += 1
        return lambda r: all(t(r) for t in tests)

    def read_one(self):
        if self.take('not'):
            self.comparisons.append(('', 'not'))
            if not self.peek('('):
                self.wrong()
            inner = self.read_one()
            return lambda r: not inner(r)
        if self.take('('):
            inner = self.read_or()
            if not self.take(')'):
                self.wrong()
            return inner
        return self.read_comparison()

    def read_comparison(self):
        if self.at >= len(self.tokens) or self.tokens[self.at][0] != 'word':
            self.wrong()
        name = self.take()
        if self.take('['):
            return self.read_values(name)
        path = self.find(name)
        operator = self.take('eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le', 'pr')
        if not operator:
            self.wrong()
        operator = operator.lower()
        self.comparisons.append((name, operator))
        if operator == 'pr':
            return lambda r: bool(self.values(r, path))
        if self.at >= len(self.tokens):
            self.wrong()
        kind, word = self.tokens[self.at]
        self.at += 1
        try:
            value = json.loads(word)
        except ValueError:
            self.wrong()
        if kind == 'mark' or isinstance(value, (dict, list)):
            self.wrong()
        exact = (path[-1].subs.get('value') or path[-1]).exact if path[-1].kind == 'complex' \
            else path[-1].exact
        return lambda r: self.compare(self.values(r, path), operator, value, exact)

    def read_values(self, name):
        path = self.find(name)
        depth, start = 1, self.at
        while depth and self.at < len(self.tokens):
            depth += {'[': 1, ']': -1}.get(self.tokens[self.at][1], 0)
            self.at += 1
        if depth:
            self.wrong()
        inner = Filter(' '.join(t[1] for t in self.tokens[start:self.at - 1]), path[-1].subs)
        self.comparisons += [('%s[%s]' % (name, n), o) for n, o in inner.comparisons]
        return lambda r: any(inner.test(v) for v in self.values(r, path))

    def find(self, name):
        """The attributes on the way to `name`; unknown ones are an error."""
        attributes, way = self.attributes, []
        if self.schema and name.lower().startswith('urn:'):
            attributes, name, extension = split_urn(self.schema, name)
            if extension:
                way.append(ATTRIBUTES[self.schema][extension.lower()])
        for word in name.split('.'):
            attribute = attributes.get(word.lower())
            if attribute is None:
                raise ScimError(400, 'invalidFilter', 'no attribute %s' % name)
            way.append(attribute)
            attributes = attribute.subs
        return way

    @staticmethod
    def values(resource, path):
        found = [resource]
        for attribute in path:
            below = [one[attribute.name] for one in found if attribute.name in one]
            found = [v for one in below for v in (one if isinstance(one, list) else [one])]
        return found

    @staticmethod
    def compare(values, operator, value, exact):
        # A complex value stands for its "value".
        values = [v.get('value') if isinstance(v, dict) else v for v in values]
        if operator == 'ne':
            return not Filter.compare(values, 'eq', value, exact)
        if value is None:
            return operator == 'eq' and not values
        if isinstance(value, str) and not exact:
            value = value.lower()
            values = [v.lower() if isinstance(v, str) else v for v in values]
        tests = {'eq': lambda v: v == value, 'co': lambda v: value in v,
                 'sw': lambda v: v.startswith(value), 'ew': lambda v: v.endswith(value),
                 'gt': lambda v: v > value, 'ge': lambda v: v >= value,
                 'lt': lambda v: v < value, 'le': lambda v: v <= value}
        return any(type(v) is type(value) and tests[operator](v) for v in values)


# --- PATCH -------------------------------------------------------------------------------

def listed(value):
    return value if isinstance(value, list) else [value]


def one_primary(values, new):
    """RFC 7644 3.5.2: a new primary value takes it from the others."""
    if any(isinstance(v, dict) and v.get('primary') for v in new):
        for v in values:
            if isinstance(v, dict) and v not in new and v.get('primary'):
                v['primary'] = False


def patch_pathless(schema, resource, op, value, dot_form):
    if not isinstance(value, dict):
        raise ScimError(400, 'invalidValue', 'an operation without a path wants an object')
    for key, one in value.items():
        if key.lower() == 'schemas':
            continue
        if key in EXTENSIONS[schema] and isinstance(one, dict):
            for name, inner in one.items():
                sep = '.' if dot_form else ':'
                patch(schema, resource, op, key + sep + name, inner, dot_form)
        else:
            patch(schema, resource, op, key, one, dot_form)


def patch_values(holder, path, op, value, where):
    """Operations on chosen values of a multi-valued attribute: attr[filter] or .sub"""
    attribute = path.attribute
    chosen = [v for v in holder.get(attribute.name, [])
              if path.filter is None or path.filter.test(v)]
    if not chosen:
        if op == 'remove' and path.filter is None:
            return
        raise ScimError(400, 'noTarget', '%s: no value matches' % where)
    if path.sub is None and op == 'remove':
        rest = [v for v in holder[attribute.name] if not any(v is c for c in chosen)]
        set_or_drop(holder, attribute.name, rest)
        return
    for one in chosen:
        if path.sub is not None:
            new = None if op == 'remove' else clean_value(path.sub, value, where)
            set_or_drop(one, path.sub.name, new)
        else:
            new = clean_one(attribute, value, where)
            if op == 'replace':
                one.clear()
            one.update(new)
        one_primary(holder[attribute.name], [one])
    set_or_drop(holder, attribute.name, [v for v in holder[attribute.name] if v])


def set_or_drop(holder, name, value):
    if empty(value):
        holder.pop(name, None)
    else:
        holder[name] = value


def patch_whole(holder, path, op, value, where):
    """Operations on an attribute as a whole."""
    attribute, old = path.attribute, holder.get(path.attribute.name)
    if op == 'remove':
        if attribute.required:
            raise ScimError(400, 'mutability', '%s is required' % where)
        if attribute.multi and not empty(value):
            # The form of some clients: "remove members", with the ones to remove as value.
            gone = [v.get('value') for v in listed(value) if isinstance(v, dict)]
            set_or_drop(holder, attribute.name,
                        [v for v in old or [] if v.get('value') not in gone])
        else:
            holder.pop(attribute.name, None)
        return
    if attribute.multi and not empty(value):
        value = listed(value)
    new = clean_value(attribute, value, where)
    if attribute.multi and op == 'add':
        new = [v for v in new or [] if v not in (old or [])]
        one_primary(old or [], new)
        new = (old or []) + new
    elif attribute.kind == 'complex' and not attribute.multi and new and old:
        # RFC 7644 3.5.2.3: the sub-attributes that are given replace, the others stay.
        new = {**old, **new}
        for key, one in value.items():
            if empty(one):
                new.pop(attribute.subs[key.lower()].name, None)
    if empty(new) and attribute.required:
        raise ScimError(400, 'invalidValue', '%s is required' % where)
    set_or_drop(holder, attribute.name, new)


def patch(schema, resource, op, text, value, dot_form=False):
    """Apply one operation to `resource`."""
    if not text:
        if op == 'remove':
            raise ScimError(400, 'noTarget', 'remove wants a path')
        patch_pathless(schema, resource, op, value, dot_form)
        return
    path = Path(schema, text, dot_form)
    if path.attribute.read_only or path.sub and path.sub.read_only:
        raise ScimError(400, 'mutability', '%s is read-only' % text)
    holder = resource.setdefault(path.extension, {}) if path.extension else resource
    if path.filter is not None or path.sub is not None and path.attribute.multi:
        patch_values(holder, path, op, value, text)
    elif path.sub is not None:
        inner = holder.setdefault(path.attribute.name, {})
        set_or_drop(inner, path.sub.name,
                    None if op == 'remove' else clean_value(path.sub, value, text))
        set_or_drop(holder, path.attribute.name, inner)
    else:
        patch_whole(holder, path, op, value, text)
    if path.extension and not resource[path.extension]:
        del resource[path.extension]


def project(resource, only, without):
    """RFC 7644 3.9: `attributes` and `excludedAttributes`; id and schemas always stay."""
    def has(names, key, sub=None):
        key = key.lower()
        return any(n == key or n.endswith(':' + key) or
                   (sub and (n == key + '.' + sub.lower() or n.endswith(':' + key + '.' + sub)))
                   or n.startswith(key + '.') or n.startswith(key + ':') for n in names)
    only = [n.lower() for n in only]
    without = [n.lower() for n in without]
    found = copy.deepcopy(resource)
    for key in list(found):
        if key in ('id', 'schemas'):
            continue
        if only and not has(only, key):
            del found[key]
        elif key.lower() in without:
            del found[key]
    return found
