#define PCRE2_CODE_UNIT_WIDTH 8
#include "mappings/cel_impl.h"

#include <math.h>
#include <pcre2.h>
#include <stdio.h>

#include "scim/base/banned.h"

/*
 * Patterns with the syntax and meaning of RE2 (github.com/google/re2/wiki/Syntax), run by
 * PCRE2. What RE2 does not have is refused, where the two differ the pattern is rewritten.
 *
 * RE2 runs in linear time, PCRE2 does not: short texts are matched by backtracking under a
 * limit; what goes over it, and every long text, by PCRE2's other matcher, which follows all
 * alternatives at once, from a pattern that is anchored behind ".*" so that one pass does.
 */
struct cel_re {
	pcre2_code *quick, *sweep;
	uint32_t weight; /* of the pattern, for the cost of a sweep */
};

#define RE_BYTES_MAX 4096
#define RE_REPEAT_MAX 1000        /* as in RE2 */
#define RE_QUICK_BYTES 1024
#define RE_QUICK_STEPS 20000
#define RE_HEAP_KIB 8192
#define RE_SWEEP_COST 1000000000ULL
#define RE_SWEEP_STATES 10000

#define NO_ATOM SIZE_MAX

struct rewriter {
	const char *s;
	size_t len, at;
	struct arena *mem;
	char *out;
	size_t out_len;
	size_t atom; /* where the last character or class begins in `out`; NO_ATOM: a group */
	char *text;  /* of the error */
	size_t text_size;
};

static bool bad(struct rewriter *r, const char *what)
{
	snprintf(r->text, r->text_size, "invalid pattern: %s, at byte %zu", what, r->at + 1);
	return false;
}

static void put(struct rewriter *r, const char *s, size_t len)
{
	memcpy(r->out + r->out_len, s, len);
	r->out_len += len;
}

static void put_str(struct rewriter *r, const char *s)
{
	put(r, s, strlen(s));
}

static int look(const struct rewriter *r, size_t offset)
{
	return r->at + offset < r->len ? (unsigned char)r->s[r->at + offset] : -1;
}

static void copy(struct rewriter *r, size_t count)
{
	put(r, r->s + r->at, count);
	r->at += count;
}

/* \Q...\E: all plain. */
static void quoted(struct rewriter *r)
{
	for (r->at += 2; r->at < r->len; r->at++) {
		if (look(r, 0) == '\\' && look(r, 1) == 'E') {
			r->at += 2;
			return;
		}
		if ((look(r, 0) & 0xc0) != 0x80)
			r->atom = r->out_len;
		if (strchr("\\^$.[]|()?*+{}-", look(r, 0)))
			put(r, "\\", 1);
		put(r, r->s + r->at, 1);
	}
}

/* \123, \x7F, \x{10FFFF}: as \x{...}, since PCRE2 takes some octal ones for references. */
static bool code_point(struct rewriter *r)
{
	uint32_t cp = 0;
	char text[16];
	size_t i = 1;

	if (look(r, 1) != 'x') {
		for (; i <= 3 && look(r, i) >= '0' && look(r, i) <= '7'; i++)
			cp = cp * 8 + (uint32_t)(look(r, i) - '0');
	} else {
		bool brace = look(r, 2) == '{';
		size_t start = i = brace ? 3 : 2;

		for (; i < start + (brace ? 6 : 2); i++) {
			int c = look(r, i) | 32;

			if (c >= '0' && c <= '9')
				cp = cp * 16 + (uint32_t)(c - '0');
			else if (c >= 'a' && c <= 'f')
				cp = cp * 16 + (uint32_t)(c - 'a' + 10);
			else
				break;
		}
		if (i == start || (!brace && i != start + 2) || (brace && look(r, i++) != '}'))
			return bad(r, "\\x needs two hexadecimal digits, or some in {}");
	}
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return bad(r, "no such character");
	snprintf(text, sizeof(text), "\\x{%x}", cp);
	put_str(r, text);
	r->at += i;
	return true;
}

static bool property(struct rewriter *r)
{
	size_t i = 2;

	if (look(r, 2) == '{') {
		while (look(r, i) > 0 && look(r, i) != '}')
			i++;
		if (look(r, i) != '}')
			return bad(r, "\\p{ is not closed");
	}
	if (look(r, 2) < 0)
		return bad(r, "\\p needs a property");
	copy(r, i + 1);
	return true;
}

