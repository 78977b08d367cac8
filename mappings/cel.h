/*
 * mappings/cel.h - the expression language: CEL (Common Expression Language).
 *
 * Spec    The CEL language definition (github.com/google/cel-spec, doc/langdef.md), its
 *         standard library, macros and the strings extension, without protobuf messages.
 *         On top: entry, values, now, coalesce, inGroup and the functions of cel_fn.def.
 * Memory  A program lives in the arena it was compiled into and is immutable. Values of an
 *         evaluation point into the program, the activation or the evaluation's arena.
 * Errors  Compiling: ERR_INVALID with line and column in the rule file. Evaluating:
 *         ERR_NO_KEY for "no such key" (design: "not stated"), else ERR_EVAL.
 * Limits  CEL_BYTES_MAX of text, CEL_DEPTH_MAX of nesting; CEL_STEPS_MAX steps and
 *         CEL_EVAL_BYTES_MAX of memory for one evaluation (else ERR_LIMIT).
 */
#ifndef MAPPINGS_CEL_H
#define MAPPINGS_CEL_H

#include <stdbool.h>
#include <stdint.h>

#include "mappings/entry.h"

#define CEL_BYTES_MAX (1024 * 1024)
#define CEL_DEPTH_MAX 250
#define CEL_STEPS_MAX 10000000
#define CEL_EVAL_BYTES_MAX (64 * 1024 * 1024)

enum cel_type {
	CEL_NULL,
	CEL_BOOL,
	CEL_INT,
	CEL_UINT,
	CEL_DOUBLE,
	CEL_STRING,
	CEL_BYTES,
	CEL_LIST,
	CEL_MAP,
	CEL_TIMESTAMP, /* microseconds are not enough: seconds + nanoseconds */
	CEL_DURATION,
	CEL_TYPE,
	CEL_OPTIONAL,
	CEL_TYPE_COUNT,
};

struct cel_list;
struct cel_map;
struct cel_value {
	enum cel_type type;
	int32_t nanos; /* of a timestamp or duration */
	union {
		bool b;
		int64_t i; /* also seconds of a timestamp or duration */
		uint64_t u;
		double d;
		struct slice s; /* string, bytes, type name */
		const struct cel_list *list;
		const struct cel_map *map;
		const struct cel_value *opt; /* NULL = optional.none() */
	} as;
};

const char *cel_type_name(enum cel_type type); /* "int", "list", "google.protobuf.Timestamp" */
size_t cel_list_count(const struct cel_list *list);
struct cel_value cel_list_at(const struct cel_list *list, size_t i);

/*
 * What expressions of one rule set share while they are compiled: the entry's layout and
 * the groups they name. `each` variables are declared by name before compiling.
 */
struct cel_env;
struct cel_env *cel_env_new(struct layout *layout, struct group_names *groups);
void cel_env_free(struct cel_env *env);
/* Declare a variable; it gets the next index. Scoped: undeclare takes the last `n` back. */
unsigned cel_env_declare(struct cel_env *env, const char *name);
void cel_env_undeclare(struct cel_env *env, unsigned n);

/* Where the text stands in its file, for messages: place of its first byte. */
struct cel_place {
	const char *file; /* NULL = "expression" */
	unsigned line, column;
};

/*
 * The tables that lookup() finds; NULL = none. They must outlive the environment and every
 * program compiled with it.
 */
struct tables;
void cel_env_tables(struct cel_env *env, const struct tables *tables);

struct cel_program;
/*
 * Compile `text`. The result is NULL and *err set on failure: -1.
 */
int cel_compile(struct arena *mem, struct cel_env *env, struct slice text,
		struct cel_place place, const struct cel_program **ret, struct err *err);
/* The same without the checker: wrong names and types fail only where they are reached. */
int cel_compile_unchecked(struct arena *mem, struct cel_env *env, struct slice text,
			  struct cel_place place, const struct cel_program **ret,
			  struct err *err);
/*
 * Length of the expression that starts at text[0], up to the '}' that is not inside its own
 * brackets or literals; so that "${a{b}}" ends where CEL's own lexer and brackets end it.
 * Returns -1 with *err when there is none.
 */
long cel_scan(struct slice text, struct cel_place place, struct err *err);
/* Is it one literal without any variable or function? Then it has one value for all. */
bool cel_program_is_constant(const struct cel_program *program);
/* Can the result be of this type, as far as the checker knows? For a `when`: CEL_BOOL. */
bool cel_program_may_be(const struct cel_program *program, enum cel_type type);
/* Does it read `now`? Then its value may change while the entry does not. */
bool cel_program_uses_now(const struct cel_program *program);
/* Has any attribute that the program reads as entry.x more than one value in this entry? */
bool cel_program_multivalued(const struct cel_program *program, const struct entry *entry);

