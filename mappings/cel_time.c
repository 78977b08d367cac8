#include "mappings/cel_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scim/base/banned.h"

/* ---- the calendar: proleptic Gregorian, days from 1970-01-01 ---- */

int64_t cel_days(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + (int64_t)doe - 719468;
}

void cel_civil(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*ret_day = doy - (153 * mp + 2) / 5 + 1;
	*ret_month = mp < 10 ? mp + 3 : mp - 9;
	*ret_year = (int64_t)yoe + era * 400 + (*ret_month <= 2);
}

static bool leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned month_days(int64_t year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && leap(year) ? 29 : days[month - 1];
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* ---- text ---- */

/* ".5", ".000000001" or nothing: zeros at the end say nothing. */
static size_t fraction_text(int32_t nanos, char *out)
{
	size_t len;

	if (nanos == 0)
		return 0;
	len = (size_t)snprintf(out, 12, ".%09d", nanos);
	while (out[len - 1] == '0')
		len--;
	return len;
}

size_t cel_timestamp_text(int64_t s, int32_t nanos, char out[CEL_NUMBER_MAX])
{
	int64_t days = floor_div(s, 86400), year;
	unsigned month, day, rest = (unsigned)(s - days * 86400);
	size_t len;

	cel_civil(days, &year, &month, &day);
	len = (size_t)snprintf(out, CEL_NUMBER_MAX, "%04lld-%02u-%02uT%02u:%02u:%02u",
			       (long long)year, month, day, rest / 3600, rest / 60 % 60, rest % 60);
	len += fraction_text(nanos, out + len);
	out[len++] = 'Z';
	return len;
}

size_t cel_duration_text(int64_t s, int32_t nanos, char out[CEL_NUMBER_MAX])
{
	size_t len;

	len = (size_t)snprintf(out, CEL_NUMBER_MAX, "%s%lld",
			       s == 0 && nanos < 0 ? "-" : "", (long long)s);
	len += fraction_text(nanos < 0 ? -nanos : nanos, out + len);
	out[len++] = 's';
	return len;
}

/* Exactly `count` digits. */
static bool digits(struct slice *s, size_t count, unsigned *ret)
{
	*ret = 0;
	if (s->len < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (s->data[i] < '0' || s->data[i] > '9')
			return false;
		*ret = *ret * 10 + (unsigned)(s->data[i] - '0');
	}
	s->data += count;
	s->len -= count;
	return true;
}

static bool take(struct slice *s, char c)
{
	if (s->len == 0 || *s->data != c)
		return false;
	s->data++;
	s->len--;
	return true;
}

/* Digits after the point as billionths; beyond nine they are cut off. */
static bool fraction(struct slice *s, int32_t *ret)
{
	int32_t nanos = 0, unit = 100000000;
	size_t count = 0;

	for (; s->len && *s->data >= '0' && *s->data <= '9'; count++) {
		nanos += (*s->data - '0') * unit;
		unit /= 10;
		s->data++;
		s->len--;
	}
	*ret = nanos;
	return count > 0;
}

/* Z, +hh:mm, -hh:mm */
static bool rfc3339_offset(struct slice *s, int64_t *ret)
{
	unsigned h, m;
	bool minus;

	*ret = 0;
	if (take(s, 'Z') || take(s, 'z'))
		return true;
	minus = s->len && *s->data == '-';
	if (!take(s, '-') && !take(s, '+'))
		return false;
	if (!digits(s, 2, &h) || !take(s, ':') || !digits(s, 2, &m) || h > 23 || m > 59)
		return false;
	*ret = (int64_t)(h * 3600 + m * 60) * (minus ? -1 : 1);
	return true;
}

bool cel_parse_timestamp(struct slice s, struct cel_value *ret)
{
	unsigned year, month, day, h, m, sec;
	int32_t nanos = 0;
	int64_t offset, t;

	if (!digits(&s, 4, &year) || !take(&s, '-') || !digits(&s, 2, &month) || !take(&s, '-') ||
	    !digits(&s, 2, &day) || !(take(&s, 'T') || take(&s, 't')) || !digits(&s, 2, &h) ||
	    !take(&s, ':') || !digits(&s, 2, &m) || !take(&s, ':') || !digits(&s, 2, &sec))
		return false;
	if (take(&s, '.') && !fraction(&s, &nanos))
		return false;
	if (!rfc3339_offset(&s, &offset) || s.len)
		return false;
	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) || h > 23 ||
	    m > 59 || sec > 59)
		return false;
	t = cel_days(year, month, day) * 86400 + h * 3600 + m * 60 + sec - offset;
	if (t < CEL_TIMESTAMP_MIN || t > CEL_TIMESTAMP_MAX)
		return false;
	*ret = (struct cel_value){ .type = CEL_TIMESTAMP, .nanos = nanos, .as.i = t };
	return true;
}

