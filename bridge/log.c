#include "bridge/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/buf.h"
#include "scim/base/clock.h"
#include "scim/base/json.h"

#include "scim/base/banned.h"

#define LOG_LINE_MAX 4096

static enum log_level log_level = LOG_WARN;
static bool log_json;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void log_setup(enum log_level level, bool json)
{
	log_level = level;
	log_json = json;
}

bool log_wants(enum log_level level)
{
	return level <= log_level;
}

static void write_json(enum log_level level, const char *time, const char *text)
{
	struct buf line;
	struct json_out out;

	buf_init(&line, 8 * LOG_LINE_MAX);
	json_out_init(&out, &line);
	json_out_object(&out);
	json_out_member(&out, "time", time);
	json_out_member(&out, "level", level_names[level]);
	json_out_member(&out, "message", text);
	json_out_object_end(&out);
	fprintf(stderr, "%s\n", line.data);
	buf_release(&line);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char raw[LOG_LINE_MAX], shown[2 * LOG_LINE_MAX], time[21];
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	time_format(clock_now_us(clock_system()) / 1000000, time);
	if (log_json) {
		write_json(level, time, raw);
		return;
	}
	text_visible(raw, strlen(raw), shown, sizeof(shown));
	fprintf(stderr, "%s %s: %s\n", time, level_names[level], shown);
}
