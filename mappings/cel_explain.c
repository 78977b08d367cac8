/*
 * How an expression came to its value, for people who ask why. The tree is walked as the
 * evaluator walks it and each part is evaluated by itself: slow and plain, so that the
 * evaluator has no hook in it. What was folded while compiling is one constant here.
 */
#include "mappings/cel_impl.h"

#include <stdio.h>

#include "scim/base/banned.h"

struct explainer {
	struct cel_ctx c;
	cel_part_fn *fn;
	void *ctx;
	unsigned told;
	bool stop; /* a limit was met: what follows would only say so again */
};

/* What one part came to. */
struct outcome {
	bool ok;
	struct cel_value value;
	struct err err;
};

static void open_explainer(struct explainer *x, const struct cel_program *program,
			   const struct cel_activation *act, struct arena *mem,
			   cel_part_fn *fn, void *ctx)
{
	static const struct cel_activation nothing;

	*x = (struct explainer){ .fn = fn, .ctx = ctx };
	x->c.program = program;
	x->c.act = act ? act : &nothing;
	x->c.mem = mem;
	x->c.mem_start = mem->used_bytes;
	x->c.mem_max = CEL_EVAL_BYTES_MAX;
	x->c.locals = arena_array(mem, program->local_count + 1, sizeof(*x->c.locals));
}

static struct outcome evaluate(struct explainer *x, const struct cel_node *n)
{
	struct outcome out = { .err = ERR_INIT };
	struct cel_ctx *c = &x->c;

	out.ok = cel_ev(c, n, &out.value);
	if (out.ok)
		return out;
	err_set(&out.err, c->kind, "%s%s%.*s", c->message, c->detail.len ? ": " : "",
		(int)(c->detail.len > 80 ? 80 : c->detail.len),
		c->detail.len ? c->detail.data : "");
	return out;
}

static enum cel_part_kind kind_of(const struct cel_node *n)
{
	switch (n->op) {
	case N_CONST:
		return CEL_PART_CONST;
	case N_ATTR:
	case N_ATTR_OPT:
	case N_ATTR_LIST:
	case N_ATTR_HAS:
	case N_DN:
		return CEL_PART_ATTR;
	case N_IN_GROUP:
		return CEL_PART_GROUP;
	case N_LOCAL:
	case N_VAR:
		return CEL_PART_VAR;
	case N_AND:
	case N_OR:
	case N_NOT:
	case N_COND:
	case N_COALESCE:
		return CEL_PART_LOGIC;
	case N_EACH:
		return CEL_PART_MACRO;
	default:
		return CEL_PART_OTHER;
	}
}

static void tell(struct explainer *x, const struct cel_node *n, enum cel_part_kind kind,
		 unsigned depth, bool decided, const struct outcome *out)
{
	struct slice text = x->c.program->text;
	struct cel_part part = {
		.kind = kind, .depth = depth, .decided = decided, .name = n->text,
		.index = n->index, .value = out->ok ? &out->value : NULL,
		.error = out->ok ? NULL : &out->err,
	};

	if (!x->fn || x->told == CEL_EXPLAIN_PARTS_MAX)
		return;
	if (n->start < n->end && n->end <= text.len)
		part.text = slice_of(text.data + n->start, n->end - n->start);
	x->told++;
	x->fn(x->ctx, &part);
}

static void visit(struct explainer *x, const struct cel_node *n, unsigned depth, bool decided);

static bool is_true(const struct outcome *out)
{
	return out->ok && out->value.type == CEL_BOOL && out->value.as.b;
}

static bool is_false(const struct outcome *out)
{
	return out->ok && out->value.type == CEL_BOOL && !out->value.as.b;
}

