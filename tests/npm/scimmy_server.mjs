// A SCIM 2.0 service made of other people's code (scimmy, express 4) and a store in memory:
// Users with the enterprise extension, Groups, Bulk, bearer token.
//
//     node scimmy_server.mjs TOKEN
//
// Listens on a free port of 127.0.0.1 and prints its base address. GET /test/state (without
// token) answers {"users": [...], "groups": [...], "calls": {"POST /Users": n, ...}}.
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const token = process.argv[2];
if (!token) {
	console.error("usage: node scimmy_server.mjs TOKEN");
	process.exit(2);
}
const users = new Map(), groups = new Map(), byName = new Map();
const calls = {};
let last = 0;

const plain = (value) => JSON.parse(JSON.stringify(value));

// What the library validated goes into a store; the version counts writes of one resource.
function put(store, resource, data) {
	const old = resource.id ? store.get(resource.id) : undefined;
	if (resource.id && !old)
		throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
	const id = old?.id ?? `s${String(++last).padStart(6, "0")}`;
	const now = new Date().toISOString();
	const kept = { ...plain(data), id, meta: {
		created: old?.meta.created ?? now, lastModified: now,
		version: `W/"${(old ? Number(old.meta.version.slice(3, -1)) : 0) + 1}"` } };
	store.set(id, kept);
	return kept;
}

// A filter is the store's to apply; pages are the library's.
function get(store, resource) {
	if (!resource.id) {
		const all = [...store.values()];
		return resource.filter ? resource.filter.match(all) : all;
	}
	const kept = store.get(resource.id);
	if (!kept)
		throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
	return kept;
}

// RFC 7643 4.1.1: userName is unique, whatever its case.
function ingressUser(resource, data) {
	const name = data.userName.toLowerCase(), holder = byName.get(name);
	if (holder && holder !== resource.id)
		throw new SCIMMY.Types.Error(409, "uniqueness", `userName ${data.userName} is taken`);
	const old = users.get(resource.id), kept = put(users, resource, data);
	if (old)
		byName.delete(old.userName.toLowerCase());
	byName.set(name, kept.id);
	return kept;
}

function degressUser(resource) {
	const kept = get(users, resource);
	byName.delete(kept.userName.toLowerCase());
	users.delete(kept.id);
	for (const group of groups.values())
		if (group.members)
			group.members = group.members.filter((m) => m.value !== kept.id);
}

function ingressGroup(resource, data) {
	for (const group of groups.values())
		if (group.displayName === data.displayName && group.id !== resource.id)
			throw new SCIMMY.Types.Error(409, "uniqueness",
				`displayName ${data.displayName} is taken`);
	for (const member of data.members ?? [])
		if (!users.has(member.value) && !groups.has(member.value))
			throw new SCIMMY.Types.Error(400, "invalidValue",
				`there is no member ${member.value}`);
	return put(groups, resource, data);
}

SCIMMY.Resources.declare(SCIMMY.Resources.User)
	.extend(SCIMMY.Schemas.EnterpriseUser, false)
	.ingress(ingressUser).egress((r) => get(users, r)).degress(degressUser);
SCIMMY.Resources.declare(SCIMMY.Resources.Group)
	.ingress(ingressGroup).egress((r) => get(groups, r))
	.degress((r) => groups.delete(get(groups, r).id));

const app = express();
app.get("/test/state", (req, res) => res.json({
	users: [...users.values()], groups: [...groups.values()], calls }));
app.use("/scim/v2", (req, res, next) => {
	const what = `${req.method} /${req.path.split("/")[1]}`;
	calls[what] = (calls[what] ?? 0) + 1;
	next();
}, new SCIMMYRouters({
	type: "bearer",
	handler: (req) => {
		if (req.header("Authorization") !== `Bearer ${token}`)
			throw new Error("wrong token");
		return "tester";
	},
}));
const server = app.listen(0, "127.0.0.1", () =>
	console.log(`http://127.0.0.1:${server.address().port}/scim/v2`));
// Timers that fire late, behind a long Bulk, would close connections that have a request in them.
server.keepAliveTimeout = 0;
process.on("SIGTERM", () => process.exit(0));
