/* Servers from DNS: answers as bytes, hostile ones too, and the order to try them in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/directory/srv.h"
#include "scim/base/buf.h"
#include "scim/base/mem.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

#define NAME "_ldap._tcp.example.org"

static void put_16(struct buf *out, unsigned value)
{
	char bytes[2] = { (char)(value >> 8), (char)value };

	buf_add(out, bytes, 2);
}

static void put_name(struct buf *out, const char *name)
{
	while (*name && strcmp(name, ".") != 0) {
		size_t len = strcspn(name, ".");

		buf_addch(out, (char)len);
		buf_add(out, name, len);
		name += len + (name[len] == '.');
	}
	buf_addch(out, 0);
}

static void put_record(struct buf *out, const char *owner, unsigned type, unsigned class,
		       const struct buf *data)
{
	if (owner)
		put_name(out, owner);
	else
		put_16(out, 0xc00c); /* the question's name */
	put_16(out, type);
	put_16(out, class);
	put_16(out, 0);
	put_16(out, 300);
	put_16(out, (unsigned)data->len);
	buf_add(out, data->data, data->len);
}

/*
 * "10 20 389 host" a record, apart by "|"; "=name" a CNAME; "@owner ..." one of another
 * owner; "#..." of type TXT; "!" a pointer to itself as the host.
 */
static void put_answer(struct buf *out, unsigned flags, const char *records)
{
	unsigned count = 0, p, w, port;
	char host[200], owner[200];

	for (const char *at = records; *at; at += strcspn(at, "|"), at += *at == '|')
		count++;
	put_16(out, 7);
	put_16(out, flags);
	put_16(out, 1);
	put_16(out, count);
	put_16(out, 0);
	put_16(out, 0);
	put_name(out, NAME);
	put_16(out, 33);
	put_16(out, 1);
	for (const char *at = records; *at; at += strcspn(at, "|"), at += *at == '|') {
		struct buf data;
		bool other = sscanf(at, "@%199s %u %u %u %199[^|]", owner, &p, &w, &port, host) == 5;

		buf_init(&data, 1000);
		if (sscanf(at, "=%199[^|]", host) == 1) {
			put_name(&data, host);
			put_record(out, NULL, 5, 1, &data);
		} else if (at[0] == '#') {
			buf_addstr(&data, "\x03txt");
			put_record(out, NULL, 16, 1, &data);
		} else if (other || sscanf(at, "%u %u %u %199[^|]", &p, &w, &port, host) == 4) {
			put_16(&data, p);
			put_16(&data, w);
			put_16(&data, port);
			if (strcmp(host, "!") == 0)
				put_16(&data, 0xc000u + (unsigned)(out->len + 18));
			else if (strcmp(host, "~") == 0) /* dc1 below the question's domain */
				buf_add(&data, "\x03" "dc1\xc0\x17", 6);
			else
				put_name(&data, host);
			put_record(out, other ? owner : NULL, 33, 1, &data);
		} else {
			fail_msg("the row is wrong: %s", at);
		}
		buf_release(&data);
	}
}