/* Nanoseconds of the unit at the start of `s`, which is taken; 0 = none. */
static int64_t take_unit(struct slice *s)
{
	static const struct {
		const char *name;
		int64_t nanos;
	} units[] = {
		{ "ns", 1 },	     { "us", 1000 },	    { "\xc2\xb5s", 1000 },
		{ "\xce\xbcs", 1000 }, { "ms", 1000000 },   { "s", 1000000000 },
		{ "m", 60000000000 }, { "h", 3600000000000 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t len = strlen(units[i].name);

		if (s->len >= len && memcmp(s->data, units[i].name, len) == 0) {
			s->data += len;
			s->len -= len;
			return units[i].nanos;
		}
	}
	return 0;
}

/* One "1.5h" added to *total nanoseconds. 128 bits: ten thousand years do not fit in 64. */
static bool duration_part(struct slice *s, __int128 *total)
{
	__int128 whole = 0, part = 0, scale = 1;
	bool any = false;
	int64_t unit;

	for (; s->len && *s->data >= '0' && *s->data <= '9'; any = true) {
		whole = whole * 10 + (*s->data - '0');
		if (whole > (__int128)CEL_DURATION_MAX * 1000000000)
			return false;
		s->data++;
		s->len--;
	}
	if (take(s, '.'))
		for (; s->len && *s->data >= '0' && *s->data <= '9'; any = true) {
			if (scale < 1000000000000000LL) {
				part = part * 10 + (*s->data - '0');
				scale *= 10;
			}
			s->data++;
			s->len--;
		}
	unit = any ? take_unit(s) : 0;
	*total += whole * unit + part * unit / scale;
	return unit != 0 && *total <= (__int128)CEL_DURATION_MAX * 1000000000;
}

bool cel_parse_duration(struct slice s, struct cel_value *ret)
{
	bool minus = s.len && *s.data == '-';
	__int128 total = 0;

	if (!take(&s, '-'))
		take(&s, '+');
	if (s.len == 1 && *s.data == '0')
		take(&s, '0');
	else if (s.len == 0)
		return false;
	while (s.len)
		if (!duration_part(&s, &total))
			return false;
	if (minus)
		total = -total;
	*ret = (struct cel_value){ .type = CEL_DURATION,
				   .as.i = (int64_t)(total / 1000000000),
				   .nanos = (int32_t)(total % 1000000000) };
	return true;
}

/* ---- arithmetic ---- */

static bool out_of_range(struct cel_ctx *c, const struct cel_node *n, const char *what)
{
	return cel_failf(c, n, "range error: the %s is out of its range", what);
}

static __int128 total_nanos(const struct cel_value *v)
{
	return (__int128)v->as.i * 1000000000 + v->nanos;
}

/*
 * Nanoseconds of a timestamp count up from the second, those of a duration have its sign.
 * The difference of two timestamps must fit in 64 bits of nanoseconds, as in the reference
 * implementation and the conformance tests ("sub_time_duration_over").
 */
bool cel_time_add(struct cel_ctx *c, const struct cel_node *n, const struct cel_value *a,
		  const struct cel_value *b, int sign, struct cel_value *out)
{
	__int128 t = total_nanos(a) + sign * total_nanos(b), s = t / 1000000000;
	int32_t nanos = (int32_t)(t % 1000000000);
	bool both = a->type == CEL_TIMESTAMP && b->type == CEL_TIMESTAMP;

	if (!both && (a->type == CEL_TIMESTAMP || b->type == CEL_TIMESTAMP)) {
		if (nanos < 0) {
			nanos += 1000000000;
			s--;
		}
		if (s < CEL_TIMESTAMP_MIN || s > CEL_TIMESTAMP_MAX)
			return out_of_range(c, n, "timestamp");
		*out = (struct cel_value){ .type = CEL_TIMESTAMP, .nanos = nanos,
					   .as.i = (int64_t)s };
		return true;
	}
	if (both ? t > INT64_MAX || t < INT64_MIN
		 : s > CEL_DURATION_MAX || s < -CEL_DURATION_MAX)
		return out_of_range(c, n, "duration");
	*out = (struct cel_value){ .type = CEL_DURATION, .nanos = nanos, .as.i = (int64_t)s };
	return true;
}

/* ---- time zones ---- */

/*
 * A zone of the system's tz database (RFC 8536, TZif), or a fixed offset. After the last
 * transition in the file the rule in its footer holds (POSIX TZ text).
 */
struct tz_rule {
	int32_t day; /* of month rule: month * 100 + week * 10 + weekday; else day of year */
	char kind;   /* M, J, 0 */
	int32_t time_s;
};

struct cel_zone {
	uint32_t count;
	const int64_t *times;
	const int32_t *offsets; /* from times[i] on */
	int32_t first;          /* before times[0] */
	bool has_footer, has_dst;
	int32_t std, dst;
	struct tz_rule start, end;
};

#define TZ_DIR "/usr/share/zoneinfo/"
#define TZ_FILE_MAX (64 * 1024)
#define TZ_NAME_MAX 64

static int64_t big_endian(const unsigned char *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return bytes == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

/* [+-]hh[:mm[:ss]] of a TZ text, in seconds. */
static bool tz_time(struct slice *s, int32_t *ret)
{
	int32_t part[3] = { 0 };
	bool minus = s->len && *s->data == '-';

	if (!take(s, '-'))
		take(s, '+');
	for (int i = 0; i < 3; i++) {
		int count = 0;

		if (i && !take(s, ':'))
			break;
		for (; s->len && *s->data >= '0' && *s->data <= '9' && count < 3; count++) {
			part[i] = part[i] * 10 + (*s->data - '0');
			s->data++;
			s->len--;
		}
		if (count == 0)
			return false;
	}
	*ret = (part[0] * 3600 + part[1] * 60 + part[2]) * (minus ? -1 : 1);
	return true;
}

static bool tz_name(struct slice *s)
{
	size_t i = 0;

	if (s->len && *s->data == '<') {
		while (i < s->len && s->data[i] != '>')
			i++;
		i++;
	} else {
		while (i < s->len && ((s->data[i] | 32) >= 'a' && (s->data[i] | 32) <= 'z'))
			i++;
	}
	if (i == 0 || i > s->len)
		return false;
	s->data += i;
	s->len -= i;
	return true;
}

static bool tz_number(struct slice *s, int32_t *ret)
{
	size_t count = 0;

	for (*ret = 0; s->len && *s->data >= '0' && *s->data <= '9' && count < 4; count++) {
		*ret = *ret * 10 + (*s->data - '0');
		s->data++;
		s->len--;
	}
	return count > 0;
}

static bool tz_rule(struct slice *s, struct tz_rule *ret)
{
	int32_t month, week, weekday;

	*ret = (struct tz_rule){ .kind = '0', .time_s = 7200 };
	if (!take(s, ','))
		return false;
	if (take(s, 'M')) {
		if (!tz_number(s, &month) || !take(s, '.') || !tz_number(s, &week) ||
		    !take(s, '.') || !tz_number(s, &weekday) || month < 1 || month > 12 ||
		    week < 1 || week > 5 || weekday > 6)
			return false;
		ret->kind = 'M';
		ret->day = month * 100 + week * 10 + weekday;
	} else {
		ret->kind = take(s, 'J') ? 'J' : '0';
		if (!tz_number(s, &ret->day) || ret->day > 365)
			return false;
	}
	return !take(s, '/') || tz_time(s, &ret->time_s);
}

static bool tz_footer(struct slice s, struct cel_zone *zone)
{
	if (!tz_name(&s) || !tz_time(&s, &zone->std))
		return false;
	zone->std = -zone->std; /* POSIX counts west */
	zone->has_footer = true;
	if (s.len == 0)
		return true;
	if (!tz_name(&s))
		return false;
	zone->dst = zone->std + 3600;
	if (s.len && *s.data != ',') {
		if (!tz_time(&s, &zone->dst))
			return false;
		zone->dst = -zone->dst;
	}
	zone->has_dst = true;
	return tz_rule(&s, &zone->start) && tz_rule(&s, &zone->end) && s.len == 0;
}

/* Local seconds since 1970 at which the rule of this year strikes. */
static int64_t rule_time(const struct tz_rule *rule, int64_t year)
{
	int64_t days = cel_days(year, 1, 1);

	if (rule->kind == 'M') {
		unsigned month = (unsigned)rule->day / 100, week = (unsigned)rule->day / 10 % 10;
		unsigned weekday = (unsigned)rule->day % 10, day;
		int64_t first = cel_days(year, month, 1);

		/* 1970-01-01 was a Thursday. */
		day = (unsigned)((weekday + 7 - (unsigned)((first + 4) % 7 + 7) % 7) % 7) +
		      (week - 1) * 7;
		while (day >= month_days(year, month))
			day -= 7;
		days = first + day;
	} else if (rule->kind == 'J') {
		days += rule->day - 1 + (leap(year) && rule->day >= 60);
	} else {
		days += rule->day;
	}
	return days * 86400 + rule->time_s;
}

static int32_t footer_offset(const struct cel_zone *zone, int64_t t)
{
	int64_t year, start, end;
	unsigned month, day;
	bool dst;

	if (!zone->has_dst)
		return zone->std;
	cel_civil(floor_div(t + zone->std, 86400), &year, &month, &day);
	start = rule_time(&zone->start, year) - zone->std;
	end = rule_time(&zone->end, year) - zone->dst;
	dst = start < end ? t >= start && t < end : t >= start || t < end;
	return dst ? zone->dst : zone->std;
}

int32_t cel_zone_offset(const struct cel_zone *zone, int64_t unix_seconds)
{
	uint32_t low = 0, high = zone->count;

	if (zone->count == 0 || unix_seconds >= zone->times[zone->count - 1]) {
		if (zone->has_footer)
			return footer_offset(zone, unix_seconds);
		return zone->count ? zone->offsets[zone->count - 1] : zone->first;
	}
	if (unix_seconds < zone->times[0])
		return zone->first;
	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;

		if (zone->times[mid] <= unix_seconds)
			low = mid;
		else
			high = mid;
	}
	return zone->offsets[low];
}

struct tzif {
	uint32_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
};

static bool tzif_header(const unsigned char *p, size_t len, struct tzif *h)
{
	if (len < 44 || memcmp(p, "TZif", 4) != 0)
		return false;
	h->isutcnt = (uint32_t)big_endian(p + 20, 4);
	h->isstdcnt = (uint32_t)big_endian(p + 24, 4);
	h->leapcnt = (uint32_t)big_endian(p + 28, 4);
	h->timecnt = (uint32_t)big_endian(p + 32, 4);
	h->typecnt = (uint32_t)big_endian(p + 36, 4);
	h->charcnt = (uint32_t)big_endian(p + 40, 4);
	return h->timecnt < TZ_FILE_MAX && h->typecnt < 256 && h->typecnt > 0 &&
	       h->charcnt < TZ_FILE_MAX && h->leapcnt < TZ_FILE_MAX && h->isutcnt < 256 &&
	       h->isstdcnt < 256;
}

static size_t tzif_size(const struct tzif *h, size_t time_bytes)
{
	return h->timecnt * (time_bytes + 1) + h->typecnt * 6 + h->charcnt +
	       h->leapcnt * (time_bytes + 4) + h->isstdcnt + h->isutcnt;
}

/* The 64-bit block of a file of version 2 or later. */
static bool tzif_load(struct arena *mem, const unsigned char *p, size_t len,
		      struct cel_zone *zone)
{
	struct tzif h;
	size_t size;
	const unsigned char *types;
	int64_t *times;
	int32_t *offsets;

	if (!tzif_header(p, len, &h) || p[4] < '2' || 44 + tzif_size(&h, 4) > len)
		return false;
	size = 44 + tzif_size(&h, 4);
	p += size;
	len -= size;
	if (!tzif_header(p, len, &h) || 44 + tzif_size(&h, 8) > len)
		return false;
	size = 44 + tzif_size(&h, 8);
	times = arena_array(mem, h.timecnt + 1, sizeof(*times));
	offsets = arena_array(mem, h.timecnt + 1, sizeof(*offsets));
	types = p + 44 + h.timecnt * 9;
	for (uint32_t i = 0; i < h.timecnt; i++) {
		unsigned type = p[44 + h.timecnt * 8 + i];

		if (type >= h.typecnt)
			return false;
		times[i] = big_endian(p + 44 + i * 8, 8);
		offsets[i] = (int32_t)big_endian(types + type * 6, 4);
		if (i && times[i] <= times[i - 1])
			return false;
	}
	zone->first = (int32_t)big_endian(types, 4);
	zone->count = h.timecnt;
	zone->times = times;
	zone->offsets = offsets;
	p += size;
	len -= size;
	if (len > 2 && p[0] == '\n' && p[len - 1] == '\n')
		return tz_footer(slice_of((const char *)p + 1, len - 2), zone);
	return true;
}

/* Only plain relative names: the name comes from a rule, or from an entry. */
static bool zone_name_ok(struct slice name)
{
	if (name.len == 0 || name.len > TZ_NAME_MAX || name.data[0] == '/')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];

		if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') &&
		    !strchr("_+-/", c))
			return false;
	}
	return true;
}

