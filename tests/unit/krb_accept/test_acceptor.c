/* Verification of tokens: by GSSAPI the first time, by the session key afterwards; both must agree on what is
 * refused. */
#include "kdc_lab.h"
#include "krb_accept.h"

#include "clock.h"
#include "encode.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <krb5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kdc_lab l;
static struct krb_ticket *ticket;
static struct krb_acceptor *acceptor;
static struct failure f;
static struct krb_accepted who;
static struct buf sent, reply;

static void setup(void)
{
  kdc_lab_make(&l);
  kdc_lab_start(&l);
  ticket = kdc_lab_ticket(&l);
}

static void teardown(void)
{
  krb_ticket_unref(ticket);
  kdc_lab_remove(&l);
}

static void open_acceptor(const char *replay, bool gssapi_only)
{
  struct krb_acceptor_config c = {
      .keytab = kdc_lab_path(&l, "keytabs/backend.keytab"), .replay = replay, .gssapi_only = gssapi_only};
  ck_assert_msg(krb_acceptor_new(&c, &acceptor, &f) == ERR_OK, "%s", f.why);
}

static void begin(void)
{
  char replay[256];
  buf_init(&sent, 65536);
  buf_init(&reply, 65536);
  snprintf(replay, sizeof replay, "%s-%d", kdc_lab_path(&l, "replay"), (int)getpid());
  open_acceptor(replay, false);
}

static void end(void)
{
  krb_acceptor_free(acceptor);
  buf_clear(&sent);
  buf_clear(&reply);
}

static enum err accept_value(const char *value, size_t n)
{
  buf_reset(&reply);
  memset(&who, 0, sizeof who);
  memset(&f, 0, sizeof f);
  return krb_accept(acceptor, NULL, value, n, &reply, &who, &f);
}

static enum err accept_sent(void)
{
  return accept_value(buf_str(&sent), sent.len);
}

/* A new authenticator into sent; the initiator for its answer, or NULL when none is wanted. */
static void send_new(struct krb_initiator **ret)
{
  struct krb_initiator *i;
  buf_reset(&sent);
  ck_assert_int_eq(krb_initiator_new(ticket, NULL, &sent, &i, NULL), ERR_OK);
  if (ret)
    *ret = i;
  else
    krb_initiator_free(i);
}

START_TEST(krb_accept_first_and_next_tokens_tell_the_same)
{
  struct krb_accepted first;
  struct krb_initiator *i;
  for (int n = 0; n < 3; n++) {
    send_new(&i);
    ck_assert_msg(accept_sent() == ERR_OK, "%s", f.why);
    ck_assert_msg(krb_initiator_finish(i, buf_str(&reply), reply.len, &f) == ERR_OK, "%s", f.why);
    krb_initiator_free(i);
    ck_assert(who.known_ticket == (n > 0));
    who.known_ticket = false;
    if (n == 0) first = who;
    ck_assert_mem_eq(&first, &who, sizeof who);
  }
  ck_assert_str_eq(who.client, "alice@CORP.TEST");
  ck_assert_str_eq(who.target, "HTTP/hello.corp.test@CORP.TEST");
  ck_assert_str_eq(who.mechanism, "spnego");
  ck_assert_str_eq(who.flags, "mutual,integrity");
  ck_assert_str_eq(who.enctype, "aes256-cts-hmac-sha1-96");
  ck_assert_int_eq(who.end_time_s, krb_ticket_end_s(ticket));
  ck_assert(who.delegated);
  ck_assert_str_eq(who.delegated_by, "HTTP/connector-1.corp.test@CORP.TEST");
  ck_assert_str_eq(who.delegated_target, "HTTP/hello.corp.test");
}
END_TEST

START_TEST(krb_accept_replay_is_refused_first_and_later)
{
  for (int n = 0; n < 2; n++) {
    send_new(NULL);
    ck_assert_int_eq(accept_sent(), ERR_OK);
    ck_assert_int_eq(accept_sent(), ERR_TICKET_INVALID);
    ck_assert_str_eq(f.why, "Request is a replay");
    ck_assert_uint_eq(reply.len, 0);
  }
}
END_TEST

