#include "scim/base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scim/base/vec.h"
#include "scim/base/banned.h"

#define ARENA_BLOCK_MIN 4096
#define ARENA_BLOCK_MAX (1024 * 1024)
#define ARENA_ALIGN _Alignof(max_align_t)

struct arena_block {
	struct arena_block *prev;
	size_t size; /* bytes of data */
	max_align_t data[];
};

static void __attribute__((noreturn)) mem_die(size_t size)
{
	char line[96];
	int len = snprintf(line, sizeof(line), "out of memory (%zu bytes asked for)\n", size);

	/* write(2), since stdio may want memory itself. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		_exit(1);
	_exit(1);
}

void *mem_alloc(size_t size)
{
	void *ptr = malloc(size ? size : 1);

	if (!ptr)
		mem_die(size);
	return ptr;
}

void *mem_zalloc(size_t size)
{
	void *ptr = calloc(1, size ? size : 1);

	if (!ptr)
		mem_die(size);
	return ptr;
}

void *mem_realloc(void *ptr, size_t size)
{
	ptr = realloc(ptr, size ? size : 1);
	if (!ptr)
		mem_die(size);
	return ptr;
}

static size_t mem_product(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		mem_die(SIZE_MAX);
	return bytes;
}

void *mem_array(size_t count, size_t size)
{
	return mem_zalloc(mem_product(count, size));
}

char *mem_strdup(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(mem_alloc(size), s, size);
}

void mem_free(void *ptr)
{
	free(ptr);
}

void *vec_grow(void *items, size_t *size, size_t item_bytes)
{
	size_t count = *size ? mem_product(*size, 2) : 8;

	items = mem_realloc(items, mem_product(count, item_bytes));
	*size = count;
	return items;
}

void arena_init(struct arena *arena)
{
	*arena = (struct arena)ARENA_INIT;
}

static struct arena_block *block_new(size_t size)
{
	struct arena_block *block;

	if (size > SIZE_MAX - sizeof(*block))
		mem_die(size);
	block = mem_alloc(sizeof(*block) + size);
	block->size = size;
	block->prev = NULL;
	return block;
}

/*
 * A piece that is large against the next block gets a block of its own behind the head,
 * so that the free space of the head is not given up for it.
 */
static char *arena_slow(struct arena *arena, size_t size)
{
	struct arena_block *head = arena->head, *block;
	size_t block_bytes = ARENA_BLOCK_MIN;

	if (head && head->size >= ARENA_BLOCK_MIN)
		block_bytes = head->size * 2;
	if (block_bytes > ARENA_BLOCK_MAX)
		block_bytes = ARENA_BLOCK_MAX;
	if (head && size > block_bytes / 4) {
		block = block_new(size);
		block->prev = head->prev;
		head->prev = block;
		return (char *)block->data;
	}
	block = block_new(size > block_bytes ? size : block_bytes);
	block->prev = head;
	arena->head = block;
	arena->next = (char *)block->data + size;
	arena->end = (char *)block->data + block->size;
	return (char *)block->data;
}

char *arena_bytes(struct arena *arena, size_t size)
{
	char *ptr;

	arena->used_bytes += size;
	if (size > (size_t)(arena->end - arena->next) || !arena->next)
		return arena_slow(arena, size);
	ptr = arena->next;
	arena->next += size;
	return ptr;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t pad = arena->next ? (size_t)(-(uintptr_t)arena->next & (ARENA_ALIGN - 1)) : 0;

	if (!arena->next || pad > (size_t)(arena->end - arena->next) ||
	    size > (size_t)(arena->end - arena->next) - pad) {
		arena->used_bytes += size;
		return memset(arena_slow(arena, size), 0, size);
	}
	arena->next += pad;
	return memset(arena_bytes(arena, size), 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	return arena_alloc(arena, mem_product(count, size));
}

char *arena_strndup(struct arena *arena, const char *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		mem_die(len);
	copy = arena_bytes(arena, len + 1);
	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	assert(len >= 0);
	text = arena_bytes(arena, (size_t)len + 1);
	va_start(args, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}

static void blocks_free(struct arena_block *block)
{
	while (block) {
		struct arena_block *prev = block->prev;

		free(block);
		block = prev;
	}
}

void arena_reset(struct arena *arena)
{
	struct arena_block *head = arena->head;

	arena->used_bytes = 0;
	if (!head)
		return;
	if (head->size > ARENA_BLOCK_MAX) { /* one giant must not stay for ever */
		arena_release(arena);
		return;
	}
	blocks_free(head->prev);
	head->prev = NULL;
	arena->next = (char *)head->data;
	arena->end = arena->next + head->size;
}

void arena_release(struct arena *arena)
{
	blocks_free(arena->head);
	*arena = (struct arena)ARENA_INIT;
}
