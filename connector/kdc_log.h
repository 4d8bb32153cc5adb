/* What the KDC itself logged of an exchange: fetched from the lab's KDCs (their admin endpoints' GET /log)
 * for the trace. A real domain has no such endpoint; then there are no lines. Blocking: for workers only. */
#ifndef SEVENSTEP_KDC_LOG_H
#define SEVENSTEP_KDC_LOG_H

#include "connector.h"

#define KDC_LOG_LINES 8

struct kdc_log {
  struct kdc_log_line {
    int64_t time_ns;
    char *text;
    bool constrained; /* of the S4U2Proxy exchange, step 5; else of S4U2Self, step 4 */
  } lines[KDC_LOG_LINES];
  size_t n;
};

/* The lines since the exchange began that name the user (account@REALM), sorted by whether they are of the
 * one for spn; if it was refused, also that of the connector's own refused request. Failures give no lines.
 */
void kdc_log_fetch(struct connector *c, const char *user, const char *spn, const struct krb_exchange *x,
                   bool refused, struct kdc_log *ret);
void kdc_log_clear(struct kdc_log *l);

#endif
