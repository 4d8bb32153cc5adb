/* Keeps the tunnels to the cloud, as many as the connector's connections: dials out with the connector's
 * certificate, answers hello, dials again what is lost. Loop's thread. */
#ifndef SEVENSTEP_DIAL_H
#define SEVENSTEP_DIAL_H

#include "connector.h"

enum err dialer_new(struct connector *c, struct dialer **ret, struct failure *f) MUST_CHECK;
/* Opens a second tunnel beside each one, with the certificate that is on disk now; when the cloud has
 * welcomed it, the old one is told to take no more, finishes what it works on, and ends. */
void dialer_replace(struct dialer *d);
/* The newest configuration that a tunnel holds, for this turn of the loop; NULL: none. */
const struct lab *dialer_configuration(const struct dialer *d);
/* Tells the cloud to send no more (GOAWAY); what is in progress, or on its way already, goes on. done is
 * called when the last tunnel has ended, perhaps more than once. */
void dialer_drain(struct dialer *d, void (*done)(struct connector *c));
void dialer_stop(struct dialer *d); /* closes at once */
void dialer_free(struct dialer *d); /* after the loop has ended; accepts NULL */

#endif
