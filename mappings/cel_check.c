#include "mappings/cel_impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "scim/base/banned.h"

/*
 * Second pass over the tree: names become slots, locals, functions and macros; types that
 * can not work are errors; what is constant is computed. Types are gradual: a node knows the
 * set of types that it may have, and only what can never work is refused.
 *
 * Unchecked (`dirbridge eval` without --check) a wrong name fails when it is reached, so that
 * "x || true" is true, and types are left to the evaluation.
 */

const struct cel_fn cel_fns[] = {
#define GROUP(title)
#define FN(id, name, style, min, max, a0, a1, a2, a3, result, prep, params, doc, examples) \
	{ name, style, min,  max, { a0, a1, a2, a3 }, result, cel_fn_##id,                 \
	  prep, params, doc, examples },
#include "mappings/cel_fn.def"
#undef FN
#undef GROUP
};
const size_t cel_fn_count = sizeof(cel_fns) / sizeof(*cel_fns);

struct cel_env {
	struct layout *layout;
	struct group_names *groups;
	const struct tables *tables;
	VEC(const char *) vars;
	struct arena mem;
};

struct cel_env *cel_env_new(struct layout *layout, struct group_names *groups)
{
	struct cel_env *env = mem_zalloc(sizeof(*env));

	env->layout = layout;
	env->groups = groups;
	arena_init(&env->mem);
	return env;
}

void cel_env_free(struct cel_env *env)
{
	if (!env)
		return;
	vec_release(&env->vars);
	arena_release(&env->mem);
	mem_free(env);
}

void cel_env_tables(struct cel_env *env, const struct tables *tables)
{
	env->tables = tables;
}

unsigned cel_env_declare(struct cel_env *env, const char *name)
{
	vec_push(&env->vars, arena_strdup(&env->mem, name));
	return (unsigned)env->vars.count - 1;
}

void cel_env_undeclare(struct cel_env *env, unsigned n)
{
	assert(n <= env->vars.count);
	env->vars.count -= n;
}

struct binder {
	struct cel_env *env; /* may be NULL */
	struct cel_program *program;
	struct arena *mem;
	struct err *err;
	bool checked;
	VEC(struct slice) locals; /* in scope, innermost last */
	VEC(uint32_t) slots;
	struct cel_folder folder;
	size_t prepared_bytes; /* of patterns and zones */
};

static bool bind(struct binder *b, struct cel_node *n);

