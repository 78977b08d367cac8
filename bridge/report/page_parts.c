#include "bridge/report/page_parts.h"

#include <stdint.h>

#include "scim/base/banned.h"

/* The assembler reads the file; the Makefile names these files as what this one is made of. */
#define PART(name, file)                                                                    \
	__asm__(".section .rodata\n" #name "_begin:\n\t.incbin \"" file "\"\n" #name          \
		"_end:\n\t.byte 0\n\t.previous\n");                                            \
	extern const char name##_begin[] __attribute__((visibility("hidden")));              \
	extern const char name##_end[] __attribute__((visibility("hidden")));                \
	struct slice name(void)                                                              \
	{                                                                                    \
		return slice_of(name##_begin,                                                \
				(size_t)((uintptr_t)name##_end - (uintptr_t)name##_begin));  \
	}

PART(page_style, "bridge/report/page.css")
PART(page_markup, "bridge/report/page.html")
PART(page_script, "bridge/report/page.js")
