/* Parameters of requests (RFC 6749 3.1, 3.2): nothing twice, empty is absent, unknown is ignored. */
#ifndef SEVENSTEP_PARAMS_H
#define SEVENSTEP_PARAMS_H

#include "fields.h"

#define PARAMS_MAX_BYTES 16384 /* of a query or form body */

/* Decodes text into list, which is initialised in any case. ERR_OIDC_INVALID_REQUEST: not printable ASCII,
 * bad percent-encoding, too long or too many. */
enum err params_parse(struct fields *list, const char *text, size_t n, struct failure *f) MUST_CHECK;
/* *ret is NULL when absent or empty; ERR_OIDC_INVALID_REQUEST when given twice. */
enum err params_get(const struct fields *list, const char *name, const char **ret,
                    struct failure *f) MUST_CHECK;
/* ERR_OIDC_INVALID_REQUEST when any name, known or not, is there twice. */
enum err params_refuse_repeated(const struct fields *list, struct failure *f) MUST_CHECK;

#endif
