#include "mappings/yaml.h"

#include <string.h>
#include <yaml.h>

#include "scim/base/buf.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

struct parser {
	yaml_parser_t yaml;
	struct arena *mem;
	const char *file;
	const char *text;
	size_t len;
	struct err *err;
	unsigned nodes;
};

static int refuse(struct parser *p, const yaml_mark_t *mark, const char *what)
{
	return err_at(p->err, ERR_INVALID, p->file, (unsigned)mark->line + 1,
		      (unsigned)mark->column + 1, "%s", what);
}

static int parser_error(struct parser *p)
{
	const yaml_parser_t *y = &p->yaml;
	const yaml_mark_t *mark = &y->problem_mark;

	if (y->error == YAML_READER_ERROR)
		return err_at(p->err, ERR_INVALID, p->file, 0, 0, "not YAML: %s at byte %zu",
			      y->problem, y->problem_offset + 1);
	return err_at(p->err, ERR_INVALID, p->file, (unsigned)mark->line + 1,
		      (unsigned)mark->column + 1, "not YAML: %s%s%s",
		      y->problem ? y->problem : "unreadable", y->context ? ", " : "",
		      y->context ? y->context : "");
}

static int next_event(struct parser *p, yaml_event_t *event)
{
	if (!yaml_parser_parse(&p->yaml, event))
		return parser_error(p);
	return 0;
}

static int new_node(struct parser *p, const yaml_event_t *event, enum yaml_type type,
		    struct yaml_node **ret)
{
	struct yaml_node *node;

	if (++p->nodes > YAML_NODES_MAX)
		return err_at(p->err, ERR_LIMIT, p->file, (unsigned)event->start_mark.line + 1,
			      0, "more than %d YAML nodes", YAML_NODES_MAX);
	node = arena_alloc(p->mem, sizeof(*node));
	node->type = type;
	node->line = (unsigned)event->start_mark.line + 1;
	node->column = (unsigned)event->start_mark.column + 1;
	*ret = node;
	return 0;
}

static int scalar(struct parser *p, const yaml_event_t *event, struct yaml_node **ret)
{
	yaml_scalar_style_t style = event->data.scalar.style;
	struct yaml_node *node;

	if (event->data.scalar.anchor || event->data.scalar.tag)
		return refuse(p, &event->start_mark,
			      "anchors and tags are not used here; write the value out");
	if (new_node(p, event, YAML_TEXT, &node))
		return -1;
	node->plain = style == YAML_PLAIN_SCALAR_STYLE;
	if (style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
		node->column++;
	if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE) {
		/* The text begins on the line after the indicator. */
		node->line++;
		node->column = 1;
	}
	node->text = slice_of(arena_strndup(p->mem, (const char *)event->data.scalar.value,
					    event->data.scalar.length),
			      event->data.scalar.length);
	*ret = node;
	return 0;
}

static int parse_node(struct parser *p, yaml_event_t *event, unsigned depth,
		      struct yaml_node **ret);

typedef VEC(struct yaml_node *) node_vec;

static void keep(struct parser *p, node_vec *nodes, struct yaml_node ***ret_items)
{
	*ret_items = arena_array(p->mem, nodes->count ? nodes->count : 1, sizeof(**ret_items));
	if (nodes->count)
		memcpy(*ret_items, nodes->items, nodes->count * sizeof(**ret_items));
	vec_release(nodes);
}

static int check_key(struct parser *p, const struct yaml_node *key, struct map *seen)
{
	char shown[80];

	if (key->type != YAML_TEXT)
		return err_at(p->err, ERR_INVALID, p->file, key->line, key->column,
			      "a name is expected here, not a list or a mapping");
	if (key->plain && slice_eq_str(key->text, "<<"))
		return err_at(p->err, ERR_INVALID, p->file, key->line, key->column,
			      "merge keys are not used here; write the values out");
	if (!map_set(seen, key->text, 1)) {
		text_visible(key->text.data, key->text.len, shown, sizeof(shown));
		return err_at(p->err, ERR_INVALID, p->file, key->line, key->column,
			      "\"%s\" is given twice", shown);
	}
	return 0;
}

static int parse_map(struct parser *p, unsigned depth, struct yaml_node *node)
{
	node_vec keys = { 0 }, items = { 0 };
	struct map seen = { 0 };
	int status = -1;

	for (;;) {
		struct yaml_node *key, *value;
		yaml_event_t event;
		bool end;

		if (next_event(p, &event))
			goto out;
		end = event.type == YAML_MAPPING_END_EVENT;
		if (end) {
			yaml_event_delete(&event);
			break;
		}
		if (parse_node(p, &event, depth + 1, &key) || check_key(p, key, &seen) ||
		    next_event(p, &event) || parse_node(p, &event, depth + 1, &value))
			goto out;
		vec_push(&keys, key);
		vec_push(&items, value);
	}
	node->count = (unsigned)keys.count;
	keep(p, &keys, &node->keys);
	keep(p, &items, &node->items);
	status = 0;
out:
	vec_release(&keys);
	vec_release(&items);
	map_release(&seen);
	return status;
}

