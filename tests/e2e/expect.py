#!/usr/bin/env python3
"""What the tenant should hold after the demo, computed apart from dirbridge.

  expect.py pick-leavers LDIF N           DNs of N people in scope, spread over the company
  expect.py compare LDIF LEAVERS BEFORE AFTER
      LDIF     the company as it was loaded
      LEAVERS  file with the DNs that were deleted afterwards
      BEFORE   tenant.jsonl before the first run; AFTER the same at the end

Reads LDIF and tenant.jsonl with its own code, and states the quickstart's rules a second
time in plain Python, so that a mistake in the planner can not hide in a mistake here.
"""
import base64
import json
import sys


def read_ldif(path):
    """Yield (dn, {attribute in lower case: [values]}) of a content LDIF."""
    lines = []
    with open(path, encoding="utf-8") as f:
        for raw in f:
            line = raw.rstrip("\r\n")
            if line.startswith(" ") and lines:
                lines[-1] += line[1:]
            else:
                lines.append(line)
    lines.append("")
    entry = []
    for line in lines:
        if line.startswith("#"):
            continue
        if line:
            entry.append(line)
            continue
        if not entry:
            continue
        attrs, dn = {}, None
        for item in entry:
            name, _, value = item.partition(":")
            if value.startswith(":"):
                value = base64.b64decode(value[1:].strip()).decode("utf-8")
            else:
                value = value.strip()
            if name.lower() == "dn":
                dn = value
            elif name.lower() != "version":
                attrs.setdefault(name.lower(), []).append(value)
        entry = []
        if dn is not None:
            yield dn, attrs


def fold(dn):
    return ",".join(p.strip().lower() for p in dn.split(","))


def resolve_groups(entries):
    """cn of each group -> set of folded person DNs, through all nesting."""
    members, names = {}, {}
    for dn, attrs in entries:
        if "member" in attrs:
            members[fold(dn)] = [fold(m) for m in attrs["member"]]
            names[fold(dn)] = attrs["cn"][0]
    result = {}
    for group in members:
        seen, todo, people = {group}, [group], set()
        while todo:
            for m in members[todo.pop()]:
                if m in members:
                    if m not in seen:
                        seen.add(m)
                        todo.append(m)
                else:
                    people.add(m)
        result[names[group]] = people
    return result


def load_tenant(path):
    objects = {}
    lines = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            o = json.loads(line)
            objects.setdefault(o["kind"], []).append(o)
            if o["kind"] == "user":
                lines[o["id"]] = line
    return objects, lines


def first(attrs, name):
    return attrs.get(name.lower(), [None])[0]


SKILLS = {
    "cc-refunds": ("Refunds", 3),
    "cc-sales": ("Sales", 4),
    "cc-support": ("Support", 4),
    "cc-tech": ("Tech", 4.5),
}
LANGUAGES = {
    "cc-english": ("English", 4),
    "cc-german": ("German", 5),
    "cc-french": ("French", 5),
    "cc-spanish": ("Spanish", 5),
    "cc-japanese": ("Japanese", 5),
    "cc-arabic": ("Arabic", 5),
    "cc-portuguese": ("Portuguese", 5),
}


def wanted_account(dn, attrs, groups):
    """What examples/quickstart/mappings/agents.yaml gives this person, or None."""
    me = fold(dn)
    if me not in groups["cc-agents"]:
        return None
    city = first(attrs, "l")
    supervisor = me in groups["cc-supervisors"]
    account = {
        "email": first(attrs, "mail").lower(),
        "name": first(attrs, "displayName"),
        "title": first(attrs, "title"),
        "department": first(attrs, "departmentNumber"),
        "division": "Site " + city,
        "employeeNumber": first(attrs, "employeeNumber"),
        "phone": first(attrs, "telephoneNumber"),
        "externalId": first(attrs, "entryUUID").lower(),
        "skills": {},
        "languages": {},
        # The tenant itself gives the default role in Home to each new user.
        "grants": {("employee", "Home"), ("Agent", "Site " + city)},
        "groups": {"Team " + city},
        "queues": {"Queue " + city},
    }
    if supervisor:
        account["grants"].add(("Supervisor", "Site " + city))
        account["groups"].add("Supervisors")
    if me in groups["cc-part-time"]:
        account["groups"].add("Part time")
    if me in groups["cc-billing"]:
        account["skills"]["Billing"] = 5 if supervisor else 4
        account["queues"].add("Billing")
    for group, (skill, level) in SKILLS.items():
        if me in groups[group]:
            account["skills"][skill] = level
            account["queues"].add(skill)
    for group, (language, level) in LANGUAGES.items():
        if me in groups[group]:
            account["languages"][language] = level
    return account


