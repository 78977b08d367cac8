/*
 * bridge/log.h - log lines on stderr, text or JSON. Only bridge/ logs; never a secret.
 *
 * A message is one line; values from outside are made visible (text_visible).
 */
#ifndef BRIDGE_LOG_H
#define BRIDGE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Until called: text, warnings and errors. */
void log_setup(enum log_level level, bool json);
bool log_wants(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
