/*
 * scim/base/digest.h - SHA-256 (FIPS 180-4), as lower-case hexadecimal text; by OpenSSL.
 *
 * Memory  digest_new is paired with digest_end, which frees.
 */
#ifndef SCIM_BASE_DIGEST_H
#define SCIM_BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_TEXT 65 /* with the NUL */

struct digest;
struct digest *digest_new(void);
void digest_add(struct digest *digest, const void *bytes, size_t len);
/* The text and its NUL: what is added next can not be taken for its continuation. */
void digest_add_text(struct digest *digest, const char *text);
void digest_end(struct digest *digest, char out[DIGEST_TEXT]);

/* Of one piece. */
void digest_of(const void *bytes, size_t len, char out[DIGEST_TEXT]);

#endif