START_TEST(krb_accept_replay_after_a_restart_is_refused)
{
  char replay[256];
  send_new(NULL);
  ck_assert_int_eq(accept_sent(), ERR_OK);
  struct buf second;
  buf_init(&second, 65536);
  ck_assert_int_eq(buf_append(&second, sent.data, sent.len), ERR_OK);
  send_new(NULL);
  ck_assert_int_eq(accept_sent(), ERR_OK); /* by the session key */
  ck_assert(who.known_ticket);
  krb_acceptor_free(acceptor);
  snprintf(replay, sizeof replay, "%s-%d", kdc_lab_path(&l, "replay"), (int)getpid());
  open_acceptor(replay, false);
  ck_assert_int_eq(accept_sent(), ERR_TICKET_INVALID); /* by GSSAPI */
  ck_assert_int_eq(accept_value(buf_str(&second), second.len), ERR_TICKET_INVALID);
  buf_clear(&second);
}
END_TEST

START_TEST(krb_accept_without_replay_cache_accepts_again)
{
  krb_acceptor_free(acceptor);
  open_acceptor(NULL, false);
  send_new(NULL);
  for (int n = 0; n < 3; n++)
    ck_assert_int_eq(accept_sent(), ERR_OK);
}
END_TEST

/* The same AP-REQ inside other wrappers must be the same authenticator: the raw Kerberos token of a SPNEGO
 * token. */
START_TEST(krb_accept_replay_unwrapped_is_refused)
{
  struct buf token, raw;
  send_new(NULL);
  ck_assert_int_eq(accept_sent(), ERR_OK);
  buf_init(&token, 65536);
  buf_init(&raw, 65536);
  ck_assert_int_eq(base64_decode(&token, buf_str(&sent) + 10, sent.len - 10), ERR_OK);
  const uint8_t *inner =
      memmem(token.data + 2, token.len - 2, "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00", 13);
  ck_assert_ptr_nonnull(inner);
  inner -= 4; /* 60 82 xx xx */
  ck_assert_int_eq(inner[0], 0x60);
  ck_assert_int_eq(buf_puts(&raw, "Negotiate "), ERR_OK);
  ck_assert_int_eq(base64_encode(&raw, inner, (size_t)(token.data + token.len - inner)), ERR_OK);
  ck_assert_int_eq(accept_value(buf_str(&raw), raw.len), ERR_TICKET_INVALID);
  buf_clear(&token);
  buf_clear(&raw);
}
END_TEST

START_TEST(krb_accept_any_changed_byte_is_refused_or_harmless)
{
  struct buf token, changed;
  send_new(NULL);
  ck_assert_int_eq(accept_sent(), ERR_OK); /* the ticket is known from here on */
  krb_acceptor_free(acceptor);
  open_acceptor(NULL, false);
  ck_assert_int_eq(accept_sent(), ERR_OK);
  buf_init(&token, 65536);
  buf_init(&changed, 65536);
  ck_assert_int_eq(base64_decode(&token, buf_str(&sent) + 10, sent.len - 10), ERR_OK);
  for (size_t i = 0; i < token.len; i += i < 100 ? 1 : 17) {
    token.data[i] ^= 0x04;
    buf_reset(&changed);
    ck_assert_int_eq(buf_puts(&changed, "Negotiate "), ERR_OK);
    ck_assert_int_eq(base64_encode(&changed, token.data, token.len), ERR_OK);
    if (accept_value(buf_str(&changed), changed.len) == ERR_OK)
      ck_assert_str_eq(who.client, "alice@CORP.TEST");
    token.data[i] ^= 0x04;
  }
  /* In the ticket and in the authenticator nothing is harmless. */
  for (size_t i = token.len - 60; i < token.len; i++) {
    token.data[i] ^= 0x04;
    buf_reset(&changed);
    ck_assert_int_eq(buf_puts(&changed, "Negotiate "), ERR_OK);
    ck_assert_int_eq(base64_encode(&changed, token.data, token.len), ERR_OK);
    ck_assert_int_ne(accept_value(buf_str(&changed), changed.len), ERR_OK);
    token.data[i] ^= 0x04;
  }
  buf_clear(&token);
  buf_clear(&changed);
}
END_TEST