static bool escape(struct rewriter *r, bool in_class)
{
	int c = look(r, 1);

	if (c < 0)
		return bad(r, "a \\ at the end");
	if (c == 'Q' && !in_class) {
		quoted(r);
		return true;
	}
	if (c == 'x' || c == '0' || (c >= '1' && c <= '7' && look(r, 2) >= '0' &&
				     look(r, 2) <= '7'))
		return code_point(r);
	if (c >= '1' && c <= '9')
		return bad(r, "back references are not supported (RE2 syntax)");
	if (c == 'p' || c == 'P')
		return property(r);
	if (c == 'v') {
		/* In PCRE2 this is a class of all vertical space. */
		put_str(r, "\\x{b}");
		r->at += 2;
		return true;
	}
	if (c == 's' || c == 'S') {
		/* PCRE2 counts the vertical tab as space, RE2 does not. */
		if (in_class && c == 'S')
			put_str(r, "\\S\\x{b}");
		else
			put_str(r, in_class	? "\\t\\n\\f\\r "
				   : c == 's' ? "[\\t\\n\\f\\r ]"
					      : "[^\\t\\n\\f\\r ]");
		r->at += 2;
		return true;
	}
	if (c >= 128 || strchr(in_class ? "aftnrdDwW" : "aftnrdDwWAbBz", c) ||
	    (c < 128 && !((c | 32) >= 'a' && (c | 32) <= 'z'))) {
		copy(r, 2);
		return true;
	}
	return bad(r, "this escape is not supported (RE2 syntax)");
}

static bool class(struct rewriter *r)
{
	copy(r, 1);
	if (look(r, 0) == '^')
		copy(r, 1);
	if (look(r, 0) == ']') {
		put_str(r, "\\]");
		r->at++;
	}
	while (look(r, 0) >= 0 && look(r, 0) != ']') {
		if (look(r, 0) == '[' && look(r, 1) == ':') {
			size_t i = 2;

			while (look(r, i) > 0 && look(r, i) != ':')
				i++;
			if (look(r, i + 1) != ']')
				return bad(r, "a class name is not closed");
			copy(r, i + 2);
		} else if (look(r, 0) == '[') {
			put_str(r, "\\[");
			r->at++;
		} else if (look(r, 0) == '\\') {
			if (!escape(r, true))
				return false;
		} else {
			copy(r, 1);
		}
	}
	if (look(r, 0) < 0)
		return bad(r, "a \"[\" is not closed");
	copy(r, 1);
	return true;
}

/* After "(": plain, (?:...), (?flags), (?flags:...), (?P<name>...), (?<name>...) */
static bool group(struct rewriter *r)
{
	size_t i = 2;

	if (look(r, 1) == '*')
		return bad(r, "(*...) is not supported (RE2 syntax)");
	if (look(r, 1) != '?') {
		copy(r, 1);
		return true;
	}
	if (look(r, 2) == 'P' && look(r, 3) == '<') {
		put_str(r, "(?<");
		r->at += 4;
		return true;
	}
	if (look(r, 2) == '<' && look(r, 3) != '=' && look(r, 3) != '!') {
		copy(r, 3);
		return true;
	}
	while (look(r, i) > 0 && strchr("imsU-", look(r, i)))
		i++;
	if (look(r, i) != ':' && look(r, i) != ')')
		return bad(r, "look-around, conditions, recursion and atomic groups are not "
			      "supported (RE2 syntax)");
	copy(r, i + 1);
	return true;
}

/* Length of "{n}", "{n,}", "{n,m}" here, 0 when it is none (then "{" is plain). */
static size_t repeat_length(const struct rewriter *r, unsigned *ret_max)
{
	unsigned n[2] = { 0 };
	size_t i = 1;

	for (unsigned k = 0; k < 2; k++) {
		size_t digits = 0;

		for (; look(r, i) >= '0' && look(r, i) <= '9'; i++, digits++)
			if (n[k] < 100000)
				n[k] = n[k] * 10 + (unsigned)(look(r, i) - '0');
		if (k == 0 && digits == 0)
			return 0;
		if (k == 0 && look(r, i) != ',')
			break;
		i += k == 0;
	}
	*ret_max = n[0] > n[1] ? n[0] : n[1];
	return look(r, i) == '}' ? i + 1 : 0;
}

/*
 * x+ as xx*, x{3,} as x{3}x*: the sweep counts what a + has matched, and of several counts
 * makes several states, so that [a-z]+ alone took the square of a text's length in states.
 */
