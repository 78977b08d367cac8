#include "mappings/cel_impl.h"

#include <stdio.h>

#include "mappings/dn.h"
#include "mappings/sid.h"
#include "scim/base/banned.h"

/*
 * Functions for what directories hold: identifiers and times of Active Directory, names and
 * telephone numbers. An attribute whose bytes happen to be UTF-8 arrives as text, so those
 * that take binary values look at the length and not at the type.
 */

#define SHOWN(s) (int)((s).len > 60 ? 60 : (s).len), (s).data

static bool give_text(struct cel_ctx *c, const struct cel_node *n, const char *text, size_t len,
		      struct cel_value *out)
{
	char *copy = cel_alloc_bytes(c, n, len);

	if (!copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*out = cel_string(slice_of(copy, len));
	return true;
}

/* ---- identifiers ---- */

/* MS-DTYP 2.3.4.2: three little-endian numbers, then eight bytes as they are. */
static void guid_text(const unsigned char b[16], char out[37])
{
	snprintf(out, 37,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[3],
		 b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12],
		 b[13], b[14], b[15]);
}

CEL_FN(guid)
{
	struct slice s = args[0].as.s;
	char text[37];
	size_t len = 0;

	(void)argc;
	if (s.len == 16) {
		guid_text((const unsigned char *)s.data, text);
		return give_text(c, n, text, 36, out);
	}
	for (size_t i = 0; i < s.len && len < 37; i++) {
		char d = s.data[i];

		if (d == '{' || d == '}' || d == '-')
			continue;
		if (d >= 'A' && d <= 'F')
			d = (char)(d | 32);
		if (!((d >= '0' && d <= '9') || (d >= 'a' && d <= 'f')))
			break;
		if (len == 8 || len == 13 || len == 18 || len == 23)
			text[len++] = '-';
		if (len < 36)
			text[len] = d;
		len++;
	}
	if (len != 36 || s.len > 38)
		return cel_failf(c, n, "%s of %zu bytes is no GUID",
				 args[0].type == CEL_STRING ? "a text" : "a value", s.len);
	return give_text(c, n, text, 36, out);
}

CEL_FN(sid)
{
	struct slice s = args[0].as.s;
	char text[SID_TEXT_BYTES];
	size_t len;

	(void)argc;
	if (s.len > 4 && (s.data[0] | 32) == 's' && s.data[1] == '-') {
		*out = args[0];
		return true;
	}
	len = sid_format(s, text);
	if (len == 0)
		return cel_failf(c, n, "a value of %zu bytes is no security identifier", s.len);
	return give_text(c, n, text, len, out);
}

/* ---- times ---- */

#define FILETIME_1970 116444736000000000LL
#define FILETIME_NEVER INT64_MAX

/*
 * accountExpires is 0 or 2^63-1 for "never" (MS-ADTS, accountExpires): then there is no time,
 * and the value is as absent as the attribute.
 */
CEL_FN(filetime)
{
	int64_t t = args[0].as.i, s;

	(void)argc;
	if (args[0].type == CEL_STRING && !cel_parse_int(args[0].as.s, &t))
		return cel_failf(c, n, "\"%.*s\" is no FILETIME, a whole number",
				 SHOWN(args[0].as.s));
	if (t == 0 || t == FILETIME_NEVER) {
		struct cel_value never = cel_string(SLICE("the FILETIME says never"));

		return cel_fail_key(c, n, &never);
	}
	if (t < 0)
		return cel_fail(c, n, "range error: a FILETIME is not negative");
	t -= FILETIME_1970;
	s = t / 10000000 - (t % 10000000 < 0);
	if (s > CEL_TIMESTAMP_MAX)
		return cel_fail(c, n, "range error: the FILETIME is after the year 9999");
	*out = (struct cel_value){ .type = CEL_TIMESTAMP, .as.i = s,
				   .nanos = (int32_t)((t - s * 10000000) * 100) };
	return true;
}

