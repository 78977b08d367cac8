#!/usr/bin/env python3
"""What a SCIM service should hold, computed apart from dirbridge.

  scim_expect.py rules LDIF               rules for the company: profile, a group each
  scim_expect.py changes LDIF FOLDER      FOLDER/changes.ldif: a mover, a rename, a marriage,
                                          values gone, another manager; FOLDER/leavers: DNs
  scim_expect.py groups LDIF              the groups, empty, for --seed of scim_quirks.py
  scim_expect.py hidden LDIF              an account not made by SCIM with a person's name
  scim_expect.py compare LDIF STATE [QUIRK]
                                          LDIF the company as it is, STATE the service's

States the rules a second time in plain Python. compare prints what differs and exits 1.
"""
import json
import sys

from expect import fold, read_ldif

CORE = 'urn:ietf:params:scim:schemas:core:2.0:'
ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

RULES = '''version: 1
people:
  - name: everybody
    when: has(entry.mail)
    match: [externalId, userName]
    profile:
      userName: ${entry.mail.lowerAscii()}
      displayName: ${entry.displayName}
      givenName: ${entry.givenName}
      familyName: ${entry.sn}
      title: {value: '${entry.title}', clear: true}
      department: ${entry.departmentNumber}
      employeeNumber: ${entry.employeeNumber}
      preferredLanguage: ${entry.preferredLanguage}
      manager: ${ref(entry.manager)}
      emails:
        work: ${entry.mail}
      phoneNumbers:
        work: {value: '${entry.telephoneNumber}', clear: true}
        mobile: ${entry.mobile}
    assign:
'''


class Company:
    def __init__(self, path):
        self.entries = {fold(dn): (dn, attrs) for dn, attrs in read_ldif(path)}
        self.people = {dn: attrs for dn, (_, attrs) in self.entries.items() if 'mail' in attrs}
        self.groups = {attrs['cn'][0]: attrs for dn, (_, attrs) in self.entries.items()
                       if 'member' in attrs}

    def members(self, attrs, seen=None):
        """People in a group, through groups in it."""
        seen = set() if seen is None else seen
        found = set()
        for dn in map(fold, attrs['member']):
            if dn in seen:
                continue
            seen.add(dn)
            if dn in self.people:
                found.add(dn)
            elif dn in self.entries and 'member' in self.entries[dn][1]:
                found |= self.members(self.entries[dn][1], seen)
        return found


def one(attrs, name):
    return attrs.get(name.lower(), [None])[0]


def wanted_user(attrs, ids):
    user = {'userName': one(attrs, 'mail').lower(), 'externalId': one(attrs, 'entryUUID'),
            'displayName': one(attrs, 'displayName'), 'title': one(attrs, 'title'),
            'preferredLanguage': one(attrs, 'preferredLanguage'), 'active': True,
            'name': {'givenName': one(attrs, 'givenName'), 'familyName': one(attrs, 'sn')},
            'emails': [{'type': 'work', 'value': one(attrs, 'mail')}],
            'phoneNumbers': [{'type': kind, 'value': one(attrs, name)}
                             for kind, name in (('work', 'telephoneNumber'), ('mobile', 'mobile'))
                             if one(attrs, name)]}
    manager = one(attrs, 'manager')
    user[ENTERPRISE] = {'department': one(attrs, 'departmentNumber'),
                        'employeeNumber': one(attrs, 'employeeNumber'),
                        'manager': {'value': ids.get(fold(manager))} if manager else None}
    return tidy(user)


