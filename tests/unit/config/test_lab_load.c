#include "fixture.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(lab_load_text_small_file_fills_the_lab)
{
  struct lab *lab = loaded("version", "version", 0);
  ck_assert_str_eq(lab->path, "lab.yaml");
  ck_assert_uint_eq(lab->version, 1);
  ck_assert_uint_eq(lab->port_base, 8440);
  ck_assert_str_eq(lab->realm, "CORP.TEST");
  ck_assert_str_eq(lab->idp.issuer.text, "https://login.localhost:8444");
  ck_assert_uint_eq(lab->idp.token_lifetime_s, 600);
  ck_assert_uint_eq(lab->n_users, 2);
  ck_assert_str_eq(lab->users[1].name, "bob");
  ck_assert(!lab->users[1].enabled);
  ck_assert_uint_eq(lab->n_groups, 1);
  ck_assert_str_eq(lab->groups[0].members.v[0], "alice");
  ck_assert_uint_eq(lab->n_apps, 3);
  ck_assert_int_eq(lab->apps[0].sso, SSO_KCD);
  ck_assert_int_eq(lab->apps[1].flow, FLOW_CODE);
  ck_assert_uint_eq(lab->apps[1].backend_timeout_s, 180);
  ck_assert_int_eq(lab->apps[2].preauth, PREAUTH_PASSTHRU);
  ck_assert_str_eq(lab->connectors[0].allowed_to_delegate_to.v[0], "HTTP/hello.corp.test");
  ck_assert(!lab->connectors[1].ok_to_auth_as_delegate);
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_text_what_is_not_written_has_its_default)
{
  struct lab *lab = loaded("version", "version", 0);
  ck_assert_str_eq(lab->upn_suffix, "sevenstep.test");
  ck_assert_str_eq(lab->cloud.listen.host, "127.0.0.1");
  ck_assert_uint_eq(lab->cloud.listen.port, 8443);
  ck_assert_uint_eq(lab->cloud.session_lifetime_s, 3600);
  ck_assert_str_eq(lab->cloud.tunnel_name, "tunnel.localhost");
  ck_assert_uint_eq(lab->kdc.listen.port, 8448);
  ck_assert(lab->users[0].enabled);
  ck_assert(!lab->users[0].sensitive);
  ck_assert_int_eq(lab->apps[0].preauth, PREAUTH_AAD);
  ck_assert_int_eq(lab->apps[0].flow, FLOW_ID_TOKEN);
  ck_assert_int_eq(lab->apps[1].sso, SSO_NONE);
  ck_assert_uint_eq(lab->apps[0].backend_timeout_s, 85);
  ck_assert(lab->apps[0].assignment_required);
  ck_assert(lab->apps[0].translate_headers && !lab->apps[0].maintenance);
  ck_assert(lab->apps[0].http_only_cookie && lab->apps[0].secure_cookie && !lab->apps[0].persistent_cookie);
  ck_assert_str_eq(lab->connectors[0].group, "default");
  ck_assert(lab->connectors[0].ok_to_auth_as_delegate);
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_text_without_flags_keeps_no_secret)
{
  struct lab *lab = loaded("version", "version", 0);
  ck_assert_ptr_null(lab->users[0].password);
  ck_assert_ptr_null(lab->apps[1].client_secret);
  ck_assert_ptr_null(lab->idp.clients[0].secret);
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_text_client_secrets_keeps_those_of_applications_only)
{
  struct lab *lab = loaded("version", "version", LAB_CLIENT_SECRETS);
  ck_assert_ptr_null(lab->users[0].password);
  ck_assert_str_eq(lab->apps[1].client_secret, "ledger-secret");
  ck_assert_ptr_null(lab->idp.clients[0].secret);
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_text_secrets_keeps_all)
{
  struct lab *lab = loaded("version", "version", LAB_SECRETS);
  ck_assert_str_eq(lab->users[0].password, "alice-password");
  ck_assert_str_eq(lab->apps[1].client_secret, "ledger-secret");
  ck_assert_str_eq(lab->idp.clients[0].secret, "cli-secret");
  lab_free(lab);
}
END_TEST