/* The first operand that decides; where none does, the failed ones or else all of them. */
static void visit_logic(struct explainer *x, const struct cel_node *n, unsigned depth,
			bool decided, const struct outcome *whole)
{
	bool decides = n->op == N_OR;
	bool by_one = decides ? is_true(whole) : is_false(whole);

	for (uint32_t i = 0; i < n->count && !x->stop; i++) {
		struct outcome one = evaluate(x, n->kids[i]);
		bool decider = decides ? is_true(&one) : is_false(&one);

		visit(x, n->kids[i], depth + 1,
		      decided && (by_one ? decider : whole->ok || !one.ok));
		if (by_one && decider)
			return;
	}
}

static void visit_conditional(struct explainer *x, const struct cel_node *n, unsigned depth,
			      bool decided)
{
	struct outcome cond = evaluate(x, n->kids[0]);

	visit(x, n->kids[0], depth + 1, decided);
	if (cond.ok && cond.value.type == CEL_BOOL)
		visit(x, n->kids[cond.value.as.b ? 1 : 2], depth + 1, decided);
}

/* As the evaluator's coalesce: passed over are no-such-key, null, "" and empty optionals. */
static bool counts(const struct outcome *out)
{
	struct cel_value v = out->value;

	if (!out->ok)
		return out->err.kind != ERR_NO_KEY;
	if (v.type == CEL_OPTIONAL) {
		if (!v.as.opt)
			return false;
		v = *v.as.opt;
	}
	return v.type != CEL_NULL && !(v.type == CEL_STRING && v.as.s.len == 0);
}

static void visit_coalesce(struct explainer *x, const struct cel_node *n, unsigned depth,
			   bool decided)
{
	for (uint32_t i = 0; i < n->count && !x->stop; i++) {
		struct outcome one = evaluate(x, n->kids[i]);

		visit(x, n->kids[i], depth + 1, decided && counts(&one));
		if (counts(&one))
			return;
	}
}

/* Operands from left to right, up to the one that failed: it is why the whole failed. */
static void visit_operands(struct explainer *x, const struct cel_node *n, unsigned depth)
{
	for (uint32_t i = 0; i < n->count && !x->stop; i++) {
		struct outcome one = evaluate(x, n->kids[i]);

		visit(x, n->kids[i], depth + 1, false);
		if (!one.ok)
			return;
	}
}

static void visit_let(struct explainer *x, const struct cel_node *n, unsigned depth,
		      bool decided)
{
	struct outcome value = evaluate(x, n->kids[0]);

	visit(x, n->kids[0], depth + 1, false);
	if (n->op != N_BIND && (!value.ok || value.value.type != CEL_OPTIONAL ||
				!value.value.as.opt))
		return;
	if (!value.ok)
		return;
	x->c.locals[n->local] = n->op == N_BIND ? value.value : *value.value.as.opt;
	visit(x, n->kids[1], depth + 1, decided);
}

static void visit_or_value(struct explainer *x, const struct cel_node *n, unsigned depth,
			   bool decided)
{
	struct outcome value = evaluate(x, n->kids[0]);
	bool first = value.ok && value.value.type == CEL_OPTIONAL && value.value.as.opt;

	visit(x, n->kids[0], depth + 1, decided && first);
	if (value.ok && !first)
		visit(x, n->kids[1], depth + 1, decided);
}

/* --- macros ------------------------------------------------------------------------------ */

static size_t element_count(const struct cel_value *range)
{
	if (range->type == CEL_LIST)
		return range->as.list->count;
	return range->type == CEL_MAP ? range->as.map->count : 0;
}

static void bind_element(struct explainer *x, const struct cel_node *n,
			 const struct cel_value *range, size_t i)
{
	struct cel_value *locals = &x->c.locals[n->local];
	bool two = n->flags & NF_TWO_VARS;

	if (range->type == CEL_MAP) {
		locals[0] = range->as.map->keys[i];
		if (two)
			locals[1] = range->as.map->values[i];
		return;
	}
	if (two)
		locals[0] = cel_int((int64_t)i);
	locals[two] = cel_list_at(range->as.list, i);
}

