/*
 * The manual's list of settings, from their rows (config_impl.h).
 */
#include "bridge/config/config.h"

#include <string.h>

#include "bridge/config/config_impl.h"

#include "scim/base/banned.h"

static void put_words(struct buf *out, const char *words)
{
	for (size_t len; *words; words += len) {
		len = strcspn(words, " ");
		buf_addf(out, "`%.*s`%s", (int)len, words, words[len] ? ", " : "");
		len += words[len] == ' ';
	}
}

static void put_form(struct buf *out, const struct option *option)
{
	switch (option->type) {
	case OPT_TEXT:
		buf_addstr(out, "text");
		break;
	case OPT_PATH:
		buf_addstr(out, "path");
		break;
	case OPT_UINT:
		buf_addf(out, "%u to %u", option->min, option->max);
		break;
	case OPT_BOOL:
		put_words(out, "true false");
		break;
	case OPT_ENUM:
		put_words(out, option->preset);
		break;
	case OPT_TEXTS:
		buf_addstr(out, "text or list");
		break;
	case OPT_PATHS:
		buf_addstr(out, "path or list");
		break;
	case OPT_SEARCHES:
		buf_addstr(out, "search or list");
		break;
	}
}

static void put_default(struct buf *out, enum option_type type, const char *preset)
{
	if (preset[0])
		buf_addf(out, "`%.*s`",
			 (int)(type == OPT_ENUM ? strcspn(preset, " ") : strlen(preset)), preset);
}

static void put_option(struct buf *out, const struct option *option)
{
	buf_addf(out, "| `%s` | ", option->name);
	put_form(out, option);
	buf_addstr(out, " | ");
	put_default(out, option->type, option->preset);
	buf_addf(out, " | %s |\n", option->help);
}

static void put_searches(struct buf *out)
{
	size_t count;
	const struct search_key *keys = config_search_keys(&count);

	buf_addstr(out, "\n### A search\n\n| key | default | meaning |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < count; i++) {
		buf_addf(out, "| `%s` | ", keys[i].name);
		put_default(out, keys[i].type, keys[i].preset);
		buf_addf(out, " | %s%s", keys[i].help, keys[i].type == OPT_ENUM ? " " : "");
		if (keys[i].type == OPT_ENUM)
			put_words(out, keys[i].preset);
		buf_addf(out, "%s |\n", keys[i].needed ? " Needed." : "");
	}
}

void config_keys_markdown(struct buf *out)
{
	size_t count;
	const struct option *options = config_options(&count);

	buf_addstr(out, "## dirbridge.yaml\n\n"
			"`a.b` may be written `a: {b: ...}` or `a.b: ...`.\n\n"
			"| setting | value | default | meaning |\n"
			"| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < count; i++)
		put_option(out, &options[i]);
	put_searches(out);
}
