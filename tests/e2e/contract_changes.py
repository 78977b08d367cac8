"""Changes of a company for the contract test, from its LDIF.

    contract_changes.py COMPANY FOLDER

Writes FOLDER/changes.ldif (a mover, a rename, other values and none, leavers, other groups)
and FOLDER/back.ldif (the leavers again).
"""
import base64
import re
import sys

SKILLS = ['cc-billing', 'cc-refunds', 'cc-sales', 'cc-support', 'cc-tech']
LANGUAGES = ['cc-english', 'cc-german', 'cc-french', 'cc-spanish', 'cc-japanese', 'cc-arabic',
             'cc-portuguese']


def entries(path):
    with open(path, encoding='utf-8') as file:
        for block in file.read().split('\n\n'):
            lines = [l for l in block.replace('\n ', '').split('\n') if l]
            if lines and lines[0].startswith('dn: uid='):
                found = {}
                for line in lines:
                    name, _, value = line.partition(':')
                    if value.startswith(':'):
                        value = base64.b64decode(value[1:]).decode()
                    found.setdefault(name, value.strip())
                yield found


def replace(person, **values):
    text = 'dn: %s\nchangetype: modify\n' % person['dn']
    for name, value in values.items():
        text += 'replace: %s\n' % name
        text += '' if value is None else '%s: %s\n' % (name, value)
        text += '-\n'
    return text + '\n'


def main():
    people = list(entries(sys.argv[1]))
    below = agents_below('cc-agents')
    agents = {dn for dns in below.values() for dn in dns}
    mover, bride, again = people[:3]
    other = next(p for p in people[3:] if p['dn'] in agents and any(
        p['dn'] in members(g) for g in LANGUAGES))
    gone = [p for p in people[3:] if p['dn'] in agents and p is not other][:2]
    site = 'Lisbon' if mover['l'] != 'Lisbon' else 'Osaka'
    changes = replace(mover, l=site)
    changes += replace(bride, mail='renamed.' + bride['mail'], displayName='Renamed')
    changes += replace(other, title='Chief of everything', telephoneNumber=None)
    changes += replace(again, departmentNumber='999 Elsewhere', employeeNumber='777777')
    for group in SKILLS + LANGUAGES:
        changes += membership(group, other, other['dn'] not in members(group))
    back = ''
    for person in gone:
        for group in [g for g, dns in below.items() if person['dn'] in dns]:
            changes += membership(group, person, False)
            back += membership(group, person, True)
    for name, text in (('changes', changes), ('back', back)):
        with open('%s/%s.ldif' % (sys.argv[2], name), 'w', encoding='utf-8') as file:
            file.write(text)


def members(group):
    with open(sys.argv[1], encoding='utf-8') as file:
        blocks = file.read().replace('\n ', '').split('\n\n')
    block = next(b for b in blocks if b.startswith('dn: cn=%s,' % group))
    return re.findall(r'^member: (.*)$', block, re.M)


def agents_below(group):
    """Groups that lead to `group`, with their own members."""
    found = {group: members(group)}
    for dn in found[group]:
        if dn.startswith('cn='):
            found.update(agents_below(dn[3:dn.index(',')]))
    return found


def membership(group, person, joins):
    return 'dn: cn=%s,ou=groups,dc=example,dc=org\nchangetype: modify\n%s: member\n' \
        'member: %s\n-\n\n' % (group, 'add' if joins else 'delete', person['dn'])


if __name__ == '__main__':
    main()
