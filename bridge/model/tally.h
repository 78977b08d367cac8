/*
 * bridge/model/tally.h - how much a whole read of the directory found: of each search, and of
 * each attribute that rules use. Compared with earlier reads it shows what went missing
 * although no error was met (invariant 2).
 *
 * As text, for the state: a line "search COUNT NAME" or "attribute COUNT NAME" each.
 * Memory  Names live in the arena of the tally.
 * Limits  TALLY_ITEMS_MAX; TALLY_TEXT_BYTES_MAX. What is above, or broken, is left out: it is
 *         then not compared.
 */
#ifndef BRIDGE_MODEL_TALLY_H
#define BRIDGE_MODEL_TALLY_H

#include "scim/base/buf.h"
#include "scim/base/mem.h"
#include "scim/base/vec.h"

#define TALLY_ITEMS_MAX 1000
#define TALLY_TEXT_BYTES_MAX (1024 * 1024)

enum tally_kind { TALLY_SEARCH, TALLY_ATTRIBUTE };
struct tally_item {
	enum tally_kind kind;
	const char *name;
	unsigned long count;
};
struct tally {
	VEC(struct tally_item) items;
	struct arena mem;
};

void tally_init(struct tally *tally);
void tally_release(struct tally *tally);
/* Set; of what is there already the higher count stays. */
void tally_raise(struct tally *tally, enum tally_kind kind, const char *name,
		 unsigned long count);
/* NULL when there is no such item. */
const struct tally_item *tally_find(const struct tally *tally, enum tally_kind kind,
				    const char *name);
void tally_print(const struct tally *tally, struct buf *out);
/* Raise what the text says. */
void tally_parse(struct tally *tally, const char *text);

#endif
