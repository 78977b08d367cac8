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
