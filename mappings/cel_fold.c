#include "mappings/cel_impl.h"

#include "scim/base/banned.h"

/*
 * Constants: what depends on no entry, no group, no time and no variable is computed once,
 * while compiling. A failure is no error here; and all of a program's constants together
 * have a limit, so that an expression can not do in compiling what it may not in evaluating.
 */

#define FOLD_LOCALS_MAX 16

void cel_folder_open(struct cel_folder *folder, struct cel_program *program,
		     struct arena *mem)
{
	*folder = (struct cel_folder){ .program = program, .mem = mem };
}

static bool constants(struct cel_node *const *kids, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (kids[i]->op != N_CONST)
			return false;
	return true;
}

/* Does the node use nothing from without but constants, and locals from `first` on? */
static bool closed(const struct cel_node *n, uint32_t first)
{
	if (n->op == N_LOCAL)
		return n->index >= first;
	if (n->op > N_COND && n->op != N_FN && n->op != N_HAS && n->op != N_COALESCE &&
	    n->op < N_EACH)
		return false;
	if (n->op == N_FAIL)
		return false;
	for (uint32_t i = 0; i < n->count; i++)
		if (!closed(n->kids[i], first))
			return false;
	return true;
}

static bool can_fold(const struct cel_folder *folder, const struct cel_node *n)
{
	switch (n->op) {
	case N_COALESCE:
		/* What is absent in it need not be constant for the whole to be. */
		return closed(n, UINT32_MAX);
	case N_HAS:
	case N_OPT_OR:
	case N_FN:
		return constants(n->kids, n->count);
	case N_EACH:
	case N_BIND:
	case N_OPT_MAP:
	case N_OPT_FLAT_MAP:
		/* The range first: most are of an entry, and then the body need not be walked. */
		if (n->kids[0]->op != N_CONST || folder->program->local_count > FOLD_LOCALS_MAX)
			return false;
		for (uint32_t i = 1; i < n->count; i++)
			if (!closed(n->kids[i], n->local))
				return false;
		return true;
	default:
		return n->op <= N_COND && n->op != N_CONST && constants(n->kids, n->count);
	}
}

static bool compute(struct cel_folder *folder, const struct cel_node *n, struct cel_value *ret)
{
	static const struct cel_activation nothing;
	struct cel_value locals[FOLD_LOCALS_MAX];
	struct cel_ctx c = { .program = folder->program, .act = &nothing, .mem = folder->mem,
			     .mem_start = folder->mem->used_bytes,
			     .mem_max = CEL_FOLD_BYTES_MAX, .locals = locals,
			     .steps = CEL_STEPS_MAX - CEL_FOLD_STEPS_MAX };
	bool ok;

	if (folder->bytes > CEL_FOLD_ALL_BYTES_MAX || folder->steps > 10 * CEL_FOLD_STEPS_MAX)
		return false;
	ok = cel_ev(&c, n, ret);
	folder->bytes += folder->mem->used_bytes - c.mem_start;
	folder->steps += c.steps - (CEL_STEPS_MAX - CEL_FOLD_STEPS_MAX);
	return ok;
}

static void become(struct cel_node *n, struct cel_value value)
{
	/* dyn(1) is constant, and still of no known type to the checker. */
	if (n->types != TANY)
		n->types = T_(value.type);
	n->op = N_CONST;
	n->count = 0;
	n->value = value;
}

static bool is_text(const struct cel_node *n)
{
	return n->op == N_CONST && n->value.type == CEL_STRING;
}

/*
 * In a + b + c, constants at the front, and texts side by side anywhere, become one operand:
 * texts join in any grouping, and what is no text fails with the same one to its right.
 */
static void fold_sum(struct cel_folder *folder, struct cel_node *n)
{
	uint32_t kept = 1;

	for (uint32_t i = 1; i < n->count; i++) {
		struct cel_node *left = n->kids[kept - 1], *right = n->kids[i], *sum;
		struct cel_value value;

		n->kids[kept++] = right;
		if (left->op != N_CONST || right->op != N_CONST ||
		    (kept > 2 && !(is_text(left) && is_text(right))))
			continue;
		sum = arena_alloc(folder->mem, sizeof(*sum));
		*sum = *n;
		sum->count = 2;
		sum->kids = &n->kids[kept - 2];
		if (!compute(folder, sum, &value))
			continue;
		sum->types = left->types == TANY || right->types == TANY ? TANY : 0;
		sum->start = left->start;
		sum->end = right->end;
		become(sum, value);
		n->kids[--kept - 1] = sum;
	}
	n->count = kept;
}

void cel_fold(struct cel_folder *folder, struct cel_node *n)
{
	struct cel_value value;

	if (folder->off)
		return;
	if (can_fold(folder, n)) {
		if (compute(folder, n, &value))
			become(n, value);
	} else if (n->op == N_ADD) {
		fold_sum(folder, n);
	}
}
