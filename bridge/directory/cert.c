#include "bridge/directory/cert.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "bridge/directory/tlv.h"
#include "scim/base/text.h"

#include "scim/base/banned.h"

enum { DER_OID = 0x06, DER_UTC_TIME = 0x17, DER_TIME = 0x18, DER_SEQUENCE = 0x30, DER_SET = 0x31 };
enum { DER_VERSION = 0xa0, DER_EXTENSIONS = 0xa3, DER_DNS_NAME = 0x82, DER_IP = 0x87 };

static const unsigned char oid_common_name[] = { 0x55, 0x04, 0x03 };
static const unsigned char oid_organisation[] = { 0x55, 0x04, 0x0a };
static const unsigned char oid_alt_name[] = { 0x55, 0x1d, 0x11 };

static bool is_oid(struct tlv oid, const unsigned char expected[3])
{
	return tlv_len(oid) == 3 && memcmp(oid.at, expected, 3) == 0;
}

static bool expect(struct tlv *in, unsigned char tag, struct tlv *ret)
{
	unsigned char found;

	return tlv_next(in, &found, ret) && found == tag;
}

/* UTCTime has two digits of the year, 50 to 49 (RFC 5280 section 4.1.2.5). */
static int read_time(struct tlv *in, int64_t *ret)
{
	unsigned char tag;
	struct tlv text;
	char iso[32];
	const char *t;

	if (!tlv_next(in, &tag, &text))
		return -1;
	t = (const char *)text.at;
	if (tag == DER_UTC_TIME && tlv_len(text) == 13)
		snprintf(iso, sizeof(iso), "%s%.2s-%.2s-%.2sT%.2s:%.2s:%.2sZ",
			 t[0] >= '5' ? "19" : "20", t, t + 2, t + 4, t + 6, t + 8, t + 10);
	else if (tag == DER_TIME && tlv_len(text) == 15)
		snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", t, t + 4, t + 6,
			 t + 8, t + 10, t + 12);
	else
		return -1;
	return time_parse(iso, strlen(iso), ret);
}

static void read_name(struct tlv name, char *out, size_t size)
{
	struct tlv set, part, oid, value;
	unsigned char tag;

	while (expect(&name, DER_SET, &set)) {
		if (!expect(&set, DER_SEQUENCE, &part) || !expect(&part, DER_OID, &oid) ||
		    !tlv_next(&part, &tag, &value))
			return;
		if (is_oid(oid, oid_common_name) || (!out[0] && is_oid(oid, oid_organisation)))
			text_visible((const char *)value.at, tlv_len(value), out, size);
	}
}

/* "*.example.org" stands for one label (RFC 6125 section 6.4.3). */
static bool dns_matches(const char *name, size_t len, const char *host)
{
	if (len > 2 && name[0] == '*' && name[1] == '.') {
		const char *dot = strchr(host, '.');

		return dot && dot != host &&
		       text_cmp_nocase(name + 1, len - 1, dot, strlen(dot)) == 0;
	}
	return text_cmp_nocase(name, len, host, strlen(host)) == 0;
}

static void add_name(struct cert *cert, const char *name, size_t len)
{
	size_t used = strlen(cert->names);

	if (used && used + 2 < sizeof(cert->names)) {
		memcpy(cert->names + used, ", ", 3);
		used += 2;
	}
	text_visible(name, len, cert->names + used, sizeof(cert->names) - used);
}

static void read_address(struct cert *cert, struct tlv address, const char *host)
{
	int family = tlv_len(address) == 4 ? AF_INET : AF_INET6;
	unsigned char wanted[16];
	char text[INET6_ADDRSTRLEN];

	if (tlv_len(address) != 4 && tlv_len(address) != 16)
		return;
	if (inet_pton(family, host, wanted) == 1 &&
	    memcmp(wanted, address.at, tlv_len(address)) == 0)
		cert->for_host = true;
	if (inet_ntop(family, address.at, text, sizeof(text)))
		add_name(cert, text, strlen(text));
}

static void read_alt_names(struct cert *cert, struct tlv value, const char *host)
{
	struct tlv names, name;
	unsigned char tag;

	if (!expect(&value, DER_SEQUENCE, &names))
		return;
	for (unsigned i = 0; i < CERT_NAMES_MAX && tlv_next(&names, &tag, &name); i++) {
		const char *text = (const char *)name.at;

		if (tag == DER_IP) {
			read_address(cert, name, host);
		} else if (tag == DER_DNS_NAME) {
			cert->for_host |= dns_matches(text, tlv_len(name), host);
			add_name(cert, text, tlv_len(name));
		}
	}
}

static void read_extensions(struct cert *cert, struct tlv *tbs, const char *host)
{
	struct tlv content, list, extension, oid, value;
	unsigned char tag;

	while (tlv_next(tbs, &tag, &content)) {
		if (tag != DER_EXTENSIONS || !expect(&content, DER_SEQUENCE, &list))
			continue;
		while (expect(&list, DER_SEQUENCE, &extension)) {
			if (!expect(&extension, DER_OID, &oid) || !is_oid(oid, oid_alt_name))
				continue;
			value = tlv_of("", 0);
			/* A BOOLEAN "critical" may stand before the OCTET STRING. */
			while (tlv_next(&extension, &tag, &value))
				;
			read_alt_names(cert, value, host);
		}
	}
}

int cert_read(const void *der, size_t len, const char *host, struct cert *ret_cert)
{
	struct tlv in = tlv_of(der, len), outer, tbs, part, issuer, subject, validity;
	struct cert cert = { 0 };
	char common_name[96] = "";
	unsigned char tag;

	if (!expect(&in, DER_SEQUENCE, &outer) || !expect(&outer, DER_SEQUENCE, &tbs) ||
	    !tlv_next(&tbs, &tag, &part))
		return -1;
	if (tag == DER_VERSION && !tlv_next(&tbs, &tag, &part)) /* then the serial number */
		return -1;
	if (!expect(&tbs, DER_SEQUENCE, &part) || !expect(&tbs, DER_SEQUENCE, &issuer) ||
	    !expect(&tbs, DER_SEQUENCE, &validity) || !expect(&tbs, DER_SEQUENCE, &subject) ||
	    read_time(&validity, &cert.not_before_s) || read_time(&validity, &cert.not_after_s))
		return -1;
	read_name(issuer, cert.issuer, sizeof(cert.issuer));
	cert.self_issued = tlv_len(issuer) == tlv_len(subject) &&
			   memcmp(issuer.at, subject.at, tlv_len(issuer)) == 0;
	read_extensions(&cert, &tbs, host);
	if (!cert.names[0]) {
		/* Without alternative names the common name counts, for libldap. */
		read_name(subject, common_name, sizeof(common_name));
		cert.for_host = dns_matches(common_name, strlen(common_name), host);
		add_name(&cert, common_name, strlen(common_name));
	}
	*ret_cert = cert;
	return 0;
}
