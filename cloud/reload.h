/* The configuration in force, for the admin endpoint: its thread asks the loop's (net_call). */
#ifndef SEVENSTEP_CLOUD_RELOAD_H
#define SEVENSTEP_CLOUD_RELOAD_H

#include "cloud.h"
#include "httpd.h"

/* GET /configuration: {"version":N,"connectors":[{"name":..,"group":..,"connections":N,"version":N}]}: the
 * version in force, and which one each connector has acknowledged (0: it is not connected). */
void handle_configuration(const struct httpd_request *q, struct httpd_response *r);
/* POST /reload: reads the lab and the users' certificate anew, tells the connectors, waits until those that
 * it concerns have acknowledged, puts it in force. With ?firm none of them can refuse: something is taken
 * away, or goes back to what it was. */
void handle_reload(const struct httpd_request *q, struct httpd_response *r);
/* Reads a listener's certificate and key, NAME of RUN/pki, again: new connections get them. What is not right
 * leaves those in use where they are. Loop's thread. */
enum err reload_certificate(const struct cloud *c, struct tls_ctx *tls, const char *name,
                            struct failure *f) MUST_CHECK;
/* Whether the cloud sees each connector, as only the cloud knows, and what it told it. */
enum err configuration_metrics(struct cloud *c, struct buf *out) MUST_CHECK;

#endif
