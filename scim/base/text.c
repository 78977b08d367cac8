#include "scim/base/text.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "scim/base/banned.h"

/* ---- slices and names ---- */

struct slice slice_str(const char *s)
{
	return s ? slice_of(s, strlen(s)) : slice_of(NULL, 0);
}

bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool slice_eq_str(struct slice a, const char *b)
{
	return slice_eq(a, slice_str(b));
}

int slice_cmp(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.data, b.data, len) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : (unsigned char)c;
}

bool text_eq_nocase(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b))
		a++, b++;
	return lower(*a) == lower(*b);
}

int text_cmp_nocase(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t i;

	for (i = 0; i < a_len && i < b_len; i++) {
		if (lower(a[i]) != lower(b[i]))
			return lower(a[i]) < lower(b[i]) ? -1 : 1;
	}
	return (a_len > b_len) - (a_len < b_len);
}

void text_lower(char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		s[i] = (char)lower(s[i]);
}

/* ---- UTF-8 ---- */

size_t utf8_decode(const char *s, size_t len, uint32_t *ret_cp)
{
	/* Smallest code point that needs that many bytes; less is overlong. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)s[0];
	uint32_t cp;
	size_t need, i;

	if (first < 0x80) {
		*ret_cp = first;
		return 1;
	}
	if (first < 0xc2 || first > 0xf4)
		return 0;
	need = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (need > len)
		return 0;
	cp = first & (0x7fu >> need);
	for (i = 1; i < need; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (c & 0x3f);
	}
	if (cp < least[need] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret_cp = cp;
	return need;
}

static inline bool is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of the character at s[0], which is not ASCII; 0 when it is broken (RFC 3629 4). */
static inline size_t sequence(const char *s, size_t left)
{
	unsigned char a = (unsigned char)s[0], b = left > 1 ? (unsigned char)s[1] : 0;

	if (a < 0xc2 || a > 0xf4 || (b & 0xc0) != 0x80)
		return 0;
	if (a < 0xe0)
		return 2;
	if (left < 3 || !is_tail(s[2]))
		return 0;
	if (a < 0xf0)
		return (a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ? 0 : 3;
	if (left < 4 || !is_tail(s[3]) || (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f))
		return 0;
	return 4;
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Eight bytes at once: all ASCII and, when `plain`, none a control character? */
static inline bool word_fine(const char *s, bool plain)
{
	uint64_t word, del;

	memcpy(&word, s, 8);
	if (word & EACH_BYTE(0x80))
		return false;
	del = word ^ EACH_BYTE(0x7f);
	return !plain || !(((word - EACH_BYTE(0x20)) | (del - EACH_BYTE(1))) & EACH_BYTE(0x80));
}

static inline bool scan(const char *s, size_t len, bool plain)
{
	size_t at = 0, n;

	while (at < len) {
		if (len - at >= 8 && word_fine(s + at, plain)) {
			at += 8;
			continue;
		}
		if ((unsigned char)s[at] < 0x80) {
			if (plain && ((unsigned char)s[at] < 0x20 || s[at] == 0x7f))
				return false;
			at++;
			continue;
		}
		n = sequence(s + at, len - at);
		if (!n)
			return false;
		at += n;
	}
	return true;
}

bool utf8_valid(const char *s, size_t len)
{
	return scan(s, len, false);
}

bool text_plain(const char *s, size_t len)
{
	return scan(s, len, true);
}

size_t utf8_encode(uint32_t cp, char *out)
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

/*
 * wcwidth(3) knows the C library's Unicode tables, but only under a UTF-8 locale; the one
 * used here is built into glibc, so the answer is the same whatever the user has set.
 */
static locale_t utf8_locale;

static void utf8_locale_open(void)
{
	utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

size_t utf8_width(const char *s, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t at = 0, columns = 0;
	locale_t before;

	pthread_once(&once, utf8_locale_open);
	before = utf8_locale ? uselocale(utf8_locale) : (locale_t)0;
	while (at < len) {
		uint32_t cp = 0;
		size_t n = utf8_decode(s + at, len - at, &cp);
		int width = n && cp >= 0x80 ? wcwidth((wchar_t)cp) : 1;

		if (n && (cp < 0x20 || cp == 0x7f))
			width = 0;
		columns += width < 0 ? 0 : (size_t)width;
		at += n ? n : 1;
	}
	if (before)
		uselocale(before);
	return columns;
}

/* ---- visible ---- */

/*
 * Marks that reorder or hide text on a terminal (Unicode Bidi_Control, line and paragraph
 * separators, zero-width ones that make two names look alike, the byte order mark, tags).
 */
static bool is_deceptive(uint32_t cp)
{
	return (cp >= 0x80 && cp <= 0x9f) || cp == 0xad || cp == 0x61c || cp == 0x180e ||
	       cp == 0x200b || cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) ||
	       cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) ||
	       (cp >= 0xe0000 && cp <= 0xe007f);
}

/* One character of `s` as it may be shown. Returns bytes used of `s`; `out` has 16. */
static size_t visible_one(const char *s, size_t len, char *out, size_t *ret_len)
{
	uint32_t cp = 0;
	size_t n = utf8_decode(s, len, &cp);

	if (!n || cp < 0x20 || cp == 0x7f) {
		*ret_len = (size_t)snprintf(out, 16, "\\x%02X", (unsigned char)s[0]);
		return 1;
	}
	if (is_deceptive(cp)) {
		*ret_len = (size_t)snprintf(out, 16, "\\u{%04X}", (unsigned)cp);
		return n;
	}
	memcpy(out, s, n);
	*ret_len = n;
	return n;
}

size_t text_visible(const char *s, size_t len, char *out, size_t size)
{
	size_t at = 0, put = 0, cut_at = 0, piece_len;
	char piece[16];

	if (size == 0)
		return 0;
	while (at < len) {
		at += visible_one(s + at, len - at, piece, &piece_len);
		if (put + piece_len >= size) {
			/* cut_at leaves room for the dots, where there is any. */
			size_t dots = size - 1 - cut_at < 3 ? size - 1 - cut_at : 3;

			memcpy(out + cut_at, "...", dots);
			put = cut_at + dots;
			break;
		}
		memcpy(out + put, piece, piece_len);
		put += piece_len;
		if (put + 3 < size)
			cut_at = put;
	}
	out[put] = '\0';
	return put;
}

/* ---- nearest name ---- */

#define NEAREST_MAX 64 /* code points compared; a longer name is cut */
#define COST_EDIT 4
#define COST_CASE 1

static size_t code_points(const char *s, uint32_t *out)
{
	size_t len = strlen(s), at = 0, count = 0;

	while (at < len && count < NEAREST_MAX) {
		size_t n = utf8_decode(s + at, len - at, &out[count]);

		if (!n) {
			out[count] = (unsigned char)s[at];
			n = 1;
		}
		at += n;
		count++;
	}
	return count;
}

static unsigned replace_cost(uint32_t a, uint32_t b)
{
	if (a == b)
		return 0;
	if (a < 0x80 && b < 0x80 && lower((char)a) == lower((char)b))
		return COST_CASE;
	return COST_EDIT;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: insert, delete, replace, swap of neighbours. */
static unsigned edit_distance(const uint32_t *a, size_t a_len, const uint32_t *b,
			      size_t b_len)
{
	unsigned rows[3][NEAREST_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2], *spare;
	size_t i, j;

	for (j = 0; j <= b_len; j++)
		above[j] = (unsigned)j * COST_EDIT;
	for (i = 1; i <= a_len; i++) {
		row[0] = (unsigned)i * COST_EDIT;
		for (j = 1; j <= b_len; j++) {
			row[j] = least(above[j - 1] + replace_cost(a[i - 1], b[j - 1]),
				       least(above[j], row[j - 1]) + COST_EDIT);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + COST_EDIT);
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[b_len];
}

int text_nearest(const char *name, const char *const *candidates, size_t count)
{
	uint32_t wanted[NEAREST_MAX], other[NEAREST_MAX];
	size_t wanted_len = code_points(name, wanted), i;
	unsigned best = 0;
	int best_at = -1;

	for (i = 0; i < count; i++) {
		size_t other_len = code_points(candidates[i], other);
		size_t longer = wanted_len > other_len ? wanted_len : other_len;
		unsigned distance = edit_distance(wanted, wanted_len, other, other_len);
		/* A third of the letters, but one at least: "ou" for "o", not "a" for "b". */
		unsigned bound = (unsigned)(longer / 3 ? longer / 3 : 1) * COST_EDIT;

		if (distance > bound || (longer == 1 && distance > COST_CASE))
			continue;
		if (best_at < 0 || distance < best) {
			best = distance;
			best_at = (int)i;
		}
	}
	return best_at;
}

/* ---- base64 ---- */

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encoded_size(size_t len)
{
	return (len / 3 + (len % 3 != 0)) * 4;
}

size_t base64_encode(const void *data, size_t len, char *out)
{
	const unsigned char *in = data;
	char *at = out;

	for (; len >= 3; len -= 3, in += 3, at += 4) {
		at[0] = base64_digits[in[0] >> 2];
		at[1] = base64_digits[(in[0] << 4 | in[1] >> 4) & 63];
		at[2] = base64_digits[(in[1] << 2 | in[2] >> 6) & 63];
		at[3] = base64_digits[in[2] & 63];
	}
	if (len) {
		unsigned second = len == 2 ? in[1] : 0;

		at[0] = base64_digits[in[0] >> 2];
		at[1] = base64_digits[(in[0] << 4 | second >> 4) & 63];
		at[2] = len == 2 ? base64_digits[second << 2 & 63] : '=';
		at[3] = '=';
		at += 4;
	}
	return (size_t)(at - out);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long base64_decode(const char *s, size_t len, void *out)
{
	unsigned char *to = out;
	size_t i, j;

	if (len % 4 != 0)
		return -1;
	for (i = 0; i < len; i += 4) {
		size_t digits = 4;
		uint32_t bits = 0;

		if (i + 4 == len)
			digits = s[i + 2] == '=' && s[i + 3] == '=' ? 2 : s[i + 3] == '=' ? 3 : 4;
		for (j = 0; j < digits; j++) {
			int value = base64_value(s[i + j]);

			if (value < 0)
				return -1;
			bits |= (uint32_t)value << (18 - 6 * j);
		}
		/* RFC 4648 3.5: bits that no byte uses are zero, so each text has one form. */
		if ((digits == 2 && (bits & 0xffff)) || (digits == 3 && (bits & 0xff)))
			return -1;
		*to++ = (unsigned char)(bits >> 16);
		if (digits > 2)
			*to++ = (unsigned char)(bits >> 8);
		if (digits > 3)
			*to++ = (unsigned char)bits;
	}
	return (long)(to - (unsigned char *)out);
}

/* ---- time ---- */

#define DAY_SECONDS 86400
/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z, all that RFC 3339 can write. */
#define TIME_MIN INT64_C(-62167219200)
#define TIME_MAX INT64_C(253402300799)

/*
 * Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the
 * leap day is the last one and the months before it have a regular length.
 */
static int64_t days_from_date(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
			     day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era -
			      (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;

	*ret_day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
	*ret_month = (int)(month_from_march < 10 ? month_from_march + 3
						 : month_from_march - 9);
	*ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

void time_format(int64_t unix_seconds, char out[21])
{
	int64_t t = unix_seconds < TIME_MIN ? TIME_MIN :
		    unix_seconds > TIME_MAX ? TIME_MAX : unix_seconds;
	int64_t days = (t >= 0 ? t : t - (DAY_SECONDS - 1)) / DAY_SECONDS;
	int seconds = (int)(t - days * DAY_SECONDS);
	int year, month, day;
	char text[64]; /* the compiler can't know how short the numbers are */

	date_from_days(days, &year, &month, &day);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day,
		 seconds / 3600, seconds / 60 % 60, seconds % 60);
	memcpy(out, text, 20);
	out[20] = '\0';
}

static int digits_at(const char *s, size_t count, int *ret)
{
	int value = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		value = value * 10 + (s[i] - '0');
	}
	*ret = value;
	return 0;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* "Z" or "+hh:mm"; the offset in seconds. */
static int parse_offset(const char *s, size_t len, int *ret_seconds)
{
	int hours, minutes;

	if (len == 1 && (s[0] == 'Z' || s[0] == 'z')) {
		*ret_seconds = 0;
		return 0;
	}
	if (len != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':' ||
	    digits_at(s + 1, 2, &hours) != 0 || digits_at(s + 4, 2, &minutes) != 0 ||
	    hours > 23 || minutes > 59)
		return -1;
	*ret_seconds = (hours * 60 + minutes) * (s[0] == '-' ? -60 : 60);
	return 0;
}

int time_parse(const char *s, size_t len, int64_t *ret_unix_seconds)
{
	int year, month, day, hour, minute, second, offset;
	size_t at = 19;

	if (len < 20 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't') ||
	    s[13] != ':' || s[16] != ':' || digits_at(s, 4, &year) != 0 ||
	    digits_at(s + 5, 2, &month) != 0 || digits_at(s + 8, 2, &day) != 0 ||
	    digits_at(s + 11, 2, &hour) != 0 || digits_at(s + 14, 2, &minute) != 0 ||
	    digits_at(s + 17, 2, &second) != 0)
		return -1;
	/* A leap second (60) counts as the first second of the next minute. */
	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
	    hour > 23 || minute > 59 || second > 60)
		return -1;
	if (s[at] == '.') {
		size_t from = ++at;

		while (at < len && s[at] >= '0' && s[at] <= '9')
			at++;
		if (at == from)
			return -1;
	}
	if (parse_offset(s + at, len - at, &offset) != 0)
		return -1;
	*ret_unix_seconds = days_from_date(year, month, day) * DAY_SECONDS + hour * 3600 +
			    minute * 60 + second - offset;
	return 0;
}
