/* Who calls the token endpoint (RFC 6749 2.3): by HTTP Basic or in the form, never both; public clients say
 * their id only. */
#ifndef SEVENSTEP_CLIENT_AUTH_H
#define SEVENSTEP_CLIENT_AUTH_H

#include "clients.h"
#include "fields.h"

/* headers: the request's; params: its form. ERR_OIDC_INVALID_CLIENT, ERR_OIDC_INVALID_REQUEST. Takes the same
 * time for unknown clients. */
enum err client_authenticate(const struct lab *lab, const struct fields *headers, const struct fields *params,
                             struct client *ret, struct failure *f) MUST_CHECK;

#endif