static bool two(struct slice *s, unsigned *ret)
{
	if (s->len < 2 || s->data[0] < '0' || s->data[0] > '9' || s->data[1] < '0' ||
	    s->data[1] > '9')
		return false;
	*ret = (unsigned)(s->data[0] - '0') * 10 + (unsigned)(s->data[1] - '0');
	s->data += 2;
	s->len -= 2;
	return true;
}

/* RFC 4517 3.3.13: the fraction is of the last unit that is written. */
static bool time_fraction(struct slice *s, int64_t unit_s, int64_t *ret_nanos)
{
	__int128 value = 0, scale = 1;

	*ret_nanos = 0;
	if (s->len == 0 || (*s->data != '.' && *s->data != ','))
		return true;
	s->data++;
	s->len--;
	if (s->len == 0 || *s->data < '0' || *s->data > '9')
		return false;
	for (; s->len && *s->data >= '0' && *s->data <= '9'; s->data++, s->len--)
		if (scale < 1000000000000LL) {
			value = value * 10 + (*s->data - '0');
			scale *= 10;
		}
	*ret_nanos = (int64_t)(value * unit_s * 1000000000 / scale);
	return true;
}

static bool time_zone(struct slice *s, int64_t *ret_s)
{
	unsigned h, m = 0;
	bool minus;

	*ret_s = 0;
	if (s->len == 1 && *s->data == 'Z')
		return true;
	if (s->len == 0 || (*s->data != '+' && *s->data != '-'))
		return false;
	minus = *s->data == '-';
	s->data++;
	s->len--;
	if (!two(s, &h) || (s->len && !two(s, &m)) || s->len || h > 23 || m > 59)
		return false;
	*ret_s = (int64_t)(h * 3600 + m * 60) * (minus ? -1 : 1);
	return true;
}

static bool generalized(struct slice s, struct cel_value *ret)
{
	unsigned century, year, month, day, hour, minute = 0, second = 0, check_month, check_day;
	int64_t unit = 3600, nanos, zone, t, y, check_year;

	if (!two(&s, &century) || !two(&s, &year) || !two(&s, &month) || !two(&s, &day) ||
	    !two(&s, &hour))
		return false;
	if (two(&s, &minute)) {
		unit = 60;
		if (two(&s, &second))
			unit = 1;
	}
	if (!time_fraction(&s, unit, &nanos) || !time_zone(&s, &zone))
		return false;
	if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60)
		return false;
	y = century * 100 + year;
	t = cel_days(y, month, day);
	cel_civil(t, &check_year, &check_month, &check_day);
	if (check_month != month || check_day != day)
		return false;
	t = t * 86400 + hour * 3600 + minute * 60 + second - zone + nanos / 1000000000;
	*ret = (struct cel_value){ .type = CEL_TIMESTAMP, .as.i = t,
				   .nanos = (int32_t)(nanos % 1000000000) };
	return t >= CEL_TIMESTAMP_MIN && t <= CEL_TIMESTAMP_MAX;
}

bool cel_parse_generalized(struct slice s, struct cel_value *ret)
{
	return generalized(s, ret);
}

CEL_FN(generalized_time)
{
	(void)argc;
	return generalized(args[0].as.s, out) ||
	       cel_failf(c, n, "\"%.*s\" is no generalizedTime like 20260131093000Z",
			 SHOWN(args[0].as.s));
}

/* ---- userAccountControl ---- */

