/* What a PAC says of the user, shared by all who were told of its ticket. Private to this library. */
#ifndef SEVENSTEP_LOGON_H
#define SEVENSTEP_LOGON_H

#include "logon_info.h"

/* From the buffer of a PAC whose signature is verified. One reference; NULL when it is malformed, or there is
 * no memory: a ticket is as good without. */
const struct logon_info *logon_new(const void *data, size_t n);
const struct logon_info *logon_ref(const struct logon_info *l); /* accepts NULL */
void logon_unref(const struct logon_info *l);                   /* accepts NULL */

#endif
