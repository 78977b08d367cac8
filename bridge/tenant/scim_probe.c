#include "bridge/tenant/scim_probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "scim/base/json.h"
#include "scim/filter.h"

#include "scim/base/banned.h"

#define BODY_BYTES_MAX (1u << 20)

/* ---- one request ---- */

static void answered(void *ctx, const struct service_answer *answer)
{
	struct probe *p = ctx;
	struct slice tag = answer->wire ? wire_header(answer->wire, "ETag")
					: slice_of(NULL, 0);

	p->status = answer->status;
	p->answer = slice_of(arena_strndup(&p->mem, answer->body.data, answer->body.len),
			     answer->body.len);
	p->version = tag.len ? service_version(&p->mem, tag) : NULL;
	p->err = answer->err;
}

void probe_ask(struct probe *p, enum api_op op, const char *id, const char *query,
	       const char *if_match)
{
	struct service_request request = service_request(op);

	request.id = id;
	request.query = query;
	request.if_match = if_match;
	request.body = slice_of(p->body.data, p->body.len);
	request.done = answered;
	request.ctx = p;
	service_start(p->service, &request);
	service_wait(p->service);
	buf_clear(&p->body);
}

/* Any text in the value that comes next, as it is meant, not as it is written. */
static bool holds(struct json_in *in, const char *text)
{
	struct slice value;
	bool found = false;

	switch (json_peek(in)) {
	case JSON_IN_TEXT:
		return json_get_text(in, &value) && slice_eq_str(value, text);
	case JSON_IN_OBJECT:
		while (json_object_next(in, &value))
			found |= holds(in, text);
		return found;
	case JSON_IN_ARRAY:
		while (json_array_next(in))
			found |= holds(in, text);
		return found;
	default:
		json_skip(in);
		return false;
	}
}

bool probe_says(struct probe *p, const char *text)
{
	struct err ignored = ERR_INIT;
	struct json_in in;

	json_open(&in, p->answer.data, p->answer.len, "", &p->mem, &ignored);
	return holds(&in, text);
}

void probe_patch_body(struct probe *p, const char *operations)
{
	buf_addf(&p->body, "{\"schemas\":[\"%s\"],\"Operations\":[%s]}", SCIM_URN_PATCH,
		 operations);
}

