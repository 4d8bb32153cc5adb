/* From libkrb5's codes to ours, once: what a code means depends on the exchange in which it came. */
#ifndef SEVENSTEP_KRB_ERROR_H
#define SEVENSTEP_KRB_ERROR_H

#include "err.h"

#include <krb5.h>
#include <stdbool.h>

enum krb_phase { KRB_PHASE_AS, KRB_PHASE_S4U2SELF, KRB_PHASE_S4U2PROXY };

/* What else is known about the exchange that failed. */
struct krb_circumstance {
  enum krb_phase phase;
  bool timed_out;            /* no KDC answered before the deadline */
  bool evidence_forwardable; /* for KRB_PHASE_S4U2PROXY */
  bool abroad;               /* the exchange leads, or may lead, through another realm's KDC */
  const char *subject;       /* user or target, for the text */
};

enum err krb_error(krb5_context ctx, krb5_error_code code, const struct krb_circumstance *c,
                   struct failure *f) MUST_CHECK;

/* Does this code, in answer to a TGS request, say that the connector's own ticket-granting ticket is no
 * longer good: expired, or of a KDC which was set up anew? A fresh AS exchange may then help. */
bool krb_error_is_stale_tgt(krb5_error_code code);

/* Does a KDC say that it cannot read a ticket, one that another KDC made for it? */
bool krb_error_is_strange_key(krb5_error_code code);

#endif