/* MS-ADTS 2.2.16 */
static const struct {
	const char *name;
	uint32_t bit;
} uac_flags[] = {
	{ "SCRIPT", 0x1 },
	{ "ACCOUNTDISABLE", 0x2 },
	{ "HOMEDIR_REQUIRED", 0x8 },
	{ "LOCKOUT", 0x10 },
	{ "PASSWD_NOTREQD", 0x20 },
	{ "PASSWD_CANT_CHANGE", 0x40 },
	{ "ENCRYPTED_TEXT_PWD_ALLOWED", 0x80 },
	{ "TEMP_DUPLICATE_ACCOUNT", 0x100 },
	{ "NORMAL_ACCOUNT", 0x200 },
	{ "INTERDOMAIN_TRUST_ACCOUNT", 0x800 },
	{ "WORKSTATION_TRUST_ACCOUNT", 0x1000 },
	{ "SERVER_TRUST_ACCOUNT", 0x2000 },
	{ "DONT_EXPIRE_PASSWORD", 0x10000 },
	{ "MNS_LOGON_ACCOUNT", 0x20000 },
	{ "SMARTCARD_REQUIRED", 0x40000 },
	{ "TRUSTED_FOR_DELEGATION", 0x80000 },
	{ "NOT_DELEGATED", 0x100000 },
	{ "USE_DES_KEY_ONLY", 0x200000 },
	{ "DONT_REQ_PREAUTH", 0x400000 },
	{ "PASSWORD_EXPIRED", 0x800000 },
	{ "TRUSTED_TO_AUTH_FOR_DELEGATION", 0x1000000 },
	{ "PARTIAL_SECRETS_ACCOUNT", 0x4000000 },
};
#define UAC_FLAGS (sizeof(uac_flags) / sizeof(*uac_flags))

static uint32_t uac_bit(struct slice name)
{
	for (size_t i = 0; i < UAC_FLAGS; i++)
		if (slice_eq_str(name, uac_flags[i].name))
			return uac_flags[i].bit;
	return 0;
}

int cel_prepare_uac(struct arena *mem, const struct tables *tables, const struct cel_node *n,
		    void **ret_extra, struct err *err)
{
	const char *names[UAC_FLAGS];
	struct slice name;
	int near;

	(void)tables;
	(void)ret_extra;
	if (n->kids[1]->op != N_CONST || n->kids[1]->value.type != CEL_STRING)
		return 0;
	name = n->kids[1]->value.as.s;
	if (uac_bit(name))
		return 0;
	for (size_t i = 0; i < UAC_FLAGS; i++)
		names[i] = uac_flags[i].name;
	near = text_nearest(arena_strndup(mem, name.data, name.len > 60 ? 60 : name.len), names,
			    UAC_FLAGS);
	return err_set(err, ERR_INVALID, "\"%.*s\" is no flag of userAccountControl%s%s",
		       SHOWN(name), near >= 0 ? "; nearest: " : "", near >= 0 ? names[near] : "");
}

CEL_FN(uac)
{
	uint32_t bit = uac_bit(args[1].as.s);
	int64_t value = args[0].as.i;

	(void)argc;
	if (!bit)
		return cel_failf(c, n, "\"%.*s\" is no flag of userAccountControl",
				 SHOWN(args[1].as.s));
	if (args[0].type == CEL_STRING && !cel_parse_int(args[0].as.s, &value))
		return cel_failf(c, n, "\"%.*s\" is no userAccountControl, a whole number",
				 SHOWN(args[0].as.s));
	*out = cel_bool((uint64_t)value & bit);
	return true;
}

/* ---- names ---- */

/* Up to `max` values of an attribute of a DN. */
static bool find_parts(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *args,
		       struct slice *values, size_t max, size_t *ret_count)
{
	struct err err = ERR_INIT;
	struct slice dn = args[0].as.s, name = args[1].as.s;
	char *type = cel_alloc_bytes(c, n, name.len);

	if (!type || !cel_charge(c, n, 64 * 16 + dn.len))
		return false;
	memcpy(type, name.data, name.len);
	type[name.len] = '\0';
	if (dn_parts(c->mem, dn.data, dn.len, type, values, max, ret_count, &err) == 0)
		return true;
	return cel_failf(c, n, "%s", err.text);
}

CEL_FN(dn_part)
{
	struct slice value;
	size_t count;

	(void)argc;
	if (!find_parts(c, n, args, &value, 1, &count))
		return false;
	if (count == 0)
		return cel_fail_key(c, n, &args[1]);
	*out = cel_of_attr(value);
	return true;
}

