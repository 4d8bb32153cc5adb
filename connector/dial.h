/* Keeps the tunnel to the cloud: dials out with the connector's certificate, answers hello, dials again when
 * it is lost. Loop's thread. */
#ifndef SEVENSTEP_DIAL_H
#define SEVENSTEP_DIAL_H

#include "connector.h"

enum err dialer_new(struct connector *c, struct dialer **ret, struct failure *f) MUST_CHECK;
/* Tells the cloud to send no more (GOAWAY); what is in progress goes on. done is called when the tunnel has
 * ended. */
void dialer_drain(struct dialer *d, void (*done)(struct connector *c));
void dialer_stop(struct dialer *d); /* closes at once */
void dialer_free(struct dialer *d); /* after the loop has ended; accepts NULL */

#endif
