/* What a connector has from disk is read again while it serves: its key and certificate and the authorities
 * that it trusts at the cloud (RUN/connectors, RUN/pki), those of applications (backend_ca), its keytab. What
 * is not right leaves the one before in use, and is told. No request notices. */
#ifndef SEVENSTEP_CONNECTOR_RELOAD_H
#define SEVENSTEP_CONNECTOR_RELOAD_H

#include "connector.h"
#include "httpd.h"

/* SIGHUP. Loop's thread; the log tells. */
void reload_signalled(struct connector *c);
/* POST /reload, on the admin endpoint's thread: 200, or the first of what is not right. */
void handle_reload(const struct httpd_request *q, struct httpd_response *r);

#endif