def tidy(value):
    """Without what is empty; lists in one order; no "primary", which is the service's."""
    if isinstance(value, dict):
        found = {k: tidy(v) for k, v in value.items() if k not in ('primary', 'display', '$ref')}
        return {k: v for k, v in found.items() if v not in (None, {}, [], '')}
    if isinstance(value, list):
        return sorted((tidy(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
    return value


def bent(quirk, wanted, seen):
    """What a service with this oddity can hold of what is wanted."""
    if quirk == 'no-name':
        wanted.pop('name', None)
    if quirk == 'mirror-email':
        wanted['emails'] = tidy(wanted['emails'] + [{'type': 'other',
                                                     'value': wanted['userName']}])
    if quirk == 'single-valued' and seen and len(seen.get('phoneNumbers', ())) == 1 and \
            seen['phoneNumbers'][0] in wanted['phoneNumbers']:
        wanted['phoneNumbers'] = seen['phoneNumbers']
    if quirk == 'empty-keeps' and seen:
        for key in ('title', 'phoneNumbers'):
            if key not in wanted or key == 'phoneNumbers':
                wanted[key] = seen.get(key)
    return wanted


def compare(company, state, quirk):
    wrong = []
    users = {u.get('externalId'): u for u in state['users'] if u.get('externalId')}
    ids = {dn: users.get(one(attrs, 'entryUUID'), {}).get('id')
           for dn, attrs in company.people.items()}
    names = [u['userName'].lower() for u in state['users']]
    if len(set(names)) != len(names):
        wrong.append('two accounts have one userName')
    for dn, attrs in company.people.items():
        seen = users.pop(one(attrs, 'entryUUID'), None)
        if seen is None:
            wrong.append('%s: no account' % dn)
            continue
        told = tidy({k: v for k, v in seen.items() if k not in
                     ('id', 'meta', 'schemas', 'groups', 'managed', 'password')})
        told.setdefault('active', True)
        wanted = bent(quirk, wanted_user(attrs, ids), told)
        for key in sorted(set(told) | set(wanted)):
            if told.get(key) != wanted.get(key):
                wrong.append('%s: %s is %s, not %s' % (dn, key, told.get(key), wanted.get(key)))
    for user in users.values():
        if user.get('active', True) and user.get('managed', True):
            wrong.append('%s: left and is active' % user['userName'])
    gone = {u['id'] for u in users.values()}
    groups = {g['displayName']: {m['value'] for m in g.get('members', ())}
              for g in state['groups']}
    for name, attrs in company.groups.items():
        members = {ids[dn] for dn in company.members(attrs)}
        if groups.get(name, set()) - gone != members:
            wrong.append('group %s: %d members, not %d; too many %s, missing %s' % (
                name, len(groups.get(name, ())), len(members),
                sorted(map(str, groups.get(name, set()) - gone - members))[:3],
                sorted(map(str, members - groups.get(name, set())))[:3]))
    return wrong


def changes(company, folder):
    people = list(company.people)
    managers = {fold(one(attrs, 'manager') or '') for attrs in company.people.values()}
    groups = sorted(company.groups)
    mover, bride, other = people[:3]
    poorer = next(dn for dn in people[3:] if one(company.people[dn], 'mobile'))
    leavers = [dn for dn in people[3:] if dn not in managers and dn != poorer][:2]

    def dn_of(folded):
        return company.entries[folded][0]
    text = ''
    for dn, values in ((mover, {'departmentNumber': '999 Elsewhere', 'title': 'Mover'}),
                       (bride, {'mail': 'renamed.' + one(company.people[bride], 'mail'),
                                'sn': 'Married', 'displayName': 'Renamed Married'}),
                       (poorer, {'title': None, 'telephoneNumber': None}),
                       (other, {'manager': dn_of(mover)})):
        text += 'dn: %s\nchangetype: modify\n' % dn_of(dn)
        for name, value in values.items():
            text += 'replace: %s\n%s-\n' % (name, '' if value is None else
                                            '%s: %s\n' % (name, value))
        text += '\n'
    # The mover leaves every group that has him by name and joins the others.
    for name in groups:
        attrs = company.groups[name]
        inside = mover in map(fold, attrs['member'])
        if inside and len(attrs['member']) == 1 or any(
                fold(m) not in company.people for m in attrs['member']):
            continue
        text += 'dn: %s\nchangetype: modify\n%s: member\nmember: %s\n\n' % (
            dn_of(next(d for d, (_, a) in company.entries.items() if a is attrs)),
            'delete' if inside else 'add', dn_of(mover))
    with open(folder + '/changes.ldif', 'w', encoding='utf-8') as file:
        file.write(text)
    with open(folder + '/leavers', 'w', encoding='utf-8') as file:
        file.writelines(dn_of(dn) + '\n' for dn in leavers)


def main():
    command, *args = sys.argv[1:]
    company = Company(args[0])
    if command == 'rules':
        print(RULES, end='')
        for name in sorted(company.groups):
            print('      - when: inGroup("%s")\n        groups: [%s]' % (name, name))
        print('    own: {groups: manage}')
    elif command == 'groups':
        print(json.dumps([{'schemas': [CORE + 'Group'], 'displayName': name}
                          for name in sorted(company.groups)]))
    elif command == 'hidden':
        print(json.dumps([{'schemas': [CORE + 'User'], 'managed': False, 'userName': one(
            list(company.people.values())[5], 'mail').lower()}]))
    elif command == 'changes':
        changes(company, args[1])
    elif command == 'compare':
        with open(args[1], encoding='utf-8') as file:
            state = json.load(file)
        wrong = compare(company, state, args[2] if len(args) > 2 else None)
        for line in wrong[:10]:
            print(line)
        if len(wrong) > 10:
            print('and %d more' % (len(wrong) - 10))
        if not company.people:
            wrong.append('nobody in the directory')
        sys.exit(1 if wrong else 0)
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
