#include "mappings/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "scim/base/buf.h"
#include "scim/base/vec.h"

#include "scim/base/banned.h"

/* A place in the text; marks come in order, so it moves forward and is cheap. */
struct cursor {
	size_t index, byte; /* code points (libyaml counts these) and bytes */
	size_t line_start;
	unsigned line;
};
#define CURSOR_INIT { .line = 1 }

struct parser {
	yaml_parser_t yaml;
	struct arena *mem;
	const char *file;
	const char *text;
	size_t len;
	struct err *err;
	struct cursor at;
	unsigned nodes;
};

static void cursor_step(struct parser *p)
{
	uint32_t cp;
	size_t n = utf8_decode(p->text + p->at.byte, p->len - p->at.byte, &cp);

	if (p->text[p->at.byte] == '\n') {
		p->at.line++;
		p->at.line_start = p->at.byte + 1;
	}
	p->at.byte += n ? n : 1;
	p->at.index++;
}

static unsigned cursor_column(const struct parser *p)
{
	return (unsigned)(p->at.byte - p->at.line_start) + 1;
}

static void cursor_to(struct parser *p, const yaml_mark_t *mark)
{
	if (mark->index < p->at.index)
		p->at = (struct cursor)CURSOR_INIT;
	while (p->at.index < mark->index && p->at.byte < p->len)
		cursor_step(p);
}

static int refuse(struct parser *p, const yaml_mark_t *mark, const char *what)
{
	cursor_to(p, mark);
	return err_at(p->err, ERR_INVALID, p->file, p->at.line, cursor_column(p), "%s", what);
}

static int parser_error(struct parser *p)
{
	const yaml_parser_t *y = &p->yaml;

	if (y->error == YAML_READER_ERROR) {
		p->at = (struct cursor)CURSOR_INIT;
		while (p->at.byte < y->problem_offset && p->at.byte < p->len)
			cursor_step(p);
	} else {
		cursor_to(p, &y->problem_mark);
	}
	if (y->error == YAML_SCANNER_ERROR && p->at.byte < p->len &&
	    p->text[p->at.byte] == '\t')
		return err_at(p->err, ERR_INVALID, p->file, p->at.line, cursor_column(p),
			      "not YAML: a tab does not indent; write spaces");
	return err_at(p->err, ERR_INVALID, p->file, p->at.line, cursor_column(p),
		      "not YAML: %s%s%s", y->problem ? y->problem : "unreadable",
		      y->context ? ", " : "", y->context ? y->context : "");
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

	cursor_to(p, &event->start_mark);
	if (++p->nodes > YAML_NODES_MAX)
		return err_at(p->err, ERR_LIMIT, p->file, p->at.line, cursor_column(p),
			      "more than %d YAML nodes", YAML_NODES_MAX);
	node = arena_alloc(p->mem, sizeof(*node));
	node->type = type;
	node->file = p->file;
	node->line = p->at.line;
	node->column = cursor_column(p);
	*ret = node;
	return 0;
}

static enum yaml_style style_of(yaml_scalar_style_t style)
{
	switch (style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
		return YAML_SINGLE;
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		return YAML_DOUBLE;
	case YAML_LITERAL_SCALAR_STYLE:
		return YAML_LITERAL;
	case YAML_FOLDED_SCALAR_STYLE:
		return YAML_FOLDED;
	default:
		return YAML_PLAIN;
	}
}

static int scalar(struct parser *p, const yaml_event_t *event, struct yaml_node **ret)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	struct yaml_node *node;
	size_t start;

	if (event->data.scalar.anchor || event->data.scalar.tag)
		return refuse(p, &event->start_mark,
			      "anchors and tags are not used here; write the value out");
	if (memchr(value, '\0', len))
		return refuse(p, &event->start_mark, "text with a NUL character");
	if (new_node(p, event, YAML_TEXT, &node))
		return -1;
	node->style = style_of(event->data.scalar.style);
	node->plain = node->style == YAML_PLAIN;
	node->block = node->style == YAML_LITERAL || node->style == YAML_FOLDED;
	node->text = slice_of(arena_strndup(p->mem, value, len), len);
	node->source_line = node->line;
	node->source_column = node->column;
	start = p->at.byte;
	cursor_to(p, &event->end_mark);
	node->source = slice_of(p->text + start, p->at.byte - start);
	yaml_place(node, 0, &node->line, &node->column);
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

