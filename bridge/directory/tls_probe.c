#include "bridge/directory/tls_probe.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bridge/directory/tlv.h"
#include "scim/base/text.h"

#include "scim/base/banned.h"

/* The run of one probe. */
struct run {
	const struct tls_probe *ask;
	struct tls_finding *found;
	int64_t deadline_ms;
	SSL_CTX *ctx;
	SSL *ssl;
	bool asked; /* the server asked for a certificate */
	bool silent;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait until the socket is ready; false when the time is up. */
static bool wait_ready(struct run *run, short events)
{
	struct pollfd wait = { .fd = run->ask->fd, .events = events };
	int64_t left = run->deadline_ms - now_ms();

	run->silent = left <= 0 || poll(&wait, 1, (int)left) != 1;
	return !run->silent;
}

static enum tls_fault fault(struct run *run, enum tls_fault which, const char *said)
{
	snprintf(run->found->said, sizeof(run->found->said), "%s", said);
	return run->found->fault = which;
}

/* --- StartTLS ---------------------------------------------------------------------------- */

/* Send `len` bytes in clear and read one answer; its length, or -1 after a fault. */
static ssize_t talk(struct run *run, const void *bytes, size_t len, void *answer, size_t size)
{
	ssize_t n;

	if (!wait_ready(run, POLLOUT) || write(run->ask->fd, bytes, len) != (ssize_t)len ||
	    !wait_ready(run, POLLIN)) {
		fault(run, run->silent ? TLS_SILENT : TLS_HUNG_UP, "");
		return -1;
	}
	n = read(run->ask->fd, answer, size);
	if (n <= 0) {
		fault(run, TLS_HUNG_UP, "");
		return -1;
	}
	return n;
}

/* An ExtendedRequest with the name of StartTLS and nothing else. */
static int start_tls(struct run *run)
{
	static const unsigned char request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
					       "1.3.6.1.4.1.1466.20037";
	unsigned char answer[2048];
	ssize_t n = talk(run, request, sizeof(request) - 1, answer, sizeof(answer));
	struct tlv in, message, part, code;
	unsigned char tag;

	if (n < 0)
		return -1;
	in = tlv_of(answer, (size_t)n);
	if (!tlv_next(&in, &tag, &message) || tag != 0x30 || !tlv_next(&message, &tag, &part) ||
	    !tlv_next(&message, &tag, &part) || tag != 0x78 || !tlv_next(&part, &tag, &code) ||
	    tlv_len(code) != 1) {
		fault(run, TLS_NOT_LDAP, "");
		return -1;
	}
	run->found->ldap = true;
	if (code.at[0] != 0) {
		fault(run, TLS_OTHER, "it refuses StartTLS");
		return -1;
	}
	return 0;
}

/* --- the handshake ----------------------------------------------------------------------- */

static int was_asked(SSL *ssl, void *ctx)
{
	struct run *run = ctx;

	(void)ssl;
	run->asked = true;
	return 1;
}

/* Lets everything pass, and remembers what was wrong with those above the server's own. */
static int look_at(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct run *run = SSL_get_ex_data(ssl, 0);
	int code = X509_STORE_CTX_get_error(store), depth = X509_STORE_CTX_get_error_depth(store);
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	char name[120] = "";

	if (ok)
		return 1;
	if (code == X509_V_ERR_CERT_HAS_EXPIRED || code == X509_V_ERR_CERT_NOT_YET_VALID) {
		if (depth > 0 && cert && !run->found->issuer_expired) {
			X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
						  name, sizeof(name));
			text_visible(name, strlen(name), run->found->said,
				     sizeof(run->found->said));
			run->found->issuer_expired = true;
		}
	} else {
		run->found->untrusted = true;
	}
	return 1;
}

static enum tls_fault alert_fault(struct run *run, int alert)
{
	const char *said = SSL_alert_desc_string_long(alert);

	switch (alert) {
	case SSL_AD_PROTOCOL_VERSION:
	case SSL_AD_INSUFFICIENT_SECURITY:
		return fault(run, TLS_NO_COMMON, said);
	case SSL_AD_HANDSHAKE_FAILURE:
		if (!run->asked)
			return fault(run, TLS_NO_COMMON, said);
		break;
	default:
		if (!run->asked)
			return fault(run, TLS_OTHER, said);
		break;
	}
	return fault(run, run->ask->cert_file ? TLS_REFUSES_CERT : TLS_WANTS_CERT, said);
}

/* What OpenSSL says of the operation that ended with `ret`: go on, or a fault. */
enum step { STEP_AGAIN, STEP_FAULT };
static enum step next_step(struct run *run, int ret)
{
	int why = SSL_get_error(run->ssl, ret), reason = 0;
	unsigned long code = ERR_peek_error();

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		if (wait_ready(run, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT))
			return STEP_AGAIN;
		return fault(run, TLS_SILENT, ""), STEP_FAULT;
	}
	if (why == SSL_ERROR_SSL && ERR_GET_LIB(code) == ERR_LIB_SSL)
		reason = ERR_GET_REASON(code);
	if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
		alert_fault(run, reason - SSL_AD_REASON_OFFSET);
	else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
		 reason == SSL_R_HTTP_REQUEST || reason == SSL_R_RECORD_LENGTH_MISMATCH)
		fault(run, TLS_NOT_TLS, "");
	else if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_NO_PROTOCOLS_AVAILABLE)
		fault(run, TLS_NO_COMMON, "");
	else if (reason && reason != SSL_R_UNEXPECTED_EOF_WHILE_READING)
		fault(run, TLS_OTHER, ERR_reason_error_string(code));
	else if (run->asked)
		fault(run, run->ask->cert_file ? TLS_REFUSES_CERT : TLS_WANTS_CERT, "");
	else
		fault(run, TLS_HUNG_UP, "");
	return STEP_FAULT;
}