CEL_FN(dn_parts)
{
	struct slice values[DN_RDNS_MAX + 1];
	struct cel_value *items;
	size_t count;

	(void)argc;
	if (!find_parts(c, n, args, values, DN_RDNS_MAX + 1, &count))
		return false;
	if (count > DN_RDNS_MAX)
		return cel_failf(c, n, "the DN has more than %d parts", DN_RDNS_MAX);
	items = cel_alloc_array(c, n, count + 1, sizeof(*items));
	if (!items)
		return false;
	for (size_t i = 0; i < count; i++)
		items[i] = cel_of_attr(values[i]);
	return cel_make_list(c, n, items, count, out);
}

/*
 * A person, by DN: the form in which equal names are equal bytes, so that the mapper finds
 * the person whatever way the value is spelled. The root DN names nobody.
 */
CEL_FN(ref)
{
	struct err err = ERR_INIT;
	struct slice norm, dn = args[0].as.s;

	(void)argc;
	if (!cel_charge(c, n, 64 * 16 + dn.len))
		return false;
	if (dn.len && dn_normalize(c->mem, dn.data, dn.len, &norm, &err) == 0 && norm.len) {
		*out = cel_string(norm);
		return true;
	}
	return cel_failf(c, n, "ref() needs the DN of a person: %s",
			 err.kind == ERR_NONE ? "this text is empty" : err.text);
}

/* ASCII forms of U+00A0 to U+024F: the letter without its marks, or what it is written as. */
static const char latin[][3] = {
	" ", "", "", "", "", "", "", "", "", "", "a", "\"", "", "", "", "", "", "", "2",
	"3", "'", "", "", "-", "", "1", "o", "\"", "", "", "", "", "A", "A", "A", "A",
	"A", "A", "AE", "C", "E", "E", "E", "E", "I", "I", "I", "I", "D", "N", "O", "O",
	"O", "O", "O", "x", "O", "U", "U", "U", "U", "Y", "Th", "ss", "a", "a", "a",
	"a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i", "d", "n", "o",
	"o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "y", "A", "a", "A",
	"a", "A", "a", "C", "c", "C", "c", "C", "c", "C", "c", "D", "d", "D", "d", "E",
	"e", "E", "e", "E", "e", "E", "e", "E", "e", "G", "g", "G", "g", "G", "g", "G",
	"g", "H", "h", "H", "h", "I", "i", "I", "i", "I", "i", "I", "i", "I", "i", "IJ",
	"ij", "J", "j", "K", "k", "k", "L", "l", "L", "l", "L", "l", "L", "l", "L", "l",
	"N", "n", "N", "n", "N", "n", "n", "N", "n", "O", "o", "O", "o", "O", "o", "OE",
	"oe", "R", "r", "R", "r", "R", "r", "S", "s", "S", "s", "S", "s", "S", "s", "T",
	"t", "T", "t", "T", "t", "U", "u", "U", "u", "U", "u", "U", "u", "U", "u", "U",
	"u", "W", "w", "Y", "y", "Y", "Z", "z", "Z", "z", "Z", "z", "s", "b", "B", "",
	"", "", "", "", "C", "c", "", "D", "", "", "", "", "A", "", "F", "f", "G", "",
	"", "", "I", "K", "k", "l", "", "", "N", "n", "", "O", "o", "", "", "P", "p",
	"", "", "", "", "", "t", "T", "t", "T", "U", "u", "", "V", "Y", "y", "Z", "z",
	"", "", "", "", "", "", "", "", "", "", "", "", "", "DZ", "Dz", "dz", "LJ",
	"Lj", "lj", "NJ", "Nj", "nj", "A", "a", "I", "i", "O", "o", "U", "u", "U", "u",
	"U", "u", "U", "u", "U", "u", "", "A", "a", "A", "a", "", "", "G", "g", "G",
	"g", "K", "k", "O", "o", "O", "o", "", "", "j", "DZ", "Dz", "dz", "G", "g", "",
	"", "N", "n", "A", "a", "", "", "", "", "A", "a", "A", "a", "E", "e", "E", "e",
	"I", "i", "I", "i", "O", "o", "O", "o", "R", "r", "R", "r", "U", "u", "U", "u",
	"S", "s", "T", "t", "", "", "H", "h", "", "d", "", "", "", "", "A", "a", "E",
	"e", "O", "o", "O", "o", "O", "o", "O", "o", "Y", "y", "l", "n", "t", "j", "",
	"", "A", "C", "c", "L", "T", "s", "z", "", "", "B", "U", "", "E", "e", "J", "j",
	"", "", "R", "r", "Y", "y",
};
/* U+1E00 to U+1EFF */
static const char latin_more[][3] = {
	"A", "a", "B", "b", "B", "b", "B", "b", "C", "c", "D", "d", "D", "d", "D", "d",
	"D", "d", "D", "d", "E", "e", "E", "e", "E", "e", "E", "e", "E", "e", "F", "f",
	"G", "g", "H", "h", "H", "h", "H", "h", "H", "h", "H", "h", "I", "i", "I", "i",
	"K", "k", "K", "k", "K", "k", "L", "l", "L", "l", "L", "l", "L", "l", "M", "m",
	"M", "m", "M", "m", "N", "n", "N", "n", "N", "n", "N", "n", "O", "o", "O", "o",
	"O", "o", "O", "o", "P", "p", "P", "p", "R", "r", "R", "r", "R", "r", "R", "r",
	"S", "s", "S", "s", "S", "s", "S", "s", "S", "s", "T", "t", "T", "t", "T", "t",
	"T", "t", "U", "u", "U", "u", "U", "u", "U", "u", "U", "u", "V", "v", "V", "v",
	"W", "w", "W", "w", "W", "w", "W", "w", "W", "w", "X", "x", "X", "x", "Y", "y",
	"Z", "z", "Z", "z", "Z", "z", "h", "t", "w", "y", "a", "s", "", "", "SS", "",
	"A", "a", "A", "a", "A", "a", "A", "a", "A", "a", "A", "a", "A", "a", "A", "a",
	"A", "a", "A", "a", "A", "a", "A", "a", "E", "e", "E", "e", "E", "e", "E", "e",
	"E", "e", "E", "e", "E", "e", "E", "e", "I", "i", "I", "i", "O", "o", "O", "o",
	"O", "o", "O", "o", "O", "o", "O", "o", "O", "o", "O", "o", "O", "o", "O", "o",
	"O", "o", "O", "o", "U", "u", "U", "u", "U", "u", "U", "u", "U", "u", "U", "u",
	"U", "u", "Y", "y", "Y", "y", "Y", "y", "Y", "y", "", "", "", "", "", "",
};

