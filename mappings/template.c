#include "mappings/rules_load.h"

#include <string.h>

#include "scim/base/buf.h"

#include "scim/base/banned.h"

/*
 * Add the diagnosis of an expression that begins at byte `offset` of a node's text. CEL
 * counted lines and columns in the text alone; the file has quotes, escapes and indent too.
 */
static int diagnose(struct rules_loader *load, const struct yaml_node *node, size_t offset,
		    struct err *err)
{
	for (unsigned line = err->line; line > 1 && offset < node->text.len; offset++)
		line -= node->text.data[offset] == '\n';
	if (err->column)
		offset += err->column - 1;
	if (offset > node->text.len)
		offset = node->text.len;
	yaml_place(node, offset, &err->line, &err->column);
	diags_add(load->diags, err);
	return -1;
}

/* Groups and attributes named by the expression just compiled belong to this origin. */
static void note_names(struct rules *rules, origin_id origin)
{
	while (rules->attribute_origins.count < rules->layout.names.count)
		vec_push(&rules->attribute_origins, origin);
	while (rules->group_origins.count < rules->groups.names.count)
		vec_push(&rules->group_origins, origin);
}

static int compile(struct rules_loader *load, const struct yaml_node *node, size_t offset,
		   size_t len, origin_id origin, const struct cel_program **ret)
{
	struct slice text = slice_of(node->text.data + offset, len);
	struct cel_place place = { node->file, 1, 1 };
	struct err err = ERR_INIT;

	if (cel_compile(&load->rules->mem, load->rules->env, text, place, ret, &err)) {
		err_place(&err, node->file, 0, 0);
		return diagnose(load, node, offset, &err);
	}
	note_names(load->rules, origin);
	load->rules->uses_now |= cel_program_uses_now(*ret);
	return 0;
}

int expression_load(struct rules_loader *load, const struct yaml_node *node,
		    const char *rule, const struct cel_program **ret, origin_id *ret_origin)
{
	if (node->type != YAML_TEXT)
		return diags_at(load->diags, ERR_INVALID, node->file, node->line, node->column,
				"%s: an expression is expected here", rule);
	*ret_origin = rules_origin_add(load, node, rule);
	return compile(load, node, 0, node->text.len, *ret_origin, ret);
}

static int refuse_text(struct slice text, const char *what, struct err *err)
{
	char shown[80];

	text_visible(text.data, text.len, shown, sizeof(shown));
	return err_set(err, ERR_EVAL, "the value %s: \"%s\"", what, shown);
}

int template_text_check(struct slice text, struct err *err)
{
	if (text.len > TEMPLATE_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "the value has %zu bytes; at most %d are taken",
			       text.len, TEMPLATE_TEXT_MAX);
	if (text_plain(text.data, text.len))
		return 0;
	return refuse_text(text, utf8_valid(text.data, text.len) ? "has a control character"
								: "is not UTF-8 text", err);
}

/* TEMPLATE_TEXT, TEMPLATE_ABSENT when empty, or TEMPLATE_ERROR. */
static enum template_result check_text(struct slice text, struct err *err)
{
	if (template_text_check(text, err))
		return TEMPLATE_ERROR;
	return text.len ? TEMPLATE_TEXT : TEMPLATE_ABSENT;
}

struct pieces {
	VEC(struct piece) list;
	struct buf literal; /* text since the last expression */
};

static void end_literal(struct rules_loader *load, struct pieces *pieces)
{
	struct piece piece = { 0 };

	if (pieces->literal.len == 0)
		return;
	piece.text = slice_of(arena_strndup(&load->rules->mem, pieces->literal.data,
					    pieces->literal.len),
			      pieces->literal.len);
	vec_push(&pieces->list, piece);
	buf_clear(&pieces->literal);
}

