/* The KDC's admin endpoint: on the unix socket RUN/kdc.sock for the machine's owner, and on lab.kdc.admin for
 * the connectors, which attach the KDC's own log lines to the spans of steps 4 and 5.
 *
 *   GET /log?client=PRINCIPAL&since=WALL_NS   {"lines":[{"time_ns":..,"text":".."}]}; both parameters
 * optional
 *   GET /healthz, /readyz, /metrics
 *   POST /reload, POST /rotate?name=NAME      on the unix socket only */
#ifndef SEVENSTEP_KDC_ADMIN_H
#define SEVENSTEP_KDC_ADMIN_H

#include "lab.h"
#include "supervise.h"

struct kdc_admin;
/* What the orders do, one at a time; text says what was done. check, from any thread: can krb5kdc read its
 * database? NULL: it is files, which it has open. */
struct kdc_orders {
  enum err (*reload)(void *arg, char *text, size_t size, struct failure *f);
  enum err (*rotate)(void *arg, const char *name, char *text, size_t size, struct failure *f);
  enum err (*check)(void *arg, struct failure *f);
  void *arg;
};
enum err kdc_admin_start(const struct lab_addr *listen, const char *unix_path, struct supervised *kdc,
                         const struct kdc_orders *orders, struct kdc_admin **ret,
                         struct failure *f) MUST_CHECK;
void kdc_admin_stop(struct kdc_admin *a); /* accepts NULL */

#endif
