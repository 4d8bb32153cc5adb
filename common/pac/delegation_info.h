/* The S4U_DELEGATION_INFO buffer of a PAC (MS-PAC 2.9): to which service a ticket was delegated, and through
 * whom. It is NDR (MS-RPCE 2.2.6, type serialization version 1) from inside a verified ticket; the parser
 * trusts it no more for that. */
#ifndef SEVENSTEP_DELEGATION_INFO_H
#define SEVENSTEP_DELEGATION_INFO_H

#include "err.h"

#include <stddef.h>

struct delegation_info {
  char target[256];    /* S4U2proxyTarget; cut if need be */
  char transited[512]; /* S4UTransitedServices, comma separated; cut at a whole name */
};
/* ERR_SYNTAX when it is malformed, or has more than 64 services. */
enum err delegation_info_parse(const void *data, size_t n, struct delegation_info *ret) MUST_CHECK;

#endif
