/* The KDC's admin endpoint: on the unix socket RUN/kdc.sock for the machine's owner, and on lab.kdc.admin for
 * the connectors, which attach the KDC's own log lines to the spans of steps 4 and 5.
 *
 *   GET /log?client=PRINCIPAL&since=WALL_NS   {"lines":[{"time_ns":..,"text":".."}]}; both parameters
 * optional GET /healthz, /readyz, /metrics */
#ifndef SEVENSTEP_KDC_ADMIN_H
#define SEVENSTEP_KDC_ADMIN_H

#include "lab.h"
#include "supervise.h"

struct kdc_admin;
enum err kdc_admin_start(const struct lab_addr *listen, const char *unix_path, struct supervised *kdc,
                         struct kdc_admin **ret, struct failure *f) MUST_CHECK;
void kdc_admin_stop(struct kdc_admin *a); /* accepts NULL */

#endif