static bool refuse(struct binder *b, const struct cel_node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool refuse(struct binder *b, const struct cel_node *n, const char *fmt, ...)
{
	char text[240];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_at(b->err, ERR_INVALID, b->program->file, n->line, n->column, "%s", text);
	return false;
}

/* A wrong name: an error now, or, unchecked, when it is reached. */
static bool unknown(struct binder *b, struct cel_node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool unknown(struct binder *b, struct cel_node *n, const char *fmt, ...)
{
	char text[240];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (b->checked)
		return refuse(b, n, "%s", text);
	n->op = N_FAIL;
	n->text = slice_str(arena_strdup(b->mem, text));
	n->count = 0;
	n->types = TANY;
	return true;
}

/* ---- types ---- */

static bool no_overload(struct binder *b, const struct cel_node *n, const char *name)
{
	char text[160] = "", one[80];
	size_t len = 0;

	for (uint32_t i = 0; i < n->count && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? ", " : "",
					cel_types_text(n->kids[i]->types, one, sizeof(one)));
	return refuse(b, n, "no such overload: %s(%s)", name, text);
}

/* ---- names ---- */

static const struct {
	const char *name;
	enum cel_type type;
} type_names[] = {
	{ "bool", CEL_BOOL },	    { "bytes", CEL_BYTES },
	{ "double", CEL_DOUBLE },   { "int", CEL_INT },
	{ "list", CEL_LIST },	    { "map", CEL_MAP },
	{ "null_type", CEL_NULL },  { "string", CEL_STRING },
	{ "type", CEL_TYPE },	    { "uint", CEL_UINT },
	{ "optional_type", CEL_OPTIONAL },
	{ "google.protobuf.Timestamp", CEL_TIMESTAMP },
	{ "google.protobuf.Duration", CEL_DURATION },
};
#define TYPE_NAMES (sizeof(type_names) / sizeof(*type_names))

static const char *const root_names[] = { "entry", "values", "now" };
#define ROOT_NAMES (sizeof(root_names) / sizeof(*root_names))

static const char *const macro_names[] = {
#define GROUP(title)
#define SYNTAX(name, forms, doc, examples)
#define MACRO(name, forms, doc, examples) name,
#include "mappings/cel_macro.def"
#undef MACRO
#undef SYNTAX
#undef GROUP
};
#define MACRO_NAMES (sizeof(macro_names) / sizeof(*macro_names))

static int find_local(const struct binder *b, struct slice name)
{
	for (size_t i = b->locals.count; i-- > 0;)
		if (slice_eq(b->locals.items[i], name))
			return (int)i;
	return -1;
}

static int find_var(const struct binder *b, struct slice name)
{
	if (b->env)
		for (size_t i = b->env->vars.count; i-- > 0;)
			if (slice_eq_str(name, b->env->vars.items[i]))
				return (int)i;
	return -1;
}

/* Does the name stand for a value here, so that "name.f()" is no qualified function? */
static bool is_variable(const struct binder *b, const struct cel_node *n)
{
	if (!(n->flags & NF_ROOT) && find_local(b, n->text) >= 0)
		return true;
	if (find_var(b, n->text) >= 0)
		return true;
	for (size_t i = 0; i < ROOT_NAMES; i++)
		if (slice_eq_str(n->text, root_names[i]))
			return true;
	return false;
}

static bool make_const(struct cel_node *n, struct cel_value value)
{
	n->op = N_CONST;
	n->count = 0;
	n->value = value;
	n->types = T_(value.type);
	return true;
}

static bool make_type(struct cel_node *n, enum cel_type type)
{
	return make_const(n, (struct cel_value){ .type = CEL_TYPE,
						 .as.s = slice_str(cel_type_name(type)) });
}

/* "a.b.c" when the node is a chain of plain names that begins with no variable; else "". */
static struct slice qualified(struct binder *b, const struct cel_node *n, char *out, size_t size)
{
	struct slice head;
	int len;

	if (n->op == N_IDENT) {
		len = is_variable(b, n) ? 0 : snprintf(out, size, "%.*s", SLICE_FMT(n->text));
	} else if (n->op == N_SELECT && !(n->flags & (NF_OPT | NF_QUOTED))) {
		char left[128];

		head = qualified(b, n->kids[0], left, sizeof(left));
		len = head.len == 0 ? 0 : snprintf(out, size, "%.*s.%.*s", SLICE_FMT(head),
						   SLICE_FMT(n->text));
	} else {
		len = 0;
	}
	return slice_of(out, len > 0 && (size_t)len < size ? (size_t)len : 0);
}

static bool unknown_name(struct binder *b, struct cel_node *n)
{
	const char *candidates[64];
	size_t count = 0;
	int near = -1;

	for (size_t k = 0; k < ROOT_NAMES; k++)
		candidates[count++] = root_names[k];
	for (size_t k = 0; b->env && k < b->env->vars.count && count < 60; k++)
		candidates[count++] = b->env->vars.items[k];
	for (size_t k = 0; k < b->locals.count && count < 60; k++)
		candidates[count++] = arena_strndup(b->mem, b->locals.items[k].data,
						    b->locals.items[k].len);
	if (n->text.len < 200)
		near = text_nearest(arena_strndup(b->mem, n->text.data, n->text.len), candidates,
				    count);
	return unknown(b, n, "undeclared reference to '%.*s'%s%s%s",
		       (int)(n->text.len > 80 ? 80 : n->text.len), n->text.data,
		       near >= 0 ? "; nearest: \"" : "", near >= 0 ? candidates[near] : "",
		       near >= 0 ? "\"" : "");
}

static bool bind_ident(struct binder *b, struct cel_node *n)
{
	int i = n->flags & NF_ROOT ? -1 : find_local(b, n->text);

	if (i >= 0) {
		n->op = N_LOCAL;
		n->index = (uint32_t)i;
		return true;
	}
	i = find_var(b, n->text);
	if (i >= 0) {
		n->op = N_VAR;
		n->index = (uint32_t)i;
		return true;
	}
	if (slice_eq_str(n->text, "entry") || slice_eq_str(n->text, "values")) {
		n->op = n->text.data[0] == 'e' ? N_ENTRY : N_VALUES;
		n->types = TM;
		return true;
	}
	if (slice_eq_str(n->text, "now")) {
		n->op = N_NOW;
		b->program->uses_now = true;
		n->types = TT;
		return true;
	}
	for (size_t t = 0; t < TYPE_NAMES; t++)
		if (slice_eq_str(n->text, type_names[t].name))
			return make_type(n, type_names[t].type);
	return unknown_name(b, n);
}

/* ---- the entry ---- */

static bool add_slot(struct binder *b, struct cel_node *n, struct slice name)
{
	int slot = -1;

	if (b->env && b->env->layout) {
		slot = layout_add(b->env->layout, name.data, name.len, b->err);
		if (slot < 0) {
			err_place(b->err, b->program->file, n->line, n->column);
			return false;
		}
	}
	n->index = slot < 0 ? UINT32_MAX : (uint32_t)slot;
	n->text = name;
	return true;
}

static void note_slot(struct binder *b, uint32_t slot)
{
	for (size_t i = 0; i < b->slots.count; i++)
		if (b->slots.items[i] == slot)
			return;
	vec_push(&b->slots, slot);
}

/* entry.x and values.x in all their spellings; `name` is constant. */
static bool bind_attr(struct binder *b, struct cel_node *n, bool list, struct slice name)
{
	bool opt = n->flags & NF_OPT;

	if (!list && slice_eq_str(name, "dn") && !opt &&
	    !(b->env && b->env->layout && layout_find(b->env->layout, "dn", 2) >= 0)) {
		n->op = N_DN;
		n->text = name;
		n->count = 0;
		n->types = TS;
		return true;
	}
	if (!add_slot(b, n, name))
		return false;
	n->count = 0;
	if (list) {
		n->op = N_ATTR_LIST;
		n->types = TL;
		return !opt || refuse(b, n, "values.%.*s is always a list, empty when absent; "
				      "write it without \"?\"",
				      (int)(name.len > 80 ? 80 : name.len), name.data);
	}
	n->op = opt ? N_ATTR_OPT : N_ATTR;
	n->types = opt ? TOPT : TS | TY;
	note_slot(b, n->index);
	return true;
}

static bool is_entry(const struct cel_node *n)
{
	return n->op == N_ENTRY || n->op == N_VALUES;
}

static bool bind_select(struct binder *b, struct cel_node *n)
{
	char text[128];
	struct slice name = qualified(b, n, text, sizeof(text));

	for (size_t t = 0; name.len && t < TYPE_NAMES; t++)
		if (slice_eq_str(name, type_names[t].name))
			return make_type(n, type_names[t].type);
	if (!bind(b, n->kids[0]))
		return false;
	if (is_entry(n->kids[0]))
		return bind_attr(b, n, n->kids[0]->op == N_VALUES, n->text);
	if (b->checked && !(n->kids[0]->types & (TM | TOPT)))
		return refuse(b, n, "a %s has no field \"%.*s\"",
			      cel_types_text(n->kids[0]->types, text, sizeof(text)),
			      (int)(n->text.len > 80 ? 80 : n->text.len), n->text.data);
	if (n->flags & NF_OPT)
		n->types = TOPT;
	return true;
}

static bool bind_index(struct binder *b, struct cel_node *n)
{
	struct cel_node *in = n->kids[0], *key = n->kids[1];

	if (!bind(b, in) || !bind(b, key))
		return false;
	if (is_entry(in)) {
		bool list = in->op == N_VALUES;

		if (key->op == N_CONST && key->value.type == CEL_STRING)
			return bind_attr(b, n, list, key->value.as.s);
		if (b->checked && !(key->types & TS))
			return no_overload(b, n, "_[_]");
		n->op = list ? N_ATTR_LIST_DYN : N_ATTR_DYN;
		n->types = list ? TL : n->flags & NF_OPT ? TOPT : TS | TY;
		n->kids[0] = key;
		n->count = 1;
		return true;
	}
	if (b->checked && (!(in->types & (TM | TL | TOPT)) ||
			   (in->types == TL && !(key->types & TNUM))))
		return no_overload(b, n, "_[_]");
	if (n->flags & NF_OPT)
		n->types = TOPT;
	return true;
}

static bool bind_in(struct binder *b, struct cel_node *n)
{
	struct cel_node *key = n->kids[0], *in = n->kids[1];

	if (!bind(b, key) || !bind(b, in))
		return false;
	n->types = TB;
	if (is_entry(in)) {
		if (key->op == N_CONST && key->value.type == CEL_STRING) {
			n->op = N_ATTR_HAS;
			n->count = 0;
			return add_slot(b, n, key->value.as.s);
		}
		n->op = N_ATTR_HAS_DYN;
		n->count = 1;
		return true;
	}
	if (b->checked && !(in->types & (TL | TM)))
		return no_overload(b, n, "_in_");
	return true;
}

/* ---- macros ---- */

static bool is_macro_var(const struct cel_node *n)
{
	return n->op == N_IDENT && !(n->flags & (NF_ROOT | NF_PARENS));
}

static uint32_t push_local(struct binder *b, struct slice name)
{
	vec_push(&b->locals, name);
	if (b->locals.count > b->program->local_count)
		b->program->local_count = (uint32_t)b->locals.count;
	return (uint32_t)b->locals.count - 1;
}

static bool bind_has(struct binder *b, struct cel_node *n)
{
	struct cel_node *arg = n->count ? n->kids[0] : NULL;

	if (n->count != 1 || arg->op != N_SELECT || arg->flags & NF_OPT)
		return refuse(b, n, "invalid argument to has() macro: it takes one field, "
			      "has(a.b)");
	if (!bind(b, arg->kids[0]))
		return false;
	n->types = TB;
	if (is_entry(arg->kids[0])) {
		n->op = N_ATTR_HAS;
		n->count = 0;
		return add_slot(b, n, arg->text);
	}
	if (b->checked && !(arg->kids[0]->types & (TM | TOPT)))
		return refuse(b, n, "has() needs a map here");
	n->op = N_HAS;
	n->text = arg->text;
	n->kids[0] = arg->kids[0];
	return true;
}

static bool bind_coalesce(struct binder *b, struct cel_node *n)
{
	if (n->count == 0)
		return refuse(b, n, "coalesce() needs at least one argument");
	n->op = N_COALESCE;
	n->types = 0;
	for (uint32_t i = 0; i < n->count; i++) {
		if (!bind(b, n->kids[i]))
			return false;
		n->types |= n->kids[i]->types & TOPT ? TANY : n->kids[i]->types;
	}
	return true;
}

static bool bind_in_group(struct binder *b, struct cel_node *n)
{
	struct cel_node *arg = n->count ? n->kids[0] : NULL;

	if (n->count != 1)
		return refuse(b, n, "inGroup() takes one argument, a DN or a name");
	if (!bind(b, arg))
		return false;
	if (arg->op != N_CONST || arg->value.type != CEL_STRING || arg->value.as.s.len == 0)
		return unknown(b, n, "inGroup() needs a constant text: the groups are looked up "
			       "once, before the people are read");
	n->op = N_IN_GROUP;
	n->types = TB;
	n->text = arg->value.as.s;
	n->count = 0;
	n->index = b->env && b->env->groups
			   ? group_names_add(b->env->groups, n->text.data, n->text.len)
			   : UINT32_MAX;
	return true;
}

static const struct each_macro {
	const char *name;
	enum cel_macro macro;
	unsigned vars, args; /* with the variables, without the receiver */
	bool filter;
	uint32_t types;
} each_macros[] = {
	{ "all", MACRO_ALL, 1, 2, false, TB },
	{ "all", MACRO_ALL, 2, 3, false, TB },
	{ "exists", MACRO_EXISTS, 1, 2, false, TB },
	{ "exists", MACRO_EXISTS, 2, 3, false, TB },
	{ "exists_one", MACRO_EXISTS_ONE, 1, 2, false, TB },
	{ "exists_one", MACRO_EXISTS_ONE, 2, 3, false, TB },
	{ "existsOne", MACRO_EXISTS_ONE, 1, 2, false, TB },
	{ "existsOne", MACRO_EXISTS_ONE, 2, 3, false, TB },
	{ "filter", MACRO_FILTER, 1, 2, true, TL },
	{ "map", MACRO_MAP, 1, 2, false, TL },
	{ "map", MACRO_MAP, 1, 3, true, TL },
	{ "transformList", MACRO_MAP, 2, 3, false, TL },
	{ "transformList", MACRO_MAP, 2, 4, true, TL },
	{ "transformMap", MACRO_TRANSFORM_MAP, 2, 3, false, TM },
	{ "transformMap", MACRO_TRANSFORM_MAP, 2, 4, true, TM },
	{ "transformMapEntry", MACRO_TRANSFORM_ENTRY, 2, 3, false, TM },
	{ "transformMapEntry", MACRO_TRANSFORM_ENTRY, 2, 4, true, TM },
};

static const struct each_macro *find_each(const struct cel_node *n)
{
	if (!(n->flags & NF_MEMBER))
		return NULL;
	for (size_t i = 0; i < sizeof(each_macros) / sizeof(*each_macros); i++)
		if (slice_eq_str(n->text, each_macros[i].name) &&
		    each_macros[i].args == n->count - 1)
			return &each_macros[i];
	return NULL;
}

static bool bind_each(struct binder *b, struct cel_node *n, const struct each_macro *m)
{
	struct cel_node *last = n->kids[m->vars]; /* its name is for who explains */
	uint32_t kids = 1;
	bool ok = true;

	for (unsigned v = 0; v < m->vars; v++)
		if (!is_macro_var(n->kids[1 + v]))
			return refuse(b, n->kids[1 + v], "argument %u of %s() must be a simple "
				      "name", v + 1, m->name);
	if (m->vars == 2 && slice_eq(n->kids[1]->text, n->kids[2]->text))
		return refuse(b, n->kids[2], "the two variables of %s() need two names", m->name);
	if (!bind(b, n->kids[0]))
		return false;
	if (b->checked && !(n->kids[0]->types & (TL | TM)))
		return refuse(b, n, "%s() goes over a list or a map", m->name);
	n->local = push_local(b, n->kids[1]->text);
	if (m->vars == 2)
		push_local(b, n->kids[2]->text);
	for (uint32_t i = 1 + m->vars; ok && i < n->count; i++) {
		ok = bind(b, n->kids[i]);
		n->kids[kids++] = n->kids[i];
	}
	b->locals.count -= m->vars;
	if (!ok)
		return false;
	n->op = N_EACH;
	n->extra = last;
	n->index = m->macro;
	n->count = kids;
	n->types = m->types;
	n->flags |= (m->vars == 2 ? NF_TWO_VARS : 0) | (m->filter ? NF_FILTER : 0);
	if (b->checked && (m->filter || m->types == TB) && !(n->kids[1]->types & TB))
		return refuse(b, n->kids[1], "%s() needs a condition here, true or false",
			      m->name);
	return true;
}

/* cel.bind(x, value, expr), opt.optMap(x, expr): kids become value, expr. */
static bool bind_let(struct binder *b, struct cel_node *n, enum cel_op op, const char *name,
		     struct cel_node *var, struct cel_node *value, struct cel_node *expr)
{
	bool ok;

	if (!is_macro_var(var))
		return refuse(b, var, "the variable of %s() must be a simple name", name);
	if (!bind(b, value))
		return false;
	if (op != N_BIND && b->checked && !(value->types & TOPT))
		return refuse(b, n, "%s() needs an optional", name);
	n->local = push_local(b, var->text);
	ok = bind(b, expr);
	b->locals.count--;
	n->kids[0] = value;
	n->kids[1] = expr;
	n->count = 2;
	n->op = (unsigned char)op;
	n->types = op == N_BIND ? expr->types : TOPT;
	return ok;
}

/* Sets *ret_done when the call is a macro. */
static bool bind_macro(struct binder *b, struct cel_node *n, bool *ret_done)
{
	const struct each_macro *each = find_each(n);

	*ret_done = true;
	if (each)
		return bind_each(b, n, each);
	if (!(n->flags & NF_MEMBER)) {
		if (slice_eq_str(n->text, "has"))
			return bind_has(b, n);
		if (slice_eq_str(n->text, "coalesce"))
			return bind_coalesce(b, n);
		if (slice_eq_str(n->text, "inGroup"))
			return bind_in_group(b, n);
	} else {
		const struct cel_node *on = n->kids[0];

		if (slice_eq_str(n->text, "bind") && n->count == 4 && on->op == N_IDENT &&
		    slice_eq_str(on->text, "cel") && !is_variable(b, on))
			return bind_let(b, n, N_BIND, "cel.bind", n->kids[1], n->kids[2],
					n->kids[3]);
		if (slice_eq_str(n->text, "optMap") && n->count == 3)
			return bind_let(b, n, N_OPT_MAP, "optMap", n->kids[1], n->kids[0],
					n->kids[2]);
		if (slice_eq_str(n->text, "optFlatMap") && n->count == 3)
			return bind_let(b, n, N_OPT_FLAT_MAP, "optFlatMap", n->kids[1],
					n->kids[0], n->kids[2]);
	}
	*ret_done = false;
	return true;
}

/* ---- functions ---- */

static const struct cel_fn *find_fn(struct slice name, bool member)
{
	for (size_t i = 0; i < cel_fn_count; i++)
		if (cel_fns[i].style & (member ? CEL_MEMBER : CEL_GLOBAL) &&
		    slice_eq_str(name, cel_fns[i].name))
			return &cel_fns[i];
	return NULL;
}

static bool unknown_fn(struct binder *b, struct cel_node *n, struct slice name)
{
	const char *candidates[128];
	size_t count = 0;
	char *text = arena_strndup(b->mem, name.data, name.len > 200 ? 200 : name.len);
	const struct cel_fn *other = find_fn(name, !(n->flags & NF_MEMBER));
	int near;

	if (other)
		return unknown(b, n, "no such overload: %s is called as %s", other->name,
			       n->flags & NF_MEMBER ? "a function, f(x)" : "a method, x.f()");
	assert(cel_fn_count + MACRO_NAMES <= 128);
	for (size_t i = 0; i < cel_fn_count; i++)
		candidates[count++] = cel_fns[i].name;
	for (size_t i = 0; i < MACRO_NAMES; i++)
		candidates[count++] = macro_names[i];
	near = text_nearest(text, candidates, count);
	if (near >= 0 && strcmp(candidates[near], text) == 0)
		return unknown(b, n, "no such overload: wrong arguments for macro %s()", text);
	return unknown(b, n, "unbound function: '%s' is not known%s%s%s",
		       text, near >= 0 ? "; nearest: \"" : "", near >= 0 ? candidates[near] : "",
		       near >= 0 ? "\"" : "");
}

static bool prepare(struct binder *b, struct cel_node *n)
{
	const struct tables *tables = b->env ? b->env->tables : NULL;
	size_t before = b->mem->used_bytes;
	struct err err = ERR_INIT;

	if (!n->fn->prepare)
		return true;
	if (n->fn->prepare(b->mem, tables, n, &n->extra, &err))
		return unknown(b, n, "%s", err.text);
	b->prepared_bytes += b->mem->used_bytes - before;
	return b->prepared_bytes <= CEL_PREPARED_BYTES_MAX ||
	       refuse(b, n, "the patterns of this expression take more than %d MB",
		      CEL_PREPARED_BYTES_MAX / (1024 * 1024));
}

static bool wrong_count(struct binder *b, struct cel_node *n, const struct cel_fn *fn)
{
	char range[40] = "";

	if (fn->max > fn->min)
		snprintf(range, sizeof(range), " to %u", fn->max);
	return unknown(b, n, "no such overload: %s() with %u argument%s; it takes %u%s%s", fn->name,
		       n->count, n->count == 1 ? "" : "s", fn->min, range,
		       fn->style & CEL_MEMBER ? ", the receiver included" : "");
}

static bool bind_fn(struct binder *b, struct cel_node *n, struct slice name,
		    const struct cel_fn *fn)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (!bind(b, n->kids[i]))
			return false;
	if (!fn)
		return unknown_fn(b, n, name);
	if (n->count < fn->min || n->count > fn->max)
		return wrong_count(b, n, fn);
	n->op = N_FN;
	n->fn = fn;
	n->types = fn->result;
	for (uint32_t i = 0; b->checked && i < n->count; i++)
		if (!(fn->args[i < 4 ? i : 3] & n->kids[i]->types))
			return no_overload(b, n, fn->name);
	return prepare(b, n);
}

/* "strings.quote(x)": a receiver that is no variable is part of the function's name. */
static bool bind_qualified(struct binder *b, struct cel_node *n, bool *ret_done)
{
	static const char *const spaces[] = { "strings", "math", "base64", "optional", "cel" };
	char text[128], full[192];
	struct slice head = qualified(b, n->kids[0], text, sizeof(text)), whole;
	const struct cel_fn *fn;
	int len = snprintf(full, sizeof(full), "%.*s.%.*s", SLICE_FMT(head), SLICE_FMT(n->text));

	*ret_done = false;
	if (head.len == 0 || len >= (int)sizeof(full))
		return true;
	whole = slice_of(full, (size_t)len);
	fn = find_fn(whole, false);
	*ret_done = true;
	if (fn) {
		n->count--;
		n->kids++;
		return bind_fn(b, n, whole, fn);
	}
	for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++)
		if (slice_eq_str(head, spaces[i]))
			return unknown_fn(b, n, whole);
	*ret_done = false;
	return true;
}

