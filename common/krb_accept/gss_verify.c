#include "gss_verify.h"

#include "delegation_info.h"
#include "logon.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gss_acceptor {
  gss_cred_id_t cred;
};

static void status_text(OM_uint32 code, int type, char *out, size_t size)
{
  OM_uint32 minor, more = 0;
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  out[0] = '\0';
  if (gss_display_status(&minor, code, type, GSS_C_NO_OID, &more, &text) == GSS_S_COMPLETE)
    snprintf(out, size, "%.*s", (int)text.length, (const char *)text.value);
  gss_release_buffer(&minor, &text);
}

/* The mechanism's own words say most: wrong key, replay, clock, expiry. */
static enum err gss_failed(enum err e, OM_uint32 major, OM_uint32 minor, struct failure *f)
{
  char general[160], particular[240];
  status_text(major, GSS_C_GSS_CODE, general, sizeof general);
  status_text(minor, GSS_C_MECH_CODE, particular, sizeof particular);
  return failure_set(f, e, "%s: %s", general, particular);
}

enum err gss_acceptor_new(const char *keytab, struct gss_acceptor **ret, struct failure *f)
{
  static gss_OID_desc mechs[] = {{9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"},
                                 {6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02"}};
  gss_OID_set_desc set = {2, mechs};
  /* Replays are this library's business, for both ways of verifying. */
  gss_key_value_element_desc elements[] = {{"keytab", keytab}, {"rcache", "none:"}};
  gss_key_value_set_desc store = {2, elements};
  struct gss_acceptor *g = calloc(1, sizeof *g);
  if (!g) return failure_set(f, ERR_NOMEM, "acceptor");
  OM_uint32 minor, major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &set, GSS_C_ACCEPT,
                                                 &store, &g->cred, NULL, NULL);
  if (GSS_ERROR(major)) {
    free(g);
    return gss_failed(ERR_IO, major, minor, f);
  }
  *ret = g;
  return ERR_OK;
}

void gss_acceptor_free(struct gss_acceptor *g)
{
  OM_uint32 minor;
  if (!g) return;
  gss_release_cred(&minor, &g->cred);
  free(g);
}

void gss_acceptor_flags_text(unsigned flags, char *out, size_t size)
{
  static const struct {
    OM_uint32 bit;
    const char *name;
  } names[] = {{GSS_C_DELEG_FLAG, "delegate"},       {GSS_C_MUTUAL_FLAG, "mutual"},
               {GSS_C_REPLAY_FLAG, "replay"},        {GSS_C_SEQUENCE_FLAG, "sequence"},
               {GSS_C_CONF_FLAG, "confidentiality"}, {GSS_C_INTEG_FLAG, "integrity"}};
  size_t at = 0;
  out[0] = '\0';
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!(flags & names[i].bit)) continue;
    int n = snprintf(out + at, size - at, "%s%s", at ? "," : "", names[i].name);
    if (n < 0 || (size_t)n >= size - at) return;
    at += (size_t)n;
  }
}

/* A buffer of the PAC, if its signature is verified; else an empty one. */
static gss_buffer_desc pac_buffer(gss_name_t name, const char *attribute)
{
  gss_buffer_desc attr = {strlen(attribute), (void *)(uintptr_t)attribute};
  gss_buffer_desc value = GSS_C_EMPTY_BUFFER, display = GSS_C_EMPTY_BUFFER;
  OM_uint32 minor, ignored;
  int authenticated = 0, complete = 0, more = -1;
  OM_uint32 major =
      gss_get_name_attribute(&minor, name, &attr, &authenticated, &complete, &value, &display, &more);
  if (GSS_ERROR(major) || !authenticated) gss_release_buffer(&ignored, &value);
  gss_release_buffer(&ignored, &display);
  return value;
}

/* MS-PAC 2.9. Absent for a user who came with a ticket of his own. */
static void read_delegation(gss_name_t name, struct krb_accepted *info)
{
  gss_buffer_desc value = pac_buffer(name, "urn:mspac:delegation-info");
  struct delegation_info d;
  OM_uint32 minor;
  if (value.length && delegation_info_parse(value.value, value.length, &d) == ERR_OK) {
    info->delegated = true;
    memcpy(info->delegated_target, d.target, sizeof d.target);
    memcpy(info->delegated_by, d.transited, sizeof d.transited);
  }
  gss_release_buffer(&minor, &value);
}

/* MS-PAC 2.5. Active Directory writes it, MIT's KDC does not. */
static void read_logon(gss_name_t name, struct krb_accepted *info)
{
  gss_buffer_desc value = pac_buffer(name, "urn:mspac:logon-info");
  OM_uint32 minor;
  if (value.length) info->logon = logon_new(value.value, value.length);
  gss_release_buffer(&minor, &value);
}

enum err gss_acceptor_verify(struct gss_acceptor *g, const struct krb_channel *channel, const void *token,
                             size_t n, struct buf *reply, struct krb_accepted *info, struct failure *f)
{
  gss_buffer_desc in = {n, (void *)(uintptr_t)token}, out = GSS_C_EMPTY_BUFFER;
  gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
  gss_name_t client = GSS_C_NO_NAME;
  gss_cred_id_t delegated = GSS_C_NO_CREDENTIAL;
  OM_uint32 minor, ignored, flags = 0;
  enum err e = ERR_OK;
  struct gss_channel_bindings_struct bindings = {0};
  if (channel) bindings.application_data = (gss_buffer_desc){channel->n, (void *)(uintptr_t)channel->data};
  OM_uint32 major =
      gss_accept_sec_context(&minor, &ctx, g->cred, &in, channel ? &bindings : GSS_C_NO_CHANNEL_BINDINGS,
                             &client, NULL, &out, &flags, NULL, &delegated);
  if (GSS_ROUTINE_ERROR(major) == GSS_S_BAD_MECH)
    e = gss_failed(ERR_TICKET_MECHANISM, major, minor, f);
  else if (GSS_ROUTINE_ERROR(major) == GSS_S_BAD_BINDINGS)
    e = failure_set(f, ERR_TICKET_CHANNEL,
                    "the token is bound to another TLS server than the one it came to");
  else if (GSS_ERROR(major))
    e = gss_failed(ERR_TICKET_INVALID, major, minor, f);
  else if (channel && channel->required && !(flags & GSS_C_CHANNEL_BOUND_FLAG))
    e = failure_set(f, ERR_TICKET_CHANNEL,
                    "the token is bound to no TLS server, and backend.channel_bindings is require");
  else if (major & GSS_S_CONTINUE_NEEDED)
    e = failure_set(f, ERR_TICKET_MECHANISM,
                    "the negotiation needs another round: offer Kerberos first, with its token");
  if (!e) gss_acceptor_flags_text(flags, info->flags, sizeof info->flags);
  if (!e) read_delegation(client, info);
  if (!e) read_logon(client, info);
  info->channel_bound = !e && channel && (flags & GSS_C_CHANNEL_BOUND_FLAG);
  if (!e && out.length && buf_append(reply, out.value, out.length))
    e = failure_set(f, ERR_TOO_LARGE, "the reply token");
  gss_release_buffer(&ignored, &out);
  gss_release_name(&ignored, &client);
  gss_release_cred(&ignored, &delegated); /* a forwarded TGT is no business of ours */
  gss_delete_sec_context(&ignored, &ctx, GSS_C_NO_BUFFER);
  return e;
}