static bool load_file(struct arena *mem, struct slice name, struct cel_zone *zone)
{
	char path[sizeof(TZ_DIR) + TZ_NAME_MAX + 1];
	unsigned char *data;
	ssize_t len = 0, got = 0;
	struct stat st;
	bool ok = false;
	int fd;

	snprintf(path, sizeof(path), TZ_DIR "%.*s", SLICE_FMT(name));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	data = mem_alloc(TZ_FILE_MAX);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		while (len < TZ_FILE_MAX &&
		       (got = read(fd, data + len, (size_t)(TZ_FILE_MAX - len))) > 0)
			len += got;
	close(fd);
	if (len > 0 && len < TZ_FILE_MAX && got == 0)
		ok = tzif_load(mem, data, (size_t)len, zone);
	mem_free(data);
	return ok;
}

/* "+02:00", "-09:30", "02:00" */
static bool fixed_offset(struct slice s, int32_t *ret)
{
	bool minus = s.len && *s.data == '-';
	unsigned h, m;

	if (!take(&s, '-'))
		take(&s, '+');
	if (!digits(&s, 2, &h) || !take(&s, ':') || !digits(&s, 2, &m) || s.len || h > 23 ||
	    m > 59)
		return false;
	*ret = (int32_t)(h * 3600 + m * 60) * (minus ? -1 : 1);
	return true;
}