static bool bind_or(struct binder *b, struct cel_node *n)
{
	bool value = n->text.len > 2;

	n->op = N_OPT_OR;
	n->types = value ? TANY : TOPT;
	if (!bind(b, n->kids[0]) || !bind(b, n->kids[1]))
		return false;
	return !b->checked || n->kids[0]->types & TOPT ||
	       no_overload(b, n, value ? "orValue" : "or");
}

static bool bind_call(struct binder *b, struct cel_node *n)
{
	bool done, member = n->flags & NF_MEMBER;

	if (!bind_macro(b, n, &done))
		return false;
	if (!done && member && !bind_qualified(b, n, &done))
		return false;
	if (done)
		return true;
	if (member && n->count == 2 &&
	    (slice_eq_str(n->text, "or") || slice_eq_str(n->text, "orValue")))
		return bind_or(b, n);
	return bind_fn(b, n, n->text, find_fn(n->text, member));
}

/* ---- the walk ---- */

static bool check_operator(struct binder *b, struct cel_node *n)
{
	struct cel_types_error error;

	return cel_types_operator(n, &error) || !b->checked ||
	       refuse(b, error.where, "%s", error.text);
}

static bool bind_kids(struct binder *b, struct cel_node *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (!bind(b, n->kids[i]))
			return false;
	return true;
}

