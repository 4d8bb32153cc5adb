/* Exchanges with a real KDC, decrypted by all keys, by some, by none. */
#include "kdc_lab.h"

#include "encode.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kdc_lab l;
static struct krb_wire said;
static struct krb_ticket *ticket;
static struct wire *w;
static json_t *x[KRB_WIRE_EXCHANGES]; /* said, decoded */

static void setup(void)
{
  char command[512];
  kdc_lab_make(&l);
  kdc_lab_start(&l);
  snprintf(command, sizeof command, "ktadd -norandkey -k %s krbtgt/" REALM,
           kdc_lab_path(&l, "krbtgt.keytab"));
  kdc_lab_admin(command);
}

static void teardown(void)
{
  kdc_lab_remove(&l);
}

static void set_up(void)
{
  struct failure f;
  memset(x, 0, sizeof x);
  ticket = NULL;
  ck_assert_int_eq(wire_new(&w, &f), ERR_OK);
}

static void tear_down(void)
{
  for (size_t i = 0; i < KRB_WIRE_EXCHANGES; i++)
    json_decref(x[i]);
  krb_ticket_unref(ticket);
  krb_wire_clear(&said);
  wire_free(w);
}

static void add_keys(const char *name)
{
  struct failure f;
  ck_assert_msg(wire_add_keys(w, kdc_lab_path(&l, name), &f) == ERR_OK, "%s", f.why);
}

static void add_all_keys(void)
{
  add_keys("krbtgt.keytab");
  add_keys("keytabs/connector-1.keytab");
  add_keys("keytabs/backend.keytab");
}

/* Asks the KDC, and decodes what was said. */
static enum err obtain(const char *upn)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  struct krb_exchange ignored;
  enum err e = krb_obtain(d, upn, SPN("hello"), &ticket, &ignored, &said, NULL);
  if (e) ticket = NULL;
  krb_delegator_free(d);
  for (size_t i = 0; i < said.n; i++) {
    const struct krb_wire_exchange *s = &said.exchange[i];
    x[i] = wire_decode(w, s->sent, s->sent_len, s->received, s->received_len);
  }
  ck_assert_uint_eq(said.n, 4);
  return e;
}

/* The value at a path of keys, and of indices of arrays: "reply/ticket/flags/0". */
static json_t *at(json_t *v, const char *path)
{
  char key[64];
  while (v && *path) {
    size_t n = strcspn(path, "/");
    snprintf(key, sizeof key, "%.*s", (int)n, path);
    v = json_is_array(v) ? json_array_get(v, strtoul(key, NULL, 10)) : json_object_get(v, key);
    path += n + (path[n] == '/');
  }
  return v;
}

static const char *text(json_t *v, const char *path)
{
  const char *found = json_string_value(at(v, path));
  return found ? found : "";
}

static bool has(json_t *list, const char *word)
{
  json_t *v;
  size_t i;
  json_array_foreach(list, i, v)
  {
    if (strcmp(json_string_value(v), word) == 0) return true;
  }
  return false;
}

static json_t *padata(json_t *list, const char *type)
{
  json_t *v;
  size_t i;
  json_array_foreach(list, i, v)
  {
    if (strncmp(text(v, "type"), type, strlen(type)) == 0) return json_object_get(v, "value");
  }
  return NULL;
}

START_TEST(wire_decode_with_all_keys_tells_the_connectors_own_logon)
{
  add_all_keys();
  ck_assert_int_eq(obtain("alice@test"), ERR_OK);
  ck_assert_str_eq(text(x[0], "kind"), "as");
  ck_assert_str_eq(text(x[0], "reply/error_code"), "KDC_ERR_PREAUTH_REQUIRED (25)");
  ck_assert_str_eq(text(x[1], "request/req_body/cname"), SPN("connector-1"));
  ck_assert_str_ne(text(padata(at(x[1], "request/padata"), "PA-ENC-TIMESTAMP"), "plain/patimestamp"), "");
  ck_assert_str_eq(text(x[1], "reply/ticket/server"), "krbtgt/" REALM "@" REALM);
  ck_assert(has(at(x[1], "reply/ticket/flags"), "initial"));
  ck_assert(json_equal(at(x[1], "reply/ticket/session_key"), at(x[1], "reply/enc_part/plain/session_key")));
}
END_TEST