struct cel_activation {
	const struct entry *entry;      /* NULL: entry and values are empty */
	int64_t now_s;                  /* the run's time, unix seconds */
	const struct cel_value *vars;   /* declared variables by index */
	unsigned var_count;
};

/* Evaluate. Returns 0, or -1 with ERR_NO_KEY or ERR_EVAL (or ERR_LIMIT). */
int cel_eval(const struct cel_program *program, const struct cel_activation *act,
	     struct arena *mem, struct cel_value *ret, struct err *err);

/* ---- why: for people who ask (cel_explain.c) ---- */

enum cel_part_kind {
	CEL_PART_CONST,
	CEL_PART_ATTR,    /* entry.x, values.x, has(entry.x), "x" in entry; name = attribute */
	CEL_PART_GROUP,   /* inGroup; name = group, index into group_names */
	CEL_PART_VAR,     /* variable of `each` or of a macro; name */
	CEL_PART_LOGIC,   /* && || ! ?: coalesce: decided by one of its operands */
	CEL_PART_MACRO,   /* all, exists, map ...; only a few elements follow */
	CEL_PART_ELEMENT, /* of a macro: its variable, before the body for it */
	CEL_PART_OTHER,   /* comparison, function, look-up ... */
};

/* A sub-expression as one evaluation met it. Good until the callback returns. */
struct cel_part {
	enum cel_part_kind kind;
	unsigned depth;      /* 0 = the whole expression, or the condition that failed */
	bool decided;        /* the outcome is what it is because of this part */
	struct slice text;   /* as written */
	struct slice name;
	uint32_t index;
	const struct cel_value *value; /* NULL: it failed with *error */
	const struct err *error;       /* ERR_NO_KEY: absent */
};
typedef void cel_part_fn(void *ctx, const struct cel_part *part);

#define CEL_EXPLAIN_PARTS_MAX 400 /* more than anybody reads */
#define CEL_EXPLAIN_ELEMENTS_MAX 3
#define CEL_MISSES_NEVER 1000000 /* a constant stands in the way */

/*
 * Evaluate as cel_eval does and tell `fn` of each sub-expression that was reached (what
 * stands behind a false operand of && is not), outer ones first. The whole expression is
 * evaluated within the limits of one evaluation; where these end, the parts end.
 */
void cel_explain(const struct cel_program *program, const struct cel_activation *act,
		 struct arena *mem, cel_part_fn *fn, void *ctx);
/*
 * How far is a condition from true? The number of its plain conditions that would have to
 * come out differently: 0 = it is true; && adds up, || takes its nearest operand. Those
 * conditions are told to `fn` (may be NULL), each as cel_explain does it: depth 0, then
 * what it is made of. No data makes it true: CEL_MISSES_NEVER. *ret_held (may be NULL): how
 * many of the conditions on the way are as they should be.
 */
unsigned cel_misses(const struct cel_program *program, const struct cel_activation *act,
		    struct arena *mem, cel_part_fn *fn, void *ctx, unsigned *ret_held);

/* Text of a value as CEL's string() makes it; lists, maps and others are ERR_EVAL. */
int cel_to_text(const struct cel_value *value, struct arena *mem, struct slice *ret,
		struct err *err);
/* {"type","value"} as `dirbridge eval` prints it (design page, section 2). */
struct buf;
void cel_print_json(const struct cel_value *value, struct buf *out);

/* An attribute of an entry that is made by hand; `values` is sorted in place. */
struct cel_attr {
	struct slice name;
	struct slice *values;
	uint32_t count;
};
struct cel_once {
	bool check;      /* with the checker */
	int64_t now_s;
	const char *dn;  /* of the entry; may be NULL */
	const struct tables *tables; /* may be NULL */
	/* The groups that the entry is in; NULL: it is not known for any group. */
	const char *const *groups;
	size_t group_count;
};
/*
 * Compile and evaluate `text` over an entry of these attributes, and add the one line of
 * JSON, {"type","value"} or {"error"}, without a line feed. Returns 0, -1 for an error.
 */
int cel_eval_once(struct slice text, const struct cel_attr *attrs, size_t count,
		  const struct cel_once *how, struct buf *out);
/* The same for a JSON line {"expr", "entry": {attr: [values]}}. */
int cel_eval_json(struct slice line, const struct cel_once *how, struct buf *out);

#endif