/* As the real service names it, below the domain of the home page. */
START_TEST(lab_load_text_application_without_external_url_gets_one)
{
  static const struct {
    const char *from, *to, *url, *host;
    uint16_t port;
  } cases[] = {
      {"", "", "https://hello-sevenstep.apps.localhost:8443/", "hello-sevenstep.apps.localhost", 8443},
      {"realm: CORP.TEST\n", "realm: CORP.TEST\ntenant: contoso\ncloud: {home_url: https://my.proxy.test/}\n",
       "https://hello-contoso.proxy.test/", "hello-contoso.proxy.test", 443},
      {"realm: CORP.TEST\n", "realm: CORP.TEST\ncloud: {home_url: \"https://proxy:444/\"}\n",
       "https://hello-sevenstep.proxy:444/", "hello-sevenstep.proxy", 444},
  };
  const struct edit without = {"    external_url: https://hello.apps.localhost:{cloud}/\n", ""};
  const char *text = edited((const struct edit[]){without, {cases[_i].from, cases[_i].to}, {0}});
  struct lab *lab;
  struct failure f;
  ck_assert_msg(lab_load_text("x", text, strlen(text), 0, 0, &lab, &f) == ERR_OK, "%s", f.why);
  ck_assert_str_eq(lab->apps[0].external_url.text, cases[_i].url);
  ck_assert_str_eq(lab->apps[0].external_url.host, cases[_i].host);
  ck_assert_str_eq(lab->apps[0].external_url.path, "/");
  ck_assert_uint_eq(lab->apps[0].external_url.port, cases[_i].port);
  ck_assert_str_eq(lab->published[0].external_url.text, cases[_i].url);
  ck_assert(strncmp(lab->apps[0].callback_uri, cases[_i].url, strlen(cases[_i].url)) == 0);
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_text_port_base_of_the_environment_wins)
{
  const char *text = edited((const struct edit[]){{NULL, NULL}});
  struct lab *lab;
  struct failure f;
  ck_assert_int_eq(lab_load_text("x", text, strlen(text), 9440, 0, &lab, &f), ERR_OK);
  ck_assert_uint_eq(lab->port_base, 9440);
  ck_assert_uint_eq(lab->cloud.tunnel.port, 9445);
  ck_assert_str_eq(lab->apps[0].external_url.text, "https://hello.apps.localhost:9443/");
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_text_group_as_mapping_is_the_same)
{
  struct lab *lab = loaded("  staff: [alice]", "  staff:\n    members: [alice]", 0);
  ck_assert_str_eq(lab->groups[0].members.v[0], "alice");
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_text_quoted_number_is_text_too)
{
  struct lab *lab = loaded("alice-password", "\"0123456789\"", LAB_SECRETS);
  ck_assert_str_eq(lab->users[0].password, "0123456789");
  lab_free(lab);
}
END_TEST

