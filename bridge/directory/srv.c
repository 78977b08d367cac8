#include "bridge/directory/srv.h"

#include <string.h>

#include "scim/base/text.h"

#include "scim/base/banned.h"

#define HEADER_BYTES 12
#define TYPE_CNAME 5
#define TYPE_SRV 33
#define CLASS_IN 1
/* A name has at most 127 labels; more jumps than that are a loop. */
#define JUMPS_MAX 127

struct message {
	const unsigned char *data;
	size_t len, at;
};

static bool take_16(struct message *m, unsigned *ret)
{
	if (m->len - m->at < 2)
		return false;
	*ret = (unsigned)m->data[m->at] << 8 | m->data[m->at + 1];
	m->at += 2;
	return true;
}

/* What a host's name may be made of; "_" stands in the names of services. */
static bool is_name_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool take_label(const struct message *m, size_t at, unsigned size,
		       char name[SRV_HOST_BYTES_MAX + 1], size_t *used)
{
	if (size > 63 || size > m->len - at - 1 || *used + size + 1 > SRV_HOST_BYTES_MAX)
		return false;
	if (*used)
		name[(*used)++] = '.';
	for (unsigned i = 0; i < size; i++) {
		unsigned char c = m->data[at + 1 + i];

		if (c >= 'A' && c <= 'Z')
			c |= 32;
		if (!is_name_char(c))
			return false;
		name[(*used)++] = (char)c;
	}
	return true;
}

/* A name at `m->at`, maybe compressed (RFC 1035 section 4.1.4); "" is the root. */
static bool take_name(struct message *m, char name[SRV_HOST_BYTES_MAX + 1])
{
	size_t at = m->at, used = 0;
	bool jumped = false;

	for (unsigned jumps = 0; at < m->len; ) {
		unsigned size = m->data[at];

		if (size == 0) {
			name[used] = '\0';
			if (!jumped)
				m->at = at + 1;
			return true;
		}
		if (size < 0xc0) {
			if (!take_label(m, at, size, name, &used))
				return false;
			at += size + 1;
			continue;
		}
		if (m->len - at < 2 || ++jumps > JUMPS_MAX)
			return false;
		if (!jumped)
			m->at = at + 2;
		jumped = true;
		at = (size_t)(size & 0x3f) << 8 | m->data[at + 1];
	}
	return false;
}

struct record {
	char owner[SRV_HOST_BYTES_MAX + 1];
	unsigned type, class;
	size_t data_at, data_len;
};

static bool take_record(struct message *m, struct record *ret)
{
	unsigned size, ttl;

	if (!take_name(m, ret->owner) || !take_16(m, &ret->type) || !take_16(m, &ret->class) ||
	    !take_16(m, &ttl) || !take_16(m, &ttl) || !take_16(m, &size) || size > m->len - m->at)
		return false;
	ret->data_at = m->at;
	ret->data_len = size;
	m->at += size;
	return true;
}

static bool take_target(const struct message *m, const struct record *record,
			struct srv_target *ret)
{
	/* Names may point back into the message, but not end behind the record. */
	struct message in = { m->data, record->data_at + record->data_len, record->data_at };

	return take_16(&in, &ret->priority) && take_16(&in, &ret->weight) &&
	       take_16(&in, &ret->port) && take_name(&in, ret->host) && in.at == in.len;
}

static int check_header(struct message *m, const char *name, unsigned *ret_answers,
			struct err *err)
{
	unsigned id, flags, questions, others, type;
	char asked[SRV_HOST_BYTES_MAX + 1];

	if (!take_16(m, &id) || !take_16(m, &flags) || !take_16(m, &questions) ||
	    !take_16(m, ret_answers) || !take_16(m, &others) || !take_16(m, &others) ||
	    !(flags & 0x8000))
		return err_set(err, ERR_PROTOCOL, "the DNS answer for %s can not be read", name);
	if ((flags & 15) == 3)
		return err_set(err, ERR_NOT_FOUND, "there is no DNS name %s", name);
	if (flags & 15)
		return err_set(err, ERR_NET, "the DNS server answers %s with code %u", name,
			       flags & 15);
	if (flags & 0x0200)
		return err_set(err, ERR_PROTOCOL, "the DNS answer for %s is cut off", name);
	for (; questions; questions--)
		if (!take_name(m, asked) || !take_16(m, &type) || !take_16(m, &type))
			return err_set(err, ERR_PROTOCOL, "the DNS answer for %s can not be read",
				       name);
	return 0;
}

int srv_parse(const unsigned char *answer, size_t len, const char *name,
	      struct srv_list *ret_list, struct err *err)
{
	struct message m = { answer, len, 0 };
	char wanted[SRV_HOST_BYTES_MAX + 1];
	unsigned answers, none = 0;
	struct srv_list list = { .count = 0 };

	if (strlen(name) > SRV_HOST_BYTES_MAX)
		return err_set(err, ERR_INVALID, "the DNS name %.60s... is too long", name);
	memcpy(wanted, name, strlen(name) + 1);
	if (check_header(&m, name, &answers, err))
		return -1;
	for (; answers; answers--) {
		struct record record;
		struct message alias = m;
		struct srv_target target;

		if (!take_record(&m, &record))
			return err_set(err, ERR_PROTOCOL, "the DNS answer for %s can not be read",
				       name);
		if (record.class != CLASS_IN || !text_eq_nocase(record.owner, wanted))
			continue;
		alias.at = record.data_at;
		if (record.type == TYPE_CNAME && !take_name(&alias, wanted))
			return err_set(err, ERR_PROTOCOL, "the DNS answer for %s can not be read",
				       name);
		if (record.type != TYPE_SRV)
			continue;
		if (!take_target(&m, &record, &target))
			return err_set(err, ERR_PROTOCOL,
				       "a server in the DNS answer for %s can not be read", name);
		if (!target.host[0])
			none++;
		else if (target.port && list.count < SRV_TARGETS_MAX)
			list.items[list.count++] = target;
	}
	if (list.count == 0)
		return err_set(err, ERR_NOT_FOUND,
			       none ? "%s: the domain says that it has no such service"
				    : "there are no servers at the DNS name %s", name);
	*ret_list = list;
	return 0;
}

/* RFC 2782: of those left with this priority, one by chance; those of weight 0 stand first. */
static unsigned choose(const struct srv_list *list, unsigned from, unsigned end, struct rng *rng)
{
	unsigned long sum = 0, at;

	for (unsigned i = from; i < end; i++)
		sum += list->items[i].weight;
	at = (unsigned long)rng_below(rng, sum + 1);
	sum = 0;
	for (unsigned i = from; i < end; i++) {
		sum += list->items[i].weight;
		if (sum >= at)
			return i;
	}
	return from;
}

static bool is_before(const struct srv_target *a, const struct srv_target *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->weight == 0 && b->weight != 0;
}

static void move(struct srv_list *list, unsigned from, unsigned to)
{
	struct srv_target moved = list->items[from];

	memmove(&list->items[to + 1], &list->items[to], (from - to) * sizeof(moved));
	list->items[to] = moved;
}

void srv_order(struct srv_list *list, struct rng *rng)
{
	unsigned end;

	for (unsigned i = 1; i < list->count; i++) {
		unsigned to = i;

		while (to && is_before(&list->items[i], &list->items[to - 1]))
			to--;
		move(list, i, to);
	}
	for (unsigned first = 0; first < list->count; first = end) {
		end = first + 1;
		while (end < list->count &&
		       list->items[end].priority == list->items[first].priority)
			end++;
		for (unsigned i = first; i < end; i++)
			move(list, choose(list, i, end, rng), i);
	}
}
