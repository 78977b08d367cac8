/*
 * constant_http: a libmicrohttpd server that takes a request with its body and answers the
 * same bytes each time; what the sandbox's rate is measured against. Prints its address;
 * ends with standard input.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* About as long as the answer to a PATCH of skills. */
static char body[] =
	"{\"entities\":[{\"id\":\"00000000-0000-0000-0000-000000000000\",\"name\":\"Billing\","
	"\"proficiency\":3.0,\"state\":\"active\"},{\"id\":\"00000000-0000-0000-0000-000000000001\","
	"\"name\":\"Refunds\",\"proficiency\":3.0,\"state\":\"active\"}],\"pageSize\":50,"
	"\"pageNumber\":1,\"total\":2,\"pageCount\":1}";

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
				  const char *url, const char *method, const char *version,
				  const char *data, size_t *data_len, void **ctx)
{
	static int begun;
	struct MHD_Response *response;
	enum MHD_Result result;

	(void)cls;
	(void)url;
	(void)method;
	(void)version;
	(void)data;
	if (!*ctx) {
		*ctx = &begun;
		return MHD_YES;
	}
	if (*data_len) {
		*data_len = 0;
		return MHD_YES;
	}
	response = MHD_create_response_from_buffer(sizeof(body) - 1, body,
						   MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "application/json");
	result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct MHD_Daemon *daemon;
	char byte;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
					  MHD_USE_INTERNAL_POLLING_THREAD,
				  0, NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR,
				  &address, MHD_OPTION_END);
	if (!daemon)
		return 1;
	printf("http://127.0.0.1:%u\n",
	       MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	MHD_stop_daemon(daemon);
	return 0;
}