/* What is written instead, and how the refusal must read (its beginning). */
static const struct refusal_case {
  const char *from, *to, *why;
} refusals[] = {
    /* keys */
    {"realm:", "relm:", "lab.yaml:3:1: unknown key \"relm\" in the lab file; did you mean \"realm\"?"},
    {"  issuer:", "  isuer:", "lab.yaml:5:3: unknown key \"isuer\" in idp; did you mean \"issuer\"?"},
    {"    upn:", "    nup:", "lab.yaml:13:5: unknown key \"nup\" in users.alice; known are: upn, "},
    {"    flow:", "    flw:",
     "lab.yaml:30:5: unknown key \"flw\" in applications.ledger; did you mean \"flow\"?"},
    {"realm: CORP.TEST", "quite_another: 1",
     "lab.yaml:3:1: unknown key \"quite_another\" in the lab file; known are: version, "},
    {"version: 1\n", "", "lab.yaml:1:1: the lab file: \"version\" is missing"},
    {"    password: alice-password\n", "", "lab.yaml:12:3: users.alice: \"password\" is missing"},
    {"    internal_url: http://hello.corp.test:{backend}/\n", "",
     "lab.yaml:21:3: applications.hello: \"internal_url\" is missing"},
    {"  hello:\n    external_url: https://hello.apps.localhost:{cloud}/\n",
     "  a123456789b123456789c123456789d123456789e123456789f123:\n",
     "lab.yaml: applications.a123456789b123456789c123456789d123456789e123456789f123: \"external_url\" is missing, "
     "and cannot be derived"},
    {"    - id: cli\n      secret", "    - secret", "lab.yaml:8:7: idp.clients.1: \"id\" is missing"},
    {"realm: CORP.TEST", "version: 1", "lab.yaml:3:1: \"version\" is given twice; the first is in line 1"},
    /* types */
    {"version: 1", "version: 2", "lab.yaml:1:10: version: expected 1, found \"2\""},
    {"version: 1", "version:", "lab.yaml:1:1: version: expected a value, found nothing"},
    {"version: 1", "version: [1]", "lab.yaml:1:10: version: expected a value, found a list"},
    {"token_lifetime: 600", "token_lifetime: 1h",
     "lab.yaml:6:19: idp.token_lifetime: expected a whole number from 10 to 86400, found \"1h\""},
    {"token_lifetime: 600", "token_lifetime: 9",
     "lab.yaml:6:19: idp.token_lifetime: expected a whole number from 10"},
    {"port_base: 8440", "port_base: 80", "lab.yaml:2:12: port_base: expected a whole number from 1024 to"},
    {"port_base: 8440", "port_base: 65530", "lab.yaml:2:12: port_base: expected a whole number from 1024 to"},
    {"enabled: false", "enabled: no",
     "lab.yaml:17:14: users.bob.enabled: expected true or false, found \"no\""},
    {"flow: code", "flow: kode",
     "lab.yaml:30:11: applications.ledger.flow: expected id_token or code, found \"kode\""},
    {"backend_timeout: long", "backend_timeout: 90",
     "lab.yaml:33:22: applications.ledger.backend_timeout: expected default or long"},
    {"single_sign_on: kcd", "single_sign_on: ntlm",
     "lab.yaml:24:21: applications.hello.single_sign_on: expected none or kcd or header"},
    {"passthru", "passthrough",
     "lab.yaml:37:24: applications.public.preauthentication: expected aadPreAuthentication or passthru"},
    {"idp:\n  issuer: https://login.localhost:{idp}\n  token_lifetime: 600\n  clients:\n    - id: cli\n      "
     "secret: cli-secret\n"
     "      redirect_uris: [https://client.localhost/cb]\n",
     "idp: yes\n", "lab.yaml:4:6: idp: expected a mapping of settings, found \"yes\""},
    {"  staff: [alice]", "  staff: alice",
     "lab.yaml:19:10: groups.staff: expected a list: [one, two], found \"alice\""},
    {"  staff: [alice]",
     "  staff:", "lab.yaml:19:3: groups.staff: expected a list: [one, two], found nothing"},
    {"[alice]", "[alice, [bob]]", "lab.yaml:19:18: groups.staff: expected an account name"},
    {"[alice]", "[alice, bob, alice]",
     "lab.yaml:19:23: groups.staff: expected each one once in the list, found \"alice\""},
    {"assigned_users: [bob]", "assigned_users: bob",
     "lab.yaml:32:21: applications.ledger.assigned_users: expected a list"},
    {"    - id: cli\n      secret: cli-secret\n      redirect_uris: [https://client.localhost/cb]\n",
     "    cli: {}\n", "lab.yaml:8:5: idp.clients: expected a list of mappings, found a mapping"},
    {"    flow: code\n", "    headers: [upn]\n    flow: code\n",
     "lab.yaml:30:14: applications.ledger.headers: expected a mapping from names to settings, found a list"},
    {"    flow: code\n", "    headers: {X-User: mail}\n    flow: code\n",
     "lab.yaml:30:23: applications.ledger.headers.X-User: expected upn or name or sub or groups, found "
     "\"mail\""},
    {"    flow: code\n", "    headers: {Content-Length: upn}\n    flow: code\n",
     "lab.yaml:30:15: applications.ledger.headers: expected a field name of letters"},
    {"    flow: code\n", "    headers: {sevenstep_upn: upn}\n    flow: code\n",
     "lab.yaml:30:15: applications.ledger.headers: expected a field name of letters"},
    {"    flow: code\n", "    headers: {X-Forwarded-For: upn}\n    flow: code\n",
     "lab.yaml:30:15: applications.ledger.headers: expected a field name of letters"},
    {"    flow: code\n", "    headers: {X_Forwarded_For: upn}\n    flow: code\n",
     "lab.yaml:30:15: applications.ledger.headers: expected a field name of letters"},
    {"    flow: code\n", "    headers: {X-MS-Proxy: upn}\n    flow: code\n",
     "lab.yaml:30:15: applications.ledger.headers: expected a field name of letters"},
    {"    flow: code\n", "    headers: {x-real_ip: upn}\n    flow: code\n",
     "lab.yaml:30:15: applications.ledger.headers: expected a field name of letters"},
    /* values */
    {"realm: CORP.TEST", "realm: corp.test",
     "lab.yaml:3:8: realm: expected a realm: a domain name in capitals, found \"corp.test\""},
    {"https://login.localhost:{idp}", "https://login.localhost:{idp}/",
     "lab.yaml:5:11: idp.issuer: expected an https URL without a path"},
    {"https://login.localhost:{idp}", "http://login.localhost:{idp}",
     "lab.yaml:5:11: idp.issuer: expected an https URL without a path"},
    {"https://login.localhost:{idp}", "https://login.localhost:{ipd}",
     "lab.yaml:5:11: idp.issuer: expected one of the ports {stage} {cloud}"},
    {"https://hello.apps.localhost:{cloud}/", "http://hello.apps.localhost:{cloud}/",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\""},
    {"https://hello.apps.localhost:{cloud}/", "https://hello.apps.localhost:{cloud}",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\""},
    {"https://hello.apps.localhost:{cloud}/", "https://hello.apps.localhost:{cloud}/app",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\""},
    {"https://hello.apps.localhost:{cloud}/", "https://hello.apps.localhost:{cloud}/a//b/",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\""},
    {"https://hello.apps.localhost:{cloud}/", "https://hello.apps.localhost:{cloud}/../b/",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\""},
    {"https://hello.apps.localhost:{cloud}/", "https://hello.apps.localhost:{cloud}/%61/",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\""},
    {"https://hello.apps.localhost:{cloud}/", "https://hello.apps.localhost:{cloud}/.sevenstep/",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\""},
    {"https://hello.apps.localhost:{cloud}/", "https://127.0.0.1:{cloud}/",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\", of a host's "
     "name and no address"},
    {"https://hello.apps.localhost:{cloud}/", "https://[::1]:{cloud}/",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\", of a host's "
     "name and no address"},
    {"https://hello.apps.localhost:{cloud}/", "https://1.2.3.0x10.9/",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL that ends with \"/\", of a host's "
     "name and no address"},
    {"https://login.localhost:{idp}", "https://127.0.0.1:{idp}",
     "lab.yaml:5:11: idp.issuer: expected an https URL without a path or a \"/\" at its end, of a host's name"},
    {"http://hello.corp.test:{backend}/", "https://hello.corp.test:{backend}/x",
     "lab.yaml:23:19: applications.hello.internal_url: expected an http or https URL that ends with \"/\""},
    {"http://hello.corp.test:{backend}/", "hello.corp.test",
     "lab.yaml:23:19: applications.hello.internal_url: expected a URL"},
    {"spn: HTTP/hello.corp.test", "spn: HTTP/hello.corp.test@CORP.TEST",
     "lab.yaml:25:10: applications.hello.spn: expected a service principal name"},
    {"upn: alice@test.example", "upn: alice",
     "lab.yaml:13:10: users.alice.upn: expected a user principal name"},
    {"  alice:", "  al/ice:", "lab.yaml:12:3: users: expected an account name of letters"},
    {"  alice:", "  alice@test:", "lab.yaml:12:3: users: expected an account name of letters"},
    {"  hello:", "  Hello:", "lab.yaml:21:3: applications: expected a name of lower-case letters"},
    {"  connector-1:", "  ../connector:", "lab.yaml:39:3: connectors: expected a name of lower-case letters"},
    {"    ok_to_auth_as_delegate: false", "    connections: 0",
     "lab.yaml:43:18: connectors.connector-2.connections: expected a whole number from 1 to 8"},
    {"    ok_to_auth_as_delegate: false", "    connections: 9",
     "lab.yaml:43:18: connectors.connector-2.connections: expected a whole number from 1 to 8"},
    {"[https://client.localhost/cb]", "[client.localhost/cb]",
     "lab.yaml:10:23: idp.clients.1.redirect_uris: expected an absolute"},
};