static void test_answers(void **state)
{
	static const struct {
		const char *name;
		unsigned flags;
		const char *records, *list; /* or the error's text */
		enum err_kind kind;
	} rows[] = {
		{ "one", 0x8180, "0 100 389 DC1.example.org", "0/100 dc1.example.org:389 ", 0 },
		{ "two", 0x8180, "0 100 389 dc1.example.org|10 0 3268 dc2.example.org",
		  "0/100 dc1.example.org:389 10/0 dc2.example.org:3268 ", 0 },
		{ "compressed", 0x8180, "0 1 389 ~", "0/1 dc1.example.org:389 ", 0 },
		{ "through an alias", 0x8180, "=_ldap._tcp.x.org|@_LDAP._tcp.x.org 0 1 389 d.x.org",
		  "0/1 d.x.org:389 ", 0 },
		{ "other types and owners", 0x8180, "#|@else.org 0 1 389 a.b|0 1 389 c.d",
		  "0/1 c.d:389 ", 0 },
		{ "no service", 0x8180, "0 0 0 .", "has no such service", ERR_NOT_FOUND },
		{ "nothing", 0x8180, "", "no servers at the DNS name", ERR_NOT_FOUND },
		{ "port 0", 0x8180, "0 0 0 a.b", "no servers", ERR_NOT_FOUND },
		{ "no such name", 0x8183, "", "no DNS name _ldap", ERR_NOT_FOUND },
		{ "server failure", 0x8182, "", "with code 2", ERR_NET },
		{ "refused", 0x8185, "", "with code 5", ERR_NET },
		{ "cut off", 0x8380, "0 1 389 a.b", "is cut off", ERR_PROTOCOL },
		{ "a question", 0x0100, "0 1 389 a.b", "can not be read", ERR_PROTOCOL },
		{ "a name that points to itself", 0x8180, "0 1 389 !", "can not be read", ERR_PROTOCOL },
		{ "a host with a slash", 0x8180, "0 1 389 a/b.org", "can not be read", ERR_PROTOCOL },
		{ "a host with a space", 0x8180, "0 1 389 a b", "can not be read", ERR_PROTOCOL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct srv_list list = { .count = 0 };
		struct err err = ERR_INIT;
		struct buf answer;
		char text[1000] = "";
		size_t at = 0;

		buf_init(&answer, 10000);
		put_answer(&answer, rows[i].flags, rows[i].records);
		srv_parse((unsigned char *)answer.data, answer.len, NAME, &list, &err);
		for (unsigned t = 0; t < list.count; t++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%u/%u %s:%u ",
					       list.items[t].priority, list.items[t].weight,
					       list.items[t].host, list.items[t].port);
		if (err.kind != rows[i].kind)
			fail_msg("%s: %d %s", rows[i].name, err.kind, err.text);
		if (err.kind ? !strstr(err.text, rows[i].list) : strcmp(text, rows[i].list) != 0)
			fail_msg("%s: %s%s", rows[i].name, err.text, text);
		buf_release(&answer);
	}
}

/* Every answer that is cut short is an error, never half a list; each byte may be anything. */
static void test_damage(void **state)
{
	struct srv_list list;
	struct buf answer;

	(void)state;
	buf_init(&answer, 10000);
	put_answer(&answer, 0x8180, "0 100 389 dc1.example.org|10 5 389 ~|=x.y");
	for (size_t len = 0; len < answer.len; len++) {
		char *copy = mem_alloc(len + 1); /* so that a sanitizer sees the end */
		struct err err = ERR_INIT;

		memcpy(copy, answer.data, len);
		if (srv_parse((unsigned char *)copy, len, NAME, &list, &err) == 0)
			fail_msg("%zu bytes are taken for an answer", len);
		assert_int_equal(err.kind, ERR_PROTOCOL);
		mem_free(copy);
	}
	for (size_t at = 0; at < answer.len; at++) {
		for (unsigned value = 0; value < 256; value++) {
			char kept = answer.data[at];

			answer.data[at] = (char)value;
			srv_parse((unsigned char *)answer.data, answer.len, NAME, &list, NULL);
			answer.data[at] = kept;
		}
	}
	buf_release(&answer);
}

static void set(struct srv_list *list, unsigned at, unsigned priority, unsigned weight)
{
	list->items[at] = (struct srv_target){ .priority = priority, .weight = weight,
					       .port = at + 1 };
	list->count = at + 1;
}

static void test_order(void **state)
{
	unsigned first[4] = { 0 }, rounds = 20000;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 11);
	for (unsigned i = 0; i < rounds; i++) {
		struct srv_list list;
		unsigned seen = 0;

		set(&list, 0, 20, 0);
		set(&list, 1, 10, 10);
		set(&list, 2, 10, 30);
		set(&list, 3, 10, 0);
		set(&list, 4, 5, 7);
		srv_order(&list, &rng);
		assert_int_equal(list.items[0].priority, 5);
		assert_int_equal(list.items[4].priority, 20);
		for (unsigned t = 0; t < 5; t++)
			seen |= 1u << list.items[t].port;
		assert_int_equal(seen, 0x3e);
		first[list.items[1].port - 1]++;
	}
	/* Of 41 numbers 0 is the one without weight, 1 to 10 the first, the rest the second. */
	assert_in_range(first[3], rounds / 41 * 8 / 10, rounds / 41 * 12 / 10);
	assert_in_range(first[1], rounds * 10 / 41 * 9 / 10, rounds * 10 / 41 * 11 / 10);
	assert_in_range(first[2], rounds * 30 / 41 * 9 / 10, rounds * 30 / 41 * 11 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
