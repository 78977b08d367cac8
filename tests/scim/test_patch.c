/* scim/patch: PATCH as a service applies it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scim/patch.h"
#include "scim/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ENTERPRISE "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
#define VENDOR "urn:example:vendor:2.0:User"

/* In the rows ' stands for ". */
static const char user[] =
	"{'schemas':['urn:ietf:params:scim:schemas:core:2.0:User'],'id':'u1','userName':'ana',"
	"'title':'Agent','active':true,'name':{'givenName':'Ana','familyName':'Li'},"
	"'emails':[{'type':'work','value':'w@a','primary':true},{'type':'home','value':'h@a'}],"
	"'tags':['a']}";

static const char group[] =
	"{'schemas':['urn:ietf:params:scim:schemas:core:2.0:Group'],'id':'g1','displayName':'G',"
	"'members':[{'value':'m1','display':'One'},{'value':'m2'}]}";

/*
 * `wanted` is what changes at the top of the resource: its members replace those before;
 * one that is null must be gone.
 */
static const struct {
	const char *name, *resource, *ops;
	enum scim_error_type error;
	const char *wanted;
} rows[] = {
	/* RFC 7644 section 3.5.2.1: add */
	{ "member added (RFC)", group,
	  "{'op':'add','path':'members','value':[{'display':'Babs','value':'m3'}]}",
	  SCIM_ERROR_NONE,
	  "{'members':[{'value':'m1','display':'One'},{'value':'m2'},{'display':'Babs','value':'m3'}]}" },
	{ "no path (RFC)", user,
	  "{'op':'add','value':{'emails':[{'value':'babs@j','type':'other'}],'nickName':'Babs'}}",
	  SCIM_ERROR_NONE,
	  "{'nickName':'Babs','emails':[{'type':'work','value':'w@a','primary':true},"
	  "{'type':'home','value':'h@a'},{'value':'babs@j','type':'other'}]}" },
	{ "what is there is not added again", group,
	  "{'op':'add','path':'members','value':[{'value':'m2'},{'value':'m2'}]}",
	  SCIM_ERROR_NONE, "{}" },
	{ "one value without its list", group, "{'op':'add','path':'members','value':{'value':'m3'}}",
	  SCIM_ERROR_NONE,
	  "{'members':[{'value':'m1','display':'One'},{'value':'m2'},{'value':'m3'}]}" },
	{ "a new list", user, "{'op':'add','path':'phoneNumbers','value':[{'type':'work','value':'+1'}]}",
	  SCIM_ERROR_NONE, "{'phoneNumbers':[{'type':'work','value':'+1'}]}" },
	{ "a new list from one value", user,
	  "{'op':'add','path':'phoneNumbers','value':{'type':'work','value':'+1'}}",
	  SCIM_ERROR_NONE, "{'phoneNumbers':[{'type':'work','value':'+1'}]}" },
	{ "single value replaced by add", user, "{'op':'add','path':'title','value':'Lead'}",
	  SCIM_ERROR_NONE, "{'title':'Lead'}" },
	{ "complex value merged by add", user, "{'op':'add','path':'name','value':{'middleName':'B'}}",
	  SCIM_ERROR_NONE, "{'name':{'givenName':'Ana','familyName':'Li','middleName':'B'}}" },
	{ "a new primary one", user,
	  "{'op':'add','path':'emails','value':[{'type':'x','value':'x@a','primary':true}]}",
	  SCIM_ERROR_NONE,
	  "{'emails':[{'type':'work','value':'w@a','primary':false},{'type':'home','value':'h@a'},"
	  "{'type':'x','value':'x@a','primary':true}]}" },
	{ "add of nothing", user, "{'op':'add','path':'title','value':null}", SCIM_ERROR_NONE, "{}" },
	{ "add to picked values", user,
	  "{'op':'add','path':'emails[type eq \\\"home\\\"]','value':{'display':'Home'}}",
	  SCIM_ERROR_NONE,
	  "{'emails':[{'type':'work','value':'w@a','primary':true},"
	  "{'type':'home','value':'h@a','display':'Home'}]}" },
	{ "sub-attribute of a new complex one", group, "{'op':'add','path':'name.formatted','value':'x'}",
	  SCIM_ERROR_NONE, "{'name':{'formatted':'x'}}" },
	/* 3.5.2.2: remove */
	{ "all members (RFC)", group, "{'op':'remove','path':'members'}", SCIM_ERROR_NONE,
	  "{'members':null}" },
	{ "one member (RFC)", group, "{'op':'remove','path':'members[value eq \\\"m1\\\"]'}",
	  SCIM_ERROR_NONE, "{'members':[{'value':'m2'}]}" },
	{ "picked by two conditions (RFC)", user,
	  "{'op':'remove','path':'emails[type eq \\\"work\\\" and value ew \\\"@a\\\"]'}",
	  SCIM_ERROR_NONE, "{'emails':[{'type':'home','value':'h@a'}]}" },
	{ "the last values of a list", group, "{'op':'remove','path':'members[value pr]'}",
	  SCIM_ERROR_NONE, "{'members':null}" },
	{ "sub-attribute of a picked value", group,
	  "{'op':'remove','path':'members[value eq \\\"m1\\\"].display'}", SCIM_ERROR_NONE,
	  "{'members':[{'value':'m1'},{'value':'m2'}]}" },
	{ "sub-attribute", user, "{'op':'remove','path':'name.givenName'}", SCIM_ERROR_NONE,
	  "{'name':{'familyName':'Li'}}" },
	{ "sub-attribute of all values", user, "{'op':'remove','path':'emails.primary'}",
	  SCIM_ERROR_NONE,
	  "{'emails':[{'type':'work','value':'w@a'},{'type':'home','value':'h@a'}]}" },
	{ "what is not there", user, "{'op':'remove','path':'nickName'}", SCIM_ERROR_NONE, "{}" },
	{ "plain values", user, "{'op':'remove','path':'tags[value eq \\\"a\\\"]'}", SCIM_ERROR_NONE,
	  "{'tags':null}" },
	{ "no path", user, "{'op':'remove'}", SCIM_ERROR_NO_TARGET, NULL },
	{ "picks nothing", user, "{'op':'remove','path':'emails[type eq \\\"x\\\"]'}",
	  SCIM_ERROR_NO_TARGET, NULL },
	{ "with a value", group, "{'op':'remove','path':'members','value':[{'value':'m1'}]}",
	  SCIM_ERROR_INVALID_VALUE, NULL },
	{ "required", user, "{'op':'remove','path':'userName'}", SCIM_ERROR_MUTABILITY, NULL },
	{ "required, by null", user, "{'op':'replace','path':'USERNAME','value':null}",
	  SCIM_ERROR_MUTABILITY, NULL },
	/* 3.5.2.3: replace */
	{ "all members (RFC)", group, "{'op':'replace','path':'members','value':[{'value':'m9'}]}",
	  SCIM_ERROR_NONE, "{'members':[{'value':'m9'}]}" },
	{ "picked value (RFC)", user,
	  "{'op':'replace','path':'emails[type eq \\\"work\\\"]','value':{'type':'work','value':'n@a'}}",
	  SCIM_ERROR_NONE,
	  "{'emails':[{'type':'work','value':'n@a'},{'type':'home','value':'h@a'}]}" },
	{ "sub-attribute of a picked value (RFC)", user,
	  "{'op':'replace','path':'emails[type eq \\\"home\\\"].value','value':'n@a'}",
	  SCIM_ERROR_NONE,
	  "{'emails':[{'type':'work','value':'w@a','primary':true},{'type':'home','value':'n@a'}]}" },
	{ "no path (RFC)", user,
	  "{'op':'replace','value':{'emails':[{'value':'b@j','type':'work'}],'nickName':'Babs'}}",
	  SCIM_ERROR_NONE, "{'nickName':'Babs','emails':[{'value':'b@j','type':'work'}]}" },
	{ "complex value merged", user, "{'op':'replace','path':'name','value':{'givenName':'Eva'}}",
	  SCIM_ERROR_NONE, "{'name':{'givenName':'Eva','familyName':'Li'}}" },
	{ "what is not there", user, "{'op':'replace','path':'nickName','value':'N'}",
	  SCIM_ERROR_NONE, "{'nickName':'N'}" },
	{ "by null", user, "{'op':'replace','path':'title','value':null}", SCIM_ERROR_NONE,
	  "{'title':null}" },
	{ "by the empty list", group, "{'op':'replace','path':'members','value':[]}",
	  SCIM_ERROR_NONE, "{'members':null}" },
	{ "sub-attribute of all values", user, "{'op':'replace','path':'emails.display','value':'x'}",
	  SCIM_ERROR_NONE,
	  "{'emails':[{'type':'work','value':'w@a','primary':true,'display':'x'},"
	  "{'type':'home','value':'h@a','display':'x'}]}" },
	{ "picks nothing", user, "{'op':'replace','path':'emails[type eq \\\"x\\\"].value','value':'a'}",
	  SCIM_ERROR_NO_TARGET, NULL },
	{ "sub-attribute of no values", user, "{'op':'replace','path':'phoneNumbers.value','value':'a'}",
	  SCIM_ERROR_NO_TARGET, NULL },
	{ "picked primary", user,
	  "{'op':'replace','path':'emails[type eq \\\"home\\\"].primary','value':true}",
	  SCIM_ERROR_NONE,
	  "{'emails':[{'type':'work','value':'w@a','primary':false},"
	  "{'type':'home','value':'h@a','primary':true}]}" },
	/* names */
	{ "operation in capitals", user, "{'OP':'Replace','PATH':'TITLE','Value':'x'}",
	  SCIM_ERROR_NONE, "{'title':'x'}" },
	{ "core URN", user,
	  "{'op':'replace','path':'urn:ietf:params:scim:schemas:core:2.0:User:title','value':'x'}",
	  SCIM_ERROR_NONE, "{'title':'x'}" },
	{ "member of the value in capitals", user, "{'op':'add','value':{'TITLE':'x','Name':{'GIVENNAME':'y'}}}",
	  SCIM_ERROR_NONE, "{'title':'x','name':{'givenName':'y','familyName':'Li'}}" },
	{ "a path as a member's name", user, "{'op':'replace','value':{'name.givenName':'Eva'}}",
	  SCIM_ERROR_NONE, "{'name':{'givenName':'Eva','familyName':'Li'}}" },
	/* extensions */
	{ "extension made", user, "{'op':'add','path':'" ENTERPRISE ":department','value':'D'}",
	  SCIM_ERROR_NONE,
	  "{'" ENTERPRISE "':{'department':'D'},'schemas':['urn:ietf:params:scim:schemas:core:2.0:User','"
	  ENTERPRISE "']}" },
	{ "sub-attribute in one", user, "{'op':'add','path':'" ENTERPRISE ":manager.value','value':'m'}",
	  SCIM_ERROR_NONE,
	  "{'" ENTERPRISE "':{'manager':{'value':'m'}},'schemas':["
	  "'urn:ietf:params:scim:schemas:core:2.0:User','" ENTERPRISE "']}" },
	{ "the whole of one", user, "{'op':'add','path':'" ENTERPRISE "','value':{'department':'D'}}",
	  SCIM_ERROR_NONE,
	  "{'" ENTERPRISE "':{'department':'D'},'schemas':['urn:ietf:params:scim:schemas:core:2.0:User','"
	  ENTERPRISE "']}" },
	{ "in a value without path", user, "{'op':'add','value':{'" VENDOR "':{'skills':[{'name':'x'}]}}}",
	  SCIM_ERROR_NONE,
	  "{'" VENDOR "':{'skills':[{'name':'x'}]},'schemas':['urn:ietf:params:scim:schemas:core:2.0:User',"
	  "'" VENDOR "']}" },
	{ "gone with its last attribute",
	  "{'schemas':['x','" ENTERPRISE "'],'" ENTERPRISE "':{'department':'D'}}",
	  "{'op':'remove','path':'" ENTERPRISE ":department'}", SCIM_ERROR_NONE,
	  "{'" ENTERPRISE "':null}" },
	{ "removed as a whole",
	  "{'schemas':['x','" ENTERPRISE "'],'" ENTERPRISE "':{'department':'D','division':'d'}}",
	  "{'op':'remove','path':'" ENTERPRISE "'}", SCIM_ERROR_NONE, "{'" ENTERPRISE "':null}" },
	{ "remove from one that is not there", user, "{'op':'remove','path':'" ENTERPRISE ":department'}",
	  SCIM_ERROR_NONE, "{}" },
	{ "null for one attribute of none", user,
	  "{'op':'replace','path':'" ENTERPRISE ":department','value':null}", SCIM_ERROR_NONE, "{}" },
	/* several operations */
	{ "in order", user,
	  "{'op':'add','path':'nickName','value':'a'},{'op':'replace','path':'nickName','value':'b'},"
	  "{'op':'remove','path':'title'}",
	  SCIM_ERROR_NONE, "{'nickName':'b','title':null}" },
	{ "all or none", user,
	  "{'op':'replace','path':'title','value':'x'},{'op':'remove','path':'id'}",
	  SCIM_ERROR_MUTABILITY, NULL },
	/* read-only */
	{ "id", user, "{'op':'replace','path':'id','value':'u2'}", SCIM_ERROR_MUTABILITY, NULL },
	{ "meta", user, "{'op':'add','path':'meta.version','value':'x'}", SCIM_ERROR_MUTABILITY, NULL },
	{ "groups", user, "{'op':'add','path':'groups','value':[{'value':'g'}]}",
	  SCIM_ERROR_MUTABILITY, NULL },
	{ "id in a value", user, "{'op':'replace','value':{'id':'u2'}}", SCIM_ERROR_MUTABILITY, NULL },
	{ "the same id sent back", user,
	  "{'op':'replace','value':{'schemas':['a'],'id':'u1','title':'x'}}", SCIM_ERROR_NONE,
	  "{'title':'x'}" },
	{ "by rule of the service", user, "{'op':'replace','path':'locked','value':'x'}",
	  SCIM_ERROR_MUTABILITY, NULL },
	{ "by rule, in an extension", user, "{'op':'add','value':{'" VENDOR "':{'locked':'x'}}}",
	  SCIM_ERROR_MUTABILITY, NULL },
	/* values of the wrong type */
	{ "text for a boolean", user, "{'op':'replace','path':'active','value':'true'}",
	  SCIM_ERROR_INVALID_VALUE, NULL },
	{ "number for text", user, "{'op':'replace','path':'title','value':1}",
	  SCIM_ERROR_INVALID_VALUE, NULL },
	{ "object for text", user, "{'op':'replace','path':'title','value':{}}",
	  SCIM_ERROR_INVALID_VALUE, NULL },
	{ "text for an object", user, "{'op':'replace','path':'name','value':'Ana'}",
	  SCIM_ERROR_INVALID_VALUE, NULL },
	{ "text for a manager", user, "{'op':'replace','path':'" ENTERPRISE ":manager','value':'m'}",
	  SCIM_ERROR_INVALID_VALUE, NULL },
	{ "no date", user, "{'op':'replace','path':'" ENTERPRISE ":dateHire','value':'2026-02-30'}",
	  SCIM_ERROR_INVALID_VALUE, NULL },
	{ "text for a picked value", user,
	  "{'op':'replace','path':'emails[type eq \\\"work\\\"]','value':'a'}",
	  SCIM_ERROR_INVALID_VALUE, NULL },
	{ "value missing", user, "{'op':'replace','path':'title'}", SCIM_ERROR_INVALID_VALUE, NULL },
	{ "no path and no object", user, "{'op':'add','value':'x'}", SCIM_ERROR_INVALID_VALUE, NULL },
	/* paths */
	{ "path that is none", user, "{'op':'add','path':'a b','value':'x'}", SCIM_ERROR_INVALID_PATH,
	  NULL },
	{ "empty path", user, "{'op':'add','path':'','value':'x'}", SCIM_ERROR_INVALID_PATH, NULL },
	{ "number as path", user, "{'op':'add','path':1,'value':'x'}", SCIM_ERROR_INVALID_PATH, NULL },
	{ "filter that is none", user, "{'op':'remove','path':'emails[type eqq 1]'}",
	  SCIM_ERROR_INVALID_PATH, NULL },
	{ "filter on a single value", user, "{'op':'remove','path':'title[value eq 1]'}",
	  SCIM_ERROR_INVALID_PATH, NULL },
	{ "sub-attribute of text", user, "{'op':'replace','path':'title.x','value':'a'}",
	  SCIM_ERROR_INVALID_PATH, NULL },
	{ "sub-attribute of plain values", user, "{'op':'replace','path':'tags.x','value':'a'}",
	  SCIM_ERROR_INVALID_PATH, NULL },
	/* syntax */
	{ "unknown operation", user, "{'op':'move','path':'title','value':'a'}",
	  SCIM_ERROR_INVALID_SYNTAX, NULL },
	{ "no operation", user, "{'path':'title','value':'a'}", SCIM_ERROR_INVALID_SYNTAX, NULL },
	{ "text for an operation", user, "'x'", SCIM_ERROR_INVALID_SYNTAX, NULL },
	{ "no operations", user, "", SCIM_ERROR_INVALID_SYNTAX, NULL },
};

