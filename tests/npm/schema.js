// Judges YAML documents by the schemas that `dirbridge check --schema` prints, with a
// validator and a reader of YAML (1.2, as editors read it) that know nothing of dirbridge.
//
//     node schema.js SCHEMAS good KIND FILE...   whole files, all valid
//     node schema.js SCHEMAS rows FILE           "good KIND DOCUMENT", "bad KIND DOCUMENT"
//     node schema.js SCHEMAS cases LIST          the cases of the loaders' tests
//     node schema.js SCHEMAS plans FILE...       saved plans; none is one when a part is spoiled
//     node schema.js SCHEMAS options             each setting, below its sections and with dots
//
// SCHEMAS is a folder with settings.json, rules.json, test.json, plan.json. Prints a line per case and
// then "N passed, N failed".
'use strict';
const fs = require('fs');
const Ajv = require('ajv/dist/2020');
const formats = require('ajv-formats');
const yaml = require('yaml');

const [folder, what, ...args] = process.argv.slice(2);
const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false,
	allowUnionTypes: true, strictTypes: false });
formats(ajv);
const validators = {}, schemas = {};
for (const kind of ['settings', 'rules', 'test', 'plan']) {
	schemas[kind] = JSON.parse(fs.readFileSync(`${folder}/${kind}.json`, 'utf8'));
	validators[kind] = ajv.compile(schemas[kind]);
}

let passed = 0, failed = 0;
function report(name, good, why) {
	if (good) {
		passed++;
	} else {
		failed++;
		console.log(`FAIL ${name}${why ? `: ${why}` : ''}`);
	}
}

// null: valid, else what is wrong.
function judge(kind, text) {
	let document;
	try {
		document = yaml.parse(text, { logLevel: 'error' });
	} catch (error) {
		return `no YAML: ${error.message.split('\n')[0]}`;
	}
	if (validators[kind](document))
		return null;
	return validators[kind].errors.slice(0, 4)
		.map((e) => `${e.instancePath || '/'} ${e.message}`).join('; ');
}

function good(name, kind, text) {
	const wrong = judge(kind, text);
	report(name, wrong === null, wrong);
}

// Files of blocks as in tests/cases.h: "=== name", sections with "--- word" between.
function blocks(path) {
	const found = [];
	for (const block of fs.readFileSync(path, 'utf8').split(/^=== /m).slice(1)) {
		const at = block.indexOf('\n');
		found.push({ name: `${path}: ${block.slice(0, at)}`,
			sections: block.slice(at + 1).split(/^--- .*\n/m) });
	}
	if (!found.length)
		report(path, false, 'no cases in it');
	return found;
}

