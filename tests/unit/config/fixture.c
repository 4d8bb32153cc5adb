#include "fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char small_lab[] = "version: 1\n"
                                "port_base: 8440\n"
                                "realm: CORP.TEST\n"
                                "idp:\n"
                                "  issuer: https://login.localhost:{idp}\n"
                                "  token_lifetime: 600\n"
                                "  clients:\n"
                                "    - id: cli\n"
                                "      secret: cli-secret\n"
                                "      redirect_uris: [https://client.localhost/cb]\n"
                                "users:\n"
                                "  alice:\n"
                                "    upn: alice@test.example\n"
                                "    password: alice-password\n"
                                "  bob:\n"
                                "    password: bob-password\n"
                                "    enabled: false\n"
                                "groups:\n"
                                "  staff: [alice]\n"
                                "applications:\n"
                                "  hello:\n"
                                "    external_url: https://hello.apps.localhost:{cloud}/\n"
                                "    internal_url: http://hello.corp.test:{backend}/\n"
                                "    single_sign_on: kcd\n"
                                "    spn: HTTP/hello.corp.test\n"
                                "    assigned_groups: [staff]\n"
                                "  ledger:\n"
                                "    external_url: https://ledger.apps.localhost:{cloud}/\n"
                                "    internal_url: http://ledger.corp.test/\n"
                                "    flow: code\n"
                                "    client_secret: ledger-secret\n"
                                "    assigned_users: [bob]\n"
                                "    backend_timeout: long\n"
                                "  public:\n"
                                "    external_url: https://public.apps.localhost:{cloud}/\n"
                                "    internal_url: http://public.corp.test/\n"
                                "    preauthentication: passthru\n"
                                "connectors:\n"
                                "  connector-1:\n"
                                "    allowed_to_delegate_to: [HTTP/hello.corp.test]\n"
                                "  connector-2:\n"
                                "    group: default\n"
                                "    ok_to_auth_as_delegate: false\n";

const char *edited(const struct edit *edits)
{
  static char text[16 * 1024];
  memcpy(text, small_lab, sizeof small_lab);
  for (const struct edit *e = edits; e->from; e++) {
    char *at = strstr(text, e->from);
    ck_assert_msg(at != NULL, "the small lab file has no \"%s\"", e->from);
    size_t from = strlen(e->from), to = strlen(e->to), rest = strlen(at + from) + 1;
    ck_assert_uint_lt(strlen(text) + to, sizeof text);
    memmove(at + to, at + from, rest);
    memcpy(at, e->to, to);
  }
  return text;
}

static const char *once_edited(const char *from, const char *to)
{
  return edited((const struct edit[]){{from, to}, {NULL, NULL}});
}

struct lab *loaded(const char *from, const char *to, unsigned flags)
{
  const char *text = once_edited(from, to);
  struct failure f = {0};
  struct lab *lab = NULL;
  ck_assert_msg(lab_load_text("lab.yaml", text, strlen(text), 0, flags, &lab, &f) == ERR_OK, "%s", f.why);
  return lab;
}

const char *refusal(const char *from, const char *to)
{
  static struct failure f;
  const char *text = once_edited(from, to);
  struct lab untouched, *lab = &untouched;
  /* An exact-size copy, so that a sanitizer sees a read past its end. */
  char *copy = malloc(strlen(text));
  memcpy(copy, text, strlen(text));
  enum err e = lab_load_text("lab.yaml", copy, strlen(text), 0, 0, &lab, &f);
  free(copy);
  ck_assert_int_eq(e, ERR_CONFIG);
  ck_assert_int_eq(f.err, ERR_CONFIG);
  ck_assert_ptr_eq(lab, &untouched);
  return f.why;
}