bool cel_zone_find(struct arena *mem, struct slice name, const struct cel_zone **ret)
{
	struct cel_zone *zone = arena_alloc(mem, sizeof(*zone));

	*ret = zone;
	if (slice_eq_str(name, "UTC") || slice_eq_str(name, "Z") ||
	    fixed_offset(name, &zone->first))
		return true;
	return zone_name_ok(name) && load_file(mem, name, zone);
}

int cel_prepare_zone(struct arena *mem, const struct tables *tables, const struct cel_node *n,
		     void **ret_extra, struct err *err)
{
	const struct cel_zone *zone;
	struct slice name;

	(void)tables;
	if (n->count < 2 || n->kids[1]->op != N_CONST)
		return 0;
	name = n->kids[1]->value.as.s;
	if (n->kids[1]->value.type != CEL_STRING)
		return 0;
	if (!cel_zone_find(mem, name, &zone))
		return err_set(err, ERR_INVALID, "unknown time zone \"%.*s\"; write a name of the "
			       "tz database like Europe/Berlin, or +02:00",
			       (int)(name.len > 64 ? 64 : name.len), name.data);
	*ret_extra = (void *)(uintptr_t)zone;
	return 0;
}

/* ---- parts of a time ---- */

struct parts {
	int64_t year, day_of_year, days;
	unsigned month, day, second;
	int32_t nanos;
};