static bool open_repeat(struct rewriter *r, size_t len)
{
	size_t atom_len = r->out_len - r->atom;

	if (r->atom == NO_ATOM || !(look(r, 0) == '+' || (len > 1 && look(r, len - 2) == ',')))
		return false;
	if (len > 1) {
		put(r, r->s + r->at, len - 2);
		put_str(r, "}");
	}
	put(r, r->out + r->atom, atom_len);
	put_str(r, "*");
	r->at += len;
	return true;
}

static bool quantifier(struct rewriter *r, size_t len)
{
	int c;

	if (!open_repeat(r, len))
		copy(r, len);
	r->atom = NO_ATOM;
	if (look(r, 0) == '?')
		copy(r, 1);
	c = look(r, 0);
	if (c == '+' || c == '*' || c == '?')
		return bad(r, "two quantifiers in a row are not supported (RE2 syntax)");
	return true;
}

static bool rewrite(struct rewriter *r)
{
	while (r->at < r->len) {
		int c = look(r, 0);
		unsigned max = 0;
		size_t len = c == '{' ? repeat_length(r, &max) : 0;
		bool ok = true;

		if (max > RE_REPEAT_MAX)
			return bad(r, "a repeat count is greater than 1000");
		if (strchr("()|^$", c))
			r->atom = NO_ATOM;
		else if (!len && !strchr("*+?", c) && (c & 0xc0) != 0x80 &&
			 !(c == '\\' && look(r, 1) == 'Q'))
			r->atom = r->out_len;
		if (c == '\\')
			ok = escape(r, false);
		else if (c == '[')
			ok = class(r);
		else if (c == '(')
			ok = group(r);
		else if (c == '*' || c == '+' || c == '?' || len)
			ok = quantifier(r, len ? len : 1);
		else if (c == '{')
			put_str(r, "\\{"), r->at++;
		else
			copy(r, 1);
		if (!ok)
			return false;
	}
	return true;
}

/* A compiled pattern lives in the arena of its program. */
struct re_memory {
	struct arena *mem;
};

static void *re_alloc(size_t size, void *data)
{
	struct re_memory *m = data;

	return size > CEL_EVAL_BYTES_MAX ? NULL : arena_alloc(m->mem, size);
}

static void re_free(void *ptr, void *data)
{
	(void)ptr;
	(void)data;
}

static pcre2_general_context *general(struct arena *mem)
{
	struct re_memory *m = arena_alloc(mem, sizeof(*m));

	m->mem = mem;
	return pcre2_general_context_create(re_alloc, re_free, m);
}

static pcre2_code *compile(struct arena *mem, const char *s, size_t len, uint32_t options,
			   char *text, size_t size)
{
	pcre2_compile_context *cc = pcre2_compile_context_create(general(mem));
	pcre2_code *code;
	int rc;
	PCRE2_SIZE at;
	unsigned char message[120];

	pcre2_set_newline(cc, PCRE2_NEWLINE_LF);
	pcre2_set_parens_nest_limit(cc, 100);
	code = pcre2_compile((PCRE2_SPTR)s, len,
			     PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C |
				     PCRE2_DOLLAR_ENDONLY | options,
			     &rc, &at, cc);
	if (!code) {
		pcre2_get_error_message(rc, message, sizeof(message));
		snprintf(text, size, "invalid pattern: %s", (const char *)message);
	}
	return code;
}

int cel_re_compile(struct arena *mem, struct slice pattern, struct cel_re **ret, char *text,
		   size_t size)
{
	static const char before[] = "(?s:.*?)(?:";
	struct rewriter r = { .s = pattern.data, .len = pattern.len, .mem = mem, .text = text,
			      .text_size = size, .atom = NO_ATOM };
	struct cel_re *re = arena_alloc(mem, sizeof(*re));
	size_t bytes = 0;
	char *whole;

	if (pattern.len > RE_BYTES_MAX) {
		snprintf(text, size, "invalid pattern: longer than %d bytes", RE_BYTES_MAX);
		return -1;
	}
	/* The longest rewrite is \S+, 3 bytes to 27. */
	whole = arena_bytes(mem, sizeof(before) + 9 * pattern.len + 16);
	memcpy(whole, before, sizeof(before) - 1);
	r.out = whole + sizeof(before) - 1;
	if (!rewrite(&r))
		return -1;
	re->quick = compile(mem, r.out, r.out_len, 0, text, size);
	if (!re->quick)
		return -1;
	r.out[r.out_len] = ')';
	re->sweep = compile(mem, whole, sizeof(before) + r.out_len, PCRE2_ANCHORED, text, size);
	if (!re->sweep)
		return -1;
	/* Counted repeats weigh what they weigh written out. */
	pcre2_pattern_info(re->sweep, PCRE2_INFO_SIZE, &bytes);
	re->weight = (uint32_t)bytes / 4 + 1;
	*ret = re;
	return 0;
}