/* Text with ' for ", as JSON. */
static json_t *load(const char *text)
{
	char *copy = mem_strdup(text), *p;
	json_error_t error;
	json_t *value;

	for (p = copy; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	value = json_loads(copy, 0, &error);
	if (!value)
		fail_msg("%s: %s", copy, error.text);
	free(copy);
	return value;
}

static json_t *load_request(const char *ops)
{
	json_t *request;
	struct buf buf;

	buf_init(&buf, 100000);
	buf_addf(&buf, "{'schemas':['" SCIM_URN_PATCH "'],'Operations':[%s]}", ops);
	request = load(buf.data);
	buf_release(&buf);
	return request;
}

static bool not_locked(void *ctx, enum scim_op op, const struct scim_path *path)
{
	(void)ctx;
	(void)op;
	return !slice_eq_str(path->attr.name, "locked");
}

static const struct scim_patch_rules rules = { not_locked, NULL };

/* The resource with the members of `changes` in place of its own. */
static json_t *expected(const json_t *resource, const char *changes)
{
	json_t *wanted = json_deep_copy(resource), *changed = load(changes), *value;
	const char *key;

	json_object_foreach(changed, key, value) {
		if (json_is_null(value))
			json_object_del(wanted, key);
		else
			json_object_set(wanted, key, value);
	}
	json_decref(changed);
	return wanted;
}

static void check_row(size_t i)
{
	json_t *resource = load(rows[i].resource), *before = json_deep_copy(resource);
	json_t *request = load_request(rows[i].ops), *result = NULL, *wanted;
	enum scim_error_type type = SCIM_ERROR_NONE;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;
	int ret = scim_patch_apply(resource, request, &rules, &mem, &result, &type, &err);

	if ((ret == 0) != (rows[i].error == SCIM_ERROR_NONE) || type != rows[i].error)
		fail_msg("%s %s: type %d: %s", rows[i].name, rows[i].ops, type, err.text);
	if (ret == 0) {
		wanted = expected(resource, rows[i].wanted);
		if (!json_equal(result, wanted))
			fail_msg("%s %s: %s", rows[i].name, rows[i].ops,
				 json_dumps(result, JSON_COMPACT));
		json_decref(wanted);
		json_decref(result);
	} else {
		assert_null(result);
		assert_string_not_equal(err.text, "");
	}
	assert_true(json_equal(resource, before)); /* never touched */
	json_decref(resource);
	json_decref(before);
	json_decref(request);
	arena_release(&mem);
}

static void test_rows(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		check_row(i);
}

static void test_requests(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{}",
		"{'Operations':[{'op':'remove','path':'title'}]}",
		"{'schemas':['x'],'Operations':[{'op':'remove','path':'title'}]}",
		"{'schemas':['" SCIM_URN_PATCH "']}",
		"{'schemas':['" SCIM_URN_PATCH "'],'Operations':{}}",
	};
	json_t *resource = load(user), *result = NULL, *request;
	enum scim_error_type type;
	struct arena mem = ARENA_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		struct err err = ERR_INIT;

		request = load(bad[i]);
		assert_int_equal(scim_patch_apply(resource, request, NULL, &mem, &result, &type,
						  &err), -1);
		assert_int_equal(type, SCIM_ERROR_INVALID_SYNTAX);
		json_decref(request);
	}
	/* Names in any case, and other URNs beside the message's. */
	request = load("{'SCHEMAS':['" SCIM_URN_USER "','" SCIM_URN_PATCH "'],"
		       "'operations':[{'op':'remove','path':'title'}]}");
	assert_int_equal(scim_patch_apply(resource, request, NULL, &mem, &result, &type, NULL), 0);
	assert_null(json_object_get(result, "title"));
	json_decref(request);
	json_decref(result);
	json_decref(resource);
	arena_release(&mem);
}

