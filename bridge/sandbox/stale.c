/*
 * Stale reads: a second state that follows the first so many ms behind. Writes that were
 * done are kept as requests, and done again there when their time has come, with the same
 * chance, so that both make the same ids.
 */
#include <assert.h>
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

struct write {
	int64_t mono_us, now_us;
	struct rng rng;
	struct token token;
	bool never;
	char *method, *content_type, *if_match;
	struct buf target, body;
};

struct stale {
	struct sandbox *behind;
	VEC(struct write) writes;
	size_t done; /* of them, so many were done again */
};

static void write_release(struct write *write)
{
	mem_free(write->method);
	mem_free(write->content_type);
	mem_free(write->if_match);
	buf_release(&write->target);
	buf_release(&write->body);
}

void stale_free(struct sandbox *sandbox)
{
	struct stale *stale = sandbox->stale;

	if (!stale)
		return;
	for (size_t i = stale->done; i < stale->writes.count; i++)
		write_release(&stale->writes.items[i]);
	vec_release(&stale->writes);
	sandbox_free(stale->behind);
	mem_free(stale);
}

void stale_begin(struct sandbox *sandbox)
{
	struct err err = ERR_INIT;
	struct buf text;
	int failed;

	if (sandbox->stale)
		return;
	sandbox->stale = mem_zalloc(sizeof(*sandbox->stale));
	sandbox->stale->behind = sandbox_new(&sandbox->options);
	buf_init(&text, SANDBOX_DATA_BYTES_MAX);
	save_lines(sandbox, NULL, &text);
	buf_addch(&text, '\0');
	failed = sandbox_load_text(sandbox->stale->behind, text.data, &err);
	/* What was loaded once is good. */
	assert(!failed && !buf_failed(&text));
	(void)failed;
	buf_release(&text);
}

void stale_note(struct call *call, const struct rng *before)
{
	const struct sandbox_request *request = call->request;
	struct stale *stale = call->sandbox->stale;
	struct write write = { .mono_us = call->mono_us, .now_us = call->now_us,
			       .rng = *before, .never = call->never };

	if (call->token)
		write.token = *call->token;
	write.method = mem_strdup(request->method);
	buf_init(&write.target, request->target.len + 1);
	buf_add(&write.target, request->target.data, request->target.len);
	write.content_type = request->content_type ? mem_strdup(request->content_type) : NULL;
	write.if_match = request->if_match ? mem_strdup(request->if_match) : NULL;
	buf_init(&write.body, request->body.len + 1);
	buf_add(&write.body, request->body.data, request->body.len);
	vec_push(&stale->writes, write);
}

static void again(struct sandbox *behind, struct write *write)
{
	struct sandbox_request request = {
		.method = write->method,
		.target = slice_of(write->target.data, write->target.len),
		.content_type = write->content_type,
		.if_match = write->if_match,
		.body = slice_of(write->body.data ? write->body.data : "", write->body.len),
	};
	struct sandbox_response response = { .op = "" };
	struct buf body;

	buf_init(&body, SANDBOX_BODY_BYTES_MAX);
	response.body = &body;
	behind->rng = write->rng;
	sandbox_redo(behind, &request, &response, &write->token, write->mono_us,
		     write->now_us, write->never);
	buf_release(&body);
}

struct store *stale_store(struct sandbox *sandbox, int64_t at_us)
{
	struct stale *stale = sandbox->stale;

	while (stale->done < stale->writes.count &&
	       stale->writes.items[stale->done].mono_us <= at_us) {
		struct write *write = &stale->writes.items[stale->done++];

		again(stale->behind, write);
		write_release(write);
	}
	store_settle(&stale->behind->store, at_us);
	return &stale->behind->store;
}
