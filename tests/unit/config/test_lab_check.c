#include "fixture.h"
#include "suites.h"

#include <string.h>

/* What is written instead, and how the refusal must read (its beginning). */
static const struct check_case {
  const char *from, *to, *why;
} checks[] = {
    /* unique */
    {"  bob:\n", "  Alice:\n", "lab.yaml:15:3: users: \"alice\" and \"Alice\" differ in case only"},
    {"  bob:\n", "  bob:\n    upn: ALICE@test.example\n",
     "lab.yaml:16:10: users.bob.upn: alice has the upn ALICE@test.example already"},
    {"https://ledger.apps.localhost:{cloud}/", "https://hello.apps.localhost:9999/",
     "lab.yaml:28:19: applications.ledger.external_url: hello.apps.localhost/ is published as hello already"},
    {"https://ledger.apps.localhost:{cloud}/", "https://login.localhost/",
     "lab.yaml:28:19: applications.ledger.external_url: login.localhost is the identity provider's host"},
    {"https://ledger.apps.localhost:{cloud}/", "https://myapps.apps.localhost/x/",
     "lab.yaml:28:19: applications.ledger.external_url: myapps.apps.localhost is the host of cloud.home_url"},
    {"  ledger:\n", "  myapps:\n", "lab.yaml:27:3: applications.myapps: this name is the cloud's own"},
    {"    - id: cli", "    - id: myapps", "lab.yaml:8:7: idp.clients: the id myapps is the cloud's own"},
    {"realm: CORP.TEST", "cloud:\n  home_url: https://login.localhost/",
     "lab.yaml:4:13: cloud.home_url: login.localhost is the identity provider's host"},
    {"    flow: code\n",
     "    flow: code\n    segments:\n      api:\n        external_url: https://hello.apps.localhost/\n"
     "        internal_url: http://x.test/\n",
     "lab.yaml:33:23: applications.ledger.segments.api.external_url: hello.apps.localhost/ is published as "
     "hello"},
    {"http://hello.corp.test", "http://*.corp.test",
     "lab.yaml:23:19: applications.hello.internal_url: *. only where the external URL's host begins so"},
    {"spn: HTTP/hello.corp.test", "spn: HTTP/*.corp.test",
     "lab.yaml:25:10: applications.hello.spn: with a *, each external URL's host must begin with *."},
    {"https://hello.apps.localhost:{cloud}/", "https://*.localhost:{cloud}/",
     "lab.yaml:22:19: applications.hello.external_url: expected an https URL"},
    {"  token_lifetime: 600", "  token_lifetime: 600\n  connect: \"*.test:80\"",
     "lab.yaml:7:12: idp.connect: expected HOST:PORT"},
    {"    - id: cli", "    - id: hello",
     "lab.yaml:21:3: applications.hello: idp.clients has a client of this id"},
    {"    - id: cli", "    - id: cli\n      redirect_uris: [https://x/]\n    - id: cli",
     "lab.yaml:10:7: idp.clients: the id cli is there twice"},
    {"    ok_to_auth_as_delegate: false", "    principal: HTTP/connector-1.corp.sevenstep.test",
     "lab.yaml:43:16: connectors.connector-2.principal: HTTP/connector-1.corp.sevenstep.test is the "
     "principal of connector-1"},
    {"    ok_to_auth_as_delegate: false", "    principal: HTTP/hello.corp.test",
     "lab.yaml:43:16: connectors.connector-2.principal: HTTP/hello.corp.test is an application's spn"},
    {"  connector-2:\n", "  cloud:\n", "lab.yaml:41:3: connectors.cloud: this name is another actor's"},
    {"  token_lifetime: 600", "  listen: 127.0.0.1:{cloud}",
     "lab.yaml:6:11: idp.listen: cloud.listen listens on 127.0.0.1:8443 already"},
    {"realm: CORP.TEST", "backend:\n  listen: 127.0.0.1:{kdc}",
     "lab.yaml:4:11: backend.listen: kdc.listen listens on 127.0.0.1:8448 already"},
    /* API clients, and header-based single sign-on */
    {"    preauthentication: passthru", "    preauthentication: passthru\n    bearer_access: true",
     "lab.yaml:38:20: applications.public.bearer_access: needs preauthentication"},
    {"    preauthentication: passthru",
     "    preauthentication: passthru\n    single_sign_on: header\n    headers: {X-User: upn}",
     "lab.yaml:38:21: applications.public.single_sign_on: needs preauthentication"},
    {"    flow: code\n", "    single_sign_on: header\n    flow: code\n",
     "lab.yaml:30:21: applications.ledger.single_sign_on: header needs headers:"},
    {"    flow: code\n", "    headers: {X-User: upn}\n    flow: code\n",
     "lab.yaml:30:14: applications.ledger.headers: only with single_sign_on: header"},
    /* existing */
    {"[alice]", "[alise]",
     "lab.yaml:19:11: group staff: there is no user \"alise\"; did you mean \"alice\"?"},
    {"[alice]", "[alice, zebra]", "lab.yaml:19:18: group staff: there is no user \"zebra\""},
    {"assigned_users: [bob]", "assigned_users: [bobby]",
     "lab.yaml:32:22: application ledger: there is no user \"bobby\"; did you mean \"bob\"?"},
    {"assigned_groups: [staff]", "assigned_groups: [stuff]",
     "lab.yaml:26:23: applications.hello.assigned_groups: there is no group \"stuff\""},
    {"    spn: HTTP/hello.corp.test", "    spn: HTTP/hello.corp.test\n    connector_group: far",
     "lab.yaml:26:22: applications.hello.connector_group: no connector is in the group \"far\""},
    {"connectors:\n  connector-1:\n    allowed_to_delegate_to: [HTTP/hello.corp.test]\n  connector-2:\n    "
     "group: default\n"
     "    ok_to_auth_as_delegate: false\n",
     "connectors: {}\n",
     "lab.yaml:21:3: applications.hello.connector_group: no connector is in the group \"default\""},
    {"[HTTP/hello.corp.test]", "[HTTP/hello.corp.test, HTTP/other.corp.test]",
     "lab.yaml:40:52: connectors.connector-1.allowed_to_delegate_to: no application has the spn "
     "HTTP/other.corp.test"},
    {"    spn: HTTP/hello.corp.test",
     "    spn: HTTP/hello.corp.test\n    allowed_to_act: [connector-1, connector-9]",
     "lab.yaml:26:35: applications.hello.allowed_to_act: there is no connector \"connector-9\""},
    {"  alice:\n", "  alice:\n    realm: OTHER.TEST\n",
     "lab.yaml:13:12: users.alice.realm: OTHER.TEST is neither"},
    {"  connector-2:\n", "  connector-2:\n    realm: OTHER.TEST\n",
     "lab.yaml:42:12: connectors.connector-2.realm: OTHER.TEST is neither"},
    {"realm: CORP.TEST\n", "realm: CORP.TEST\npartner:\n  realm: CORP.TEST\n",
     "lab.yaml:5:3: partner.realm: is the lab's own"},
    /* combinations without effect */
    {"    flow: code\n", "    flow: code\n    allowed_to_act: [connector-1]\n",
     "lab.yaml:31:21: applications.ledger.allowed_to_act: only with an spn"},
    {"    spn: HTTP/hello.corp.test\n", "",
     "lab.yaml:24:21: applications.hello.single_sign_on: kcd needs the application's spn, e.g. spn: "
     "HTTP/hello.corp.test"},
    {"    single_sign_on: kcd\n", "",
     "lab.yaml:24:10: applications.hello.spn: only with single_sign_on: kcd"},
    {"    preauthentication: passthru",
     "    preauthentication: passthru\n    single_sign_on: kcd\n    spn: HTTP/p.test",
     "lab.yaml:38:21: applications.public.single_sign_on: needs preauthentication"},
    {"    preauthentication: passthru", "    preauthentication: passthru\n    assigned_users: [bob]",
     "lab.yaml:34:3: applications.public: with preauthentication: passthru everybody gets through"},
    {"    flow: code\n", "    flow: code\n    secure_cookie: false\n",
     "lab.yaml:31:20: applications.ledger.secure_cookie: must be true"},
    {"    flow: code\n", "    flow: code\n    validate_backend_certificate: false\n",
     "lab.yaml:31:35: applications.ledger.validate_backend_certificate: only with an https internal_url"},
    {"    flow: code\n", "    flow: code\n    backend_ca: ca.crt\n",
     "lab.yaml:31:17: applications.ledger.backend_ca: only with an https internal_url"},
    {"realm: CORP.TEST", "kdc:\n  played_by: guest",
     "lab.yaml:4:14: kdc.played_by: a guest needs kdc.connect, where it listens"},
    {"realm: CORP.TEST", "kdc:\n  connect: h:1\n  played_by: guest\n  database: ldap",
     "lab.yaml:6:13: kdc.database: a guest brings its own"},
    {"realm: CORP.TEST", "kdc:\n  connect: h:1\n  played_by: guest\n  replicas: 2",
     "lab.yaml:6:13: kdc.replicas: a guest brings its own"},
    {"realm: CORP.TEST", "kdc: {replicas: 4}",
     "lab.yaml:3:17: kdc.replicas: expected a whole number from 1 to 3"},
    {"realm: CORP.TEST", "kdc: {replicas: 3}\nbackend:\n  listen: 127.0.0.1:{kdc_3_admin}",
     "lab.yaml:5:11: backend.listen: kdc-3 listens on 127.0.0.1:8457 (kdc.replicas)"},
    {"realm: CORP.TEST", "kdc: {database: ldap}\npartner: {realm: P.TEST}",
     "lab.yaml:4:10: partner: not with kdc.database: ldap"},
    {"realm: CORP.TEST\n", "kdc: {database: files}\n", "lab.yaml:3:17: kdc.database: expected db2 or ldap"},
    {"  connector-2:\n", "  directory:\n",
     "lab.yaml:41:3: connectors.directory: this name is another actor's"},
    {"    flow: code\n", "    flow: code\n    played_by: guest\n    connect: 127.0.0.1:{backend}\n",
     "lab.yaml:32:14: applications.ledger.connect: the lab's own backend listens on 127.0.0.1:8446; a guest "
     "listens elsewhere"},
    {"realm: CORP.TEST", "backend:\n  listen_tls: 127.0.0.1:{backend}",
     "lab.yaml:4:15: backend.listen_tls: backend.listen listens on 127.0.0.1:8446 already"},
    {"    flow: code\n", "", "lab.yaml:30:20: applications.ledger.client_secret: only with flow: code"},
    {"[https://client.localhost/cb]", "[]",
     "lab.yaml:8:7: idp.clients: cli: redirect_uris: expected at least one"},
};

START_TEST(lab_check_contradiction_is_refused_with_its_place)
{
  const struct check_case *c = &checks[_i];
  const char *why = refusal(c->from, c->to);
  ck_assert_msg(strncmp(why, c->why, strlen(c->why)) == 0, "\nexpected %s...\nfound    %s", c->why, why);
}
END_TEST

START_TEST(lab_check_same_port_on_another_address_is_allowed)
{
  struct lab *lab = loaded("  token_lifetime: 600", "  listen: 127.0.0.2:{cloud}", 0);
  ck_assert_uint_eq(lab->idp.listen.port, lab->cloud.listen.port);
  lab_free(lab);
}
END_TEST

Suite *lab_check_suite(void)
{
  Suite *s = suite_create("lab_check");
  TCase *t = tcase_create("lab_check");
  tcase_add_loop_test(t, lab_check_contradiction_is_refused_with_its_place, 0,
                      sizeof checks / sizeof *checks);
  tcase_add_test(t, lab_check_same_port_on_another_address_is_allowed);
  suite_add_tcase(s, t);
  return s;
}