def tenant_accounts(objects):
    """userName -> account in the same form, from tenant.jsonl."""
    names = {
        kind: {o["id"]: o["name"] for o in objects.get(kind, [])}
        for kind in ("division", "role", "skill", "language", "group", "queue")
    }
    names["division"]["*"] = "*"
    accounts, by_id = {}, {}
    for u in objects["user"]:
        phones = [p["value"] for p in u.get("phones", []) if p["type"] == "work"]
        account = {
            "id": u["id"],
            "state": u["state"],
            "email": u["email"],
            "name": u["name"],
            "title": u.get("title"),
            "department": u.get("department"),
            "division": names["division"][u["division"]],
            "employeeNumber": u.get("employeeNumber"),
            "phone": phones[0] if phones else None,
            "externalId": u.get("externalId"),
            "skills": {names["skill"][s["id"]]: s["proficiency"] for s in u.get("skills", [])},
            "languages": {
                names["language"][s["id"]]: s["proficiency"] for s in u.get("languages", [])
            },
            "grants": set(),
            "groups": set(),
            "queues": set(),
        }
        by_id[u["id"]] = account
        accounts[u["email"].lower()] = account
    for g in objects.get("grant", []):
        if g["subject"] in by_id:
            by_id[g["subject"]]["grants"].add(
                (names["role"][g["role"]], names["division"][g["division"]])
            )
    for kind, plural in (("group", "groups"), ("queue", "queues")):
        for o in objects.get(kind, []):
            for member in o.get("members", []):
                if member in by_id:
                    by_id[member][plural].add(o["name"])
    return accounts


def compare(ldif, leavers_file, before_file, after_file):
    entries = list(read_ldif(ldif))
    groups = resolve_groups(entries)
    with open(leavers_file, encoding="utf-8") as f:
        leavers = {fold(line.strip()) for line in f if line.strip()}
    before, before_lines = load_tenant(before_file)
    after, after_lines = load_tenant(after_file)
    have = tenant_accounts(after)
    had = tenant_accounts(before)
    wrong = []
    people = 0
    for dn, attrs in entries:
        if "mail" not in attrs:
            continue
        want = wanted_account(dn, attrs, groups)
        if want is None:
            continue
        people += 1
        got = have.pop(want["email"], None)
        if got is None:
            wrong.append(f"{want['email']}: no account")
            continue
        state = "inactive" if fold(dn) in leavers else "active"
        if got["state"] != state:
            wrong.append(f"{want['email']}: is {got['state']}, not {state}")
        for key, value in want.items():
            if got[key] != value:
                wrong.append(f"{want['email']}: {key} is {got[key]!r}, not {value!r}")
    # Everybody else must be as before: the account's line to the byte, and what hangs on it.
    foreign = 0
    for email, account in had.items():
        foreign += 1
        now = have.pop(email, None)
        if now != account or before_lines[account["id"]] != after_lines.get(account["id"]):
            wrong.append(f"{email}: an account of somebody else was changed")
    wrong += [f"{email}: an account that nobody asked for" for email in have]
    admins = sum(1 for a in had.values() if any(r == "Master Admin" for r, _ in a["grants"]))
    for line in wrong[:20]:
        print(line)
    print(
        f"{people} people as the directory and the rules say, {len(leavers)} of them inactive; "
        f"{foreign} accounts of others untouched, {admins} of them administrators; "
        f"{len(wrong)} differences"
    )
    return 1 if wrong or not people or not foreign else 0


def pick_leavers(ldif, count):
    entries = list(read_ldif(ldif))
    agents = resolve_groups(entries)["cc-agents"]
    inside = [dn for dn, attrs in entries if "mail" in attrs and fold(dn) in agents]
    step = len(inside) // count
    for dn in inside[::step][:count]:
        print(dn)
    return 0


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "pick-leavers":
        sys.exit(pick_leavers(sys.argv[2], int(sys.argv[3])))
    if len(sys.argv) == 6 and sys.argv[1] == "compare":
        sys.exit(compare(*sys.argv[2:]))
    sys.exit(__doc__)