START_TEST(krb_accept_authenticator_of_another_time_is_refused_also_for_a_known_ticket)
{
  send_new(NULL);
  ck_assert_int_eq(accept_sent(), ERR_OK);
  clock_shift_wall(-400);
  send_new(NULL); /* made 400 s ago */
  clock_shift_wall(0);
  ck_assert_int_eq(accept_sent(), ERR_TICKET_INVALID);
  ck_assert_ptr_nonnull(strstr(f.why, "Clock skew"));
}
END_TEST

static const struct {
  const char *value;
  enum err e;
} refused[] = {
    {"", ERR_TICKET_REQUIRED},
    {"Basic YTpi", ERR_TICKET_REQUIRED},
    {"Negotiate", ERR_TICKET_REQUIRED},
    {"Negotiatex YTpi", ERR_TICKET_REQUIRED},
    {"Negotiate ", ERR_TICKET_INVALID},
    {"Negotiate !", ERR_TICKET_INVALID},
    {"Negotiate AAAA", ERR_TICKET_INVALID},
    {"Negotiate TlRMTVNTUAABAAAAB4IIAA==", ERR_TICKET_MECHANISM}, /* NTLMSSP */
    {"Negotiate YBwGBisGAQUFAqASMBCgDjAMBgorBgEEAYI3AgIK",
     ERR_TICKET_MECHANISM}, /* SPNEGO offering NTLM alone */
};

START_TEST(krb_accept_other_values_are_refused)
{
  enum err e = accept_value(refused[_i].value, strlen(refused[_i].value));
  ck_assert_msg(e == refused[_i].e, "%s: %s (%s)", refused[_i].value, err_info(e)->name, f.why);
}
END_TEST

START_TEST(krb_accept_service_not_in_the_keytab_is_refused)
{
  krb_acceptor_free(acceptor);
  struct krb_acceptor_config c = {.keytab = kdc_lab_path(&l, "keytabs/connector-2.keytab")};
  ck_assert_int_eq(krb_acceptor_new(&c, &acceptor, &f), ERR_OK);
  send_new(NULL);
  ck_assert_int_eq(accept_sent(), ERR_TICKET_INVALID);
  ck_assert_ptr_nonnull(strstr(f.why, "keytab"));
}
END_TEST

START_TEST(krb_acceptor_new_without_keytab_is_refused)
{
  struct krb_acceptor_config c = {.keytab = "/nonexistent/keytab"};
  struct krb_acceptor *a;
  ck_assert_int_eq(krb_acceptor_new(&c, &a, &f), ERR_IO);
  ck_assert_ptr_nonnull(strstr(f.why, "/nonexistent/keytab"));
}
END_TEST

/* -- stock initiators ------------------------------------------------------------------------------------ */

static gss_cred_id_t stock_credential(void)
{
  gss_cred_id_t cred;
  OM_uint32 minor;
  gss_name_t name;
  char principal[] = "HTTP/connector-1.corp.test";
  gss_buffer_desc name_text = {sizeof principal - 1, principal};
  gss_key_value_element_desc elements[] = {{"client_keytab", kdc_lab_path(&l, "keytabs/connector-1.keytab")},
                                           {"ccache", "MEMORY:stock"}};
  gss_key_value_set_desc store = {2, elements};
  ck_assert_uint_eq(gss_import_name(&minor, &name_text, GSS_C_NT_USER_NAME, &name), 0);
  OM_uint32 major = gss_acquire_cred_from(&minor, name, 0, NULL, GSS_C_INITIATE, &store, &cred, NULL, NULL);
  ck_assert_msg(!GSS_ERROR(major), "%x %x", major, minor);
  gss_release_name(&minor, &name);
  return cred;
}

