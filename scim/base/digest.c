#include "scim/base/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "scim/base/banned.h"

struct digest *digest_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	/* It fails only for want of memory, or where SHA-256 itself is switched off. */
	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		assert(!"SHA-256 is there");
	return (struct digest *)ctx;
}

void digest_add(struct digest *digest, const void *bytes, size_t len)
{
	EVP_DigestUpdate((EVP_MD_CTX *)digest, bytes, len);
}

void digest_add_text(struct digest *digest, const char *text)
{
	digest_add(digest, text, strlen(text) + 1);
}

void digest_end(struct digest *digest, char out[DIGEST_TEXT])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	EVP_DigestFinal_ex((EVP_MD_CTX *)digest, hash, &len);
	EVP_MD_CTX_free((EVP_MD_CTX *)digest);
	for (unsigned i = 0; i < len && 2 * i + 2 < DIGEST_TEXT; i++)
		snprintf(out + 2 * (size_t)i, 3, "%02x", hash[i]);
}

void digest_of(const void *bytes, size_t len, char out[DIGEST_TEXT])
{
	struct digest *digest = digest_new();

	digest_add(digest, bytes, len);
	digest_end(digest, out);
}