START_TEST(lab_load_text_wrong_value_is_refused_with_its_place)
{
  const struct refusal_case *c = &refusals[_i];
  const char *why = refusal(c->from, c->to);
  ck_assert_msg(strncmp(why, c->why, strlen(c->why)) == 0, "\nexpected %s...\nfound    %s", c->why, why);
}
END_TEST

START_TEST(lab_load_text_wrong_secret_is_not_repeated)
{
  const char *why = refusal("alice-password", "tooshrt");
  ck_assert_ptr_nonnull(strstr(why, "lab.yaml:14:15: users.alice.password: expected one line of 8"));
  ck_assert_ptr_null(strstr(why, "tooshrt"));
}
END_TEST

/* -- files --------------------------------------------------------------------------------------------- */

static char path[] = "/tmp/sevenstep-test-lab-XXXXXX";

static void write_lab(const char *text)
{
  int fd = mkstemp(path);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
}

static void remove_lab(void)
{
  unlink(path);
  memcpy(path + strlen(path) - 6, "XXXXXX", 6);
  unsetenv("SEVENSTEP_PORT_BASE");
}

START_TEST(lab_load_file_is_read)
{
  struct lab *lab;
  struct failure f;
  write_lab(edited((const struct edit[]){{NULL, NULL}}));
  ck_assert_int_eq(lab_load(path, 0, &lab, &f), ERR_OK);
  ck_assert_str_eq(lab->path, path);
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_port_base_of_the_environment_is_used)
{
  struct lab *lab;
  struct failure f;
  write_lab(edited((const struct edit[]){{NULL, NULL}}));
  setenv("SEVENSTEP_PORT_BASE", "9560", 1);
  ck_assert_int_eq(lab_load(path, 0, &lab, &f), ERR_OK);
  ck_assert_uint_eq(lab->idp.listen.port, 9564);
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_bad_port_base_in_the_environment_is_refused)
{
  struct lab *lab;
  struct failure f;
  write_lab(edited((const struct edit[]){{NULL, NULL}}));
  setenv("SEVENSTEP_PORT_BASE", "99999", 1);
  ck_assert_int_eq(lab_load(path, 0, &lab, &f), ERR_CONFIG);
  ck_assert_ptr_nonnull(strstr(f.why, "SEVENSTEP_PORT_BASE"));
}
END_TEST

