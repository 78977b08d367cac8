#!/usr/bin/env python3
"""Random changes of a directory, as LDIF change records; the same for the same seed.

churn.py init STATE slapd|ad PEOPLE-BASE GROUPS-BASE OUTSIDE-BASE SEED
    writes the first people, groups and containers as LDIF to standard output
churn.py next STATE COUNT
    writes COUNT changes: add, modify, rename, move in and out of the base and the filter
    (title Hidden), delete, members of groups, groups added and deleted

STATE is a file with what is there now.
"""
import json
import random
import sys

TITLES = ["Agent", "Senior agent", "Lead", "Hidden"]


class Churn:
    def __init__(self, state):
        self.s = state
        self.random = random.Random(state["seed"] * 1000003 + state["round"])

    def attr(self):
        return "CN" if self.s["dialect"] == "ad" else "uid"

    def dn(self, person):
        return f"{self.attr()}={person['rdn']},{self.parent(person['where'])}"

    def parent(self, where):
        if where == "out":
            return self.s["outside"]
        return self.s["people_base"] if where == "" else f"OU={where},{self.s['people_base']}"

    def group_dn(self, name):
        return f"CN={name},{self.s['groups_base']}"

    def pick(self):
        return self.random.choice(self.s["people"])

    def record(self, dn, *lines):
        print("\n".join([f"dn: {dn}", *lines, ""]))

    def add_person(self, changetype=True):
        self.s["number"] += 1
        name = f"person{self.s['number']}"
        person = {"rdn": name, "where": self.random.choice(["", "", "east", "west", "out"])}
        self.s["people"].append(person)
        lines = ["changetype: add"] if changetype else []
        if self.s["dialect"] == "ad":
            lines += ["objectClass: user", f"sAMAccountName: {name}"]
        else:
            lines += ["objectClass: inetOrgPerson", f"uid: {name}", f"cn: {name}", "sn: x"]
        self.record(self.dn(person), *lines, f"title: {self.random.choice(TITLES)}")

    def modify(self):
        person = self.pick()
        name, value = self.random.choice([
            ("title", self.random.choice(TITLES)), ("title", self.random.choice(TITLES)),
            ("telephoneNumber", f"+49 30 {self.random.randrange(10 ** 6)}"),
            ("description", f"not read {self.random.randrange(99)}"),
            ("mail", f"m{self.random.randrange(10 ** 6)}@example.org")])
        self.record(self.dn(person), "changetype: modify", f"replace: {name}", f"{name}: {value}")

    def clear(self):
        self.record(self.dn(self.pick()), "changetype: modify", "replace: telephoneNumber")

    def rename(self):
        person = self.pick()
        before = self.dn(person)
        self.s["number"] += 1
        person["rdn"] = f"renamed{self.s['number']}"
        self.record(before, "changetype: modrdn", f"newrdn: {self.attr()}={person['rdn']}",
                    "deleteoldrdn: 1")

    def move(self):
        person = self.pick()
        before = self.dn(person)
        person["where"] = self.random.choice(["", "east", "west", "out"])
        self.record(before, "changetype: modrdn", f"newrdn: {self.attr()}={person['rdn']}",
                    "deleteoldrdn: 1", f"newsuperior: {self.parent(person['where'])}")

    def delete(self):
        if len(self.s["people"]) < 20:
            return self.add_person()
        person = self.pick()
        self.s["people"].remove(person)
        for members in self.s["groups"].values():
            if person["rdn"] in members:
                members.remove(person["rdn"])
        return self.record(self.dn(person), "changetype: delete")

    def member(self):
        name = self.random.choice(sorted(self.s["groups"]))
        members = self.s["groups"][name]
        person = self.pick()
        if self.s["dialect"] == "slapd":  # values that do not follow a rename
            value = self.random.choice([
                self.dn(person), self.dn(person),
                f"cn=member{self.random.randrange(40)},{self.s['people_base']}"])
            key = value
        else:
            value, key = self.dn(person), person["rdn"]
        how = "delete" if key in members else "add"
        (members.remove if how == "delete" else members.append)(key)
        self.record(self.group_dn(name), "changetype: modify", f"{how}: member",
                    f"member: {value}")

    def add_group(self, changetype=True):
        self.s["number"] += 1
        name = f"group{self.s['number']}"
        self.s["groups"][name] = []
        lines = ["changetype: add"] if changetype else []
        if self.s["dialect"] == "ad":
            lines += ["objectClass: group", f"sAMAccountName: {name}"]
        else:
            lines += ["objectClass: groupOfNames", f"cn: {name}", "member: cn=nobody"]
        self.record(self.group_dn(name), *lines)

    def nest(self):
        outer, inner = self.random.sample(sorted(self.s["groups"]), 2)
        key = f"group:{inner}"
        members = self.s["groups"][outer]
        if key in members:
            return self.modify()
        members.append(key)
        return self.record(self.group_dn(outer), "changetype: modify", "add: member",
                           f"member: {self.group_dn(inner)}")

    def delete_group(self):
        if len(self.s["groups"]) < 4:
            return self.add_group()
        name = self.random.choice(sorted(set(self.s["groups"]) - set(self.s["keep"])))
        del self.s["groups"][name]
        for members in self.s["groups"].values():
            if f"group:{name}" in members and self.s["dialect"] == "ad":
                members.remove(f"group:{name}")
        return self.record(self.group_dn(name), "changetype: delete")

    def begin(self):
        for where in ["east", "west"]:
            self.record(self.parent(where), "objectClass: organizationalUnit", f"ou: {where}")
        for _ in range(40):
            self.add_person(False)
        for _ in range(6):
            self.add_group(False)
        self.s["keep"] = sorted(self.s["groups"])[:3]  # rules may name them

    def change(self):
        kinds = [(self.modify, 8), (self.add_person, 3), (self.rename, 3), (self.move, 4),
                 (self.delete, 3), (self.member, 4), (self.nest, 1), (self.add_group, 1),
                 (self.delete_group, 1), (self.clear, 1)]
        self.random.choices([k for k, _ in kinds], [w for _, w in kinds])[0]()


def main(argv):
    if argv[1] == "init":
        churn = Churn({"dialect": argv[3], "people_base": argv[4], "groups_base": argv[5],
                       "outside": argv[6], "seed": int(argv[7]), "round": 0, "number": 0,
                       "people": [], "groups": {}})
        churn.begin()
    else:
        with open(argv[2], encoding="utf-8") as file:
            churn = Churn(json.load(file))
        for _ in range(int(argv[3])):
            churn.change()
    churn.s["round"] += 1
    with open(argv[2], "w", encoding="utf-8") as file:
        json.dump(churn.s, file)


if __name__ == "__main__":
    main(sys.argv)