static const struct {
	uint32_t cp;
	const char *ascii;
} punctuation[] = {
	{ 0x2010, "-" }, { 0x2011, "-" }, { 0x2012, "-" }, { 0x2013, "-" },	{ 0x2014, "-" },
	{ 0x2018, "'" }, { 0x2019, "'" }, { 0x201a, "'" }, { 0x201c, "\"" },	{ 0x201d, "\"" },
	{ 0x201e, "\"" }, { 0x2026, "..." }, { 0x202f, " " }, { 0x2009, " " }, { 0x2212, "-" },
};

/* German names are written with ae oe ue when the dots can not be. */
static const char *german(uint32_t cp)
{
	switch (cp) {
	case 0xe4:
		return "ae";
	case 0xf6:
		return "oe";
	case 0xfc:
		return "ue";
	case 0xc4:
		return "Ae";
	case 0xd6:
		return "Oe";
	case 0xdc:
		return "Ue";
	default:
		return NULL;
	}
}

static const char *ascii_of(uint32_t cp, bool de)
{
	const char *special = de ? german(cp) : NULL;

	if (special)
		return special;
	if (cp >= 0xa0 && cp <= 0x24f)
		return latin[cp - 0xa0];
	if (cp >= 0x1e00 && cp <= 0x1eff)
		return latin_more[cp - 0x1e00];
	for (size_t i = 0; i < sizeof(punctuation) / sizeof(*punctuation); i++)
		if (punctuation[i].cp == cp)
			return punctuation[i].ascii;
	return "";
}