static int parse_list(struct parser *p, unsigned depth, struct yaml_node *node)
{
	node_vec items = { 0 };

	for (;;) {
		struct yaml_node *item;
		yaml_event_t event;

		if (next_event(p, &event)) {
			vec_release(&items);
			return -1;
		}
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			break;
		}
		if (parse_node(p, &event, depth + 1, &item)) {
			vec_release(&items);
			return -1;
		}
		vec_push(&items, item);
	}
	node->count = (unsigned)items.count;
	keep(p, &items, &node->items);
	return 0;
}

static int parse_collection(struct parser *p, yaml_event_t *event, unsigned depth,
			    struct yaml_node **ret)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	bool marked = map ? event->data.mapping_start.anchor || event->data.mapping_start.tag
			  : event->data.sequence_start.anchor || event->data.sequence_start.tag;
	struct yaml_node *node;

	if (marked)
		return refuse(p, &event->start_mark,
			      "anchors and tags are not used here; write the value out");
	if (depth >= YAML_DEPTH_MAX)
		return refuse(p, &event->start_mark, "nested too deeply");
	if (new_node(p, event, map ? YAML_MAP : YAML_LIST, &node))
		return -1;
	*ret = node;
	return map ? parse_map(p, depth, node) : parse_list(p, depth, node);
}

/* Takes `event` over and deletes it. */
static int parse_node(struct parser *p, yaml_event_t *event, unsigned depth,
		      struct yaml_node **ret)
{
	int status;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		status = scalar(p, event, ret);
		break;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		status = parse_collection(p, event, depth, ret);
		break;
	case YAML_ALIAS_EVENT:
		status = refuse(p, &event->start_mark,
				"aliases are not used here; write the value out");
		break;
	default:
		status = refuse(p, &event->start_mark, "a value is expected here");
	}
	yaml_event_delete(event);
	return status;
}

/* The events around the one document that is wanted. */
static int parse_document(struct parser *p, struct yaml_node **ret)
{
	yaml_event_t event;
	yaml_event_type_t type;

	do {
		if (next_event(p, &event))
			return -1;
		type = event.type;
		if (type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&event);
			return err_at(p->err, ERR_INVALID, p->file, 0, 0, "the file is empty");
		}
		if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT)
			yaml_event_delete(&event);
	} while (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT);
	if (parse_node(p, &event, 0, ret))
		return -1;
	for (;;) {
		yaml_mark_t mark;

		if (next_event(p, &event))
			return -1;
		type = event.type;
		mark = event.start_mark;
		yaml_event_delete(&event);
		if (type == YAML_STREAM_END_EVENT)
			return 0;
		if (type == YAML_DOCUMENT_START_EVENT)
			return refuse(p, &mark, "only one YAML document is expected in a file");
	}
}

/* libyaml would take UTF-16 and name broken bytes by offset only. */
static int check_utf8(struct parser *p)
{
	unsigned line = 1;
	const char *start = p->text;

	for (size_t i = 0; i < p->len;) {
		uint32_t cp;
		size_t n = utf8_decode(p->text + i, p->len - i, &cp);

		if (n == 0)
			return err_at(p->err, ERR_INVALID, p->file, line,
				      (unsigned)(p->text + i - start) + 1,
				      "byte 0x%02x is not UTF-8", (unsigned char)p->text[i]);
		if (p->text[i] == '\n') {
			line++;
			start = p->text + i + 1;
		}
		i += n;
	}
	return 0;
}

int yaml_parse(struct arena *mem, const char *text, size_t len, const char *file,
	       const struct yaml_node **ret_root, struct err *err)
{
	struct parser p = { .mem = mem, .file = file, .text = text, .len = len, .err = err };
	struct yaml_node *root = NULL;
	int status;

	if (len > YAML_BYTES_MAX)
		return err_at(err, ERR_LIMIT, file, 0, 0, "longer than %d bytes", YAML_BYTES_MAX);
	if (check_utf8(&p))
		return -1;
	if (!yaml_parser_initialize(&p.yaml))
		return err_at(err, ERR_LIMIT, file, 0, 0, "no memory for the YAML reader");
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.yaml, (const unsigned char *)text, len);
	status = parse_document(&p, &root);
	yaml_parser_delete(&p.yaml);
	if (status)
		return -1;
	*ret_root = root;
	return 0;
}

int yaml_read_file(struct arena *mem, const char *path, const struct yaml_node **ret_root,
		   struct err *err)
{
	struct buf buf;
	int status;

	buf_init(&buf, YAML_BYTES_MAX);
	status = buf_read_file(&buf, path, err);
	if (status == 0)
		status = yaml_parse(mem, buf.data, buf.len, path, ret_root, err);
	buf_release(&buf);
	return status;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (map->type != YAML_MAP)
		return NULL;
	for (unsigned i = 0; i < map->count; i++)
		if (slice_eq_str(map->keys[i]->text, key))
			return map->items[i];
	return NULL;
}
