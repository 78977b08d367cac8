#include "mappings/cel_impl.h"

#include <stdarg.h>
#include <stdio.h>

#include "scim/base/banned.h"

void cel_line_column(struct slice text, struct cel_place place, size_t offset,
		     unsigned *ret_line, unsigned *ret_column)
{
	unsigned line = place.line ? place.line : 1;
	unsigned column = place.column ? place.column : 1;

	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (text.data[i] == '\n') {
			line++;
			column = 1;
		} else {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

int cel_lex_error(struct cel_lex *lex, size_t offset, const char *fmt, ...)
{
	char text[240];
	unsigned line, column;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	lex->failed = true;
	lex->tok = TOK_END;
	cel_line_column(lex->text, lex->place, offset, &line, &column);
	return err_at(lex->err, ERR_INVALID, lex->place.file, line, column, "%s", text);
}

void cel_lex_open(struct cel_lex *lex, struct slice text, struct cel_place place,
		  struct err *err)
{
	*lex = (struct cel_lex){ .text = text, .place = place, .err = err };
}

static bool is_alpha(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static int hex_digit(int c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int peek(const struct cel_lex *lex, size_t offset)
{
	size_t at = lex->at + offset;

	return at < lex->text.len ? (unsigned char)lex->text.data[at] : -1;
}

static void skip_space(struct cel_lex *lex)
{
	for (;;) {
		int c = peek(lex, 0);

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
			lex->at++;
		} else if (c == '/' && peek(lex, 1) == '/') {
			while (peek(lex, 0) >= 0 && peek(lex, 0) != '\n')
				lex->at++;
		} else {
			return;
		}
	}
}

static int next_number(struct cel_lex *lex)
{
	lex->tok = TOK_INT;
	if (peek(lex, 0) == '0' && (peek(lex, 1) == 'x' || peek(lex, 1) == 'X') &&
	    hex_digit(peek(lex, 2)) >= 0) {
		lex->at += 2;
		while (hex_digit(peek(lex, 0)) >= 0)
			lex->at++;
	} else {
		while (is_digit(peek(lex, 0)))
			lex->at++;
		if (peek(lex, 0) == '.' && is_digit(peek(lex, 1))) {
			lex->tok = TOK_DOUBLE;
			for (lex->at++; is_digit(peek(lex, 0));)
				lex->at++;
		}
		if (peek(lex, 0) == 'e' || peek(lex, 0) == 'E') {
			size_t sign = peek(lex, 1) == '+' || peek(lex, 1) == '-';

			if (is_digit(peek(lex, 1 + sign))) {
				lex->tok = TOK_DOUBLE;
				lex->at += 1 + sign;
				while (is_digit(peek(lex, 0)))
					lex->at++;
			}
		}
	}
	if (lex->tok == TOK_INT && (peek(lex, 0) == 'u' || peek(lex, 0) == 'U')) {
		lex->tok = TOK_UINT;
		lex->at++;
	}
	if (is_alpha(peek(lex, 0)) || is_digit(peek(lex, 0)))
		return cel_lex_error(lex, lex->at, "a number ends before \"%c\"",
				     peek(lex, 0));
	return 0;
}

/* Prefix of a literal at the current place: r, b in any order and case; 0 when none. */
static size_t string_prefix(const struct cel_lex *lex, bool *ret_raw, bool *ret_bytes)
{
	size_t n = 0;

	*ret_raw = *ret_bytes = false;
	for (; n < 3; n++) {
		int c = peek(lex, n);

		if (c == '"' || c == '\'')
			return n;
		if ((c == 'r' || c == 'R') && !*ret_raw)
			*ret_raw = true;
		else if ((c == 'b' || c == 'B') && !*ret_bytes)
			*ret_bytes = true;
		else
			break;
	}
	return SIZE_MAX;
}

static int next_string(struct cel_lex *lex, size_t prefix, bool raw, bool bytes)
{
	int quote;
	size_t quotes = 1;

	lex->tok = bytes ? TOK_BYTES : TOK_STRING;
	lex->at += prefix;
	quote = peek(lex, 0);
	if (peek(lex, 1) == quote && peek(lex, 2) == quote)
		quotes = 3;
	lex->at += quotes;
	for (;;) {
		int c = peek(lex, 0);

		if (c < 0 || (quotes == 1 && (c == '\n' || c == '\r')))
			return cel_lex_error(lex, lex->start,
					     "the text literal is not closed; %s is missing",
					     quotes == 3 ? (quote == '"' ? "\"\"\"" : "'''")
							 : (quote == '"' ? "\"" : "'"));
		if (c == '\\' && !raw) {
			if (peek(lex, 1) < 0)
				return cel_lex_error(lex, lex->start,
						     "the text literal is not closed");
			lex->at += 2;
			continue;
		}
		if (c == quote && (quotes == 1 || (peek(lex, 1) == quote &&
						   peek(lex, 2) == quote))) {
			lex->at += quotes;
			return 0;
		}
		lex->at++;
	}
}

static int next_quoted(struct cel_lex *lex)
{
	lex->tok = TOK_QUOTED;
	for (lex->at++;; lex->at++) {
		int c = peek(lex, 0);

		if (c == '`')
			break;
		if (!is_alpha(c) && !is_digit(c) && c != '.' && c != '-' && c != '/' &&
		    c != ' ')
			return cel_lex_error(lex, lex->at,
					     "between ` and ` only letters, digits and "
					     "_ . - / and space may stand");
	}
	lex->at++;
	if (lex->at - lex->start == 2)
		return cel_lex_error(lex, lex->start, "an empty name between ` and `");
	return 0;
}

static int next_symbol(struct cel_lex *lex)
{
	static const struct {
		char text[3];
		unsigned char tok;
	} pairs[] = {
		{ "==", TOK_EQ }, { "!=", TOK_NE },  { "<=", TOK_LE },
		{ ">=", TOK_GE }, { "&&", TOK_AND }, { "||", TOK_OR },
	};
	int c = peek(lex, 0);
	char shown[16];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (c == pairs[i].text[0] && peek(lex, 1) == pairs[i].text[1]) {
			lex->tok = pairs[i].tok;
			lex->at += 2;
			return 0;
		}
	if (c < 128 && strchr("()[]{}.,:?+-*/%!<>", c)) {
		lex->tok = TOK_CHAR + (unsigned)c;
		lex->at++;
		return 0;
	}
	if (c == '=' || c == '&' || c == '|')
		return cel_lex_error(lex, lex->at, "a single \"%c\" means nothing here; \"%c%c\"?",
				     c, c, c);
	text_visible(lex->text.data + lex->at, utf8_decode(lex->text.data + lex->at,
							   lex->text.len - lex->at,
							   &(uint32_t){ 0 })
						       ?: 1,
		     shown, sizeof(shown));
	return cel_lex_error(lex, lex->at, "unexpected character \"%s\"", shown);
}

int cel_lex_next(struct cel_lex *lex)
{
	bool raw, bytes;
	size_t prefix;
	int c;

	if (lex->failed)
		return -1;
	skip_space(lex);
	lex->start = lex->at;
	c = peek(lex, 0);
	if (c < 0) {
		lex->tok = TOK_END;
		return 0;
	}
	prefix = string_prefix(lex, &raw, &bytes);
	if (prefix != SIZE_MAX)
		return next_string(lex, prefix, raw, bytes);
	if (is_alpha(c)) {
		lex->tok = TOK_IDENT;
		while (is_alpha(peek(lex, 0)) || is_digit(peek(lex, 0)))
			lex->at++;
		return 0;
	}
	if (is_digit(c) || (c == '.' && is_digit(peek(lex, 1))))
		return next_number(lex);
	if (c == '`')
		return next_quoted(lex);
	if (c == 0)
		return cel_lex_error(lex, lex->at, "unexpected character \"\\x00\"");
	return next_symbol(lex);
}

static int put_code_point(struct cel_lex *lex, size_t at, uint32_t cp, char *out,
			  size_t *out_len)
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return cel_lex_error(lex, at, "U+%04X is no character", cp);
	*out_len += utf8_encode(cp, out + *out_len);
	return 0;
}

/* One escape at s[*i] == '\\'. */
static int decode_escape(struct cel_lex *lex, size_t *i, bool bytes, char *out, size_t *out_len)
{
	static const char from[] = "abfnrtv\\?\"'`", to[] = "\a\b\f\n\r\t\v\\?\"'`";
	const char *s = lex->text.data;
	char c = s[*i + 1];
	const char *simple = c ? strchr(from, c) : NULL;
	size_t digits = 0, base = 16, first = *i + 2;
	uint32_t cp = 0;

	if (simple) {
		out[(*out_len)++] = to[simple - from];
		*i += 2;
		return 0;
	}
	if (c == 'x' || c == 'X') {
		digits = 2;
	} else if ((c == 'u' || c == 'U') && !bytes) {
		digits = c == 'u' ? 4 : 8;
	} else if (c >= '0' && c <= '3') {
		digits = 3;
		base = 8;
		first--;
	} else {
		return cel_lex_error(lex, *i, "\"\\%.1s\" is no escape%s",
				     c > ' ' && c < 127 ? &s[*i + 1] : "",
				     bytes && (c == 'u' || c == 'U') ? " in bytes" : "");
	}
	for (size_t k = 0; k < digits; k++) {
		int d = first + k < lex->at ? hex_digit((unsigned char)s[first + k]) : -1;

		if (d < 0 || (size_t)d >= base)
			return cel_lex_error(lex, *i, "the escape \"\\%c\" needs %zu digits", c,
					     digits);
		cp = cp * (uint32_t)base + (uint32_t)d;
	}
	if (bytes)
		out[(*out_len)++] = (char)cp;
	else if (put_code_point(lex, *i, cp, out, out_len) < 0)
		return -1;
	*i = first + digits;
	return 0;
}

int cel_lex_string(struct cel_lex *lex, struct arena *mem, struct slice *ret)
{
	const char *s = lex->text.data;
	size_t i = lex->start, end = lex->at, len = 0;
	bool raw = false, bytes = lex->tok == TOK_BYTES;
	char *out;

	for (; s[i] != '"' && s[i] != '\''; i++)
		raw |= s[i] == 'r' || s[i] == 'R';
	if (end - i >= 6 && s[i + 1] == s[i] && s[i + 2] == s[i]) {
		i += 3;
		end -= 3;
	} else {
		i++;
		end--;
	}
	/* No escape is shorter than what it stands for. */
	out = arena_bytes(mem, end - i + 1);
	while (i < end) {
		if (s[i] == '\\' && !raw) {
			if (decode_escape(lex, &i, bytes, out, &len) < 0)
				return -1;
		} else {
			out[len++] = s[i++];
		}
	}
	out[len] = '\0';
	*ret = slice_of(out, len);
	return 0;
}

static bool in_words(struct slice name, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq_str(name, words[i]))
			return true;
	return false;
}

bool cel_is_reserved(struct slice name)
{
	static const char *const words[] = {
		"as",	"break", "const",  "continue",	"else",	  "for",    "function",
		"if",	"import", "let",   "loop",	"package", "namespace", "return",
		"var",	"void",	 "while",
	};

	return in_words(name, words, sizeof(words) / sizeof(*words));
}

bool cel_is_keyword(struct slice name)
{
	static const char *const words[] = { "false", "in", "null", "true" };

	return in_words(name, words, sizeof(words) / sizeof(*words));
}

long cel_scan(struct slice text, struct cel_place place, struct err *err)
{
	struct cel_lex lex;
	char open[CEL_DEPTH_MAX];
	size_t depth = 0;

	cel_lex_open(&lex, text, place, err);
	while (cel_lex_next(&lex) == 0) {
		switch (lex.tok) {
		case TOK_END:
			return cel_lex_error(&lex, text.len,
					     "the expression does not end; \"}\" is missing");
		case TOK_CHAR + '(':
		case TOK_CHAR + '[':
		case TOK_CHAR + '{':
			if (depth == CEL_DEPTH_MAX)
				return cel_lex_error(&lex, lex.start,
						     "brackets are nested more than %d deep",
						     CEL_DEPTH_MAX);
			open[depth++] = (char)(lex.tok - TOK_CHAR);
			break;
		case TOK_CHAR + ')':
		case TOK_CHAR + ']':
		case TOK_CHAR + '}': {
			char close = (char)(lex.tok - TOK_CHAR);
			char want = close == ')' ? '(' : close == ']' ? '[' : '{';

			if (depth == 0 && close == '}')
				return (long)lex.start;
			if (depth == 0 || open[depth - 1] != want)
				return cel_lex_error(&lex, lex.start,
						     "\"%c\" closes nothing", close);
			depth--;
			break;
		}
		default:
			break;
		}
	}
	return -1;
}