/* A collection in brackets ends with its bracket, one in block style with its last text. */
static void close_collection(struct parser *p, struct yaml_node *node, const yaml_mark_t *end)
{
	const struct yaml_node *last;
	const char *stop = node->source.data;

	node->flow = *stop == '{' || *stop == '[';
	if (node->flow) {
		cursor_to(p, end);
		stop = p->text + p->at.byte;
	} else if (node->count) {
		last = node->items[node->count - 1];
		stop = last->source.data + last->source.len;
		while (stop > node->source.data && strchr(" \t\r\n", stop[-1]))
			stop--;
	}
	node->source.len = (size_t)(stop - node->source.data);
}

static int parse_map(struct parser *p, unsigned depth, struct yaml_node *node)
{
	node_vec keys = { 0 }, items = { 0 };
	struct map seen = { 0 };
	yaml_mark_t end;
	int status = -1;

	for (;;) {
		struct yaml_node *key, *value;
		yaml_event_t event;

		if (next_event(p, &event))
			goto out;
		if (event.type == YAML_MAPPING_END_EVENT) {
			end = event.end_mark;
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
	close_collection(p, node, &end);
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
	yaml_mark_t end;

	for (;;) {
		struct yaml_node *item;
		yaml_event_t event;

		if (next_event(p, &event)) {
			vec_release(&items);
			return -1;
		}
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			end = event.end_mark;
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
	close_collection(p, node, &end);
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
	node->source = slice_of(p->text + p->at.byte, 0);
	node->source_line = node->line;
	node->source_column = node->column;
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

/* libyaml would take UTF-16, and name broken bytes by offset only. */
static int check_utf8(struct parser *p)
{
	for (; p->at.byte < p->len; cursor_step(p)) {
		unsigned char c = (unsigned char)p->text[p->at.byte];
		uint32_t cp;

		if (utf8_decode(p->text + p->at.byte, p->len - p->at.byte, &cp) == 0)
			return err_at(p->err, ERR_INVALID, p->file, p->at.line,
				      cursor_column(p), "byte 0x%02x is not UTF-8", c);
		if ((c < 32 && c != '\t' && c != '\n' && c != '\r') || c == 127)
			return err_at(p->err, ERR_INVALID, p->file, p->at.line,
				      cursor_column(p),
				      "control character 0x%02x; in double quotes write \\x%02x",
				      c, c);
	}
	p->at = (struct cursor)CURSOR_INIT;
	return 0;
}

/* Editors on Windows write a byte order mark; libyaml takes it for a column of indent. */
static void skip_mark(struct parser *p)
{
	if (p->len >= 3 && memcmp(p->text, "\xef\xbb\xbf", 3) == 0) {
		p->text += 3;
		p->len -= 3;
	}
}

int yaml_parse(struct arena *mem, const char *text, size_t len, const char *file,
	       const struct yaml_node **ret_root, struct err *err)
{
	struct parser p = { .mem = mem, .file = file, .len = len, .err = err,
			    .at = CURSOR_INIT };
	struct yaml_node *root = NULL;
	int status;

	if (len > YAML_BYTES_MAX)
		return err_at(err, ERR_LIMIT, file, 0, 0, "longer than %d bytes", YAML_BYTES_MAX);
	p.text = arena_strndup(mem, text, len);
	skip_mark(&p);
	if (check_utf8(&p))
		return -1;
	if (!yaml_parser_initialize(&p.yaml))
		return err_at(err, ERR_LIMIT, file, 0, 0, "no memory for the YAML reader");
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.yaml, (const unsigned char *)p.text, p.len);
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

/* --- places ------------------------------------------------------------------------------ */

/* A break with the white space around it: one is a space, n of them are n-1 line feeds. */
static size_t step_fold(const char *s, size_t len, size_t *ret_text)
{
	size_t at = 0, breaks = 0;

	while (at < len && strchr(" \t\r\n", s[at]) && s[at])
		breaks += s[at++] == '\n';
	*ret_text = breaks == 1 ? 1 : breaks - 1;
	return breaks ? at : 0;
}

/* An escape of a double-quoted text: bytes in the file, and bytes of text it makes. */
static size_t step_escape(const char *s, size_t len, size_t *ret_text)
{
	char c = len > 1 ? s[1] : '\0';
	size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0, at = 2;
	char bytes[4], hex[9] = "";

	*ret_text = c == 'N' || c == '_' ? 2 : c == 'L' || c == 'P' ? 3 : 1;
	if (c == '\n' || c == '\r') {
		at += c == '\r' && len > 2 && s[2] == '\n';
		/* This break is cut off; those of blank lines after it count in full. */
		for (*ret_text = 0; at < len && s[at] && strchr(" \t\r\n", s[at]); at++)
			*ret_text += s[at] == '\n';
	} else if (digits && len >= digits + 2) {
		memcpy(hex, s + 2, digits);
		*ret_text = utf8_encode((uint32_t)strtoul(hex, NULL, 16), bytes);
		at += digits;
	}
	return at < len ? at : len;
}

static size_t step(enum yaml_style style, const char *s, size_t len, size_t *ret_text)
{
	size_t n = 0;

	if (s[0] == ' ' || s[0] == '\t' || s[0] == '\r' || s[0] == '\n')
		n = step_fold(s, len, ret_text);
	if (n)
		return n;
	if (style == YAML_DOUBLE && s[0] == '\\')
		return step_escape(s, len, ret_text);
	*ret_text = 1;
	return style == YAML_SINGLE && s[0] == '\'' && len > 1 ? 2 : 1;
}

/* Offset in the source of a byte of a plain or quoted text. */
static size_t flow_offset(const struct yaml_node *node, size_t offset)
{
	size_t quote = node->style != YAML_PLAIN && node->source.len >= 2;
	size_t at = quote, end = node->source.len - quote, text = 0;

	while (at < end) {
		size_t made = 0;
		size_t took = step(node->style, node->source.data + at, end - at, &made);

		if (text + made > offset)
			break;
		text += made;
		at += took;
	}
	return at;
}

static size_t leading(const char *s, size_t len, char c)
{
	size_t n = 0;

	while (n < len && s[n] == c)
		n++;
	return n;
}

struct line {
	size_t start, len, next; /* without its line break; start of the one after */
};

static struct line line_at(struct slice source, size_t start)
{
	const char *s = source.data + start;
	const char *end = memchr(s, '\n', source.len - start);
	size_t len = end ? (size_t)(end - s) : source.len - start;
	struct line line = { start, len, start + len + (end != NULL) };

	if (line.len && s[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Spaces that belong to the block, not to the text: those its first text line has more. */
static size_t block_indent(const struct yaml_node *node, size_t at)
{
	size_t breaks = leading(node->text.data, node->text.len, '\n');
	size_t own = leading(node->text.data + breaks, node->text.len - breaks, ' ');

	while (at < node->source.len) {
		struct line line = line_at(node->source, at);
		size_t spaces = leading(node->source.data + at, line.len, ' ');

		if (spaces < line.len)
			return spaces > own ? spaces - own : 0;
		at = line.next;
	}
	return 0;
}

/* Offset in the source of a byte of a block text. */
static size_t block_offset(const struct yaml_node *node, size_t offset)
{
	size_t at = line_at(node->source, 0).next; /* after the indicator */
	size_t indent = block_indent(node, at), text = 0, end = at;

	if (node->style == YAML_FOLDED) /* blank lines at the start count in full */
		text = leading(node->text.data, node->text.len, '\n');
	if (offset < text)
		return at;
	while (at < node->source.len) {
		struct line line = line_at(node->source, at);
		size_t skip = leading(node->source.data + at, line.len, ' ');
		size_t len;

		skip = skip < indent ? skip : indent;
		len = line.len - skip;
		at = line.next;
		if (len == 0 && node->style == YAML_FOLDED)
			continue;
		end = line.start + skip + len;
		if (offset <= text + len)
			return line.start + skip + (offset - text);
		text += len;
		if (node->style == YAML_LITERAL || (text < node->text.len &&
						    node->text.data[text] == ' '))
			text++;
		else if (text < node->text.len)
			text += leading(node->text.data + text, node->text.len - text, '\n');
		if (offset < text) /* the break itself */
			break;
	}
	return end;
}

void yaml_place(const struct yaml_node *node, size_t offset, unsigned *ret_line,
		unsigned *ret_column)
{
	size_t at = node->block ? block_offset(node, offset) : flow_offset(node, offset);
	unsigned line = node->source_line, column = node->source_column;

	for (size_t i = 0; i < at; i++) {
		column++;
		if (node->source.data[i] == '\n') {
			line++;
			column = 1;
		}
	}
	*ret_line = line;
	*ret_column = column;
}