/* The expression whose "${" ends before text[at]. Returns its bytes with '}', or -1. */
static long take_expression(struct rules_loader *load, const struct yaml_node *node,
			    size_t at, origin_id origin, struct pieces *pieces)
{
	struct slice rest = slice_of(node->text.data + at, node->text.len - at);
	struct cel_place place = { node->file, 1, 1 };
	struct piece piece = { 0 };
	struct err err = ERR_INIT;
	long len = cel_scan(rest, place, &err);

	if (len < 0) {
		err_place(&err, node->file, 0, 0);
		return diagnose(load, node, at, &err);
	}
	if (compile(load, node, at, (size_t)len, origin, &piece.program))
		return -1;
	end_literal(load, pieces);
	vec_push(&pieces->list, piece);
	return len + 1;
}

/* The line break that ends a block scalar belongs to the YAML, not to the value. */
static size_t text_len(const struct yaml_node *node)
{
	size_t len = node->text.len;

	while (node->block && len && node->text.data[len - 1] == '\n')
		len--;
	return len;
}

static int split(struct rules_loader *load, const struct yaml_node *node, origin_id origin,
		 struct pieces *pieces)
{
	const char *text = node->text.data;
	size_t len = text_len(node);

	for (size_t i = 0; i < len;) {
		if (text[i] == '$' && i + 2 < len && text[i + 1] == '$' && text[i + 2] == '{') {
			buf_addstr(&pieces->literal, "${");
			i += 3;
		} else if (text[i] == '$' && i + 1 < len && text[i + 1] == '{') {
			long took = take_expression(load, node, i + 2, origin, pieces);

			if (took < 0)
				return -1;
			i += 2 + (size_t)took;
		} else {
			buf_addch(&pieces->literal, text[i++]);
		}
	}
	end_literal(load, pieces);
	return 0;
}

int template_load(struct rules_loader *load, const struct yaml_node *node, const char *rule,
		  struct template *ret)
{
	struct rules *rules = load->rules;
	struct pieces pieces = { 0 };
	struct err err = ERR_INIT;
	struct piece *kept;
	int status;

	if (node->type != YAML_TEXT)
		return diags_at(load->diags, ERR_INVALID, node->file, node->line, node->column,
				"%s: text is expected here", rule);
	if (text_len(node) == 0)
		return diags_at(load->diags, ERR_INVALID, node->file, node->line, node->column,
				"%s: an empty value; leave the line out to state nothing", rule);
	buf_init(&pieces.literal, YAML_BYTES_MAX);
	ret->origin = rules_origin_add(load, node, rule);
	status = split(load, node, ret->origin, &pieces);
	for (size_t i = 0; status == 0 && i < pieces.list.count; i++)
		if (check_text(pieces.list.items[i].text, &err) == TEMPLATE_ERROR)
			status = diags_at(load->diags, ERR_INVALID, node->file, node->line,
					  node->column, "%s: %s", rule, err.text);
	if (status == 0) {
		kept = arena_array(&rules->mem, pieces.list.count, sizeof(*kept));
		memcpy(kept, pieces.list.items, pieces.list.count * sizeof(*kept));
		ret->pieces = kept;
		ret->count = (unsigned)pieces.list.count;
		ret->whole = ret->count == 1 && kept[0].program;
		ret->literal = ret->count == 1 && !kept[0].program ? kept[0].text.data : NULL;
	}
	vec_release(&pieces.list);
	buf_release(&pieces.literal);
	return status;
}

bool template_multivalued(const struct template *tmpl, const struct entry *entry)
{
	for (unsigned i = 0; i < tmpl->count; i++)
		if (tmpl->pieces[i].program &&
		    cel_program_multivalued(tmpl->pieces[i].program, entry))
			return true;
	return false;
}

/* An expression's value without its optional wrapping; false = nothing stated. */
static bool stated(struct cel_value *value)
{
	while (value->type == CEL_OPTIONAL) {
		if (!value->as.opt)
			return false;
		*value = *value->as.opt;
	}
	return value->type != CEL_NULL;
}

