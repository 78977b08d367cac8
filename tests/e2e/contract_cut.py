"""Cuts the vendor's contract down to the operations of bridge/api/api.def, for Prism.

    contract_cut.py CONTRACT ROWS >CUT

Prism compiles what it reads: 50 operations take a second, all 444 take twenty. What it is
given is the vendor's text but for the changes in fix(), each with its reason.
"""
import json
import sys


def references(value, found):
    """Names of the definitions that `value` leads to."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key == '$ref' and isinstance(one, str):
                found.add(one)
            else:
                references(one, found)
    elif isinstance(value, list):
        for one in value:
            references(one, found)


def cut(whole, rows):
    paths = {}
    for row in rows['operations']:
        theirs = whole['paths'].get(row['path'], {}).get(row['method'].lower())
        if theirs:
            paths.setdefault(row['path'], {})[row['method'].lower()] = theirs
    wanted, done = set(), set()
    references(paths, wanted)
    kept = {'definitions': {}, 'responses': {}}
    while wanted - done:
        name = (wanted - done).pop()
        done.add(name)
        _, part, key = name.split('/')
        kept[part][key] = whole[part][key]
        references(kept[part][key], wanted)
    return {**{k: v for k, v in whole.items()
               if k in ('swagger', 'info', 'host', 'basePath', 'schemes',
                        'securityDefinitions')}, 'paths': paths, **kept}


def is_entity(schema):
    """A thing with an address of its own."""
    return {'id', 'selfUri'} <= set(schema.get('properties', ()))


class Relaxer:
    """Copies of definitions in which an entity inside another may be little more than an id:
    the vendor has one definition for what one creates (with all that this requires) and for
    what other things refer to."""
    def __init__(self, definitions):
        self.definitions, self.made = definitions, {}

    def schema(self, value):
        if isinstance(value, list):
            return [self.schema(v) for v in value]
        if not isinstance(value, dict):
            return value
        if '$ref' in value and isinstance(value['$ref'], str):
            return {'$ref': '#/definitions/' + self.definition(value['$ref'].split('/')[2])}
        return {k: self.schema(v) for k, v in value.items()}

    def definition(self, name):
        relaxed = name + 'Inside'
        if relaxed not in self.made:
            self.made[relaxed] = None  # it may lead to itself
            copy = self.schema(self.definitions[name])
            if is_entity(copy):
                copy.pop('required', None)
            self.made[relaxed] = copy
        return relaxed

    def answer(self, schema):
        """The schema of an answer: it, and the entities of a list, as they are."""
        if '$ref' not in schema:
            if schema.get('type') == 'array':
                return {**schema, 'items': self.answer(schema['items'])}
            return self.schema(schema)
        name = schema['$ref'].split('/')[2]
        top = name + 'Answered'
        if top not in self.made:
            self.made[top] = None
            whole = self.definitions[name]
            listing = not is_entity(whole)
            self.made[top] = {**whole, 'properties': {
                key: self.answer(one) if listing and one.get('type') == 'array'
                else self.schema(one) for key, one in whole.get('properties', {}).items()}}
        return {'$ref': '#/definitions/' + top}


def fix(contract):
    definitions = contract['definitions']
    relaxer = Relaxer(definitions)
    for verbs in contract['paths'].values():
        for operation in verbs.values():
            for status, response in operation['responses'].items():
                if status.startswith('2') and 'schema' in response:
                    response['schema'] = relaxer.answer(response['schema'])
    definitions.update(relaxer.made)
    # "object" stands for any JSON here: the definition is rebuilt from an SDK in which it is a
    # type without a name, and SCIM's own rule (RFC 7644 3.5.2) is any value.
    definitions['ScimV2PatchOperation']['properties']['value'].pop('type')


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        whole = json.load(file)
    with open(sys.argv[2], encoding='utf-8') as file:
        rows = json.load(file)
    contract = cut(whole, rows)
    fix(contract)
    json.dump(contract, sys.stdout)


if __name__ == '__main__':
    main()
