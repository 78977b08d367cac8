/* Switches: NAME=VALUE for what isn't known for sure about the vendor; rows in switches.def. */
#include <stdio.h>
#include <string.h>

#include "bridge/sandbox/inside.h"

#include "scim/base/banned.h"

static const struct {
	const char *name, *values; /* NULL = a number */
	unsigned otherwise, max;
	const char *what;
} rows[SWITCH_COUNT] = {
#define CHOICE(id, name, values, what, fact) { name, values, 0, 0, what },
#define NUMBER(id, name, otherwise, max, what, fact) { name, NULL, otherwise, max, what },
#include "bridge/sandbox/switches.def"
#undef CHOICE
#undef NUMBER
};

void switches_init(unsigned values[SWITCH_COUNT])
{
	for (int i = 0; i < SWITCH_COUNT; i++)
		values[i] = rows[i].otherwise;
}

/* The place of a word among those with "|" between them, or -1. */
static int place_of(const char *values, const char *word)
{
	size_t len = strlen(word);
	int place = 0;

	for (;; place++) {
		size_t part = strcspn(values, "|");

		if (part == len && !memcmp(values, word, len))
			return place;
		if (!values[part])
			return -1;
		values += part + 1;
	}
}

static int set_number(const char *value, unsigned row, unsigned *ret, struct err *err)
{
	uint64_t number = 0;
	size_t len = strlen(value);

	for (size_t i = 0; i < len && i < 10; i++)
		number = value[i] >= '0' && value[i] <= '9' ?
				 number * 10 + (unsigned)(value[i] - '0') :
				 UINT64_MAX / 16;
	if (!len || len > 9 || number < 1 || number > rows[row].max)
		return err_set(err, ERR_USAGE, "switch %s wants a number from 1 to %u",
			       rows[row].name, rows[row].max);
	*ret = (unsigned)number;
	return 0;
}

static int unknown(const char *name, size_t len, struct err *err)
{
	const char *names[SWITCH_COUNT];
	char shown[64];
	int near;

	for (int i = 0; i < SWITCH_COUNT; i++)
		names[i] = rows[i].name;
	text_visible(name, len, shown, sizeof(shown));
	near = text_nearest(shown, names, SWITCH_COUNT);
	return err_set(err, ERR_USAGE, "there is no switch \"%s\"%s%s", shown,
		       near >= 0 ? "; nearest: " : "", near >= 0 ? names[near] : "");
}

int sandbox_set(struct sandbox *sandbox, const char *spec, struct err *err)
{
	size_t len = strcspn(spec, "=");
	int row = 0, place;

	if (!spec[len])
		return err_set(err, ERR_USAGE, "a switch is NAME=VALUE; \"%.60s\" has no =", spec);
	while (row < SWITCH_COUNT && (strlen(rows[row].name) != len ||
				      memcmp(rows[row].name, spec, len) != 0))
		row++;
	if (row == SWITCH_COUNT)
		return unknown(spec, len, err);
	if (!rows[row].values)
		return set_number(spec + len + 1, (unsigned)row, &sandbox->switches[row], err);
	place = place_of(rows[row].values, spec + len + 1);
	if (place < 0)
		return err_set(err, ERR_USAGE, "switch %s is %s, not \"%.60s\"",
			       rows[row].name, rows[row].values, spec + len + 1);
	sandbox->switches[row] = (unsigned)place;
	return 0;
}

void sandbox_list_switches(FILE *file)
{
	for (int i = 0; i < SWITCH_COUNT; i++) {
		if (rows[i].values)
			fprintf(file, "  %s=%s\n", rows[i].name, rows[i].values);
		else
			fprintf(file, "  %s=N (default %u)\n", rows[i].name,
				rows[i].otherwise);
		fprintf(file, "      %s\n", rows[i].what);
	}
}