static enum template_result eval_piece(const struct piece *piece,
				       const struct cel_activation *act, struct arena *mem,
				       struct cel_value *ret, struct err *err)
{
	if (cel_eval(piece->program, act, mem, ret, err)) {
		/* "not stated" is an answer, not a failure; *err says what is not there. */
		return err->kind == ERR_NO_KEY ? TEMPLATE_ABSENT : TEMPLATE_ERROR;
	}
	return stated(ret) ? TEMPLATE_VALUE : TEMPLATE_ABSENT;
}

static enum template_result eval_whole(const struct template *tmpl,
				       const struct cel_activation *act, struct arena *mem,
				       const char **ret_text, struct cel_value *ret_value,
				       struct err *err)
{
	enum template_result result = eval_piece(&tmpl->pieces[0], act, mem, ret_value, err);

	if (result != TEMPLATE_VALUE)
		return result;
	/* Bytes come from an attribute whose value is not UTF-8: named as such. */
	if (ret_value->type != CEL_STRING && ret_value->type != CEL_BYTES)
		return TEMPLATE_VALUE;
	result = check_text(ret_value->as.s, err);
	if (result == TEMPLATE_TEXT)
		*ret_text = arena_strndup(mem, ret_value->as.s.data, ret_value->as.s.len);
	return result;
}

/* Does a piece from the `from`th on state nothing? Then its value does not count at all. */
static bool any_absent(const struct template *tmpl, unsigned from,
		       const struct cel_activation *act, struct arena *mem,
		       struct err *ret_why)
{
	for (unsigned i = from; i < tmpl->count; i++) {
		struct cel_value value;
		struct err err = ERR_INIT;

		if (tmpl->pieces[i].program &&
		    eval_piece(&tmpl->pieces[i], act, mem, &value, &err) == TEMPLATE_ABSENT) {
			*ret_why = err;
			return true;
		}
	}
	return false;
}

static enum template_result eval_part(const struct piece *piece,
				      const struct cel_activation *act, struct arena *mem,
				      struct slice *ret, struct err *err)
{
	struct cel_value value;
	enum template_result result;

	*ret = piece->text;
	if (!piece->program)
		return TEMPLATE_TEXT;
	result = eval_piece(piece, act, mem, &value, err);
	if (result != TEMPLATE_VALUE)
		return result;
	return cel_to_text(&value, mem, ret, err) ? TEMPLATE_ERROR : TEMPLATE_TEXT;
}

static const char *join(struct arena *mem, const struct slice *parts, unsigned count,
			size_t len)
{
	char *text = arena_bytes(mem, len + 1), *at = text;

	for (unsigned i = 0; i < count; i++) {
		if (parts[i].len)
			memcpy(at, parts[i].data, parts[i].len);
		at += parts[i].len;
	}
	*at = '\0';
	return text;
}

enum template_result template_eval(const struct template *tmpl,
				   const struct cel_activation *act, struct arena *mem,
				   const char **ret_text, struct cel_value *ret_value,
				   struct err *err)
{
	struct slice *parts;
	size_t len = 0;
	enum template_result result;

	if (tmpl->literal) {
		*ret_text = tmpl->literal;
		return TEMPLATE_TEXT;
	}
	if (tmpl->whole)
		return eval_whole(tmpl, act, mem, ret_text, ret_value, err);
	parts = arena_array(mem, tmpl->count, sizeof(*parts));
	for (unsigned i = 0; i < tmpl->count; i++) {
		result = eval_part(&tmpl->pieces[i], act, mem, &parts[i], err);
		/* Absent anywhere is absent as a whole, before or after what fails. */
		if (result == TEMPLATE_ERROR && any_absent(tmpl, i + 1, act, mem, err))
			return TEMPLATE_ABSENT;
		if (result != TEMPLATE_TEXT)
			return result;
		len += parts[i].len;
	}
	*ret_text = join(mem, parts, tmpl->count, len);
	return check_text(slice_of(*ret_text, len), err);
}