static int shake_hands(struct run *run)
{
	int ret;

	do {
		ERR_clear_error();
		ret = SSL_connect(run->ssl);
	} while (ret != 1 && next_step(run, ret) == STEP_AGAIN);
	return ret == 1 ? 0 : -1;
}

/* A search for the root DSE, no attributes: any answer will do. */
static int ask_something(struct run *run)
{
	static const unsigned char request[] =
		"\x30\x2a\x02\x01\x02\x63\x25\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x01"
		"\x02\x01\x05\x01\x01\x00\x87\x0bobjectClass\x30\x05\x04\x03"
		"1.1";
	char answer[64];
	int ret;

	do {
		ERR_clear_error();
		ret = SSL_write(run->ssl, request, sizeof(request) - 1);
		if (ret <= 0 && next_step(run, ret) == STEP_FAULT)
			return -1;
	} while (ret <= 0);
	do {
		ERR_clear_error();
		ret = SSL_read(run->ssl, answer, sizeof(answer));
		if (ret <= 0 && next_step(run, ret) == STEP_FAULT)
			return -1;
	} while (ret <= 0);
	return 0;
}

static void keep_cert(struct run *run)
{
	X509 *cert = SSL_get1_peer_certificate(run->ssl);
	unsigned char *at = run->found->cert;
	int len = cert ? i2d_X509(cert, NULL) : 0;

	if (len > 0 && len <= TLS_PROBE_CERT_BYTES_MAX)
		run->found->cert_len = (size_t)i2d_X509(cert, &at);
	X509_free(cert);
}

/* A key with a pass phrase is refused; OpenSSL would ask the terminal for it. */
static int no_pass_phrase(char *out, int size, int writing, void *ctx)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static int set_up(struct run *run)
{
	const struct tls_probe *ask = run->ask;
	int flags = fcntl(ask->fd, F_GETFL);

	run->ctx = SSL_CTX_new(TLS_client_method());
	/* Whatever the server has: what it shows is to be seen, not trusted. */
	if (!run->ctx || !SSL_CTX_set_min_proto_version(run->ctx, TLS1_VERSION) ||
	    !SSL_CTX_set_cipher_list(run->ctx, "ALL:@SECLEVEL=0"))
		return -1;
	SSL_CTX_set_options(run->ctx, SSL_OP_LEGACY_SERVER_CONNECT);
	SSL_CTX_set_default_passwd_cb(run->ctx, no_pass_phrase);
	SSL_CTX_set_cert_cb(run->ctx, was_asked, run);
	SSL_CTX_set_verify(run->ctx, SSL_VERIFY_PEER, look_at);
	if (ask->ca_file)
		SSL_CTX_load_verify_file(run->ctx, ask->ca_file);
	if (ask->cert_file) {
		SSL_CTX_use_certificate_chain_file(run->ctx, ask->cert_file);
		SSL_CTX_use_PrivateKey_file(run->ctx, ask->key_file, SSL_FILETYPE_PEM);
	}
	run->ssl = SSL_new(run->ctx);
	if (!run->ssl || !SSL_set_ex_data(run->ssl, 0, run) || !SSL_set_fd(run->ssl, ask->fd))
		return -1;
	return flags < 0 || fcntl(ask->fd, F_SETFL, flags | O_NONBLOCK) ? -1 : 0;
}

static void look_around(struct run *run)
{
	struct tls_finding *found = run->found;
	int oldest = run->ask->tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

	if (run->ask->start_tls && start_tls(run))
		return;
	if (shake_hands(run))
		return;
	keep_cert(run);
	if (SSL_version(run->ssl) < oldest)
		fault(run, TLS_TOO_OLD, SSL_get_version(run->ssl));
	else if (ask_something(run) == 0)
		found->fault = TLS_CERT;
}

void tls_probe_run(const struct tls_probe *probe, struct tls_finding *ret_finding)
{
	struct run run = { .ask = probe, .found = ret_finding,
			   .deadline_ms = now_ms() + (int64_t)probe->timeout_s * 1000 };

	memset(ret_finding, 0, sizeof(*ret_finding));
	if (set_up(&run) == 0)
		look_around(&run);
	else
		fault(&run, TLS_OTHER, "OpenSSL could not be set up");
	SSL_free(run.ssl);
	SSL_CTX_free(run.ctx);
	ERR_clear_error();
}

/* --- files ------------------------------------------------------------------------------- */

static int complain(const char *setting, const char *path, const char *what, struct err *err)
{
	unsigned long code = ERR_peek_last_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	return err_set(err, ERR_INVALID, "%s: %s %s%s%s", setting, path, what, why ? ": " : "",
		       why ? why : "");
}

int tls_pair_check(const char *cert_file, const char *key_file, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int ret = 0;

	if (ctx)
		SSL_CTX_set_default_passwd_cb(ctx, no_pass_phrase);
	ERR_clear_error();
	if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		ret = complain("directory.tls_cert_file", cert_file,
			       "holds no certificate (PEM is expected)", err);
	else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
		 SSL_CTX_check_private_key(ctx) != 1)
		ret = complain("directory.tls_key_file", key_file,
			       "is no key (PEM, without a pass phrase) of the certificate", err);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return ret;
}
