/* bridge/sandbox: each request to its status and code, on a fresh tenant. */
#include "tests/bridge/sandbox_lab.h"

#include "scim/base/banned.h"

struct row {
	const char *name, *method, *target, *body;
	int status;
	const char *has; /* in the answer */
};

/* Each on a fresh tenant. */
static const struct row rows[] = {
	/* routes */
	{ "unknown path", "GET", "/api/v2/nothing", NULL, 404, "\"code\":\"not.found\"" },
	{ "wrong method", "PUT", "/api/v2/users", NULL, 405, "\"status\":405" },
	{ "token info", "GET", "/api/v2/tokens/me", NULL, 200, "\"OAuthClient\":{\"id\":\"c\"" },

	/* catalogues */
	{ "roles", "GET", AUTHZ "/roles?userCount=false", NULL, 200,
	  "\"permissionPolicies\":[{\"domain\":\"routing\",\"entityName\":\"queue\",\"actionSet\":[\"view\"]}]" },
	{ "roles, page too large", "GET", AUTHZ "/roles?pageSize=101", NULL, 400, "bad.request" },
	{ "divisions", "GET", AUTHZ "/divisions?pageSize=1", NULL, 200, "\"homeDivision\":true" },
	{ "divisions, page too large", "GET", AUTHZ "/divisions?pageSize=101", NULL, 400, "pageSize" },
	{ "skills", "GET", "/api/v2/routing/skills?pageSize=500", NULL, 200,
	  "\"pageSize\":500,\"pageNumber\":1,\"total\":2" },
	{ "skills, page too large", "GET", "/api/v2/routing/skills?pageSize=501", NULL, 400, "pageSize" },
	{ "skills, unknown parameter", "GET", "/api/v2/routing/skills?pagesize=5", NULL, 400, "pagesize" },
	{ "languages", "GET", "/api/v2/routing/languages", NULL, 200, "\"name\":\"English\"" },
	{ "languages, page 0", "GET", "/api/v2/routing/languages?pageNumber=0", NULL, 400, "pageNumber" },
	{ "groups", "GET", "/api/v2/groups", NULL, 200, "\"memberCount\":1,\"version\":4" },
	{ "groups, page no number", "GET", "/api/v2/groups?pageSize=x", NULL, 400, "pageSize" },
	{ "queues", "GET", "/api/v2/routing/queues", NULL, 200,
	  "\"division\":{\"id\":\"d-home\",\"name\":\"Home\"},\"memberCount\":1" },
	{ "queues, negative page", "GET", "/api/v2/routing/queues?pageSize=-1", NULL, 400, "pageSize" },

	/* users */
	{ "users are the active ones", "GET", "/api/v2/users", NULL, 200, "\"total\":2" },
	{ "users, inactive", "GET", "/api/v2/users?state=inactive", NULL, 200, "\"id\":\"u3\"" },
	{ "users, deleted", "GET", "/api/v2/users?state=deleted", NULL, 200, "\"id\":\"u4\"" },
	{ "users, any", "GET", "/api/v2/users?state=any", NULL, 200, "\"total\":4" },
	{ "users, no such state", "GET", "/api/v2/users?state=gone", NULL, 400, "invalid.value" },
	{ "users by id", "GET", "/api/v2/users?id=u2&id=u1&id=zz", NULL, 200,
	  "{\"entities\":[{\"id\":\"u2\"" },
	{ "users, page too large", "GET", "/api/v2/users?pageSize=501", NULL, 400, "pageSize" },
	{ "users, unknown expand", "GET", "/api/v2/users?expand=secrets", NULL, 400, "expand" },
	{ "users, inactive up to 10,000", "GET", "/api/v2/users?state=inactive&pageSize=500&pageNumber=20",
	  NULL, 200, "\"entities\":[]" },
	{ "users, inactive beyond 10,000", "GET",
	  "/api/v2/users?state=inactive&pageSize=500&pageNumber=21", NULL, 400, "10000" },
	{ "users, levels expanded", "GET", "/api/v2/users?expand=skills&expand=languages", NULL, 200,
	  "\"skills\":[{\"id\":\"s-bill\",\"name\":\"Billing\",\"proficiency\":2.5" },
	{ "users, groups and employer expanded", "GET", "/api/v2/users?expand=groups,employerInfo", NULL,
	  200, "\"groups\":[{\"id\":\"g1\"}],\"employerInfo\":{\"employeeId\":\"77\",\"dateHire\":\"2024-02-29\"}" },
	{ "users, addresses", "GET", "/api/v2/users?id=u1", NULL, 200,
	  "\"addresses\":[{\"address\":\"a@x.org\",\"mediaType\":\"EMAIL\",\"type\":\"WORK\"},"
	  "{\"address\":\"+4930123\",\"mediaType\":\"PHONE\",\"type\":\"WORK\",\"extension\":\"7\"}]" },
	{ "users, manager is an object", "GET", "/api/v2/users?id=u1", NULL, 200, "\"manager\":{\"id\":\"u2\"}" },

	/* grants, read */
	{ "grants of a division", "GET", AUTHZ "/divisions/d-home/grants?pageSize=500", NULL, 200,
	  "\"total\":1,\"pageCount\":1}" },
	{ "grants of all divisions", "GET", AUTHZ "/divisions/*/grants", NULL, 200,
	  "{\"subjectId\":\"u1\",\"division\":{\"id\":\"*\"" },
	{ "grants, page too large", "GET", AUTHZ "/divisions/d-home/grants?pageSize=501", NULL, 400, "pageSize" },
	{ "grants, no such division", "GET", AUTHZ "/divisions/zz/grants", NULL, 404, "not.found" },

	/* queue members, read */
	{ "queue members", "GET", "/api/v2/routing/queues/q1/members?pageSize=100&memberBy=user", NULL, 200,
	  "{\"id\":\"u1\"" },
	{ "queue members by group", "GET", "/api/v2/routing/queues/q1/members?memberBy=group", NULL, 200,
	  "\"entities\":[]" },
	{ "queue members, page too large", "GET", "/api/v2/routing/queues/q1/members?pageSize=101", NULL, 400,
	  "pageSize" },
	{ "queue members, no such queue", "GET", "/api/v2/routing/queues/zz/members", NULL, 404, "not.found" },
	{ "queue members, wrong memberBy", "GET", "/api/v2/routing/queues/q1/members?memberBy=x", NULL, 400,
	  "memberBy" },

	/* SCIM, read */
	{ "SCIM list is of active ones", "GET", USERS, NULL, 200, "\"totalResults\":2,\"startIndex\":1" },
	{ "SCIM count 0", "GET", USERS "?count=0", NULL, 200, "\"totalResults\":2,\"startIndex\":1,\"itemsPerPage\":0" },
	{ "SCIM startIndex", "GET", USERS "?startIndex=2", NULL, 200, "\"Resources\":[{\"schemas\":" },
	{ "SCIM startIndex 0 is 1", "GET", USERS "?startIndex=0&count=1", NULL, 200, "\"startIndex\":1" },
	{ "SCIM startIndex wrong", "GET", USERS "?startIndex=x", NULL, 400, "invalidValue" },
	{ "SCIM over 25 with dear attributes", "GET", USERS "?count=26", NULL, 429,
	  "too.many.requests.retry.after" },
	{ "SCIM over 25 with dear attributes named", "GET", USERS "?count=26&attributes=externalId", NULL,
	  429, "\"status\":429" },
	{ "SCIM over 25 with cheap ones", "GET", USERS "?count=26&attributes=title", NULL, 200, "Boss" },
	{ "SCIM over 25 without dear ones", "GET",
	  USERS "?count=26&excludedAttributes=externalId,roles," GEN, NULL, 200, "Boss" },
	{ "SCIM inactive", "GET", USERS "?filter=active%20eq%20false", NULL, 200, "cid@x.org" },
	{ "SCIM by userName without case", "GET", USERS "?filter=userName+eq+%22ANN@x.org%22", NULL, 200,
	  "\"totalResults\":1" },
	{ "SCIM by userName, inactive", "GET", USERS "?filter=userName+eq+%22cid@x.org%22", NULL, 200,
	  "\"active\":false" },
	{ "SCIM never the deleted", "GET", USERS "?filter=userName+eq+%22dan@x.org%22", NULL, 200,
	  "\"totalResults\":0" },
	{ "SCIM by id", "GET", USERS "?filter=id+eq+%22u2%22", NULL, 200, "bob@x.org" },
	{ "SCIM by externalId", "GET", USERS "?filter=externalId+eq+%22e1%22", NULL, 200, "ann@x.org" },
	{ "SCIM by email", "GET", USERS "?filter=email+eq+%22a@x.org%22", NULL, 200, "ann@x.org" },
	{ "SCIM by manager", "GET", USERS "?filter=manager+eq+%22u2%22", NULL, 200, "ann@x.org" },
	{ "SCIM by division name", "GET", USERS "?filter=division+eq+%22Site%20Osaka%22", NULL, 200, "bob@x.org" },
	{ "SCIM by employeeNumber", "GET", USERS "?filter=employeeNumber+eq+%2277%22", NULL, 200, "ann@x.org" },
	{ "SCIM by one of externalIds", "GET",
	  USERS "?filter=" GEN ":externalIds%5Bauthority+eq+%22hr%22+and+value+eq+%221%22%5D", NULL, 200, "ann@x.org" },
	{ "SCIM filter with co", "GET", USERS "?filter=userName+co+%22a%22", NULL, 400, "invalidFilter" },
	{ "SCIM filter with and", "GET", USERS "?filter=id+eq+%22a%22+and+active+eq+true", NULL, 400, "invalidFilter" },
	{ "SCIM filter on another attribute", "GET", USERS "?filter=title+eq+%22a%22", NULL, 400, "invalidFilter" },
	{ "SCIM filter, wrong type", "GET", USERS "?filter=active+eq+%22true%22", NULL, 400, "invalidFilter" },
	{ "SCIM filter broken", "GET", USERS "?filter=userName+eq", NULL, 400, "invalidFilter" },
	{ "SCIM unknown attribute", "GET", USERS "?attributes=nickName", NULL, 400, "invalidValue" },
	{ "SCIM attributes both ways", "GET", USERS "?attributes=title&excludedAttributes=title", NULL, 400,
	  "invalidValue" },
	{ "SCIM one", "GET", USERS "/u1", NULL, 200, "\"dateHire\":\"2024-02-29\"" },
	{ "SCIM one shows SCIM's authority", "GET", USERS "/u1", NULL, 200, "x-pc:scimv2:v1" },
	{ "SCIM one, only what was asked", "GET", USERS "/u1?attributes=" ENT ":department", NULL, 200,
	  "\"" ENT "\":{\"department\":\"210\"}}" },
	{ "SCIM one inactive", "GET", USERS "/u3", NULL, 200, "\"active\":false" },
	{ "SCIM one deleted", "GET", USERS "/u4", NULL, 404, "\"status\":\"404\"" },
	{ "SCIM one unknown", "GET", USERS "/zz", NULL, 404, "messages:2.0:Error" },

	/* SCIM create */
	{ "create", "POST", USERS, "{" NEW_USER "}", 201, "\"roles\":[{\"value\":\"employee\"}]" },
	{ "create in the Home division", "POST", USERS, "{" NEW_USER "}", 201, "\"division\":\"Home\"" },
	{ "create inactive", "POST", USERS, "{" NEW_USER ",\"active\":false}", 201, "\"active\":false" },
	{ "create with all", "POST", USERS,
	  "{" NEW_USER ",\"title\":\"T\",\"externalId\":\"e9\",\"password\":\"x\",\"roles\":[{\"value\":\"Agent\"}],"
	  "\"emails\":[{\"type\":\"work\",\"value\":\"w@x.org\",\"primary\":true}],"
	  "\"phoneNumbers\":[{\"type\":\"mobile\",\"value\":\"tel:+49-30-1;ext=2\"}],"
	  "\"" ENT "\":{\"division\":\"Site Osaka\",\"department\":\"D\",\"manager\":{\"value\":\"u1\"},"
	  "\"employeeNumber\":\"5\",\"dateHire\":\"2026-01-31\"},"
	  "\"" GEN "\":{\"routingSkills\":[{\"name\":\"Tech\",\"proficiency\":5}],"
	  "\"routingLanguages\":[{\"name\":\"English\",\"proficiency\":0}],"
	  "\"externalIds\":[{\"authority\":\"ad\",\"value\":\"7\"}]}}", 201, "\"name\":\"Tech\"" },
	{ "create, no userName", "POST", USERS, "{\"displayName\":\"N\"}", 400, "invalidValue" },
	{ "create, no displayName", "POST", USERS, "{\"userName\":\"n@x.org\"}", 400, "displayName is required" },
	{ "create, userName no text", "POST", USERS, "{\"userName\":1,\"displayName\":\"N\"}", 400, "invalidValue" },
	{ "create, userName no address", "POST", USERS, "{\"userName\":\"n\",\"displayName\":\"N\"}", 400, "e-mail" },
	{ "create, active no boolean", "POST", USERS, "{" NEW_USER ",\"active\":\"True\"}", 400, "active" },
	{ "create, unknown attribute", "POST", USERS, "{" NEW_USER ",\"nickName\":\"n\"}", 400, "nickName" },
	{ "create, name isn't in the schema", "POST", USERS, "{" NEW_USER ",\"name\":{\"givenName\":\"n\"}}", 400, "name" },
	{ "create, address of an active user", "POST", USERS, "{\"userName\":\"ANN@x.org\",\"displayName\":\"N\"}",
	  409, "\"scimType\":\"uniqueness\"" },
	{ "create, address of an inactive user", "POST", USERS, "{\"userName\":\"cid@x.org\",\"displayName\":\"N\"}",
	  409, "uniqueness" },
	{ "create, address of a deleted user", "POST", USERS, "{\"userName\":\"dan@x.org\",\"displayName\":\"N\"}",
	  409, "uniqueness" },
	{ "create, externalId taken", "POST", USERS, "{" NEW_USER ",\"externalId\":\"e1\"}", 409, "uniqueness" },
	{ "create, one of externalIds taken", "POST", USERS,
	  "{" NEW_USER ",\"" GEN "\":{\"externalIds\":[{\"authority\":\"hr\",\"value\":\"1\"}]}}", 409, "uniqueness" },
	{ "create, unknown division", "POST", USERS, "{" NEW_USER ",\"" ENT "\":{\"division\":\"site osaka\"}}", 400, "invalidValue" },
	{ "create, unknown skill", "POST", USERS,
	  "{" NEW_USER ",\"" GEN "\":{\"routingSkills\":[{\"name\":\"billing\"}]}}", 400, "invalidValue" },
	{ "create, unknown language", "POST", USERS,
	  "{" NEW_USER ",\"" GEN "\":{\"routingLanguages\":[{\"name\":\"Elvish\"}]}}", 400, "invalidValue" },
	{ "create, skill without name", "POST", USERS,
	  "{" NEW_USER ",\"" GEN "\":{\"routingSkills\":[{\"proficiency\":1}]}}", 400, "invalidValue" },
	{ "create, proficiency over 5", "POST", USERS,
	  "{" NEW_USER ",\"" GEN "\":{\"routingSkills\":[{\"name\":\"Tech\",\"proficiency\":5.1}]}}", 400, "proficiency" },
	{ "create, proficiency as text", "POST", USERS,
	  "{" NEW_USER ",\"" GEN "\":{\"routingSkills\":[{\"name\":\"Tech\",\"proficiency\":\"1\"}]}}", 400, "proficiency" },
	{ "create, unknown role", "POST", USERS, "{" NEW_USER ",\"roles\":[{\"value\":\"agent\"}]}", 400, "invalidValue" },
	{ "create, manager unknown", "POST", USERS, "{" NEW_USER ",\"" ENT "\":{\"manager\":{\"value\":\"zz\"}}}", 400, "manager" },
	{ "create, date that is none", "POST", USERS, "{" NEW_USER ",\"" ENT "\":{\"dateHire\":\"2025-02-29\"}}", 400, "dateHire" },
	{ "create, costCenter isn't in the schema", "POST", USERS, "{" NEW_USER ",\"" ENT "\":{\"costCenter\":\"1\"}}", 400, "costCenter" },
	{ "create, phone with blanks", "POST", USERS,
	  "{" NEW_USER ",\"phoneNumbers\":[{\"type\":\"work\",\"value\":\"+49 30 1\"}]}", 400, "E.164" },
	{ "create, phone without plus", "POST", USERS,
	  "{" NEW_USER ",\"phoneNumbers\":[{\"type\":\"work\",\"value\":\"4930\"}]}", 400, "E.164" },
	{ "create, phone of unknown type", "POST", USERS,
	  "{" NEW_USER ",\"phoneNumbers\":[{\"type\":\"fax\",\"value\":\"+4930\"}]}", 400, "fax" },
	{ "create, phone type twice", "POST", USERS,
	  "{" NEW_USER ",\"phoneNumbers\":[{\"type\":\"work\",\"value\":\"+1\"},{\"type\":\"work\",\"value\":\"+2\"}]}", 400, "twice" },
	{ "create, other e-mail not userName", "POST", USERS,
	  "{" NEW_USER ",\"emails\":[{\"type\":\"other\",\"value\":\"z@x.org\"}]}", 400, "mutability" },
	{ "create, e-mail of unknown type", "POST", USERS,
	  "{" NEW_USER ",\"emails\":[{\"type\":\"home\",\"value\":\"z@x.org\"}]}", 400, "home" },
	{ "create, no JSON", "POST", USERS, "{", 400, "invalidSyntax" },
	{ "create, no object", "POST", USERS, "[]", 400, "invalidValue" },
	{ "create, a name twice", "POST", USERS, "{" NEW_USER ",\"active\":true,\"active\":false}", 400, "invalidSyntax" },

	/* SCIM PATCH */
	{ "patch replace", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"replace\",\"path\":\"title\",\"value\":\"T\"}]}", 200, "\"version\":\"4\"" },
	{ "patch that changes nothing", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"replace\",\"path\":\"title\",\"value\":\"Boss\"}]}", 200, "\"version\":\"3\"" },
	{ "patch deactivates", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"replace\",\"path\":\"active\",\"value\":false}]}", 200, "\"active\":false" },
	{ "patch activates", "PATCH", USERS "/u3", PATCH_HEAD "{\"op\":\"replace\",\"path\":\"active\",\"value\":true}]}", 200, "\"active\":true" },
	{ "patch an extension by URN", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"" ENT ":department\",\"value\":\"D\"}]}", 200, "\"department\":\"D\"" },
	{ "patch the division by name", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"" ENT ":division\",\"value\":\"Site Osaka\"}]}", 200, "Site Osaka" },
	{ "patch a value path", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"emails[type eq \\\"work\\\"].value\",\"value\":\"z@x.org\"}]}", 200, "z@x.org" },
	{ "patch adds an element", "PATCH", USERS "/u2",
	  PATCH_HEAD "{\"op\":\"add\",\"path\":\"emails\",\"value\":[{\"type\":\"work\",\"value\":\"b@x.org\"}]}]}", 200, "b@x.org" },
	{ "patch removes", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"remove\",\"path\":\"" ENT ":manager\"}]}", 200, "\"version\":\"4\"" },
	{ "patch renames", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"userName\",\"value\":\"ann2@x.org\"}]}", 200,
	  "{\"type\":\"other\",\"value\":\"ann2@x.org\"}" },
	{ "patch skills", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"" GEN ":routingSkills\",\"value\":[{\"name\":\"Tech\",\"proficiency\":1}]}]}", 200, "\"name\":\"Tech\"" },
	{ "patch without path", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"replace\",\"value\":{\"title\":\"Z\"}}]}", 200, "\"title\":\"Z\"" },
	{ "patch, rename to a taken address", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"userName\",\"value\":\"dan@x.org\"}]}", 409, "uniqueness" },
	{ "patch, displayName can't go", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"remove\",\"path\":\"displayName\"}]}", 400, "displayName" },
	{ "patch, groups are read-only", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"add\",\"path\":\"groups\",\"value\":[{\"value\":\"g1\"}]}]}", 400, "mutability" },
	{ "patch, id is read-only", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"replace\",\"path\":\"id\",\"value\":\"x\"}]}", 400, "mutability" },
	{ "patch, other e-mail immutable", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"emails[type eq \\\"other\\\"].value\",\"value\":\"z@x.org\"}]}", 400, "mutability" },
	{ "patch, other e-mail immutable as a whole", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"emails\",\"value\":[{\"type\":\"other\",\"value\":\"z@x.org\"}]}]}", 400, "mutability" },
	{ "patch, SCIM's authority stays", "PATCH", USERS "/u1",
	  PATCH_HEAD "{\"op\":\"remove\",\"path\":\"" GEN ":externalIds[authority eq \\\"x-pc:scimv2:v1\\\"]\"}]}", 400, "mutability" },
	{ "patch, nothing to replace", "PATCH", USERS "/u2",
	  PATCH_HEAD "{\"op\":\"replace\",\"path\":\"emails[type eq \\\"work\\\"].value\",\"value\":\"z@x.org\"}]}", 400, "noTarget" },
	{ "patch, remove without path", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"remove\"}]}", 400, "noTarget" },
	{ "patch, path broken", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"remove\",\"path\":\"a[\"}]}", 400, "invalidPath" },
	{ "patch, unknown op", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"merge\",\"path\":\"title\",\"value\":\"x\"}]}", 400, "invalid" },
	{ "patch, op missing", "PATCH", USERS "/u1", PATCH_HEAD "{\"path\":\"title\",\"value\":\"x\"}]}", 400, "invalid" },
	{ "patch, wrong type", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"replace\",\"path\":\"title\",\"value\":7}]}", 400, "invalidValue" },
	{ "patch, unknown attribute", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"add\",\"path\":\"nickName\",\"value\":\"x\"}]}", 400, "invalid" },
	{ "patch, unknown field of an operation", "PATCH", USERS "/u1", PATCH_HEAD "{\"op\":\"add\",\"path\":\"title\",\"values\":\"x\"}]}", 400, "values" },
	{ "patch, schemas missing", "PATCH", USERS "/u1", "{\"Operations\":[{\"op\":\"remove\",\"path\":\"title\"}]}", 400, "invalidSyntax" },
	{ "patch, Operations missing", "PATCH", USERS "/u1", "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"]}", 400, "invalidSyntax" },
	{ "patch, Operations no array", "PATCH", USERS "/u1", "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":{}}", 400, "invalidSyntax" },
	{ "patch, unknown user", "PATCH", USERS "/zz", PATCH_HEAD "{\"op\":\"remove\",\"path\":\"title\"}]}", 404, "\"status\":\"404\"" },
	{ "patch, deleted user", "PATCH", USERS "/u4", PATCH_HEAD "{\"op\":\"replace\",\"path\":\"active\",\"value\":true}]}", 404, "404" },

	/* skills and languages */
	{ "skills set", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-tech\",\"proficiency\":1},{\"id\":\"s-bill\",\"proficiency\":3}]",
	  200, "\"proficiency\":3," },
	{ "skills, none", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[]", 200, "\"total\":1" },
	{ "skills, proficiency missing", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-tech\"}]", 400, "proficiency" },
	{ "skills, proficiency as text", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-tech\",\"proficiency\":\"1\"}]", 400, "proficiency" },
	{ "skills, proficiency over 5", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-tech\",\"proficiency\":5.5}]", 400, "proficiency" },
	{ "skills, proficiency under 0", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-tech\",\"proficiency\":-1}]", 400, "proficiency" },
	{ "skills, id missing", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"proficiency\":1}]", 400, "id" },
	{ "skills, unknown field", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"s-tech\",\"proficiency\":1,\"x\":1}]", 400, "bad.request" },
	{ "skills, no array", "PATCH", "/api/v2/users/u1/routingskills/bulk", "{}", 400, "array" },
	{ "skills, unknown skill", "PATCH", "/api/v2/users/u1/routingskills/bulk", "[{\"id\":\"zz\",\"proficiency\":1}]", 404, "not.found" },
	{ "skills, unknown user", "PATCH", "/api/v2/users/zz/routingskills/bulk", "[]", 404, "not.found" },
	{ "skills, deleted user", "PATCH", "/api/v2/users/u4/routingskills/bulk", "[]", 404, "not.found" },
	{ "skill deleted", "DELETE", "/api/v2/users/u1/routingskills/s-bill", NULL, 200, "" },
	{ "skill that isn't there", "DELETE", "/api/v2/users/u1/routingskills/s-tech", NULL, 404, "not.found" },
	{ "unknown skill deleted", "DELETE", "/api/v2/users/u1/routingskills/zz", NULL, 404, "not.found" },
	{ "languages set", "PATCH", "/api/v2/users/u2/routinglanguages/bulk", "[{\"id\":\"l-en\",\"proficiency\":5}]", 200, "English" },
	{ "languages, proficiency missing", "PATCH", "/api/v2/users/u2/routinglanguages/bulk", "[{\"id\":\"l-en\"}]", 400, "proficiency" },
	{ "languages, a skill's id", "PATCH", "/api/v2/users/u2/routinglanguages/bulk", "[{\"id\":\"s-tech\",\"proficiency\":1}]", 404, "not.found" },
	{ "language deleted", "DELETE", "/api/v2/users/u1/routinglanguages/l-en", NULL, 204, "" },
	{ "language that isn't there", "DELETE", "/api/v2/users/u2/routinglanguages/l-en", NULL, 404, "not.found" },

	/* grants */
	{ "role to many", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":[\"u1\",\"u2\"],\"divisionIds\":[\"d-home\",\"d-osaka\"]}", 201, "" },
	{ "role, for a group", "POST", AUTHZ "/roles/r-agent?subjectType=PC_GROUP", "{\"subjectIds\":[\"g1\"],\"divisionIds\":[\"*\"]}", 201, "" },
	{ "role, for a client", "POST", AUTHZ "/roles/r-agent?subjectType=PC_OAUTH_CLIENT", "{\"subjectIds\":[\"c\"],\"divisionIds\":[\"*\"]}", 201, "" },
	{ "role, a group as user", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":[\"g1\"],\"divisionIds\":[\"d-home\"]}", 404, "not.found" },
	{ "role, wrong subjectType", "POST", AUTHZ "/roles/r-agent?subjectType=USER", "{\"subjectIds\":[\"u1\"],\"divisionIds\":[\"d-home\"]}", 400, "subjectType" },
	{ "role, subjectIds missing", "POST", AUTHZ "/roles/r-agent", "{\"divisionIds\":[\"d-home\"]}", 400, "subjectIds" },
	{ "role, divisionIds missing", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":[\"u1\"]}", 400, "divisionIds" },
	{ "role, subjectIds no array", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":\"u1\",\"divisionIds\":[\"d-home\"]}", 400, "subjectIds" },
	{ "role, ids no text", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":[1],\"divisionIds\":[\"d-home\"]}", 400, "subjectIds" },
	{ "role, empty", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":[],\"divisionIds\":[\"d-home\"]}", 400, "empty" },
	{ "role, unknown field", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":[\"u1\"],\"divisionIds\":[\"d-home\"],\"x\":1}", 400, "bad.request" },
	{ "role, unknown role", "POST", AUTHZ "/roles/zz", "{\"subjectIds\":[\"u1\"],\"divisionIds\":[\"d-home\"]}", 404, "role zz" },
	{ "role, unknown division", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":[\"u1\"],\"divisionIds\":[\"zz\"]}", 404, "division zz" },
	{ "role, unknown user", "POST", AUTHZ "/roles/r-agent", "{\"subjectIds\":[\"u1\",\"zz\"],\"divisionIds\":[\"d-home\"]}", 404, "user zz" },
	{ "bulkadd", "POST", AUTHZ "/subjects/u2/bulkadd", "{\"grants\":[{\"roleId\":\"r-agent\",\"divisionId\":\"d-home\"}]}", 201, "" },
	{ "bulkadd, grants missing", "POST", AUTHZ "/subjects/u2/bulkadd", "{}", 400, "grants" },
	{ "bulkadd, grants empty", "POST", AUTHZ "/subjects/u2/bulkadd", "{\"grants\":[]}", 400, "grants" },
	{ "bulkadd, roleId missing", "POST", AUTHZ "/subjects/u2/bulkadd", "{\"grants\":[{\"divisionId\":\"d-home\"}]}", 400, "roleId" },
	{ "bulkadd, divisionId no text", "POST", AUTHZ "/subjects/u2/bulkadd", "{\"grants\":[{\"roleId\":\"r-agent\",\"divisionId\":1}]}", 400, "divisionId" },
	{ "bulkadd, unknown field", "POST", AUTHZ "/subjects/u2/bulkadd", "{\"grants\":[{\"roleId\":\"r-agent\",\"divisionId\":\"d-home\",\"x\":1}]}", 400, "bad.request" },
	{ "bulkadd, unknown role", "POST", AUTHZ "/subjects/u2/bulkadd", "{\"grants\":[{\"roleId\":\"zz\",\"divisionId\":\"d-home\"}]}", 404, "not.found" },
	{ "bulkadd, unknown subject", "POST", AUTHZ "/subjects/zz/bulkadd", "{\"grants\":[{\"roleId\":\"r-agent\",\"divisionId\":\"d-home\"}]}", 404, "not.found" },
	{ "grant deleted", "DELETE", AUTHZ "/subjects/u1/divisions/d-home/roles/r-emp", NULL, 204, "" },
	{ "grant in all divisions deleted", "DELETE", AUTHZ "/subjects/u1/divisions/*/roles/r-agent", NULL, 204, "" },
	{ "grant deleted that isn't there", "DELETE", AUTHZ "/subjects/u1/divisions/d-osaka/roles/r-emp", NULL, 404, "not.found" },
	{ "grant deleted, unknown role", "DELETE", AUTHZ "/subjects/u1/divisions/d-osaka/roles/zz", NULL, 404, "role zz" },

	/* divisions */
	{ "move", "POST", AUTHZ "/divisions/d-osaka/objects/USER", "[\"u1\",\"u3\"]", 200, "" },
	{ "move, no array", "POST", AUTHZ "/divisions/d-osaka/objects/USER", "\"u1\"", 400, "array" },
	{ "move, ids no text", "POST", AUTHZ "/divisions/d-osaka/objects/USER", "[1]", 400, "array of ids" },
	{ "move, unknown user", "POST", AUTHZ "/divisions/d-osaka/objects/USER", "[\"u1\",\"zz\"]", 404, "user zz" },
	{ "move, unknown division", "POST", AUTHZ "/divisions/zz/objects/USER", "[\"u1\"]", 404, "division zz" },
	{ "move, another object type", "POST", AUTHZ "/divisions/d-osaka/objects/QUEUE", "[\"q1\"]", 400, "USER" },

	/* groups and queues */
	{ "group add", "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[\"u2\"],\"version\":4}", 202, "{}" },
	{ "group add without version", "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[\"u2\"]}", 202, "{}" },
	{ "group add, stale version", "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[\"u2\"],\"version\":3}", 409, "general.conflict" },
	{ "group add, version as text", "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[\"u2\"],\"version\":\"4\"}", 400, "version" },
	{ "group add, memberIds missing", "POST", "/api/v2/groups/g1/members", "{\"version\":4}", 400, "memberIds" },
	{ "group add, memberIds no array", "POST", "/api/v2/groups/g1/members", "{\"memberIds\":\"u2\"}", 400, "memberIds" },
	{ "group add, unknown field", "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[],\"ids\":[]}", 400, "ids" },
	{ "group add, unknown user", "POST", "/api/v2/groups/g1/members", "{\"memberIds\":[\"zz\"]}", 404, "not.found" },
	{ "group add, unknown group", "POST", "/api/v2/groups/zz/members", "{\"memberIds\":[\"u2\"]}", 404, "group zz" },
	{ "group remove", "DELETE", "/api/v2/groups/g1/members?ids=u1,u2", NULL, 202, "{}" },
	{ "group remove, commas encoded", "DELETE", "/api/v2/groups/g1/members?ids=u1%2Cu2", NULL, 202, "{}" },
	{ "group remove, ids missing", "DELETE", "/api/v2/groups/g1/members", NULL, 400, "ids" },
	{ "group remove, unknown user", "DELETE", "/api/v2/groups/g1/members?ids=u1,zz", NULL, 404, "not.found" },
	{ "group remove, unknown group", "DELETE", "/api/v2/groups/zz/members?ids=u1", NULL, 404, "not.found" },
	{ "queue add", "POST", "/api/v2/routing/queues/q1/members", "[{\"id\":\"u2\"}]", 200, "" },
	{ "queue remove", "POST", "/api/v2/routing/queues/q1/members?delete=true", "[{\"id\":\"u1\"},{\"id\":\"u2\"}]", 200, "" },
	{ "queue, delete no boolean", "POST", "/api/v2/routing/queues/q1/members?delete=1", "[{\"id\":\"u2\"}]", 400, "delete" },
	{ "queue, id missing", "POST", "/api/v2/routing/queues/q1/members", "[{}]", 400, "id" },
	{ "queue, id no text", "POST", "/api/v2/routing/queues/q1/members", "[{\"id\":2}]", 400, "id" },
	{ "queue, ids bare", "POST", "/api/v2/routing/queues/q1/members", "[\"u2\"]", 400, "object" },
	{ "queue, unknown field", "POST", "/api/v2/routing/queues/q1/members", "[{\"id\":\"u2\",\"joined\":true}]", 400, "joined" },
	{ "queue, unknown user", "POST", "/api/v2/routing/queues/q1/members", "[{\"id\":\"zz\"}]", 404, "not.found" },
	{ "queue, unknown queue", "POST", "/api/v2/routing/queues/zz/members", "[{\"id\":\"u2\"}]", 404, "queue zz" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab *lab = lab_new(lab_tenant, 300);
		int status = lab_ask(lab, rows[i].method, rows[i].target, rows[i].body);

		if (status != rows[i].status || !strstr(lab_text(lab), rows[i].has))
			fail_msg("%s: %d %s", rows[i].name, status, lab_text(lab));
		/* A refusal changes nothing. */
		if (status >= 400 && strcmp(lab_state(lab), lab_tenant) != 0)
			fail_msg("%s: refused, yet the state is another", rows[i].name);
		lab_free(lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