START_TEST(wire_decode_with_all_keys_tells_s4u2self)
{
  add_all_keys();
  ck_assert_int_eq(obtain("alice@test"), ERR_OK);
  json_t *asked = at(x[2], "request/padata"), *user = padata(asked, "PA-FOR-USER");
  ck_assert_str_eq(text(x[2], "kind"), "s4u2self");
  ck_assert_str_eq(text(user, "user_name"), "alice");
  ck_assert_str_eq(text(user, "user_realm"), REALM);
  ck_assert_str_eq(text(padata(asked, "PA-S4U-X509-USER"), "user_id/cname"), "alice");
  ck_assert_str_eq(text(padata(asked, "PA-TGS-REQ"), "authenticator/plain/cname"), SPN("connector-1"));
  ck_assert_str_eq(text(padata(asked, "PA-FX-FAST"), "plain/req_body"), "the same as outside of FAST");
  ck_assert_str_eq(text(x[2], "reply/ticket/client"), "alice@" REALM);
  ck_assert(has(at(x[2], "reply/ticket/flags"), "forwardable"));
  ck_assert_str_ne(text(padata(at(x[2], "reply/padata"), "PA-FX-FAST"), "plain/strengthen_key/value"), "");
  ck_assert(json_equal(at(x[2], "reply/ticket/session_key"), at(x[2], "reply/enc_part/plain/session_key")));
}
END_TEST

START_TEST(wire_decode_with_all_keys_tells_s4u2proxy_and_its_pac)
{
  add_all_keys();
  ck_assert_int_eq(obtain("alice@test"), ERR_OK);
  json_t *asked = at(x[3], "request/padata"), *pac = at(x[3], "reply/ticket/pac");
  ck_assert_str_eq(text(x[3], "kind"), "s4u2proxy");
  ck_assert_ptr_nonnull(strstr(text(x[3], "what"), "alice@" REALM));
  ck_assert(has(at(x[3], "request/req_body/kdc_options"), "cname-in-addl-tkt"));
  ck_assert(has(at(padata(asked, "PA-PAC-OPTIONS"), "flags"), "resource-based-constrained-delegation"));
  ck_assert(json_equal(at(x[3], "request/req_body/additional_tickets/0"), at(x[2], "reply/ticket")));
  ck_assert_str_eq(text(pac, "client_info/name"), "alice");
  ck_assert_str_eq(text(pac, "delegation_info/s4u2proxy_target"), SPN("hello"));
  ck_assert_str_eq(text(pac, "delegation_info/transited_services/0"), SPN("connector-1") "@" REALM);
  ck_assert_str_eq(text(pac, "ticket_signature/type"), "hmac-sha1-96-aes256 (16)");
  ck_assert_str_eq(text(pac, "signatures"), "right, verified with the keys of the server and the KDC");
}
END_TEST

START_TEST(wire_decode_of_a_sensitive_user_shows_why_he_is_refused)
{
  add_all_keys();
  ck_assert_int_eq(obtain("dave@test"), ERR_KRB_NOT_FORWARDABLE);
  ck_assert_str_eq(text(x[2], "reply/ticket/client"), "dave@" REALM);
  ck_assert(!has(at(x[2], "reply/ticket/flags"), "forwardable"));
  ck_assert_str_eq(text(x[3], "reply/error_code"), "KDC_ERR_BADOPTION (13)");
  json_t *inside = padata(at(padata(at(x[3], "reply/e_data"), "PA-FX-FAST"), "plain/padata"), "PA-FX-ERROR");
  ck_assert_str_eq(text(inside, "error_code"), "KDC_ERR_BADOPTION (13)");
}
END_TEST

/* What a connector could know anyway: it learns the session keys from the replies to it. */
START_TEST(wire_decode_with_the_connectors_key_alone_opens_what_is_its)
{
  add_keys("keytabs/connector-1.keytab");
  ck_assert_int_eq(obtain("alice@test"), ERR_OK);
  ck_assert_ptr_nonnull(strstr(text(x[1], "reply/ticket/not_decrypted"), "krbtgt/" REALM "@" REALM));
  json_t *presented = padata(at(x[2], "request/padata"), "PA-TGS-REQ");
  ck_assert_ptr_nonnull(strstr(text(presented, "ticket/not_decrypted"), "its session key is known"));
  ck_assert_str_eq(text(presented, "authenticator/plain/cname"), SPN("connector-1"));
  ck_assert_str_eq(text(x[2], "reply/ticket/client"), "alice@" REALM);
  ck_assert_ptr_nonnull(strstr(text(x[2], "reply/ticket/pac/signatures"), "the server's is right"));
  ck_assert_ptr_nonnull(strstr(text(x[3], "reply/ticket/not_decrypted"), SPN("hello")));
  ck_assert_str_ne(text(x[3], "reply/enc_part/plain/session_key/value"), "");
}
END_TEST

