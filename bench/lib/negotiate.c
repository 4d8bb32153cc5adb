/* Authenticators from cached tickets: what one takes, and many of them to send.
 *
 *   bench-negotiate KEYTAB PRINCIPAL REALM SPN USERS sevenstep|gssapi COUNT
 *       makes COUNT of them from one user's ticket, by common/krb or by gss_init_sec_context (SPNEGO, from a
 *       credential that holds the ticket), and prints one line of numbers: wall time's median, mean
 *       processor time
 *   bench-negotiate KEYTAB PRINCIPAL REALM SPN USERS lines COUNT TICKETS
 *       COUNT lines "Authorization: Negotiate ...", from TICKETS tickets in turn, each of its own pair of
 *       S4U exchanges */
#include "users.h"

#include "clock.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HEADER_MAX = 128 * 1024 };

static struct users users;
static size_t count;

/* 1.3.6.1.5.5.2 (RFC 4178 3.2) */
static unsigned char spnego_oid[] = {0x2b, 6, 1, 5, 5, 2};
static gss_OID_desc spnego = {sizeof spnego_oid, spnego_oid};

static void make_one(struct krb_ticket *t, struct buf *out)
{
  struct krb_initiator *i = NULL;
  struct failure f = {0};
  buf_reset(out);
  if (krb_initiator_new(t, NULL, out, &i, &f)) give_up("authenticator", f.why);
  krb_initiator_free(i);
}

static void print_lines(size_t tickets)
{
  struct krb_delegator *d = users_delegator(&users);
  struct krb_ticket **all = calloc(tickets, sizeof(struct krb_ticket *));
  struct buf line;
  if (!all) give_up("tickets", "no memory");
  buf_init(&line, HEADER_MAX);
  for (size_t i = 0; i < tickets; i++)
    all[i] = users_obtain(&users, d, i);
  for (size_t i = 0; i < count; i++) {
    make_one(all[i % tickets], &line);
    printf("Authorization: %s\n", buf_str(&line));
  }
  for (size_t i = 0; i < tickets; i++)
    krb_ticket_unref(all[i]);
  free(all);
  buf_wipe(&line);
  krb_delegator_free(d);
}

/* -- what one takes -------------------------------------------------------------------------------------- */

static double cpu_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void measure(void (*one)(void *), void *arg)
{
  float *took_ns = calloc(count, sizeof *took_ns);
  if (!took_ns) give_up("samples", "no memory");
  one(arg); /* what libraries set up once */
  double cpu = cpu_ns();
  for (size_t i = 0; i < count; i++) {
    int64_t from = clock_mono_ns();
    one(arg);
    took_ns[i] = (float)(clock_mono_ns() - from);
  }
  cpu = cpu_ns() - cpu;
  qsort(took_ns, count, sizeof *took_ns, compare);
  printf("RESULT requests=%zu p50_ns=%.0f cpu_ns=%.0f\n", count, (double)took_ns[count / 2],
         cpu / (double)count);
  free(took_ns);
}

struct ours {
  struct krb_ticket *ticket;
  struct buf header;
};

static void one_of_ours(void *arg)
{
  struct ours *o = arg;
  make_one(o->ticket, &o->header);
}

static void measure_ours(void)
{
  struct krb_delegator *d = users_delegator(&users);
  struct ours o = {.ticket = users_obtain(&users, d, 0)};
  buf_init(&o.header, HEADER_MAX);
  measure(one_of_ours, &o);
  buf_wipe(&o.header);
  krb_ticket_unref(o.ticket);
  krb_delegator_free(d);
}

struct theirs {
  gss_cred_id_t cred;
  gss_name_t target;
};

static void one_of_theirs(void *arg)
{
  const struct theirs *t = arg;
  OM_uint32 minor;
  gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
  gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
  OM_uint32 major =
      gss_init_sec_context(&minor, t->cred, &ctx, t->target, &spnego, GSS_C_MUTUAL_FLAG, 0,
                           GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, &token, NULL, NULL);
  if (major != GSS_S_CONTINUE_NEEDED || token.length == 0) give_up("gss_init_sec_context", "refused");
  gss_release_buffer(&minor, &token);
  gss_delete_sec_context(&minor, &ctx, GSS_C_NO_BUFFER);
}

/* The user's service ticket, alone, in a MEMORY cache that GSSAPI knows by name. */
static krb5_ccache ticket_cache(struct plain_s4u *p, char **ret_name)
{
  krb5_ccache cc = NULL;
  krb5_creds *service = plain_s4u_obtain(p, &users, 0);
  give_up_if(p->ctx, krb5_cc_new_unique(p->ctx, "MEMORY", NULL, &cc), "cache");
  give_up_if(p->ctx, krb5_cc_initialize(p->ctx, cc, service->client), "cache");
  give_up_if(p->ctx, krb5_cc_store_cred(p->ctx, cc, service), "cache");
  give_up_if(p->ctx, krb5_cc_get_full_name(p->ctx, cc, ret_name), "cache");
  krb5_free_creds(p->ctx, service);
  return cc;
}

static void measure_theirs(void)
{
  struct plain_s4u plain;
  struct theirs t = {0};
  char target[1024], *name = NULL;
  OM_uint32 minor;
  plain_s4u_open(&plain, &users);
  krb5_ccache cc = ticket_cache(&plain, &name);
  gss_key_value_element_desc element = {"ccache", name};
  const gss_key_value_set_desc store = {1, &element};
  gss_OID_set_desc mechs = {1, &spnego};
  int n = snprintf(target, sizeof target, "%s@%s", users.spn, users.realm);
  gss_buffer_desc text = {(size_t)n, target};
  if (gss_import_name(&minor, &text, GSS_KRB5_NT_PRINCIPAL_NAME, &t.target))
    give_up("gss_import_name", target);
  if (gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE, &store, &t.cred,
                            NULL, NULL))
    give_up("gss_acquire_cred_from", name);
  measure(one_of_theirs, &t);
  gss_release_cred(&minor, &t.cred);
  gss_release_name(&minor, &t.target);
  krb5_free_string(plain.ctx, name);
  krb5_cc_destroy(plain.ctx, cc);
  plain_s4u_close(&plain);
}

int main(int argc, char **argv)
{
  const char *way = argc >= 3 + USERS_ARGUMENTS ? argv[1 + USERS_ARGUMENTS] : "";
  if (argc >= 3 + USERS_ARGUMENTS) {
    users = users_of(argv + 1);
    count = number_of(argv[2 + USERS_ARGUMENTS]);
  }
  if (strcmp(way, "sevenstep") == 0) {
    measure_ours();
  } else if (strcmp(way, "gssapi") == 0) {
    measure_theirs();
  } else if (strcmp(way, "lines") == 0 && argc == 4 + USERS_ARGUMENTS) {
    print_lines(number_of(argv[3 + USERS_ARGUMENTS]));
  } else {
    fprintf(stderr, "usage: bench-negotiate " USERS_USAGE " sevenstep|gssapi COUNT\n"
                    "       bench-negotiate " USERS_USAGE " lines COUNT TICKETS\n");
    return 2;
  }
  return fflush(stdout) ? 1 : 0;
}