static bool bind(struct binder *b, struct cel_node *n)
{
	bool ok;

	switch (n->op) {
	case N_CONST:
		n->types = T_(n->value.type);
		return true;
	case N_IDENT:
		return bind_ident(b, n);
	case N_SELECT:
		ok = bind_select(b, n);
		break;
	case N_INDEX:
		ok = bind_index(b, n);
		break;
	case N_CALL:
		ok = bind_call(b, n);
		break;
	case N_IN:
		ok = bind_in(b, n);
		break;
	default:
		ok = bind_kids(b, n) && check_operator(b, n);
	}
	if (ok)
		cel_fold(&b->folder, n);
	return ok;
}

int cel_compile_as(struct arena *mem, struct cel_env *env, struct slice text,
		   struct cel_place place, unsigned how, const struct cel_program **ret,
		   struct err *err)
{
	struct cel_program *program = arena_alloc(mem, sizeof(*program));
	struct err own = ERR_INIT;
	struct binder b = { .env = env, .program = program, .mem = mem, .err = &own,
			    .checked = how & CEL_CHECKED };
	bool ok;

	cel_folder_open(&b.folder, program, mem);
	b.folder.off = how & CEL_UNFOLDED;
	program->text = slice_of(arena_strndup(mem, text.data, text.len), text.len);
	program->file = place.file ? arena_strdup(mem, place.file) : NULL;
	program->layout = env ? env->layout : NULL;
	program->groups = env ? env->groups : NULL;
	program->root = cel_parse(mem, program->text, place, &own);
	ok = program->root && bind(&b, program->root);
	if (ok && b.slots.count) {
		program->slot_count = (uint32_t)b.slots.count;
		program->slots = memcpy(arena_array(mem, b.slots.count, sizeof(uint32_t)),
					b.slots.items, b.slots.count * sizeof(uint32_t));
	}
	vec_release(&b.locals);
	vec_release(&b.slots);
	if (!ok)
		return err_at(err, own.kind, own.where[0] ? own.where : NULL, own.line, own.column,
			      "%s", own.text);
	*ret = program;
	return 0;
}

int cel_compile(struct arena *mem, struct cel_env *env, struct slice text,
		struct cel_place place, const struct cel_program **ret, struct err *err)
{
	return cel_compile_as(mem, env, text, place, CEL_CHECKED, ret, err);
}

int cel_compile_unchecked(struct arena *mem, struct cel_env *env, struct slice text,
			  struct cel_place place, const struct cel_program **ret,
			  struct err *err)
{
	return cel_compile_as(mem, env, text, place, 0, ret, err);
}

bool cel_program_is_constant(const struct cel_program *program)
{
	return program->root->op == N_CONST;
}

bool cel_program_may_be(const struct cel_program *program, enum cel_type type)
{
	return program->root->types & T_(type);
}

bool cel_program_uses_now(const struct cel_program *program)
{
	return program->uses_now;
}

bool cel_program_multivalued(const struct cel_program *program, const struct entry *entry)
{
	for (uint32_t i = 0; i < program->slot_count; i++)
		if (program->slots[i] < entry->attr_count &&
		    entry->attrs[program->slots[i]].count > 1)
			return true;
	return false;
}
