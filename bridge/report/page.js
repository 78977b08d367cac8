"use strict";
// The page of a plan. Values go into the page as text only, never as markup.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const ROW = 52, PRINTED_MAX = 1000;
const CHANGES = {create: ["+", "new account"], update: ["~", "changed"], leave: ["\u2212", "left"],
	return: ["+", "back again"]};
const byId = id => document.getElementById(id);
const count = n => n.toLocaleString("en");

// Characters that are not seen, or turn a line around, are shown by their number.
const visible = value => value.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
	c => `\\u{${c.codePointAt(0).toString(16).toUpperCase()}}`);

function make(tag, attributes, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes || {}))
		if (value === true || (value !== false && value != null))
			element.setAttribute(name, value === true ? "" : value);
	element.append(...children.filter(child => child != null).map(
		child => typeof child === "string" ? visible(child) : child));
	return element;
}

// --- the data, as report/html.c wrote it ---------------------------------------------------
const text = index => index < 0 ? null : data.texts[index];
const people = data.people.map(row => {
	const [id, dn, user, name, change, account, steps] = row;
	return {id, dn, user, name, change, account, steps: steps.map(step => {
		const [kind, attribute, thing, where, before, after, flags, rule] = step;
		return {kind, attribute: text(attribute), thing: text(thing), where: text(where), before: text(before),
			after: text(after), drift: (flags & 1) > 0, privileged: (flags & 2) > 0, rule: text(rule)};
	})};
});
for (const person of people)
	person.needle = [person.name, person.user, person.dn, person.id, person.account].join("\n").toLowerCase();

// --- is this safe? ------------------------------------------------------------------------
function verdict() {
	const incomplete = [["directory", data.directory], ["tenant", data.tenant]].filter(([, v]) => !v.complete);
	const kind = data.refused ? "bad" : data.warnings.length || data.skipped.length || incomplete.length ? "warn" : "good";
	const steps = people.reduce((sum, person) => sum + person.steps.length, 0);
	const says = data.refused ? "Refused: nothing of this is applied"
		: !steps ? "Nothing to do"
		: kind === "warn" ? "Within all limits; read the warnings" : "Within all limits, no warning";
	const points = [...data.refusals, ...data.warnings];
	for (const [name, v] of incomplete)
		points.push(`The ${name} was not read completely: ${v.reasons.join("; ")}`);
	if (data.skipped.length)
		points.push(`${count(data.skipped.length)} left as they are, wholly or in part; the tab of that name tells why`);
	const box = byId("verdict");
	box.classList.add(kind);
	box.append(make("strong", {}, says));
	if (points.length)
		box.append(make("ul", {}, ...points.map(point => make("li", {}, point))));
}

function tiles() {
	const of = change => people.filter(person => person.change === change).length;
	const steps = people.reduce((sum, person) => sum + person.steps.length, 0);
	const calls = data.calls.reduce((sum, [, n]) => sum + n, 0);
	const minutes = data.callsPerMinute ? calls / data.callsPerMinute : 0;
	const time = !data.callsPerMinute ? "" : minutes < 1.5 ? `, about ${Math.ceil(minutes * 60)} s`
		: `, about ${Math.round(minutes)} min`;
	const rows = [[of("create"), "new accounts"], [of("update"), "changed"], [of("leave"), "left"],
		[of("return"), "back again"], [data.unchanged, "unchanged"], [data.skipped.length, "left as they are"],
		[steps, "steps"], [calls, `calls${time}`]];
	byId("tiles").append(...rows.map(([n, label]) => make("li", {class: "card"}, make("b", {}, count(n)), label)));
}

function bar(label, right, share, kind) {
	const fill = make("div", {class: `fill ${kind || ""}`});
	fill.style.width = `${Math.min(100, Math.max(share * 100, share > 0 ? 1 : 0))}%`;
	return make("li", {}, make("div", {class: "label"}, make("span", {}, label), make("span", {}, right)),
		make("div", {class: "track"}, fill));
}