static bool local_parts(struct cel_ctx *c, const struct cel_node *n,
			const struct cel_value *args, unsigned argc, struct parts *ret)
{
	const struct cel_zone *zone = n->extra;
	int64_t t = args[0].as.i;

	if (argc == 2 && !zone && !cel_charge_heavy(c, n))
		return false;
	if (argc == 2 && !zone && !cel_zone_find(c->mem, args[1].as.s, &zone))
		return cel_failf(c, n, "unknown time zone \"%.*s\"",
				 (int)(args[1].as.s.len > 64 ? 64 : args[1].as.s.len),
				 args[1].as.s.data);
	if (argc == 2)
		t += cel_zone_offset(zone, t);
	ret->days = floor_div(t, 86400);
	ret->second = (unsigned)(t - ret->days * 86400);
	ret->nanos = args[0].nanos;
	cel_civil(ret->days, &ret->year, &ret->month, &ret->day);
	ret->day_of_year = ret->days - cel_days(ret->year, 1, 1);
	return true;
}

#define GETTER(id, expression)                                                            \
	bool cel_fn_##id(struct cel_ctx *c, const struct cel_node *n,                     \
			 const struct cel_value *args, unsigned argc,                     \
			 struct cel_value *out)                                           \
	{                                                                                 \
		struct parts p = { 0 };                                                        \
                                                                                          \
		if (!local_parts(c, n, args, argc, &p))                                   \
			return false;                                                     \
		*out = cel_int((int64_t)(expression));                                    \
		return true;                                                              \
	}