/* Does this element alone make the result of all() or exists()? */
static bool element_decides(struct explainer *x, const struct cel_node *n)
{
	struct outcome body;

	if (n->index != MACRO_ALL && n->index != MACRO_EXISTS)
		return false;
	body = evaluate(x, n->kids[1]);
	return n->index == MACRO_EXISTS ? is_true(&body) : is_false(&body);
}

static void visit_element(struct explainer *x, const struct cel_node *n, unsigned depth,
			  bool decided)
{
	static const struct cel_node nameless;
	const struct cel_node *var = n->extra ? n->extra : &nameless;
	struct outcome element = { .ok = true };

	element.value = x->c.locals[n->local + (n->flags & NF_TWO_VARS ? 1 : 0)];
	tell(x, var, CEL_PART_ELEMENT, depth, decided, &element);
	for (uint32_t i = 1; i < n->count; i++) {
		struct outcome body = evaluate(x, n->kids[i]);

		visit(x, n->kids[i], depth + 1, decided);
		if (!body.ok || (i == 1 && n->flags & NF_FILTER && !is_true(&body)))
			return;
	}
}

static void visit_each(struct explainer *x, const struct cel_node *n, unsigned depth,
		       bool decided, const struct outcome *whole)
{
	struct outcome range = evaluate(x, n->kids[0]);
	size_t count = range.ok ? element_count(&range.value) : 0;

	visit(x, n->kids[0], depth + 1, false);
	for (size_t i = 0; i < count && !x->stop; i++) {
		bool decides;

		bind_element(x, n, &range.value, i);
		decides = whole->ok && element_decides(x, n);
		/* What is past the first few only counts where it decided. */
		if (i < CEL_EXPLAIN_ELEMENTS_MAX || decides)
			visit_element(x, n, depth + 1, decided && decides);
		if (decides || (i >= CEL_EXPLAIN_ELEMENTS_MAX && n->index != MACRO_ALL &&
				n->index != MACRO_EXISTS))
			return;
	}
}

/* --- the walk ---------------------------------------------------------------------------- */

static void visit_inside(struct explainer *x, const struct cel_node *n, unsigned depth,
			 bool decided, const struct outcome *out)
{
	switch (n->op) {
	case N_AND:
	case N_OR:
		visit_logic(x, n, depth, decided, out);
		break;
	case N_COND:
		visit_conditional(x, n, depth, decided);
		break;
	case N_COALESCE:
		visit_coalesce(x, n, depth, decided);
		break;
	case N_NOT:
		visit(x, n->kids[0], depth + 1, decided);
		break;
	case N_EACH:
		visit_each(x, n, depth, decided, out);
		break;
	case N_BIND:
	case N_OPT_MAP:
	case N_OPT_FLAT_MAP:
		visit_let(x, n, depth, decided);
		break;
	case N_OPT_OR:
		visit_or_value(x, n, depth, decided);
		break;
	case N_SELECT:
	case N_HAS:
	case N_ATTR_DYN:
	case N_ATTR_LIST_DYN:
	case N_ATTR_HAS_DYN:
	case N_INDEX:
	case N_LIST:
	case N_MAP:
	case N_NEG:
	case N_ADD:
	case N_SUB:
	case N_MUL:
	case N_DIV:
	case N_MOD:
	case N_EQ:
	case N_NE:
	case N_LT:
	case N_LE:
	case N_GT:
	case N_GE:
	case N_IN:
	case N_FN:
		visit_operands(x, n, depth);
		break;
	default:
		break; /* a leaf */
	}
}

static void visit(struct explainer *x, const struct cel_node *n, unsigned depth, bool decided)
{
	struct outcome out;

	if (x->stop || x->told == CEL_EXPLAIN_PARTS_MAX)
		return;
	out = evaluate(x, n);
	x->stop = !out.ok && out.err.kind == ERR_LIMIT;
	if (x->stop && x->told)
		return;
	tell(x, n, kind_of(n), depth, decided, &out);
	if (!x->stop)
		visit_inside(x, n, depth, decided, &out);
}

