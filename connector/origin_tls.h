/* What the connector asks of applications with TLS before it trusts them with a request. Loop's thread. */
#ifndef SEVENSTEP_ORIGIN_TLS_H
#define SEVENSTEP_ORIGIN_TLS_H

#include "connector.h"

struct origin_tls;
/* Reads the authorities of the applications of c's group, so that a missing file is noticed. */
enum err origin_tls_new(struct connector *c, struct origin_tls **ret, struct failure *f) MUST_CHECK;
void origin_tls_free(struct origin_tls *t); /* after the streams; accepts NULL */

/* Reads the files of this lab's applications again, each once, for the connections to come. What cannot be
 * read stays as it was; the first failure is told. Others are read when they are needed. */
enum err origin_tls_reload(struct origin_tls *t, const struct lab *lab, struct failure *f) MUST_CHECK;

/* *ret NULL: the application is reached without TLS. */
enum err origin_tls_get(struct origin_tls *t, const struct lab_app *app, struct tls_ctx **ret,
                        struct failure *f) MUST_CHECK;

#endif
