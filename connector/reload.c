#include "reload.h"

#include "dial.h"
#include "identity.h"
#include "origin.h"

#include <stdlib.h>

struct reload {
  struct connector *c;
  bool needs_tickets;
  struct failure f; /* the first */
};

static void stays(struct reload *r, const char *what, const struct failure *f)
{
  log_error("reload: the %s in use stays: %s", what, f->why);
  if (!r->f.err) r->f = *f;
}

static bool uses_tickets(const struct lab *lab)
{
  size_t i = 0;
  while (i < lab->n_apps && lab->apps[i].sso != SSO_KCD)
    i++;
  return i < lab->n_apps;
}

/* The connections are replaced even where nothing has changed: that shows it. */
static void read_files(struct reload *r)
{
  struct connector *c = r->c;
  struct failure f = {0};
  const struct lab *lab = dialer_configuration(c->dialer);
  r->needs_tickets = lab && uses_tickets(lab);
  if (lab && origin_pool_reload(c->origins, lab, &f)) stays(r, "authority of an application", &f);
  if (identity_check(c->identity, &f)) {
    stays(r, "identity", &f);
    return;
  }
  log_info("reload: new connections to the cloud take the place of the present ones");
  dialer_replace(c->dialer);
}

static void read_keytab(struct reload *r)
{
  struct failure f = {0};
  if (!r->needs_tickets) return;
  if (krb_delegator_reload(r->c->delegator, &f))
    stays(r, "connector's own ticket", &f);
  else
    log_info("reload: the KDC takes the key in the keytab");
}

/* -- by signal ------------------------------------------------------------------------------------------- */

static void keytab_run(void *arg)
{
  read_keytab(arg);
}

void reload_signalled(struct connector *c)
{
  struct reload *r = calloc(1, sizeof *r);
  if (!r) return;
  r->c = c;
  read_files(r);
  if (net_work(c->net, keytab_run, free, r)) free(r);
}

/* -- by POST --------------------------------------------------------------------------------------------- */

static void read_files_for(void *arg, struct net_call *call)
{
  struct reload *r = arg;
  if (r->c->draining)
    failure_set(&r->f, ERR_CLOSED, "the connector is stopping");
  else
    read_files(r);
  net_call_end(r->c->net, call);
}

void handle_reload(const struct httpd_request *q, struct httpd_response *response)
{
  struct reload r = {.c = q->arg};
  if (net_call(r.c->net, read_files_for, &r))
    read_keytab(&r);
  else
    failure_set(&r.f, ERR_CLOSED, "the connector is stopping");
  httpd_outcome(response, r.f.err, &r.f, "all was read again\n");
}