static void test_too_many(void **state)
{
	json_t *resource = load(user), *result = NULL;
	json_t *request = load_request("{'op':'replace','path':'title','value':'x'}");
	json_t *ops = json_object_get(request, "Operations");
	enum scim_error_type type = SCIM_ERROR_NONE;
	struct arena mem = ARENA_INIT;

	(void)state;
	while (json_array_size(ops) < PATCH_OPS_MAX)
		json_array_append(ops, json_array_get(ops, 0));
	assert_int_equal(scim_patch_apply(resource, request, NULL, &mem, &result, &type, NULL), 0);
	json_decref(result);
	json_array_append(ops, json_array_get(ops, 0));
	assert_int_equal(scim_patch_apply(resource, request, NULL, &mem, &result, &type, NULL), -1);
	assert_int_equal(type, SCIM_ERROR_INVALID_SYNTAX);
	json_decref(request);
	json_decref(resource);
	arena_release(&mem);
}

/* The error says which operation it was. */
static void test_error_text(void **state)
{
	json_t *resource = load(user), *result = NULL;
	json_t *request = load_request("{'op':'remove','path':'title'},"
				       "{'op':'remove','path':'emails[type eq 1 or]'}");
	enum scim_error_type type;
	struct arena mem = ARENA_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(scim_patch_apply(resource, request, NULL, &mem, &result, &type, &err),
			 -1);
	assert_string_equal(err.text,
			    "operation 2: path, column 18: and, or or ] is expected");
	json_decref(request);
	json_decref(resource);
	arena_release(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_error_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
