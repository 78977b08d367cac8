/*
 * scim/base/sign.h - Ed25519 signatures (RFC 8032) by OpenSSL; keys are PEM files.
 *
 * Make keys with
 *     openssl genpkey -algorithm ed25519 -out approval.key
 *     openssl pkey -in approval.key -pubout -out approval.pub
 *
 * Errors  -1 with *err: ERR_IO the file can not be read, ERR_INVALID it holds no such key,
 *         ERR_REFUSED the signature is not of this key over these bytes.
 */
#ifndef SCIM_BASE_SIGN_H
#define SCIM_BASE_SIGN_H

#include <stddef.h>

#include "scim/base/err.h"

#define SIGN_BYTES 64
#define SIGN_TEXT (2 * SIGN_BYTES + 1) /* lower-case hexadecimal, with the NUL */

/* A private key that others may read is refused (ERR_INVALID). */
int sign_make(const char *private_key_file, const void *bytes, size_t len,
	      char ret_text[SIGN_TEXT], struct err *err);
/* `text` is what sign_make gave; it need not be well-formed. */
int sign_check(const char *public_key_file, const void *bytes, size_t len, const char *text,
	       struct err *err);

#endif