CEL_FN(ascii)
{
	struct slice s = args[0].as.s;
	bool de = argc > 1 && slice_eq_str(args[1].as.s, "de");
	/* The longest form has 3 characters for 3 bytes, or 2 for 2. */
	char *text = cel_alloc_bytes(c, n, s.len);
	size_t len = 0, bytes;
	uint32_t cp;

	if (!text)
		return false;
	if (argc > 1 && !de)
		return cel_failf(c, n, "ascii() knows \"de\" (ae oe ue), not \"%.*s\"",
				 SHOWN(args[1].as.s));
	for (size_t i = 0; i < s.len; i += bytes) {
		bytes = utf8_decode(s.data + i, s.len - i, &cp);
		if (bytes <= 1) {
			text[len++] = s.data[i];
			bytes = 1;
			continue;
		}
		for (const char *a = ascii_of(cp, de); *a; a++)
			text[len++] = *a;
	}
	text[len] = '\0';
	*out = cel_string(slice_of(text, len));
	return true;
}

/* ---- telephone numbers ---- */

/* ITU-T E.164: country codes; the trunk prefix that national numbers are written with. */
static const struct region {
	char name[3], code[4], trunk[3];
} regions[] = {
	{ "US", "1", "1" }, { "CA", "1", "1" }, { "DE", "49", "0" },
	{ "AT", "43", "0" }, { "CH", "41", "0" }, { "LI", "423", "" },
	{ "GB", "44", "0" }, { "IE", "353", "0" }, { "FR", "33", "0" },
	{ "BE", "32", "0" }, { "NL", "31", "0" }, { "LU", "352", "" },
	{ "IT", "39", "" }, { "ES", "34", "" }, { "PT", "351", "" },
	{ "DK", "45", "" }, { "NO", "47", "" }, { "SE", "46", "0" },
	{ "FI", "358", "0" }, { "IS", "354", "" }, { "PL", "48", "" },
	{ "CZ", "420", "" }, { "SK", "421", "0" }, { "HU", "36", "06" },
	{ "SI", "386", "0" }, { "HR", "385", "0" }, { "RS", "381", "0" },
	{ "BA", "387", "0" }, { "ME", "382", "0" }, { "MK", "389", "0" },
	{ "AL", "355", "0" }, { "GR", "30", "" }, { "CY", "357", "" },
	{ "MT", "356", "" }, { "BG", "359", "0" }, { "RO", "40", "0" },
	{ "MD", "373", "0" }, { "UA", "380", "0" }, { "BY", "375", "8" },
	{ "EE", "372", "" }, { "LV", "371", "" }, { "LT", "370", "0" },
	{ "RU", "7", "8" }, { "KZ", "7", "8" }, { "TR", "90", "0" },
	{ "IL", "972", "0" }, { "AE", "971", "0" }, { "SA", "966", "0" },
	{ "QA", "974", "" }, { "KW", "965", "" }, { "BH", "973", "" },
	{ "OM", "968", "" }, { "EG", "20", "0" }, { "MA", "212", "0" },
	{ "DZ", "213", "0" }, { "TN", "216", "" }, { "ZA", "27", "0" },
	{ "NG", "234", "0" }, { "KE", "254", "0" }, { "GH", "233", "0" },
	{ "IN", "91", "0" }, { "PK", "92", "0" }, { "BD", "880", "0" },
	{ "LK", "94", "0" }, { "CN", "86", "0" }, { "HK", "852", "" },
	{ "TW", "886", "0" }, { "JP", "81", "0" }, { "KR", "82", "0" },
	{ "SG", "65", "" }, { "MY", "60", "0" }, { "TH", "66", "0" },
	{ "VN", "84", "0" }, { "PH", "63", "0" }, { "ID", "62", "0" },
	{ "AU", "61", "0" }, { "NZ", "64", "0" }, { "MX", "52", "" },
	{ "BR", "55", "0" }, { "AR", "54", "0" }, { "CL", "56", "" },
	{ "CO", "57", "" }, { "PE", "51", "0" }, { "EC", "593", "0" },
	{ "UY", "598", "0" }, { "CR", "506", "" }, { "PA", "507", "" },
	{ "GE", "995", "0" }, { "AM", "374", "0" }, { "AZ", "994", "0" },
};
#define REGIONS (sizeof(regions) / sizeof(*regions))

