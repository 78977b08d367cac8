/*
 * mappings/cel_impl.h - what the parts of the expression engine share. Not for others.
 *
 * A text becomes a tree of nodes (cel_parse.c), whose names are bound to slots, locals and
 * functions and whose types are checked (cel_check.c), and which is then walked (cel_eval.c).
 * The depth of the tree is bounded by CEL_DEPTH_MAX, so the walk needs no guard of its own.
 */
#ifndef MAPPINGS_CEL_IMPL_H
#define MAPPINGS_CEL_IMPL_H

#include <string.h>

#include "mappings/cel.h"

#define CEL_FOLD_BYTES_MAX (64 * 1024)        /* of a constant made while compiling */
#define CEL_FOLD_ALL_BYTES_MAX (4 * 1024 * 1024) /* of all constants of a program */
#define CEL_FOLD_STEPS_MAX 100000             /* for one constant; ten times that for all */
#define CEL_PREPARED_BYTES_MAX (16 * 1024 * 1024) /* of compiled patterns in a program */
#define CEL_VALUE_DEPTH_MAX 2000              /* nesting of a value: cel.bind can stack them */
#define CEL_ARGS_MAX 32

/* Sets of types, for signatures and the checker: bit per enum cel_type. */
#define T_(type) (1u << (type))
#define TNULL T_(CEL_NULL)
#define TB T_(CEL_BOOL)
#define TI T_(CEL_INT)
#define TU T_(CEL_UINT)
#define TD T_(CEL_DOUBLE)
#define TS T_(CEL_STRING)
#define TY T_(CEL_BYTES)
#define TL T_(CEL_LIST)
#define TM T_(CEL_MAP)
#define TT T_(CEL_TIMESTAMP)
#define TG T_(CEL_DURATION)
#define TTYPE T_(CEL_TYPE)
#define TOPT T_(CEL_OPTIONAL)
#define TNUM (TI | TU | TD)
#define TANY ((1u << CEL_TYPE_COUNT) - 1)

/* ---- tokens ---- */

enum cel_tok {
	TOK_END,
	TOK_IDENT,
	TOK_QUOTED, /* `x-y` */
	TOK_INT,
	TOK_UINT,
	TOK_DOUBLE,
	TOK_STRING,
	TOK_BYTES,
	TOK_EQ,
	TOK_NE,
	TOK_LE,
	TOK_GE,
	TOK_AND,
	TOK_OR,
	/* others are the character itself */
	TOK_CHAR = 128,
};

struct cel_lex {
	struct slice text;
	struct cel_place place;
	struct err *err;
	size_t at;      /* after the current token */
	unsigned tok;   /* enum cel_tok, or TOK_CHAR + character */
	size_t start;   /* of the current token */
	bool failed;
};

void cel_lex_open(struct cel_lex *lex, struct slice text, struct cel_place place,
		  struct err *err);