/* One context by gss_init_sec_context: our answer must complete it. */
static void stock_round(gss_cred_id_t cred, gss_OID mech, OM_uint32 flags, OM_uint32 expect)
{
  char service[] = "HTTP@hello.corp.test";
  gss_buffer_desc text = {sizeof service - 1, service}, out = GSS_C_EMPTY_BUFFER, in = GSS_C_EMPTY_BUFFER,
                  done = GSS_C_EMPTY_BUFFER;
  gss_name_t target;
  gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
  OM_uint32 minor, got = 0;
  struct buf token;
  ck_assert_uint_eq(gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &target), 0);
  OM_uint32 major =
      gss_init_sec_context(&minor, cred, &ctx, target, mech, flags, 0, NULL, NULL, NULL, &out, &got, NULL);
  ck_assert_msg(!GSS_ERROR(major), "%x %x", major, minor);
  buf_reset(&sent);
  ck_assert_int_eq(buf_puts(&sent, "Negotiate "), ERR_OK);
  ck_assert_int_eq(base64_encode(&sent, out.value, out.length), ERR_OK);
  ck_assert_msg(accept_sent() == ERR_OK, "%s", f.why);
  ck_assert_str_eq(who.client, "HTTP/connector-1.corp.test@CORP.TEST");
  ck_assert(!who.delegated);
  buf_init(&token, 65536);
  if (reply.len) ck_assert_int_eq(base64_decode(&token, buf_str(&reply) + 10, reply.len - 10), ERR_OK);
  in.value = token.data;
  in.length = token.len;
  if (major & GSS_S_CONTINUE_NEEDED) {
    major =
        gss_init_sec_context(&minor, cred, &ctx, target, mech, flags, 0, NULL, &in, NULL, &done, &got, NULL);
    ck_assert_msg(major == GSS_S_COMPLETE, "%x %x", major, minor);
    ck_assert_uint_eq(done.length, 0);
  }
  ck_assert_uint_eq(got & expect, expect);
  gss_release_buffer(&minor, &out);
  gss_release_buffer(&minor, &done);
  gss_release_name(&minor, &target);
  gss_delete_sec_context(&minor, &ctx, NULL);
  buf_clear(&token);
}

static char spnego_oid[] = "\x2b\x06\x01\x05\x05\x02", krb5_oid[] = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
static gss_OID_desc spnego = {6, spnego_oid}, krb5 = {9, krb5_oid};

START_TEST(krb_accept_stock_initiator_completes_with_mutual_authentication)
{
  gss_cred_id_t cred = stock_credential();
  OM_uint32 minor;
  for (int n = 0; n < 3; n++) {
    stock_round(cred, &spnego, GSS_C_MUTUAL_FLAG, GSS_C_MUTUAL_FLAG);
    ck_assert(who.known_ticket == (n > 0));
  }
  gss_release_cred(&minor, &cred);
}
END_TEST

START_TEST(krb_accept_stock_initiator_without_mutual_completes)
{
  gss_cred_id_t cred = stock_credential();
  OM_uint32 minor;
  for (int n = 0; n < 3; n++) {
    stock_round(cred, &spnego, 0, 0);
    ck_assert_ptr_null(strstr(who.flags, "mutual"));
  }
  gss_release_cred(&minor, &cred);
}
END_TEST

START_TEST(krb_accept_raw_kerberos_token_is_accepted)
{
  gss_cred_id_t cred = stock_credential();
  OM_uint32 minor;
  for (int n = 0; n < 3; n++) {
    stock_round(cred, &krb5, GSS_C_MUTUAL_FLAG, GSS_C_MUTUAL_FLAG);
    ck_assert_str_eq(who.mechanism, "krb5");
  }
  gss_release_cred(&minor, &cred);
}
END_TEST

