/*
 * bridge/tenant/scim_send.h - one call until it is done; for scim_send.c, scim_user.c,
 * scim_group.c and scim_bulk.c.
 *
 * The sender starts a flight for each call; the flight ends by service_flight_done. Flights
 * of users go by scim_user.c, those of groups by scim_group.c.
 */
#ifndef BRIDGE_TENANT_SCIM_SEND_H
#define BRIDGE_TENANT_SCIM_SEND_H

#include "bridge/plan/plan.h"
#include "bridge/tenant/scim.h"
#include "bridge/tenant/scim_calls.h"

struct sender;

struct part {
	unsigned at, count; /* of the call's steps */
};

struct flight {
	struct sender *sender;
	struct service *service;
	const struct plan *plan;
	struct call *call;
	struct call_result result;
	struct arena mem;
	struct err refusal;       /* of what was tried first, when another form is tried */
	/* of a user */
	const uint32_t *steps;    /* still to be done */
	unsigned step_count;
	const char *if_match;     /* the version that is sent */
	unsigned conflicts;
	bool put, patched, read_back;
	/* of a group */
	const char *group_id;
	struct part part;
	VEC(struct part) todo;    /* last one first */
	unsigned char *failed;    /* bit per step; NULL = none */
	unsigned failed_count, singles_failed;
	bool any_done;
	/* in a Bulk */
	bool alone;               /* not again */
};

void service_flight_done(struct flight *flight, enum step_outcome outcome);
/* The same for an answer that is no success. */
void service_flight_failed(struct flight *flight, const struct service_answer *answer);
const struct step *service_flight_step(const struct flight *flight, unsigned i);
/* Bytes of `out` as a body; `what` describes the request otherwise. */
void service_flight_request(struct flight *flight, struct service_request *request,
			    struct buf *body, service_done_fn *done);
/* A resource with its version; the version of the answer's header when it has none itself. */
int service_read_resource(struct arena *mem, const struct service_answer *answer,
			  struct scim_resource *ret, struct err *err);
/*
 * The resource of an answer, changed by a PATCH in standard form, as the body of a PUT:
 * what is not known here goes back as it came. Returns 0, or -1 with *err.
 */
int service_make_put(struct arena *mem, const struct service_answer *answer,
		     const struct buf *patch, struct buf *out, struct err *err);
/* Whether a refusal means that the service does not know this form of a request. */
bool service_not_understood(const struct service_answer *answer);

/* scim_user.c; `ctx` is a flight */
void service_user_send(struct flight *flight);
void service_user_answered(void *ctx, const struct service_answer *answer);

/* scim_group.c */
void service_group_send(struct flight *flight);

/* scim_bulk.c */
bool service_bulk_takes(const struct service *service, const struct call *call);
/* Send the first requests of `count` flights as one; each goes on by its own answer. */
void service_bulk_send(struct service *service, struct flight **flights, size_t count,
		       void (*ended)(void *ctx), void *ctx);

#endif