void cel_explain(const struct cel_program *program, const struct cel_activation *act,
		 struct arena *mem, cel_part_fn *fn, void *ctx)
{
	struct explainer x;

	open_explainer(&x, program, act, mem, fn, ctx);
	visit(&x, program->root, 0, true);
}

/* --- how far from true ------------------------------------------------------------------- */

struct distance {
	unsigned misses, held;
};

static struct distance distance(struct explainer *x, const struct cel_node *n, bool want,
				bool report);

static struct distance both(struct distance a, struct distance b)
{
	struct distance sum = { a.misses + b.misses, a.held + b.held };

	if (sum.misses > CEL_MISSES_NEVER)
		sum.misses = CEL_MISSES_NEVER;
	return sum;
}

/* && that should be true and || that should be false need all operands, else the nearest. */
static struct distance of_logic(struct explainer *x, const struct cel_node *n, bool want,
				bool report)
{
	bool all = (n->op == N_AND) == want;
	struct distance sum = { 0 }, best = { CEL_MISSES_NEVER + 1, 0 };
	const struct cel_node *nearest = n->kids[0];

	for (uint32_t i = 0; i < n->count; i++) {
		struct distance one = distance(x, n->kids[i], want, report && all);

		sum = both(sum, one);
		if (one.misses < best.misses ||
		    (one.misses == best.misses && one.held > best.held)) {
			best = one;
			nearest = n->kids[i];
		}
	}
	if (all)
		return sum;
	return report ? distance(x, nearest, want, true) : best;
}

/* Either the branch that was taken comes out as wanted, or the other one is taken and does. */
static struct distance of_conditional(struct explainer *x, const struct cel_node *n, bool want,
				      bool report)
{
	struct outcome cond = evaluate(x, n->kids[0]);
	bool taken = is_true(&cond);
	const struct cel_node *branch = n->kids[taken ? 1 : 2], *other = n->kids[taken ? 2 : 1];
	struct distance stay, turn;

	if (!cond.ok)
		return distance(x, n->kids[0], true, report);
	stay = distance(x, branch, want, false);
	turn = both(distance(x, n->kids[0], !taken, false), distance(x, other, want, false));
	if (report && stay.misses <= turn.misses)
		return distance(x, branch, want, true);
	if (report)
		return both(distance(x, n->kids[0], !taken, true),
			    distance(x, other, want, true));
	return stay.misses <= turn.misses ? stay : turn;
}

static struct distance of_let(struct explainer *x, const struct cel_node *n, bool want,
			      bool report)
{
	struct outcome value = evaluate(x, n->kids[0]);

	if (!value.ok)
		return distance(x, n->kids[0], want, report);
	x->c.locals[n->local] = value.value;
	return distance(x, n->kids[1], want, report);
}

static struct distance distance(struct explainer *x, const struct cel_node *n, bool want,
				bool report)
{
	struct outcome out;

	switch (n->op) {
	case N_AND:
	case N_OR:
		return of_logic(x, n, want, report);
	case N_NOT:
		return distance(x, n->kids[0], !want, report);
	case N_COND:
		return of_conditional(x, n, want, report);
	case N_BIND:
		return of_let(x, n, want, report);
	default:
		break;
	}
	out = evaluate(x, n);
	if (want ? is_true(&out) : is_false(&out))
		return (struct distance){ .held = n->op != N_CONST };
	if (report)
		visit(x, n, 0, true);
	return (struct distance){ .misses = n->op == N_CONST ? CEL_MISSES_NEVER : 1 };
}

unsigned cel_misses(const struct cel_program *program, const struct cel_activation *act,
		    struct arena *mem, cel_part_fn *fn, void *ctx, unsigned *ret_held)
{
	struct explainer x;
	struct distance far;

	open_explainer(&x, program, act, mem, fn, ctx);
	far = distance(&x, program->root, true, fn != NULL);
	if (ret_held)
		*ret_held = far.held;
	return far.misses;
}