START_TEST(krb_accept_delegated_credential_goes_by_gssapi)
{
  gss_cred_id_t cred = stock_credential();
  OM_uint32 minor;
  for (int n = 0; n < 2; n++) {
    stock_round(cred, &spnego, GSS_C_MUTUAL_FLAG | GSS_C_DELEG_FLAG, GSS_C_MUTUAL_FLAG);
    ck_assert(!who.known_ticket);
  }
  gss_release_cred(&minor, &cred);
}
END_TEST

START_TEST(krb_accept_gssapi_only_never_uses_known_tickets)
{
  krb_acceptor_free(acceptor);
  open_acceptor(NULL, true);
  for (int n = 0; n < 2; n++) {
    send_new(NULL);
    ck_assert_int_eq(accept_sent(), ERR_OK);
    ck_assert(!who.known_ticket);
  }
}
END_TEST

START_TEST(krb_acceptor_count_counts)
{
  struct krb_acceptor_counts c;
  send_new(NULL);
  ck_assert_int_eq(accept_sent(), ERR_OK);
  ck_assert_int_eq(accept_sent(), ERR_TICKET_INVALID);
  send_new(NULL);
  ck_assert_int_eq(accept_sent(), ERR_OK);
  krb_acceptor_count(acceptor, &c);
  ck_assert_uint_eq(c.by_gssapi, 1);
  ck_assert_uint_eq(c.by_known_ticket, 1);
  ck_assert_uint_eq(c.refused, 1);
  ck_assert_uint_eq(c.replays, 1);
  ck_assert_uint_eq(c.tickets, 1);
  ck_assert_uint_eq(c.replay_entries, 2);
}
END_TEST

/* -- many at once, and keys that change ------------------------------------------------------------------ */

static void *accept_many(void *arg)
{
  struct buf mine, answer;
  struct krb_accepted w;
  void *failed = NULL;
  buf_init(&mine, 65536);
  buf_init(&answer, 65536);
  for (int n = 0; n < 200 && !failed; n++) {
    struct krb_initiator *i;
    buf_reset(&mine);
    buf_reset(&answer);
    if (krb_initiator_new(ticket, NULL, &mine, &i, NULL)) return arg;
    if (krb_accept(acceptor, NULL, buf_str(&mine), mine.len, &answer, &w, NULL) ||
        krb_initiator_finish(i, buf_str(&answer), answer.len, NULL))
      failed = &l;
    krb_initiator_free(i);
  }
  buf_clear(&mine);
  buf_clear(&answer);
  return failed;
}

START_TEST(krb_accept_many_threads_share_one_acceptor)
{
  pthread_t threads[8];
  for (int i = 0; i < 8; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, accept_many, &l), 0);
  for (int i = 0; i < 8; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    ck_assert_ptr_null(failed);
  }
}
END_TEST

/* Copies a file over another by rename, as provisioning does. */
static void replace_file(const char *from, const char *to)
{
  char command[600];
  snprintf(command, sizeof command, "cp %s %s.x && mv %s.x %s", from, to, to, to);
  ck_assert_int_eq(system(command), 0);
}

START_TEST(krb_accept_key_that_came_after_the_last_look_is_found)
{
  const char *mine = kdc_lab_path(&l, "mine.keytab");
  replace_file(kdc_lab_path(&l, "keytabs/connector-2.keytab"), mine);
  struct krb_acceptor_config c = {.keytab = mine};
  krb_acceptor_free(acceptor);
  ck_assert_int_eq(krb_acceptor_new(&c, &acceptor, &f), ERR_OK);
  for (int n = 0; n < 2; n++) { /* at least the second has no look at the file of its own */
    send_new(NULL);
    ck_assert_int_ne(accept_sent(), ERR_OK);
  }
  replace_file(kdc_lab_path(&l, "keytabs/backend.keytab"), mine);
  send_new(NULL);
  ck_assert_msg(accept_sent() == ERR_OK, "%s", f.why);
  ck_assert_int_eq(f.err, ERR_OK); /* nothing is left of the first attempt */
}
END_TEST

