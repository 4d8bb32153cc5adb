/* Step 6 from the application's side: verifies a SPNEGO or raw Kerberos token by GSSAPI (RFC 4559 4.1, RFC 4178). A library of its
 * own: the backend links this and no delegation code. One acceptor belongs to one thread. */
#ifndef SEVENSTEP_KRB_ACCEPT_H
#define SEVENSTEP_KRB_ACCEPT_H

#include "buf.h"

struct krb_acceptor;
struct krb_acceptor_config {
  const char *keytab; /* path */
  const char *rcache; /* "dfl:", "none:" or "file2:/path" */
};
enum err krb_acceptor_new(const struct krb_acceptor_config *c, struct krb_acceptor **ret, struct failure *f) MUST_CHECK;
void krb_acceptor_free(struct krb_acceptor *a);

struct krb_accepted {
  char client[256];   /* alice@CORP.SEVENSTEP.TEST */
  char target[256];   /* the service principal the ticket was for */
  char mechanism[32]; /* "krb5", "spnego" */
  char flags[128];    /* mutual,replay,... */
  int64_t end_time_s;
  bool delegated;     /* the PAC has S4U_DELEGATION_INFO (MS-PAC 2.9) */
  char delegated_target[256];       /* S4U2proxyTarget */
  char delegated_by[512];           /* transited services, comma separated */
};

/* value: the Authorization field's value, "Negotiate <base64>". On success appends "Negotiate <base64>" for
 * WWW-Authenticate to reply (nothing if there is no reply token). ERR_TICKET_*. */
enum err krb_accept(struct krb_acceptor *a, const char *value, size_t n, struct buf *reply, struct krb_accepted *ret,
                    struct failure *f) MUST_CHECK;

#endif
