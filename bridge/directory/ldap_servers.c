/*
 * Which servers there are: those of directory.uri, or those that DNS names for
 * directory.domain (RFC 2782).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/ldap_impl.h"
#include "bridge/directory/srv.h"
#include "bridge/log.h"

#include "scim/base/banned.h"

#define ANSWER_BYTES_MAX 65536
/* A resolver's wait for each of its tries, of which it makes two. */
#define TRIES 2

/* "192.0.2.1:53" or "192.0.2.1": the resolver's own list is of IPv4 addresses. */
static int parse_dns_server(const char *text, struct sockaddr_in *ret, struct err *err)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	size_t len = strcspn(text, ":");
	char host[INET_ADDRSTRLEN] = "", *end = NULL;
	unsigned long port = 53;

	if (text[len])
		port = strtoul(text + len + 1, &end, 10);
	if (len < sizeof(host))
		memcpy(host, text, len);
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || port == 0 || port > 65535 ||
	    (end && *end))
		return err_set(err, ERR_INVALID,
			       "directory.dns_server: \"%.60s\" is no address like 192.0.2.1:53",
			       text);
	address.sin_port = htons((uint16_t)port);
	*ret = address;
	return 0;
}

/* The DNS server's answer as it came. Returns its length, or -1 with *err. */
static int ask(const struct config *config, const char *name, unsigned char *answer,
	       struct err *err)
{
	unsigned char question[512];
	struct __res_state resolver = { 0 };
	struct sockaddr_in server;
	int len = -1;

	if (res_ninit(&resolver))
		return err_set(err, ERR_NET, "the system's DNS settings can not be read");
	if (config->directory.dns_server) {
		if (parse_dns_server(config->directory.dns_server, &server, err)) {
			res_nclose(&resolver);
			return -1;
		}
		resolver.nscount = 1;
		resolver.nsaddr_list[0] = server;
	}
	resolver.retry = TRIES;
	resolver.retrans = (int)(config->directory.connect_timeout_s + TRIES - 1) / TRIES;
	len = res_nmkquery(&resolver, 0, name, 1, 33, NULL, 0, NULL, question, sizeof(question));
	if (len > 0)
		len = res_nsend(&resolver, question, len, answer, ANSWER_BYTES_MAX);
	res_nclose(&resolver);
	if (len <= 0)
		return err_set(err, ERR_NET, "no DNS server answers for %.200s", name);
	return len > ANSWER_BYTES_MAX ? ANSWER_BYTES_MAX : len;
}

/*
 * A server outside the domain would get the account's password with any certificate in its
 * own name, and DNS is not proof: such a one must stand in directory.uri.
 */
static bool is_inside(const char *host, const char *domain)
{
	size_t len = strlen(host), tail = strlen(domain);

	return len >= tail && text_eq_nocase(host + len - tail, domain) &&
	       (len == tail || host[len - tail - 1] == '.');
}

/* Active Directory has no records for ldaps://; it listens beside each plain port. */
static unsigned port_of(const struct config *config, unsigned port)
{
	if (config->directory.srv_scheme != SRV_LDAPS)
		return port;
	return port == LDAP_PORT ? LDAPS_PORT : port == 3268 ? 3269 : port;
}

static int list_servers(struct ldap_directory *dir, const char *name, struct srv_list *list,
			struct err *err)
{
	const struct config *config = dir->config;
	const char *scheme = config->directory.srv_scheme == SRV_LDAPS ? "ldaps" : "ldap";
	const char **uris = arena_array(&dir->servers_mem, list->count, sizeof(*uris));
	unsigned count = 0;

	for (unsigned i = 0; i < list->count; i++) {
		const struct srv_target *target = &list->items[i];

		if (!is_inside(target->host, config->directory.domain)) {
			log_line(LOG_WARN, "%s: %s is outside %s and is not used; name it in directory.uri if it is meant",
				 name, target->host, config->directory.domain);
			continue;
		}
		uris[count] = arena_printf(&dir->servers_mem, "%s://%s:%u", scheme, target->host,
					   port_of(config, target->port));
		log_line(LOG_INFO, "%s: %s", name, uris[count++]);
	}
	if (count == 0)
		return err_set(err, ERR_REFUSED, "%s: all servers that DNS names are outside %s",
			       name, config->directory.domain);
	dir->servers = (struct config_texts){ uris, count };
	return 0;
}

int ldap_servers_find(struct ldap_directory *dir, struct err *err)
{
	const char *domain = dir->config->directory.domain;
	unsigned char *answer;
	struct srv_list *list;
	const char *name;
	struct rng rng;
	int len, ret = -1;

	if (dir->servers.count)
		return 0;
	if (!domain) {
		dir->servers = dir->config->directory.uris;
		return 0;
	}
	name = arena_printf(&dir->servers_mem, "_ldap._tcp.%s", domain);
	answer = mem_alloc(ANSWER_BYTES_MAX);
	list = mem_alloc(sizeof(*list));
	len = ask(dir->config, name, answer, err);
	if (len > 0 && srv_parse(answer, (size_t)len, name, list, err) == 0) {
		rng_seed_system(&rng);
		srv_order(list, &rng);
		ret = list_servers(dir, name, list, err);
	}
	mem_free(list);
	mem_free(answer);
	return ret;
}
