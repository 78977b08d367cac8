#include "scim/base/sign.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "scim/base/banned.h"

static EVP_PKEY *read_key(const char *file, bool private, struct err *err)
{
	FILE *in = fopen(file, "re");
	EVP_PKEY *key = NULL;
	struct stat st;

	if (!in) {
		err_at(err, ERR_IO, file, 0, 0, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	if (private && (fstat(fileno(in), &st) || (st.st_mode & (S_IRWXG | S_IRWXO)))) {
		fclose(in);
		err_at(err, ERR_INVALID, file, 0, 0,
		       "others may read this private key; chmod 600 it");
		return NULL;
	}
	key = private ? PEM_read_PrivateKey(in, NULL, NULL, NULL)
		      : PEM_read_PUBKEY(in, NULL, NULL, NULL);
	fclose(in);
	if (!key || EVP_PKEY_id(key) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(key);
		err_at(err, ERR_INVALID, file, 0, 0, "it holds no %s key of Ed25519 in PEM form",
		       private ? "private" : "public");
		return NULL;
	}
	return key;
}

int sign_make(const char *private_key_file, const void *bytes, size_t len,
	      char ret_text[SIGN_TEXT], struct err *err)
{
	EVP_PKEY *key = read_key(private_key_file, true, err);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char made[SIGN_BYTES];
	size_t size = sizeof(made);
	int status = -1;

	if (key && ctx) {
		if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestSign(ctx, made, &size, bytes, len) == 1 && size == sizeof(made))
			status = 0;
		else
			err_at(err, ERR_INVALID, private_key_file, 0, 0, "the key can not sign");
	}
	for (size_t i = 0; status == 0 && i < sizeof(made); i++)
		snprintf(ret_text + 2 * i, 3, "%02x", made[i]);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return status;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_text(const char *text, unsigned char out[SIGN_BYTES])
{
	if (strlen(text) != SIGN_TEXT - 1)
		return false;
	for (size_t i = 0; i < SIGN_BYTES; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

int sign_check(const char *public_key_file, const void *bytes, size_t len, const char *text,
	       struct err *err)
{
	EVP_PKEY *key = read_key(public_key_file, false, err);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char given[SIGN_BYTES];
	int status = -1;

	if (key && ctx) {
		if (read_text(text, given) &&
		    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, given, sizeof(given), bytes, len) == 1)
			status = 0;
		else
			err_set(err, ERR_REFUSED, "the signature is not one of the key in %s",
				public_key_file);
	}
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return status;
}