/* A keytab with the keys of ours, under another name. */
static void write_alias_keytab(const char *path)
{
  krb5_context ctx;
  krb5_keytab from, to;
  krb5_kt_cursor cursor;
  krb5_keytab_entry entry;
  char name[300];
  snprintf(name, sizeof name, "FILE:%s", path);
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
  ck_assert_int_eq(krb5_kt_resolve(ctx, kdc_lab_path(&l, "keytabs/backend.keytab"), &from), 0);
  ck_assert_int_eq(krb5_kt_resolve(ctx, name, &to), 0);
  ck_assert_int_eq(krb5_kt_start_seq_get(ctx, from, &cursor), 0);
  while (krb5_kt_next_entry(ctx, from, &entry, &cursor) == 0) {
    entry.principal->data[0].data[0] = 'h'; /* hTTP */
    ck_assert_int_eq(krb5_kt_add_entry(ctx, to, &entry), 0);
    krb5_free_keytab_entry_contents(ctx, &entry);
  }
  krb5_kt_end_seq_get(ctx, from, &cursor);
  krb5_kt_close(ctx, from);
  krb5_kt_close(ctx, to);
  krb5_free_context(ctx);
}

START_TEST(krb_accept_service_of_another_name_in_the_keytab_is_accepted)
{
  const char *mine = kdc_lab_path(&l, "alias.keytab");
  write_alias_keytab(mine);
  struct krb_acceptor_config c = {.keytab = mine};
  krb_acceptor_free(acceptor);
  ck_assert_int_eq(krb_acceptor_new(&c, &acceptor, &f), ERR_OK);
  send_new(NULL);
  ck_assert_msg(accept_sent() == ERR_OK, "%s", f.why);
  ck_assert_str_eq(who.target, "HTTP/hello.corp.test@CORP.TEST");
}
END_TEST

START_TEST(krb_accept_changed_keytab_is_followed_and_old_tickets_are_forgotten)
{
  const char *mine = kdc_lab_path(&l, "mine.keytab");
  krb_acceptor_free(acceptor);
  replace_file(kdc_lab_path(&l, "keytabs/backend.keytab"), mine);
  struct krb_acceptor_config c = {.keytab = mine};
  ck_assert_int_eq(krb_acceptor_new(&c, &acceptor, &f), ERR_OK);
  send_new(NULL);
  ck_assert_int_eq(accept_sent(), ERR_OK);
  replace_file(kdc_lab_path(&l, "keytabs/connector-2.keytab"), mine);
  /* It is looked at once a second. */
  enum err e = ERR_OK;
  for (int64_t start = clock_mono_ns(); !e && clock_mono_ns() - start < 5000000000;) {
    send_new(NULL);
    e = accept_sent();
  }
  ck_assert_int_eq(e, ERR_TICKET_INVALID);
}
END_TEST

/* -- channels ------------------------------------------------------------------------------------------ */

enum { NO_CHANNEL, PLAIN, TLS, TLS_REQUIRED };
static const char our_hash[32] = "the hash of our own certificate",
                  other_hash[32] = "that of somebody between";

/* A token bound to this hash (NULL: to none) comes by this channel. */
static enum err accept_by(int channel, const char *bound_to)
{
  struct krb_channel c;
  struct krb_binding binding;
  struct krb_initiator *i;
  buf_reset(&sent);
  buf_reset(&reply);
  f = (struct failure){0};
  ck_assert_int_eq(
      krb_channel_init(our_hash, channel >= TLS ? sizeof our_hash : 0, channel == TLS_REQUIRED, &c), ERR_OK);
  if (bound_to) ck_assert_int_eq(krb_binding_make(bound_to, sizeof our_hash, &binding), ERR_OK);
  ck_assert_int_eq(krb_initiator_new(ticket, bound_to ? &binding : NULL, &sent, &i, NULL), ERR_OK);
  krb_initiator_free(i);
  return krb_accept(acceptor, channel == NO_CHANNEL ? NULL : &c, buf_str(&sent), sent.len, &reply, &who, &f);
}