/*
 * What one match works in: made once for each thread, since PCRE2 starts with 20 KiB of
 * frames that should not be taken anew for every person.
 */
static _Thread_local struct {
	pcre2_match_context *limits;
	pcre2_match_data *data;
} work;

static void need_work(void)
{
	if (work.data)
		return;
	work.limits = pcre2_match_context_create(NULL);
	work.data = pcre2_match_data_create(1, NULL);
	if (!work.limits || !work.data)
		mem_alloc(SIZE_MAX); /* ends the process as any failed allocation does */
	pcre2_set_match_limit(work.limits, RE_QUICK_STEPS);
	pcre2_set_depth_limit(work.limits, RE_QUICK_STEPS);
	pcre2_set_heap_limit(work.limits, RE_HEAP_KIB);
}

/*
 * At each byte each state is compared with all before it, so how many there may be follows
 * from what that costs on the whole text. Three ints a state, of now and of the next byte.
 */
static size_t workspace_size(size_t len)
{
	double states = sqrt(2.0 * (double)RE_SWEEP_COST / (double)(len + 1));

	if (states > RE_SWEEP_STATES)
		states = RE_SWEEP_STATES;
	return 6 * (size_t)states + 100;
}

static int sweep(struct cel_ctx *c, const struct cel_node *n, const struct cel_re *re,
		 struct slice subject)
{
	uint64_t cost = (uint64_t)(subject.len + 1) * re->weight * (re->weight / 256 + 1);
	size_t ints = workspace_size(subject.len);
	int *workspace, rc;

	if (cost > RE_SWEEP_COST || !cel_charge(c, n, cost / 16)) {
		cel_fail_limit(c, n, "the pattern takes too long on a text of this length");
		return -1;
	}
	need_work();
	workspace = mem_alloc(ints * sizeof(*workspace));
	rc = pcre2_dfa_match(re->sweep, (PCRE2_SPTR)subject.data, subject.len, 0,
			     PCRE2_NO_UTF_CHECK | PCRE2_DFA_SHORTEST, work.data, work.limits,
			     workspace, ints);
	mem_free(workspace);
	if (rc >= 0)
		return 1;
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	cel_fail_limit(c, n, "the pattern takes too long or too much memory on this text");
	return -1;
}

int cel_re_match(struct cel_ctx *c, const struct cel_node *n, const struct cel_re *re,
		 struct slice subject)
{
	int rc;

	if (subject.len > RE_QUICK_BYTES)
		return sweep(c, n, re, subject);
	need_work();
	rc = pcre2_match(re->quick, (PCRE2_SPTR)subject.data, subject.len, 0, PCRE2_NO_UTF_CHECK,
			 work.data, work.limits);
	if (rc >= 0)
		return 1;
	return rc == PCRE2_ERROR_NOMATCH ? 0 : sweep(c, n, re, subject);
}

int cel_prepare_pattern(struct arena *mem, const struct tables *tables, const struct cel_node *n,
			void **ret_extra, struct err *err)
{
	struct cel_re *re;
	char text[200];

	(void)tables;
	if (n->kids[1]->op != N_CONST || n->kids[1]->value.type != CEL_STRING)
		return 0;
	if (cel_re_compile(mem, n->kids[1]->value.as.s, &re, text, sizeof(text)) < 0)
		return err_set(err, ERR_INVALID, "%s", text);
	*ret_extra = re;
	return 0;
}

CEL_FN(matches)
{
	struct cel_re *re = n->extra;
	char text[200];
	int rc;

	(void)argc;
	if (!re && !cel_charge_heavy(c, n))
		return false;
	if (!re && cel_re_compile(c->mem, args[1].as.s, &re, text, sizeof(text)) < 0)
		return cel_failf(c, n, "%s", text);
	rc = cel_re_match(c, n, re, args[0].as.s);
	*out = cel_bool(rc == 1);
	return rc >= 0;
}