// "# file NAME" parts of a case with several rule files.
function parts(text) {
	return text.split(/^# file (.*)\n/m).slice(1)
		.reduce((list, part, i) => {
			if (i % 2)
				list[list.length - 1].text = part;
			else
				list.push({ name: part });
			return list;
		}, []);
}

function cases(listPath) {
	// Names of the cases in which the schema and dirbridge differ.
	const listed = new Set(fs.readFileSync(listPath, 'utf8').split('\n')
		.filter((line) => line.startsWith('tests/'))), seen = new Set();
	const compare = (name, kind, text, right) => {
		const wrong = judge(kind, text);
		const agree = (wrong === null) === right;
		if (listed.has(name))
			seen.add(name);
		report(name, agree !== listed.has(name),
			agree ? `the schema agrees with dirbridge: take it from ${listPath}`
				: wrong || 'a wrong document that the schema takes');
	};
	const bad = (name, kind, text) => compare(name, kind, text, false);
	const good = (name, kind, text) => compare(name, kind, text, true);

	for (const c of blocks('tests/cases/config/bad.txt'))
		bad(c.name, 'settings', c.sections[0]);
	for (const c of blocks('tests/cases/rules/bad.txt'))
		bad(c.name, 'rules', c.sections[0]);
	for (const c of blocks('tests/cases/rules/map.txt'))
		good(c.name, 'rules', c.sections[0]);
	for (const c of blocks('tests/cases/rules/rule_test.txt')) {
		good(`${c.name} (rules)`, 'rules', c.sections[0]);
		good(`${c.name} (cases)`, 'test', c.sections[1]);
	}
	for (const c of blocks('tests/cases/rules/rule_test_bad.txt')) {
		good(`${c.name} (rules)`, 'rules', c.sections[0]);
		bad(c.name, 'test', c.sections[1]);
	}
	// Of files that build on each other those that load.
	for (const c of blocks('tests/cases/rules/files.txt'))
		if (!/^\S+:\d+:\d+: /m.test(c.sections[1]))
			for (const part of parts(c.sections[0]))
				if (/^version:/m.test(part.text)) // not a table
					good(`${c.name} (${part.name})`, 'rules', part.text);
	for (const name of listed)
		report(name, seen.has(name), `${listPath}: there is no such case`);
}

function rows(path) {
	let line = 0;
	for (const row of fs.readFileSync(path, 'utf8').split('\n')) {
		const match = /^(good|bad) (settings|rules|test) (.*)$/.exec(row);
		line++;
		if (!match) {
			report(`${path}:${line}`, row === '' || row.startsWith('#'), 'no such row');
			continue;
		}
		const wrong = judge(match[2], match[3]);
		report(`${path}:${line}: ${row}`, (wrong === null) === (match[1] === 'good'),
			wrong === null ? 'the schema takes it' : wrong);
	}
}

// A value that the row of a setting must take, and one that it must not.
function sample(row) {
	if (row.anyOf && JSON.stringify(row).includes('"base"'))
		return [{ base: 'dc=x' }, { base: 'dc=x', bsae: 'y' }];
	if (row.enum)
		return [row.enum[0], 'qqq'];
	if (row.anyOf)
		return [['a', 'b'], { a: 1 }];
	if (row.maximum !== undefined)
		return [row.maximum, row.maximum + 1];
	return ['a', ['a']];
}

function options() {
	const describe = (name, row) => report(`${name} has a description`, !!row.description);

	for (const [name, row] of Object.entries(schemas.settings.$defs)) {
		describe(name, row);
		if (row.properties)
			continue;
		const words = name.split('.'), [right, wrong] = sample(row);
		const values = row.default === undefined ? [right] : [right, row.default];
		// "a.b.c", {a: {"b.c"}}, {"a.b": {c}}, {a: {b: {c}}}
		for (let cut = 0; cut < 1 << (words.length - 1); cut++) {
			const keys = words.reduce((list, word, i) => i && !(cut & (1 << (i - 1)))
				? [...list.slice(0, -1), `${list[list.length - 1]}.${word}`]
				: [...list, word], []);
			const wrap = (value, last) => keys.slice().reverse()
				.reduce((inner, key, i) => ({ [i ? key : key + last]: inner }), value);
			for (const value of values)
				good(keys.join(' / '), 'settings', yaml.stringify(wrap(value, '')));
			report(`${keys.join(' / ')} with ${JSON.stringify(wrong)}`,
				judge('settings', yaml.stringify(wrap(wrong, ''))) !== null);
			report(`${keys.join(' / ')} misspelled`,
				judge('settings', yaml.stringify(wrap(right, 'q'))) !== null);
		}
	}
	for (const kind of ['rules', 'test'])
		for (const [place, row] of [['file', schemas[kind]],
			...Object.entries(schemas[kind].$defs)])
			if (place === 'file' || place.startsWith('place-'))
				for (const [key, value] of Object.entries(row.properties))
					describe(`${kind} ${place} ${key}`, value);
}

// Members that a plan may lack, by what holds them; `sums` and `calls` name what there is.
const optional = {
	plan: ['expires', 'source', 'target', 'inputs', 'touched', 'selected', 'foundLeft',
		'skippedByRule'],
	people: ['account', 'version'],
	steps: ['attribute', 'type', 'name', 'id', 'division', 'divisionId', 'old', 'oldName',
		'manager', 'new', 'level', 'drift', 'privileged', 'rule'],
	skipped: ['rule'], skippedByRule: ['rule'], links: [],
	directory: [], tenant: [], limits: [], limit: [],
};
// Each object of a plan once of its kind, with the name of that kind.
function objects(plan) {
	const found = [['plan', plan], ['sums', plan.sums], ['calls', plan.calls],
		['directory', plan.directory], ['tenant', plan.tenant],
		['limits', plan.limits], ['limit', plan.limits.renames]];
	for (const list of ['people', 'steps', 'skipped', 'skippedByRule', 'links'])
		for (const item of plan[list] || [])
			found.push([list, item]);
	return found;
}

// A member more, a member less, a value of another type: no plan any more.
function spoil(file, plan) {
	const valid = validators.plan;
	for (const [kind, object] of objects(plan)) {
		object.odd = 1;
		report(`${file}: ${kind} with one more`, !valid(plan));
		delete object.odd;
		for (const [key, value] of Object.entries(object)) {
			object[key] = [{}];
			report(`${file}: ${kind}.${key} of another type`, !valid(plan));
			delete object[key];
			const may = !optional[kind] || optional[kind].includes(key);
			report(`${file}: ${kind} without ${key}`, valid(plan) === may);
			object[key] = value;
		}
	}
	for (const [key, value] of [['schema', 'dirbridge.plan/2'], ['read', 'some'],
		['time', 'today'], ['sha256', plan.sha256.toUpperCase()], ['inScope', -1]])
		report(`${file}: ${key} ${value}`, !valid({ ...plan, [key]: value }));
	for (const [list, key] of [['steps', 'kind'], ['steps', 'attribute'], ['people', 'change']])
		if (plan[list].length)
			report(`${file}: an unknown ${key}`,
				!valid({ ...plan, [list]: [{ ...plan[list][0], [key]: 'qqq' }] }));
}

function plans(files) {
	for (const file of files) {
		const plan = JSON.parse(fs.readFileSync(file, 'utf8'));
		const valid = validators.plan(plan);
		report(file, valid, ajv.errorsText(validators.plan.errors));
		// Of a large plan each object is like the others.
		if (valid && plan.steps.length < 1000)
			spoil(file, plan);
	}
}

if (what === 'good')
	for (const file of args.slice(1))
		good(file, args[0], fs.readFileSync(file, 'utf8'));
else if (what === 'rows')
	rows(args[0]);
else if (what === 'cases')
	cases(args[0]);
else if (what === 'plans')
	plans(args);
else if (what === 'options')
	options();
else
	throw new Error(`${what}: good, rows, cases, plans or options`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