START_TEST(lab_load_absent_file_is_refused)
{
  struct lab *lab;
  struct failure f;
  ck_assert_int_eq(lab_load("/nowhere/lab.yaml", 0, &lab, &f), ERR_CONFIG);
  ck_assert_str_eq(f.why, "/nowhere/lab.yaml:1:1: No such file or directory");
}
END_TEST

START_TEST(lab_load_folder_is_refused)
{
  struct lab *lab;
  struct failure f;
  ck_assert_int_eq(lab_load("/tmp", 0, &lab, &f), ERR_CONFIG);
}
END_TEST

Suite *lab_load_suite(void)
{
  Suite *s = suite_create("lab_load");
  TCase *t = tcase_create("text");
  tcase_add_test(t, lab_load_text_small_file_fills_the_lab);
  tcase_add_test(t, lab_load_text_what_is_not_written_has_its_default);
  tcase_add_test(t, lab_load_text_without_flags_keeps_no_secret);
  tcase_add_test(t, lab_load_text_client_secrets_keeps_those_of_applications_only);
  tcase_add_test(t, lab_load_text_secrets_keeps_all);
  tcase_add_loop_test(t, lab_load_text_application_without_external_url_gets_one, 0, 3);
  tcase_add_test(t, lab_load_text_port_base_of_the_environment_wins);
  tcase_add_test(t, lab_load_text_group_as_mapping_is_the_same);
  tcase_add_test(t, lab_load_text_quoted_number_is_text_too);
  tcase_add_loop_test(t, lab_load_text_wrong_value_is_refused_with_its_place, 0,
                      sizeof refusals / sizeof *refusals);
  tcase_add_test(t, lab_load_text_wrong_secret_is_not_repeated);
  suite_add_tcase(s, t);
  TCase *files = tcase_create("files");
  tcase_add_checked_fixture(files, NULL, remove_lab);
  tcase_add_test(files, lab_load_file_is_read);
  tcase_add_test(files, lab_load_port_base_of_the_environment_is_used);
  tcase_add_test(files, lab_load_bad_port_base_in_the_environment_is_refused);
  tcase_add_test(files, lab_load_absent_file_is_refused);
  tcase_add_test(files, lab_load_folder_is_refused);
  suite_add_tcase(s, files);
  return s;
}