static const struct region *find_region(struct slice name)
{
	if (name.len && *name.data == '+') {
		name.data++;
		name.len--;
		for (size_t i = 0; i < REGIONS; i++)
			if (slice_eq_str(name, regions[i].code))
				return &regions[i];
		return NULL;
	}
	for (size_t i = 0; i < REGIONS; i++)
		if (text_cmp_nocase(name.data, name.len, regions[i].name, 2) == 0)
			return &regions[i];
	return NULL;
}

/* Digits of a number as people write it; "+" is told by *ret_plus. An extension ends it. */
static bool phone_digits(struct slice s, char *out, size_t size, size_t *ret_len, bool *ret_plus)
{
	size_t len = 0;

	*ret_plus = false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];

		if (c >= '0' && c <= '9') {
			if (len == size)
				return false;
			out[len++] = c;
		} else if (c == '+' && len == 0 && !*ret_plus) {
			*ret_plus = true;
		} else if (c == '(' && *ret_plus && s.len - i >= 3 &&
			   memcmp(s.data + i, "(0)", 3) == 0) {
			i += 2; /* +49 (0)30: the trunk prefix is for callers at home */
		} else if (len && ((c | 32) == 'x' || (c | 32) == 'e' || c == ';' || c == '#')) {
			break;
		} else if (!strchr(" \t()-./", c) || c == '\0') {
			/* No-break space and hyphen, U+00A0 and U+2010, are met in the wild. */
			if (s.len - i >= 2 && memcmp(s.data + i, "\xc2\xa0", 2) == 0)
				i += 1;
			else if (s.len - i >= 3 && memcmp(s.data + i, "\xe2\x80", 2) == 0)
				i += 2;
			else
				return false;
		}
	}
	*ret_len = len;
	return true;
}

static bool no_phone(struct cel_ctx *c, const struct cel_node *n, struct slice s)
{
	return cel_failf(c, n, "\"%.*s\" is no telephone number", SHOWN(s));
}

CEL_FN(e164)
{
	struct slice s = args[0].as.s;
	const struct region *region = argc > 1 ? find_region(args[1].as.s) : NULL;
	char digits[32], text[48];
	const char *rest = digits;
	size_t len, total;
	bool plus, nanp = region && strcmp(region->code, "1") == 0;

	if (argc > 1 && !region)
		return cel_failf(c, n, "unknown region \"%.*s\"; write two letters like DE, or "
				 "+49", SHOWN(args[1].as.s));
	if (!phone_digits(s, digits, sizeof(digits), &len, &plus))
		return no_phone(c, n, s);
	if (!plus && nanp && len > 3 && memcmp(digits, "011", 3) == 0) {
		rest += 3;
		plus = true;
	} else if (!plus && !nanp && len > 2 && memcmp(digits, "00", 2) == 0) {
		rest += 2;
		plus = true;
	}
	len -= (size_t)(rest - digits);
	if (!plus) {
		size_t trunk = region ? strlen(region->trunk) : 0;

		if (!region)
			return cel_failf(c, n, "\"%.*s\" has no country code, and no region is "
					 "given", SHOWN(s));
		/* In North America "1" is trunk prefix and country code in one. */
		if (trunk && len > trunk && memcmp(rest, region->trunk, trunk) == 0 &&
		    (!nanp || len == 11)) {
			rest += trunk;
			len -= trunk;
		}
	}
	total = (size_t)snprintf(text, sizeof(text), "+%s%.*s", plus ? "" : region->code,
				 (int)len, rest);
	/* At most 15 digits (E.164 6.2); fewer than 7 reach nobody from abroad. */
	if (total < 8 || total > 16 || text[1] == '0')
		return no_phone(c, n, s);
	return give_text(c, n, text, total, out);
}
