/*
 * mappings/sid.h - Windows security identifiers as text.
 *
 * Spec    MS-DTYP 2.4.2.2 (bytes), 2.4.2.1 (text, "S-1-5-21-1-2-3-1104"). The last number, the
 *         relative identifier, tells apart what belongs to one domain.
 */
#ifndef MAPPINGS_SID_H
#define MAPPINGS_SID_H

#include <stddef.h>

#include "scim/base/text.h"

#define SID_TEXT_BYTES 200 /* "S-1-", 15 digits, 15 times "-" and 10 digits */

/* The text of these bytes, NUL-terminated. Returns its length, or 0 when they are no SID. */
size_t sid_format(struct slice bytes, char out[SID_TEXT_BYTES]);

#endif