void probe_note(struct probe *p, enum finding_level level, const char *fmt, ...)
{
	char raw[FINDING_BYTES_MAX], text[2 * FINDING_BYTES_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text_visible(raw, strlen(raw), text, sizeof(text));
	findings_add(p->findings, level, "probe", NULL, "%s", text);
}

/* ---- the scratch users ---- */

static const char *sample(struct probe *p, enum scim_attr attr, unsigned number)
{
	switch (attr) {
	case SCIM_ATTR_USER_NAME:
		return p->names[number];
	case SCIM_ATTR_EMAILS:
		return arena_printf(&p->mem, "%s-%u@example.com", p->run, number);
	case SCIM_ATTR_PHONE_NUMBERS:
		return "+12015550123";
	case SCIM_ATTR_PREFERRED_LANGUAGE:
		return "en";
	case SCIM_ATTR_LOCALE:
		return "en-US";
	case SCIM_ATTR_TIMEZONE:
		return "America/New_York";
	case SCIM_ATTR_PROFILE_URL:
		return "https://example.com/probe";
	default:
		return arena_printf(&p->mem, "Probe %s", scim_attr(attr)->name);
	}
}

/* What a service may want to see of anybody, and what else there is. */
static bool needed(enum scim_attr attr)
{
	return attr == SCIM_ATTR_USER_NAME || attr == SCIM_ATTR_DISPLAY_NAME ||
	       attr == SCIM_ATTR_GIVEN_NAME || attr == SCIM_ATTR_FAMILY_NAME ||
	       attr == SCIM_ATTR_EMAILS;
}

static bool tried(enum scim_attr attr, bool all)
{
	if (attr == SCIM_ATTR_ACTIVE || attr == SCIM_ATTR_MANAGER ||
	    attr == SCIM_ATTR_DATE_HIRE || attr == SCIM_ATTR_PHOTOS || attr == SCIM_ATTR_IMS)
		return false;
	return all || needed(attr);
}

static size_t fill(struct probe *p, unsigned number, bool all, struct scim_field *fields)
{
	size_t count = 0;

	for (int attr = 0; attr < SCIM_ATTR_COUNT; attr++)
		if (tried((enum scim_attr)attr, all))
			fields[count++] = (struct scim_field){
				(uint16_t)attr,
				scim_attr((enum scim_attr)attr)->multi ? "work" : NULL,
				sample(p, (enum scim_attr)attr, number)
			};
	fields[count++] = (struct scim_field){ SCIM_ATTR_ACTIVE, NULL, "true" };
	return scim_fields_sort(fields, count);
}

static bool make_user(struct probe *p, unsigned number, bool all)
{
	struct scim_field fields[SCIM_ATTR_COUNT + 1];
	struct scim_resource user = { 0 };
	struct err ignored = ERR_INIT;
	struct json_out out;

	p->names[number] = arena_printf(&p->mem, "%s-%u@example.com", p->run, number);
	json_out_init(&out, &p->body);
	scim_fields_write(fields, fill(p, number, all, fields), &out);
	probe_ask(p, API_STD_USER_CREATE, NULL, NULL, NULL);
	if (!probe_good(p) ||
	    scim_resource_parse(p->answer.data, p->answer.len, "", &p->mem, &user, &ignored))
		return false;
	p->users[number] = user.id;
	return user.id != NULL;
}

static bool read_user(struct probe *p, unsigned number, struct scim_resource *ret)
{
	struct err ignored = ERR_INIT;

	probe_ask(p, API_STD_USER, p->users[number], NULL, NULL);
	if (!probe_good(p) ||
	    scim_resource_parse(p->answer.data, p->answer.len, "", &p->mem, ret, &ignored))
		return false;
	if (!p->version && ret->version)
		p->version = service_version(&p->mem, slice_str(ret->version));
	return true;
}

static const char *value_now(struct probe *p, unsigned number, enum scim_attr attr)
{
	struct scim_resource user;
	const struct scim_field *field;

	if (!read_user(p, number, &user))
		return NULL;
	field = scim_fields_find(user.fields, user.count, attr, NULL);
	return field ? field->value : NULL;
}

/* Of what was written, what is not there: a run would write it again and again. */
static void see_kept(struct probe *p)
{
	struct scim_field sent[SCIM_ATTR_COUNT + 1];
	size_t count = fill(p, 0, true, sent);
	struct scim_resource user;

	p->profile->lost = 0;
	if (!read_user(p, 0, &user))
		return;
	for (size_t i = 0; i < count; i++) {
		enum scim_attr attr = (enum scim_attr)sent[i].attr;
		const struct scim_field *field =
			scim_fields_find(user.fields, user.count, attr, sent[i].key);

		if (attr == SCIM_ATTR_ACTIVE ||
		    (field && scim_value_same(attr, field->value, sent[i].value)))
			continue;
		p->profile->lost |= UINT64_C(1) << attr;
		probe_note(p, FINDING_WARNING, "the service takes %s and does not keep it; it "
			   "is left out", scim_attr(attr)->name);
	}
}

/* ---- PATCH ---- */

/* One PATCH of scratch user 0 that sets `attr`; is it there afterwards? */
static bool patched(struct probe *p, enum scim_attr attr, const char *value,
		    const char *operations)
{
	const char *now;

	probe_patch_body(p, operations);
	probe_ask(p, API_STD_USER_PATCH, p->users[0], NULL, NULL);
	if (!probe_good(p))
		return false;
	now = value_now(p, 0, attr);
	return value ? now && !strcmp(now, value) : !now;
}

static void see_forms(struct probe *p)
{
	struct service_profile *profile = p->profile;

	profile->patch = true;
	profile->op_title_case = false;
	profile->path_form = PATH_EACH;
	if (patched(p, SCIM_ATTR_DISPLAY_NAME, "Probe b",
		    "{\"op\":\"replace\",\"path\":\"displayName\",\"value\":\"Probe b\"}"))
		return;
	profile->op_title_case = true;
	if (patched(p, SCIM_ATTR_DISPLAY_NAME, "Probe c",
		    "{\"op\":\"Replace\",\"path\":\"displayName\",\"value\":\"Probe c\"}"))
		return;
	profile->op_title_case = false;
	profile->path_form = PATH_OBJECT;
	if (patched(p, SCIM_ATTR_GIVEN_NAME, "Probe d",
		    "{\"op\":\"replace\",\"value\":{\"name\":{\"givenName\":\"Probe d\"}}}"))
		return;
	profile->path_form = PATH_DOTTED;
	if (patched(p, SCIM_ATTR_GIVEN_NAME, "Probe e",
		    "{\"op\":\"replace\",\"value\":{\"name.givenName\":\"Probe e\"}}"))
		return;
	profile->path_form = PATH_EACH;
	profile->patch = false;
	probe_note(p, FINDING_NOTE, "no form of PATCH is taken; users are read and put as a whole");
}

static const char *operation(struct probe *p, const char *op, const char *path,
			     const char *value)
{
	static const char *const titles[][2] = { { "add", "Add" }, { "replace", "Replace" },
						 { "remove", "Remove" } };

	for (size_t i = 0; i < 3; i++)
		if (!strcmp(op, titles[i][0]) && p->profile->op_title_case)
			op = titles[i][1];
	return value ? arena_printf(&p->mem,
				    "{\"op\":\"%s\",\"path\":\"%s\",\"value\":\"%s\"}", op, path,
				    value)
		     : arena_printf(&p->mem, "{\"op\":\"%s\",\"path\":\"%s\"}", op, path);
}

/* So many operations in one request that the last one shows. */
static bool takes_operations(struct probe *p, unsigned count)
{
	const char *value = arena_printf(&p->mem, "Probe %u", count);
	struct buf operations;
	bool good;

	buf_init(&operations, 65536);
	for (unsigned i = 1; i <= count; i++) {
		if (i > 1)
			buf_addch(&operations, ',');
		buf_addstr(&operations,
			   operation(p, "replace", "displayName",
				     arena_printf(&p->mem, "Probe %u", i)));
	}
	good = patched(p, SCIM_ATTR_DISPLAY_NAME, value, operations.data);
	buf_release(&operations);
	return good;
}

static void see_operations(struct probe *p)
{
	static const unsigned counts[] = { 12, 8, 2 };

	p->profile->patch_ops_max = 0;
	if (takes_operations(p, 30))
		return;
	for (size_t i = 0; i < 3; i++)
		if (takes_operations(p, counts[i])) {
			p->profile->patch_ops_max = counts[i];
			return;
		}
	p->profile->patch_ops_max = 1;
}

static void see_paths(struct probe *p)
{
	struct service_profile *profile = p->profile;

	profile->extension_dot = false;
	if (!(profile->lost & UINT64_C(1) << SCIM_ATTR_DEPARTMENT) &&
	    !patched(p, SCIM_ATTR_DEPARTMENT, "b",
		     operation(p, "replace", SCIM_URN_ENTERPRISE ":department", "b")))
		profile->extension_dot = patched(
			p, SCIM_ATTR_DEPARTMENT, "c",
			operation(p, "replace", SCIM_URN_ENTERPRISE ".department", "c"));
	profile->keeps_values = false;
	if (!(profile->lost & UINT64_C(1) << SCIM_ATTR_TITLE) &&
	    !patched(p, SCIM_ATTR_TITLE, NULL, operation(p, "remove", "title", NULL))) {
		profile->keeps_values = true;
		probe_note(p, FINDING_WARNING, "what a user has there can be changed and not "
			   "removed; rules that clear a value leave it");
	}
}

static void see_patch(struct probe *p)
{
	see_forms(p);
	if (!p->profile->patch || p->profile->path_form != PATH_EACH)
		return;
	see_operations(p);
	see_paths(p);
}

/* ---- versions ---- */

static void see_versions(struct probe *p)
{
	struct scim_resource user;
	const char *old;
	bool current, stale;

	p->profile->etag = false;
	if (!p->profile->patch || p->profile->path_form != PATH_EACH ||
	    !read_user(p, 0, &user) || !p->version)
		return;
	old = p->version;
	probe_patch_body(p, operation(p, "replace", "displayName", "Probe v1"));
	probe_ask(p, API_STD_USER_PATCH, p->users[0], NULL, old);
	current = probe_good(p);
	probe_patch_body(p, operation(p, "replace", "displayName", "Probe v2"));
	probe_ask(p, API_STD_USER_PATCH, p->users[0], NULL, old);
	stale = probe_good(p);
	p->profile->etag = current && !stale;
	if (!p->profile->etag)
		probe_note(p, FINDING_NOTE, "versions are told and %s; changes are not guarded "
			   "by them", current ? "not looked at" : "refused though current");
}

/* ---- lists ---- */

static const char *name_query(struct probe *p, const char *name)
{
	struct buf filter, query;
	const char *ret;

	buf_init(&filter, 4096);
	buf_init(&query, 16384);
	scim_filter_quote(&filter, "userName", "eq", slice_str(name));
	buf_addstr(&query, "?filter=");
	buf_addurl(&query, filter.data, filter.len);
	ret = arena_strndup(&p->mem, query.data, query.len);
	buf_release(&filter);
	buf_release(&query);
	return ret;
}

/* In the very form that a run asks for: lists with all that the table knows. */
static void see_attributes(struct probe *p)
{
	struct buf query;

	buf_init(&query, 8192);
	buf_addstr(&query, "?startIndex=1&count=1");
	service_add_attributes(&query);
	probe_ask(p, API_STD_USERS, NULL, query.data, NULL);
	p->profile->attributes = probe_good(p) && probe_says(p, SCIM_URN_LIST);
	if (p->profile->attributes) {
		probe_ask(p, API_STD_USER, p->users[0], query.data, NULL);
		p->profile->attributes =
			probe_good(p) && probe_says(p, p->names[0]) &&
			(p->profile->lost & UINT64_C(1) << SCIM_ATTR_DEPARTMENT ||
			 memmem(p->answer.data, p->answer.len, "\"department\"", 12));
	}
	buf_release(&query);
}

static void see_filters(struct probe *p)
{
	char *upper = arena_strdup(&p->mem, p->names[0]);

	for (char *c = upper; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	probe_ask(p, API_STD_USERS, NULL, name_query(p, p->names[0]), NULL);
	p->profile->filter_names = probe_good(p) && probe_says(p, p->users[0]) &&
				   !(p->users[1] && probe_says(p, p->users[1]));
	if (p->profile->filter_names) {
		probe_ask(p, API_STD_USERS, NULL, name_query(p, upper), NULL);
		p->profile->filter_names = probe_good(p) && probe_says(p, p->users[0]);
	}
	see_attributes(p);
}

struct ids {
	struct arena *mem;
	const char *items[8];
	size_t count;
};

static int take_id(void *ctx, struct slice resource, struct err *err)
{
	struct ids *ids = ctx;
	struct scim_resource user;

	if (scim_resource_parse(resource.data, resource.len, "", ids->mem, &user, err))
		return -1;
	if (ids->count < 8 && user.id)
		ids->items[ids->count++] = user.id;
	return 0;
}

static bool ask_page(struct probe *p, unsigned start, unsigned count, struct ids *ids,
		     struct scim_list *list)
{
	char query[100];
	struct err ignored = ERR_INIT;

	*ids = (struct ids){ .mem = &p->mem };
	snprintf(query, sizeof(query), "?startIndex=%u&count=%u", start, count);
	probe_ask(p, API_STD_USERS, NULL, query, NULL);
	return probe_good(p) && !scim_list_read(p->answer.data, p->answer.len, "", &p->mem,
						take_id, ids, list, &ignored);
}

/* Three users at least are there: ours. */
static void see_pages(struct probe *p)
{
	struct scim_list all, page;
	struct ids first, third, second;

	p->profile->paging = PAGE_INDEX;
	p->profile->total_is_page = false;
	if (!ask_page(p, 1, 2, &first, &page))
		return;
	if (memmem(p->answer.data, p->answer.len, "\"nextCursor\"", 12)) {
		p->profile->paging = PAGE_CURSOR;
		return;
	}
	p->profile->total_is_page = page.total_results == (int64_t)page.resources;
	if (!ask_page(p, 1, 4, &first, &all) || first.count < 3)
		return;
	if (ask_page(p, 3, 2, &third, &page) && third.count &&
	    (!strcmp(third.items[0], first.items[2]) || !strcmp(third.items[0], first.items[1])))
		return;
	if (ask_page(p, 2, 2, &second, &page) && second.count &&
	    !strcmp(second.items[0], first.items[2])) {
		p->profile->paging = PAGE_NUMBER;
		probe_note(p, FINDING_NOTE, "startIndex is the number of the page");
	}
}

struct looking {
	const char *id;
	struct arena *mem; /* of what is in `seen` */
	struct map seen;
	bool found;
};

static int look_for(void *ctx, struct slice resource, bool *ret_again, struct err *err)
{
	struct looking *looking = ctx;
	struct arena mem = ARENA_INIT;
	struct scim_resource user;
	int status = scim_resource_parse(resource.data, resource.len, "", &mem, &user, err);

	if (!status && user.id) {
		looking->found |= !strcmp(user.id, looking->id);
		*ret_again = !map_set(&looking->seen,
				      slice_str(arena_strdup(looking->mem, user.id)), 1);
	}
	arena_release(&mem);
	return status;
}

static bool is_listed(struct probe *p, const char *query)
{
	struct looking looking = { .id = p->users[0], .mem = &p->mem };
	struct verdict verdict;
	struct page_list list = { .op = API_STD_USERS, .what = "users", .each = look_for,
				  .ctx = &looking, .verdict = &verdict, .query = query };

	verdict_init(&verdict);
	page_list_read(p->service, &list);
	map_release(&looking.seen);
	return !list.err.kind && looking.found;
}

static void set_active(struct probe *p, const char *value)
{
	probe_patch_body(p, arena_printf(&p->mem, "{\"op\":\"%s\",\"path\":\"active\","
					 "\"value\":%s}",
					 p->profile->op_title_case ? "Replace" : "replace",
					 value));
	probe_ask(p, API_STD_USER_PATCH, p->users[0], NULL, NULL);
}

/* Where is somebody who is not active, and can they come back? */
static void see_inactive(struct probe *p)
{
	const char *now;

	p->profile->inactive_apart = false;
	if (!p->profile->patch || p->profile->path_form != PATH_EACH)
		return;
	set_active(p, "false");
	now = value_now(p, 0, SCIM_ATTR_ACTIVE);
	if (!now || strcmp(now, "false") != 0) {
		probe_note(p, FINDING_WARNING, "users can not be deactivated");
		return;
	}
	if (!is_listed(p, NULL)) {
		p->profile->inactive_apart = is_listed(p, "&filter=active%20eq%20false");
		probe_note(p, FINDING_NOTE, "who is not active is listed %s",
			   p->profile->inactive_apart ? "by a filter only" : "nowhere");
	}
	set_active(p, "true");
	now = value_now(p, 0, SCIM_ATTR_ACTIVE);
	if (!now || strcmp(now, "true") != 0)
		probe_note(p, FINDING_WARNING, "who was deactivated can not be activated again");
}

/* ---- Bulk ---- */

static void see_bulk(struct probe *p)
{
	struct service_profile told;

	service_profile_init(&told);
	probe_ask(p, API_STD_CONFIG, NULL, NULL, NULL);
	if (probe_good(p))
		service_profile_advertised(&told, p->answer);
	p->profile->bulk = false;
	p->profile->bulk_max = told.bulk_max;
	p->profile->bulk_bytes_max = told.bulk_bytes_max;
	p->profile->page_max = told.page_max;
	if (!told.bulk || !p->profile->patch)
		return;
	buf_addf(&p->body, "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:BulkRequest\"],"
		 "\"Operations\":[{\"method\":\"PATCH\",\"path\":\"/Users/");
	buf_addurl(&p->body, p->users[0], strlen(p->users[0]));
	buf_addf(&p->body, "\",\"bulkId\":\"c0\",\"data\":{\"schemas\":[\"%s\"],\"Operations\":[%s]}}]}",
		 SCIM_URN_PATCH, operation(p, "replace", "displayName", "Probe bulk"));
	probe_ask(p, API_STD_BULK, NULL, NULL, NULL);
	if (probe_good(p)) {
		const char *now = value_now(p, 0, SCIM_ATTR_DISPLAY_NAME);

		p->profile->bulk = now && !strcmp(now, "Probe bulk");
	}
	if (!p->profile->bulk)
		probe_note(p, FINDING_NOTE, "Bulk is told and does not work");
}

/* ---- all of it ---- */

static void clean_up(struct probe *p)
{
	if (p->group) {
		probe_ask(p, API_STD_GROUP_DELETE, p->group, NULL, NULL);
		if (!probe_good(p))
			probe_note(p, FINDING_WARNING, "the scratch group %s could not be "
				   "deleted; delete it there", p->group);
	}
	for (unsigned i = 0; i < PROBE_USERS; i++) {
		if (!p->users[i])
			continue;
		probe_ask(p, API_STD_USER_DELETE, p->users[i], NULL, NULL);
		if (!probe_good(p))
			probe_note(p, FINDING_WARNING, "the scratch user %s could not be deleted; "
				   "delete it there", p->names[i]);
	}
}

static int write_profile(struct probe *p, struct err *err)
{
	const char *path = p->service->profile_file;
	const char *aside = arena_printf(&p->mem, "%s.new", path);
	struct buf text;
	int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good;

	if (fd < 0)
		return err_set(err, ERR_IO, "cannot write %s", aside);
	buf_init(&text, SERVICE_PROFILE_BYTES_MAX);
	service_profile_write(p->profile, p->service->set.url, &text);
	good = write(fd, text.data, text.len) == (ssize_t)text.len && !fsync(fd);
	close(fd);
	buf_release(&text);
	if (!good || rename(aside, path)) {
		unlink(aside);
		return err_set(err, ERR_IO, "cannot write %s", path);
	}
	probe_note(p, FINDING_GOOD, "written to %s, which later runs read", path);
	return 0;
}

static int begin(struct probe *p, struct err *err)
{
	bool all = make_user(p, 0, true);

	if (!all && !make_user(p, 0, false)) {
		err_set(err, p->err.kind ? p->err.kind : ERR_PROTOCOL,
			"a scratch user can not be made: %s",
			p->err.kind ? p->err.text : "the answer tells no id");
		return -1;
	}
	for (unsigned i = 1; i < PROBE_USERS; i++)
		make_user(p, i, false);
	if (all)
		see_kept(p);
	else
		probe_note(p, FINDING_NOTE, "a user with all attributes of RFC 7643 is refused; "
			   "which are kept is not known");
	return 0;
}

int service_probe(struct tenant *tenant, struct findings *findings, struct err *err)
{
	struct service *s = (struct service *)tenant;
	struct probe p = { .service = s, .profile = &s->profile, .findings = findings };
	char word[37];
	int status;

	arena_init(&p.mem);
	buf_init(&p.body, BODY_BYTES_MAX);
	rng_uuid(s->rng, word);
	p.run = arena_printf(&p.mem, "dirbridge-probe-%.8s", word);
	/* Of what a file from before says nothing is taken over but where the service is. */
	service_profile_init(&s->profile);
	probe_ask(&p, API_STD_USERS, NULL, "?startIndex=1&count=1", NULL);
	if (p.status == 404)
		s->profile.lower_paths = true;
	status = begin(&p, err);
	if (!status) {
		see_patch(&p);
		see_versions(&p);
		see_filters(&p);
		see_pages(&p);
		see_inactive(&p);
		see_bulk(&p);
		probe_group(&p);
	}
	clean_up(&p);
	if (!status)
		status = write_profile(&p, err);
	if (!status)
		s->profile.probed = true;
	buf_release(&p.body);
	arena_release(&p.mem);
	return status;
}