START_TEST(wire_decode_without_keys_shows_no_secret)
{
  ck_assert_int_eq(obtain("alice@test"), ERR_OK);
  for (size_t i = 0; i < said.n; i++) {
    char *all = json_dumps(x[i], 0);
    ck_assert_ptr_nonnull(all);
    ck_assert_ptr_null(strstr(all, "session_key"));
    ck_assert_ptr_null(strstr(all, "plain"));
    free(all);
  }
  ck_assert_str_ne(text(x[3], "reply/enc_part/not_decrypted"), "");
  ck_assert_str_eq(text(padata(at(x[2], "request/padata"), "PA-FOR-USER"), "user_name"), "alice");
  ck_assert(has(at(x[3], "request/req_body/kdc_options"), "cname-in-addl-tkt"));
}
END_TEST

static void present(bool bound, struct buf *token)
{
  struct krb_binding binding;
  struct krb_initiator *i;
  struct buf value;
  const size_t skip = strlen("Negotiate ");
  buf_init(&value, 65536);
  buf_init(token, 65536);
  ck_assert_int_eq(krb_binding_make("0123456789abcdef0123456789abcdef", 32, &binding), ERR_OK);
  ck_assert_int_eq(krb_initiator_new(ticket, bound ? &binding : NULL, &value, &i, NULL), ERR_OK);
  ck_assert_int_eq(base64_decode(token, buf_str(&value) + skip, value.len - skip), ERR_OK);
  krb_initiator_free(i);
  buf_clear(&value);
}

START_TEST(wire_decode_token_for_the_application_is_opened_with_its_key)
{
  struct buf token;
  add_keys("keytabs/backend.keytab");
  ck_assert_int_eq(obtain("alice@test"), ERR_OK);
  for (int bound = 0; bound < 2; bound++) {
    present(bound, &token);
    json_t *y = wire_decode(w, token.data, token.len, NULL, 0);
    ck_assert_str_eq(text(y, "kind"), "ap");
    ck_assert_str_eq(text(y, "request/message"), "AP-REQ");
    ck_assert(has(at(y, "request/ap_options"), "mutual-required"));
    ck_assert_str_eq(text(y, "request/ticket/client"), "alice@" REALM);
    ck_assert_str_eq(text(y, "request/ticket/pac/delegation_info/s4u2proxy_target"), SPN("hello"));
    ck_assert_str_eq(text(y, "request/authenticator/plain/cname"), "alice");
    ck_assert(has(at(y, "request/authenticator/plain/cksum/gss_flags"), "mutual"));
    ck_assert_int_eq(strcmp(text(y, "request/authenticator/plain/cksum/channel_bindings"), "none") == 0,
                     !bound);
    ck_assert(json_is_null(json_object_get(y, "reply")));
    json_decref(y);
    buf_clear(&token);
  }
}
END_TEST

START_TEST(wire_decode_changed_ticket_is_not_decrypted)
{
  add_all_keys();
  ck_assert_int_eq(obtain("alice@test"), ERR_OK);
  struct krb_wire_exchange *s = &said.exchange[3];
  uint8_t *last = (uint8_t *)s->received + s->received_len - 1;
  *last ^= 1; /* the end of enc-part's checksum */
  json_t *y = wire_decode(w, s->sent, s->sent_len, s->received, s->received_len);
  ck_assert_str_ne(text(y, "reply/enc_part/not_decrypted"), "");
  json_decref(y);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("wire_keys");
  TCase *t = tcase_create("wire_keys");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, wire_decode_with_all_keys_tells_the_connectors_own_logon);
  tcase_add_test(t, wire_decode_with_all_keys_tells_s4u2self);
  tcase_add_test(t, wire_decode_with_all_keys_tells_s4u2proxy_and_its_pac);
  tcase_add_test(t, wire_decode_of_a_sensitive_user_shows_why_he_is_refused);
  tcase_add_test(t, wire_decode_with_the_connectors_key_alone_opens_what_is_its);
  tcase_add_test(t, wire_decode_without_keys_shows_no_secret);
  tcase_add_test(t, wire_decode_token_for_the_application_is_opened_with_its_key);
  tcase_add_test(t, wire_decode_changed_ticket_is_not_decrypted);
  suite_add_tcase(s, t);
  return run(s);
}
