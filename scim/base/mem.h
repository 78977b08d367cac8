/*
 * scim/base/mem.h - allocation that does not fail, and arenas.
 *
 * Memory  Out of memory ends the process with one line on stderr and exit code 1 (the
 *         journal makes a rerun safe); so no caller checks for NULL.
 *         An arena hands out memory that is freed all at once; blocks grow from 4 KiB to
 *         1 MiB. Pointers are good until reset, rewind past them, or release.
 */
#ifndef SCIM_BASE_MEM_H
#define SCIM_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);                /* not zeroed */
void *mem_zalloc(size_t size);
void *mem_realloc(void *ptr, size_t size);
void *mem_array(size_t count, size_t size);  /* zeroed, overflow-checked */
char *mem_strdup(const char *s);

struct arena_block;
struct arena {
	struct arena_block *head;  /* block in use, linked to the ones before it */
	char *next, *end;          /* free space of head */
	size_t used_bytes;         /* handed out so far */
};

#define ARENA_INIT { 0 }

void arena_init(struct arena *arena);
/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);
/* Not zeroed, not aligned: for text. */
char *arena_bytes(struct arena *arena, size_t size);
/* Copy of `len` bytes with a NUL after them. */
char *arena_strndup(struct arena *arena, const char *s, size_t len);
char *arena_strdup(struct arena *arena, const char *s);
char *arena_printf(struct arena *arena, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Forget everything, keep one block for the next round. */
void arena_reset(struct arena *arena);
void arena_release(struct arena *arena);

#endif
