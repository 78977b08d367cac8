/*
 * bridge/directory/ad_reason.h - what Active Directory means by a refused login.
 *
 * It answers "invalid credentials" to all of them, and tells the reason as a number in the
 * diagnostic text: "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error,
 * data 52e, v2580". Samba does the same. The numbers are Windows system error codes (after
 * "data", MS-ERREF 2.2) and security status codes (at the start, MS-ERREF 2.1).
 */
#ifndef BRIDGE_DIRECTORY_AD_REASON_H
#define BRIDGE_DIRECTORY_AD_REASON_H

/* What it means and what to do, "the account is disabled; enable it"; NULL = no known number. */
const char *ad_reason(const char *diagnostic);

#endif