/* Those that a duration has as well: all of it in that unit, without a zone. */
#define DURATION_GETTER(id, of_duration, expression)                                      \
	static bool id##_of_timestamp(struct cel_ctx *c, const struct cel_node *n,        \
				      const struct cel_value *args, unsigned argc,        \
				      struct cel_value *out)                              \
	{                                                                                 \
		struct parts p = { 0 };                                                        \
                                                                                          \
		if (!local_parts(c, n, args, argc, &p))                                   \
			return false;                                                     \
		*out = cel_int((int64_t)(expression));                                    \
		return true;                                                              \
	}                                                                                 \
	bool cel_fn_##id(struct cel_ctx *c, const struct cel_node *n,                     \
			 const struct cel_value *args, unsigned argc,                     \
			 struct cel_value *out)                                           \
	{                                                                                 \
		const struct cel_value *d = &args[0];                                     \
                                                                                          \
		if (d->type == CEL_TIMESTAMP)                                             \
			return id##_of_timestamp(c, n, args, argc, out);                  \
		if (argc > 1)                                                             \
			return cel_no_overload(c, n, #id, args, argc);                    \
		*out = cel_int((int64_t)(of_duration));                                   \
		return true;                                                              \
	}

GETTER(getFullYear, p.year)
GETTER(getMonth, p.month - 1)
GETTER(getDate, p.day)
GETTER(getDayOfMonth, p.day - 1)
GETTER(getDayOfWeek, ((p.days + 4) % 7 + 7) % 7)
GETTER(getDayOfYear, p.day_of_year)
DURATION_GETTER(getHours, d->as.i / 3600, p.second / 3600)
DURATION_GETTER(getMinutes, d->as.i / 60, p.second / 60 % 60)
DURATION_GETTER(getSeconds, d->as.i, p.second % 60)
DURATION_GETTER(getMilliseconds, d->nanos / 1000000, p.nanos / 1000000)