function bars(id, items, none) {
	byId(id).append(...items);
	if (!items.length)
		byId(id).append(make("li", {class: "soft"}, none));
}

function limits() {
	bars("limits", data.limits.filter(([, planned, recent]) => planned + recent).map(
		([name, planned, recent, allowed, exceeded]) => {
			const used = planned + recent, share = allowed ? used / allowed : 1;
			return bar(name, `${count(used)} of ${count(allowed)}` + (recent ? ` (${count(recent)} in the last 24 hours)` : ""),
				share, exceeded ? "bad" : share >= 0.5 ? "warn" : "");
		}), "No limit is touched.");
}

function tally(of) {
	const sums = new Map();
	for (const person of people)
		for (const step of person.steps) {
			const key = of(step, person);
			if (key != null)
				sums.set(key, (sums.get(key) || 0) + 1);
		}
	return [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function choices() {
	const kinds = tally(step => step.kind), most = kinds.length ? kinds[0][1] : 1;
	bars("kinds", kinds.map(([kind, n]) => {
		const button = make("button", {class: "plain", type: "button"}, data.kinds[kind][1]);
		button.addEventListener("click", () => change({kind: data.kinds[kind][0]}));
		return bar(button, count(n), n / most);
	}), "No step.");
	const rules = tally(step => step.rule), top = rules.length ? rules[0][1] : 1;
	bars("rules", rules.slice(0, 12).map(([rule, n]) => {
		const button = make("button", {class: "plain", type: "button"}, rule);
		button.addEventListener("click", () => change({rule}));
		return bar(button, count(n), n / top);
	}), "No rule.");
	byId("kind").append(...kinds.map(([kind]) => make("option", {value: data.kinds[kind][0]}, data.kinds[kind][1])));
	byId("rule").append(...rules.map(([rule]) => make("option", {value: rule}, rule)));
	const divisions = tally(step => data.kinds[step.kind][0] === "division" ? step.thing || step.after : step.where);
	byId("division").append(...divisions.map(([name]) => make("option", {value: name}, name)));
}

// --- what is shown: kept in the address, so that it can be sent to somebody -----------------
const TABS = [["all", "Everybody"], ["create", "Joiners"], ["update", "Movers"], ["leave", "Leavers"],
	["return", "Back again"], ["skipped", "Left as they are"]];
const FIELDS = ["tab", "q", "kind", "rule", "division", "drift", "person"];
let state = {}, shown = [];

function read_address() {
	const given = new URLSearchParams(location.hash.slice(1));
	state = {};
	for (const field of FIELDS)
		state[field] = given.get(field) || "";
	if (!TABS.some(([name]) => name === state.tab))
		state.tab = "all";
}

function change(some) {
	Object.assign(state, some);
	const address = new URLSearchParams();
	for (const field of FIELDS)
		if (state[field] && !(field === "tab" && state.tab === "all"))
			address.set(field, state[field]);
	history.replaceState(null, "", `#${address}`);
	draw();
}

function matches(person) {
	const {kind, rule, division, drift} = state;
	if (!person.needle.includes(state.q.toLowerCase()))
		return false;
	return !(kind || rule || division || drift) || person.steps.some(step =>
		(!kind || data.kinds[step.kind][0] === kind) && (!rule || step.rule === rule) &&
		(!division || step.where === division || (data.kinds[step.kind][0] === "division" &&
			(step.thing === division || step.after === division))) && (!drift || step.drift));
}

const skipped = data.skipped.map(([user, dn, reason, rule, byRule]) =>
	({user, dn, name: user || dn, reason, rule, byRule, skip: true, id: `skip:${dn}`,
		needle: [user, dn, reason].join("\n").toLowerCase()}));

function select() {
	if (state.tab === "skipped")
		return skipped.filter(one => one.needle.includes(state.q.toLowerCase()));
	return people.filter(person => (state.tab === "all" || person.change === state.tab) && matches(person));
}

// --- the list, drawn as one scrolls --------------------------------------------------------
function row(one, index) {
	const [sign, words] = one.skip ? ["!", one.reason] : CHANGES[one.change];
	const summary = one.skip ? one.reason : `${one.user} \u00b7 ${words} \u00b7 ${one.steps.length} steps`;
	const button = make("button", {type: "button", class: "row", "data-index": index,
		"aria-current": one.id === state.person ? "true" : false},
		make("span", {class: `sign ${one.skip ? "leave" : one.change}`, "aria-hidden": "true"}, sign),
		make("span", {class: "who"}, make("span", {}, one.name || one.user), make("span", {class: "soft"}, summary)),
		!one.skip && one.steps.some(step => step.privileged) ? make("span", {class: "tag bad"}, "privileged") : null,
		!one.skip && one.steps.some(step => step.drift) ? make("span", {class: "tag warn"}, "drift") : null);
	button.style.top = `${index * ROW}px`;
	return button;
}

function draw_list() {
	const list = byId("list"), inner = byId("inner");
	const focused = document.activeElement && inner.contains(document.activeElement)
		? Number(document.activeElement.dataset.index) : -1;
	const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
	const last = Math.min(shown.length, first + Math.ceil(list.clientHeight / ROW) + 12);
	inner.style.height = `${shown.length * ROW}px`;
	inner.replaceChildren(...shown.slice(first, last).map((one, i) => row(one, first + i)));
	if (focused >= first && focused < last)
		inner.children[focused - first].focus({preventScroll: true});
}

function go_to(index) {
	const list = byId("list");
	if (index < 0 || index >= shown.length)
		return;
	if (index * ROW < list.scrollTop)
		list.scrollTop = index * ROW;
	else if ((index + 1) * ROW > list.scrollTop + list.clientHeight)
		list.scrollTop = (index + 1) * ROW - list.clientHeight;
	change({person: shown[index].id});
	const button = byId("inner").querySelector(`[data-index="${index}"]`);
	if (button)
		button.focus({preventScroll: true});
}

// --- one person ----------------------------------------------------------------------------
function facts(rows) {
	return make("dl", {}, ...rows.filter(([, value]) => value).flatMap(
		([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function step_row(step) {
	const what = [data.kinds[step.kind][2], step.attribute, step.thing].filter(Boolean).join(" ") +
		(step.where ? ` in ${step.where}` : "");
	return make("tr", {}, make("td", {}, what, " ",
		step.privileged ? make("span", {class: "tag bad"}, "privileged") : null,
		step.drift ? make("span", {class: "tag warn"}, "changed by others") : null),
		make("td", {class: "old"}, step.before ?? ""), make("td", {class: "new"}, step.after ?? ""),
		make("td", {class: "rule"}, step.rule ?? ""));
}

function person_page(one) {
	if (one.skip)
		return [make("h3", {}, one.name), make("p", {}, one.reason),
			facts([["Login name", one.user], ["Directory", one.dn], ["Rule", one.rule],
				["Why", one.byRule ? "a rule says so" : "something is wrong or not known"]])];
	const head = ["What", "Before", "After", "Rule"].map(name => make("th", {scope: "col"}, name));
	return [make("h3", {}, one.name || one.user), make("p", {class: one.change}, CHANGES[one.change][1]),
		facts([["Login name", one.user], ["Directory", one.dn], ["Directory id", one.id], ["Account", one.account]]),
		make("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Steps"}, make("table", {},
			make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...one.steps.map(step_row))))];
}

function draw_person() {
	const one = people.find(person => person.id === state.person) || skipped.find(person => person.id === state.person);
	byId("person").replaceChildren(...(one ? person_page(one)
		: [make("p", {class: "soft"}, "Choose somebody in the list to see each value before and after, and the rule.")]));
}

function draw() {
	for (const field of ["q", "kind", "rule", "division"])
		if (byId(field).value !== state[field])
			byId(field).value = state[field];
	byId("drift").checked = state.drift === "1";
	for (const tab of byId("tabs").children) {
		const is = tab.dataset.tab === state.tab;
		tab.setAttribute("aria-selected", is);
		tab.tabIndex = is ? 0 : -1;
	}
	byId("panel").setAttribute("aria-labelledby", `tab-${state.tab}`);
	shown = select();
	byId("count").textContent = `${count(shown.length)} shown`;
	draw_list();
	draw_person();
}

// --- tabs, keys, paper ---------------------------------------------------------------------
function tabs() {
	byId("tabs").append(...TABS.map(([name, words]) => {
		const n = name === "skipped" ? skipped.length
			: people.filter(person => name === "all" || person.change === name).length;
		const tab = make("button", {type: "button", role: "tab", id: `tab-${name}`, "data-tab": name,
			"aria-controls": "panel"}, `${words} (${count(n)})`);
		tab.addEventListener("click", () => { byId("list").scrollTop = 0; change({tab: name}); });
		return tab;
	}));
	byId("tabs").addEventListener("keydown", event => {
		const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
		if (!step)
			return;
		const at = TABS.findIndex(([name]) => name === state.tab);
		const next = TABS[(at + step + TABS.length) % TABS.length][0];
		byId("list").scrollTop = 0;
		change({tab: next});
		byId(`tab-${next}`).focus();
		event.preventDefault();
	});
}

function listen() {
	for (const field of ["q", "kind", "rule", "division"])
		byId(field).addEventListener("input", event => { byId("list").scrollTop = 0; change({[field]: event.target.value}); });
	byId("drift").addEventListener("input", event => change({drift: event.target.checked ? "1" : ""}));
	byId("clear").addEventListener("click", () => change({q: "", kind: "", rule: "", division: "", drift: ""}));
	byId("list").addEventListener("scroll", draw_list, {passive: true});
	byId("inner").addEventListener("click", event => {
		const button = event.target.closest(".row");
		if (button)
			go_to(Number(button.dataset.index));
	});
	byId("list").addEventListener("keydown", event => {
		const at = shown.findIndex(one => one.id === state.person);
		const page = Math.floor(byId("list").clientHeight / ROW);
		const to = {ArrowDown: at + 1, ArrowUp: Math.max(0, at - 1), PageDown: Math.min(at + page, shown.length - 1),
			PageUp: Math.max(0, at - page), Home: 0, End: shown.length - 1}[event.key];
		if (to === undefined)
			return;
		go_to(to);
		event.preventDefault();
	});
	window.addEventListener("hashchange", () => { read_address(); draw(); });
	window.addEventListener("beforeprint", () => {
		byId("print").replaceChildren(...shown.slice(0, PRINTED_MAX).map(one => make("section", {}, ...person_page(one))),
			shown.length > PRINTED_MAX ? make("p", {}, `The first ${count(PRINTED_MAX)} of ${count(shown.length)} are printed.`) : "");
	});
	window.addEventListener("afterprint", () => byId("print").replaceChildren());
}

function about() {
	const read = (name, v) => `${count(v.count)} ${name}, ${v.complete ? "read completely" : "NOT read completely"}`;
	byId("about").append(facts([["Directory", `${count(data.inScope)} in scope; ${read("entries", data.directory)}`],
		["Tenant", `${read("accounts", data.tenant)}; ${count(data.foreign)} not ours, never touched`],
		["Source", data.source], ["Target", data.target], ["Good until", data.expires],
		["Settings and rules", data.inputs], ["SHA-256 of the plan", data.sha256], ["Approval", data.approval]]));
	bars("calls", data.calls.sort((a, b) => b[1] - a[1]).map(([words, n]) => make("li", {class: "label"}, make("span", {}, words),
		make("span", {}, count(n)))), "No call.");
	byId("made").textContent = `Plan of ${data.time}${data.target ? ` for ${data.target}` : ""}`;
}

verdict();
tiles();
limits();
choices();
about();
tabs();
listen();
read_address();
draw();
})();