/* Step to the next token. Returns 0, or -1 with *err set. */
int cel_lex_next(struct cel_lex *lex);
/* Decode the current string or bytes token. */
int cel_lex_string(struct cel_lex *lex, struct arena *mem, struct slice *ret);
int cel_lex_error(struct cel_lex *lex, size_t offset, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void cel_line_column(struct slice text, struct cel_place place, size_t offset,
		     unsigned *ret_line, unsigned *ret_column);
bool cel_is_reserved(struct slice name); /* reserved for later, fine after a dot */
bool cel_is_keyword(struct slice name);  /* true false null in */

/* ---- nodes ---- */

enum cel_op {
	/* as parsed */
	N_CONST,
	N_IDENT,  /* text */
	N_SELECT, /* kid 0, text */
	N_INDEX,  /* kids 0, 1 */
	N_CALL,   /* text; with NF_MEMBER kid 0 is the receiver */
	N_LIST,
	N_MAP, /* key, value, key, value ... */
	N_AND, /* two or more kids */
	N_OR,
	N_NOT,
	N_NEG,
	N_ADD, /* two or more kids */
	N_SUB,
	N_MUL,
	N_DIV,
	N_MOD,
	N_EQ,
	N_NE,
	N_LT,
	N_LE,
	N_GT,
	N_GE,
	N_IN,
	N_COND,
	/* made while binding */
	N_LOCAL,      /* index: variable of a macro */
	N_VAR,        /* index: declared in the environment */
	N_ENTRY,      /* entry as a map of first values */
	N_VALUES,     /* values as a map of lists */
	N_ATTR,       /* index: slot */
	N_ATTR_OPT,   /* entry.?x */
	N_ATTR_LIST,  /* values.x */
	N_ATTR_HAS,   /* has(entry.x), "x" in entry */
	N_ATTR_DYN,   /* entry[kid 0] */
	N_ATTR_LIST_DYN,
	N_ATTR_HAS_DYN, /* kid 0 in entry */
	N_DN,         /* entry.dn, when no attribute has that name */
	N_NOW,
	N_HAS,        /* has(kid 0 . text) */
	N_COALESCE,
	N_IN_GROUP,   /* index; text = name */
	N_EACH,       /* macros over lists and maps; index = enum cel_macro */
	N_BIND,       /* kid 0 into local, then kid 1 */
	N_OPT_MAP,    /* kid 0, local, kid 1 */
	N_OPT_FLAT_MAP,
	N_OPT_OR,     /* or, orValue by text */
	N_FN,         /* fn */
	N_FAIL,       /* text = message: a name that was not found, unchecked */
};

enum cel_macro {
	MACRO_ALL,
	MACRO_EXISTS,
	MACRO_EXISTS_ONE,
	MACRO_FILTER,
	MACRO_MAP,
	MACRO_TRANSFORM_MAP,
	MACRO_TRANSFORM_ENTRY,
};

#define NF_MEMBER 1   /* call of a receiver */
#define NF_OPT 2      /* .? [?] */
#define NF_OPT_ELEM 4 /* [?x] {?k: v}: on the element, on the key */
#define NF_ROOT 8     /* .name */
#define NF_TWO_VARS 16
#define NF_FILTER 32  /* kid 1 is a filter, kid 2 the result */
#define NF_QUOTED 64
#define NF_PARENS 128 /* stood in parentheses: no part of a chain of + or && */

struct cel_fn;
struct cel_node {
	unsigned char op, flags;
	uint16_t depth;
	uint32_t count;        /* of kids */
	uint32_t line, column;
	uint32_t start, end;   /* bytes of the program's text, parentheses around it included */
	uint32_t types;        /* what the checker knows of the result */
	uint32_t index;
	uint32_t local;        /* first local of a macro */
	struct cel_node **kids;
	struct slice text;
	const struct cel_fn *fn;
	void *extra;           /* what a function prepared: pattern, zone; of N_EACH: last variable */
	struct cel_value value;
};

/* Parse the whole text. Returns the root, or NULL with *err set. */
struct cel_node *cel_parse(struct arena *mem, struct slice text, struct cel_place place,
			   struct err *err);

struct cel_program {
	struct cel_node *root;
	struct slice text;
	const char *file;
	const struct layout *layout;      /* NULL without an environment */
	const struct group_names *groups;
	uint32_t local_count;
	const uint32_t *slots;            /* of entry.x, each once */
	uint32_t slot_count;
	bool uses_now;
};

#define CEL_CHECKED 1
#define CEL_UNFOLDED 2 /* for tests: what is constant has the same value when it is reached */
/* cel_compile and cel_compile_unchecked by flags. */
int cel_compile_as(struct arena *mem, struct cel_env *env, struct slice text,
		   struct cel_place place, unsigned how, const struct cel_program **ret,
		   struct err *err);

/* ---- while binding ---- */

/* What is wrong with an operator's operands. */
struct cel_types_error {
	const struct cel_node *where;
	char text[240];
};
/* Set the types of an operator whose operands are bound; false when they can never work. */
bool cel_types_operator(struct cel_node *n, struct cel_types_error *ret_error);
/* "string|bytes", "dyn" */
const char *cel_types_text(uint32_t types, char *out, size_t size);

/* Computes what is constant, within limits for the whole program. */
struct cel_folder {
	struct cel_program *program;
	struct arena *mem;
	size_t bytes;   /* spent so far */
	uint64_t steps;
	bool off;
};
void cel_folder_open(struct cel_folder *folder, struct cel_program *program,
		     struct arena *mem);
/*
 * A bound node whose value depends on nothing but itself becomes that value. What fails stays
 * as it is and fails when it is reached: it may stand behind an "||".
 */
void cel_fold(struct cel_folder *folder, struct cel_node *n);

/* ---- values ---- */

struct cel_list {
	size_t count;
	const struct cel_value *items; /* or, when NULL, */
	const struct slice *slices;    /* values of an attribute */
};

struct cel_map {
	size_t count;
	const struct cel_value *keys, *values;
	uint32_t *table; /* open addressing, index + 1; NULL for a small map */
	size_t mask;
};

static inline struct cel_value cel_bool(bool b)
{
	return (struct cel_value){ .type = CEL_BOOL, .as.b = b };
}
static inline struct cel_value cel_int(int64_t i)
{
	return (struct cel_value){ .type = CEL_INT, .as.i = i };
}
static inline struct cel_value cel_uint(uint64_t u)
{
	return (struct cel_value){ .type = CEL_UINT, .as.u = u };
}
static inline struct cel_value cel_double(double d)
{
	return (struct cel_value){ .type = CEL_DOUBLE, .as.d = d };
}
static inline struct cel_value cel_string(struct slice s)
{
	return (struct cel_value){ .type = CEL_STRING, .as.s = s };
}
static inline struct cel_value cel_bytes(struct slice s)
{
	return (struct cel_value){ .type = CEL_BYTES, .as.s = s };
}
/* Text in a value is UTF-8 throughout: literals and attributes are checked. */
static inline size_t cel_char_bytes(const char *s)
{
	unsigned char c = (unsigned char)*s;

	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}
/* A value of an attribute: text when it is UTF-8, else bytes. */
struct cel_value cel_of_attr(struct slice s);

/* ---- evaluation ---- */

struct cel_ctx {
	const struct cel_program *program;
	const struct cel_activation *act;
	struct arena *mem;
	size_t mem_start, mem_max;
	uint64_t steps;
	struct cel_value *locals;
	/* the error, when an evaluation returned false */
	enum err_kind kind;
	const struct cel_node *where;
	const char *message;
	struct slice detail; /* ": detail" after the message, when not empty */
	char text[240];      /* where either is put together: good until the next error */
};

/* Each returns false with the error in `c`. */
bool cel_ev(struct cel_ctx *c, const struct cel_node *n, struct cel_value *out);
bool cel_fail(struct cel_ctx *c, const struct cel_node *n, const char *message);
bool cel_failf(struct cel_ctx *c, const struct cel_node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool cel_fail_key(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *key);
bool cel_fail_limit(struct cel_ctx *c, const struct cel_node *n, const char *message);
bool cel_no_overload(struct cel_ctx *c, const struct cel_node *n, const char *name,
		     const struct cel_value *args, unsigned argc);
/* Memory within the evaluation's limit; NULL with the error set. */
void *cel_alloc(struct cel_ctx *c, const struct cel_node *n, size_t size);
void *cel_alloc_array(struct cel_ctx *c, const struct cel_node *n, size_t count, size_t size);
char *cel_alloc_bytes(struct cel_ctx *c, const struct cel_node *n, size_t size);
/* Count work that grows with its data. */
bool cel_charge(struct cel_ctx *c, const struct cel_node *n, size_t bytes);
/* Before what is dear and allocates by itself: compiling a pattern, loading a zone. */
bool cel_charge_heavy(struct cel_ctx *c, const struct cel_node *n);

bool cel_equal(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *a,
	       const struct cel_value *b, bool *ret);
/* Order of two comparable values: -1 0 1, 2 for NaN. False: no such overload. */
bool cel_compare(const struct cel_value *a, const struct cel_value *b, int *ret);
bool cel_map_get(const struct cel_map *map, const struct cel_value *key,
		 struct cel_value *ret);
bool cel_map_has_key(const struct cel_map *map, const struct cel_value *key);
/* Keys must be distinct: else false with the index of the second one in *ret_dup. */
bool cel_map_index(struct cel_map *map, struct arena *mem, size_t *ret_dup);
bool cel_make_list(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *items,
		   size_t count, struct cel_value *out);

/* Text of doubles, times, durations. */
#define CEL_NUMBER_MAX 400
/* What string() makes of a value; numbers and times are written to `out`. */
bool cel_scalar_text(const struct cel_value *value, char out[CEL_NUMBER_MAX],
		     struct slice *ret);
size_t cel_double_text(double d, char out[CEL_NUMBER_MAX]);
size_t cel_timestamp_text(int64_t s, int32_t nanos, char out[CEL_NUMBER_MAX]);
size_t cel_duration_text(int64_t s, int32_t nanos, char out[CEL_NUMBER_MAX]);
bool cel_parse_timestamp(struct slice s, struct cel_value *ret); /* false: syntax or range */
bool cel_parse_generalized(struct slice s, struct cel_value *ret); /* RFC 4517 3.3.13 */
bool cel_parse_duration(struct slice s, struct cel_value *ret);
bool cel_parse_int(struct slice s, int64_t *ret);
bool cel_parse_uint(struct slice s, uint64_t *ret);
bool cel_parse_double(struct slice s, double *ret);

#define CEL_TIMESTAMP_MIN (-62135596800LL) /* 0001-01-01T00:00:00Z */
#define CEL_TIMESTAMP_MAX 253402300799LL   /* 9999-12-31T23:59:59Z */
#define CEL_DURATION_MAX 315576000000LL    /* 10,000 years, google.protobuf.Duration */
bool cel_time_add(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *a,
		  const struct cel_value *b, int sign, struct cel_value *out);

/* ---- functions ---- */

typedef bool cel_fn_call(struct cel_ctx *c, const struct cel_node *n,
			 const struct cel_value *args, unsigned argc, struct cel_value *out);
/*
 * Once, while compiling, for what depends on constant arguments alone; *ret_extra goes into
 * the node. `tables` may be NULL. -1 with *err set.
 */
typedef int cel_fn_prepare(struct arena *mem, const struct tables *tables,
			   const struct cel_node *n, void **ret_extra, struct err *err);

enum cel_style { CEL_GLOBAL = 1, CEL_MEMBER = 2, CEL_BOTH = 3 };

struct cel_fn {
	const char *name;
	enum cel_style style;
	unsigned min, max;  /* arguments with the receiver */
	uint32_t args[4];   /* types of each; the last one repeats */
	uint32_t result;
	cel_fn_call *call;
	cel_fn_prepare *prepare;
	const char *params;   /* names with spaces between, the receiver's first */
	const char *doc;
	const char *examples; /* "expression => JSON value", one a line */
};

/*
 * The head of a function. What an argument may be is in cel_fn.def and checked before the
 * call; "no such overload" is left to the function only where types depend on each other.
 */
#define CEL_FN(id)                                                                        \
	bool cel_fn_##id(struct cel_ctx *c, const struct cel_node *n,                     \
			 const struct cel_value *args, unsigned argc, struct cel_value *out)
#define CEL_FN_UNUSED()                                                                   \
	do {                                                                              \
		(void)c;                                                                  \
		(void)n;                                                                  \
		(void)argc;                                                               \
	} while (0)

extern const struct cel_fn cel_fns[];
extern const size_t cel_fn_count;

#define GROUP(title)
#define FN(id, name, style, min, max, a0, a1, a2, a3, result, prep, params, doc, examples) \
	cel_fn_call cel_fn_##id;
#include "mappings/cel_fn.def"
#undef FN
#undef GROUP

cel_fn_prepare cel_prepare_pattern, cel_prepare_zone, cel_prepare_uac, cel_prepare_lookup;

/* Patterns, cel_re.c */
struct cel_re;
int cel_re_compile(struct arena *mem, struct slice pattern, struct cel_re **ret, char *text,
		   size_t size);
/* 1 match, 0 none, -1 with the error in c. */
int cel_re_match(struct cel_ctx *c, const struct cel_node *n, const struct cel_re *re,
		 struct slice subject);

/* Zones, cel_time.c */
struct cel_zone;
bool cel_zone_find(struct arena *mem, struct slice name, const struct cel_zone **ret);
int32_t cel_zone_offset(const struct cel_zone *zone, int64_t unix_seconds);
void cel_civil(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);
int64_t cel_days(int64_t year, unsigned month, unsigned day);

#endif