static const struct channel_case {
  int channel;
  const char *bound_to;
  enum err err;
  bool bound;
} channel_cases[] = {
    {NO_CHANNEL, NULL, ERR_OK, false},
    {NO_CHANNEL, other_hash, ERR_OK, false},
    {PLAIN, NULL, ERR_OK, false},
    {PLAIN, our_hash, ERR_TICKET_CHANNEL, false},
    {TLS, NULL, ERR_OK, false},
    {TLS, our_hash, ERR_OK, true},
    {TLS, other_hash, ERR_TICKET_CHANNEL, false},
    {TLS_REQUIRED, NULL, ERR_TICKET_CHANNEL, false},
    {TLS_REQUIRED, our_hash, ERR_OK, true},
    {TLS_REQUIRED, other_hash, ERR_TICKET_CHANNEL, false},
};

/* Of a ticket that is new, and of one that is known. */
START_TEST(krb_accept_token_bound_elsewhere_is_refused)
{
  const struct channel_case *c = &channel_cases[_i];
  for (int known = 0; known <= 1; known++) {
    if (known) ck_assert_int_eq(accept_by(NO_CHANNEL, NULL), ERR_OK);
    ck_assert_msg(accept_by(c->channel, c->bound_to) == c->err, "%s", f.why);
    if (c->err) continue;
    ck_assert(who.channel_bound == c->bound);
    ck_assert(who.known_ticket == known);
  }
}
END_TEST

int main(void)
{
  Suite *s = suite_create("acceptor");
  TCase *t = tcase_create("acceptor");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_add_checked_fixture(t, begin, end);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, krb_accept_first_and_next_tokens_tell_the_same);
  tcase_add_test(t, krb_accept_replay_is_refused_first_and_later);
  tcase_add_test(t, krb_accept_replay_after_a_restart_is_refused);
  tcase_add_test(t, krb_accept_without_replay_cache_accepts_again);
  tcase_add_test(t, krb_accept_replay_unwrapped_is_refused);
  tcase_add_loop_test(t, krb_accept_token_bound_elsewhere_is_refused, 0,
                      sizeof channel_cases / sizeof *channel_cases);
  tcase_add_test(t, krb_accept_any_changed_byte_is_refused_or_harmless);
  tcase_add_test(t, krb_accept_authenticator_of_another_time_is_refused_also_for_a_known_ticket);
  tcase_add_loop_test(t, krb_accept_other_values_are_refused, 0, sizeof refused / sizeof *refused);
  tcase_add_test(t, krb_accept_service_not_in_the_keytab_is_refused);
  tcase_add_test(t, krb_acceptor_new_without_keytab_is_refused);
  tcase_add_test(t, krb_accept_stock_initiator_completes_with_mutual_authentication);
  tcase_add_test(t, krb_accept_stock_initiator_without_mutual_completes);
  tcase_add_test(t, krb_accept_raw_kerberos_token_is_accepted);
  tcase_add_test(t, krb_accept_delegated_credential_goes_by_gssapi);
  tcase_add_test(t, krb_accept_gssapi_only_never_uses_known_tickets);
  tcase_add_test(t, krb_acceptor_count_counts);
  tcase_add_test(t, krb_accept_many_threads_share_one_acceptor);
  tcase_add_test(t, krb_accept_key_that_came_after_the_last_look_is_found);
  tcase_add_test(t, krb_accept_service_of_another_name_in_the_keytab_is_accepted);
  tcase_add_test(t, krb_accept_changed_keytab_is_followed_and_old_tickets_are_forgotten);
  suite_add_tcase(s, t);
  return run(s);
}
