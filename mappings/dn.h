/*
 * mappings/dn.h - distinguished names: a form in which equal names are equal bytes.
 *
 * Spec    RFC 4514 (string form), RFC 4518 in part: attribute types in lower case, values
 *         with case folded (UTF-8), white space runs folded and trimmed, escapes decoded
 *         and written again in one way, RDN parts sorted. OID. forms are left as they are.
 * Limits  DN_BYTES_MAX, DN_RDNS_MAX.
 */
#ifndef MAPPINGS_DN_H
#define MAPPINGS_DN_H

#include "scim/base/err.h"
#include "scim/base/mem.h"
#include "scim/base/text.h"

#define DN_BYTES_MAX 8192
#define DN_RDNS_MAX 64

/* Normal form of `dn` in `mem`. Returns 0, or -1 with ERR_INVALID. "" is the root DN. */
int dn_normalize(struct arena *mem, const char *dn, size_t len, struct slice *ret_norm,
		 struct err *err);
/*
 * The same for one name after another: siblings share their parent's form, which is worked
 * out once. The memo begins zeroed.
 */
struct dn_memo {
	struct slice raw, norm; /* of the parent met last */
	struct arena mem;
};
int dn_normalize_next(struct dn_memo *memo, struct arena *mem, const char *dn, size_t len,
		      struct slice *ret_norm, struct err *err);
void dn_memo_release(struct dn_memo *memo);
/* Does it read as a DN (at least one attr=value)? Else it is a plain name. */
bool dn_looks_like(const char *text, size_t len);
/* Is normalised `dn` equal to or below normalised `base`? */
bool dn_is_below(struct slice dn, struct slice base);
/*
 * Value of the first RDN part with attribute `type` (no case), unescaped, e.g. "cn" of
 * "cn=Sales,ou=groups" is "Sales". Returns 0, or -1 with ERR_NOT_FOUND / ERR_INVALID.
 */
int dn_part(struct arena *mem, const char *dn, size_t len, const char *type,
	    struct slice *ret_value, struct err *err);
/*
 * All of them, from left to right, as many as there is room for. `ret_values` has room for
 * `max`; *ret_count is 0 when there is none.
 */
int dn_parts(struct arena *mem, const char *dn, size_t len, const char *type,
	     struct slice *ret_values, size_t max, size_t *ret_count, struct err *err);

#endif
