#!/usr/bin/env bats
# Somebody else's programs take seats. Here the application's: Apache with mod_auth_gssapi, published while the lab runs and
# given the key that the KDC made for it. It knows nothing of us; our connector must convince it, and it our connector.

load lib/lab
load lib/apache

setup_file() {
  local more=(single_sign_on=kcd 'assigned_groups=[staff]' played_by=guest)
  lab_start
  # One connector, so that it is known who has which ticket.
  lab stop connector-2
  lab app add --delegate web "external_url=https://web.apps.localhost:{cloud}/" "internal_url=http://web.corp.sevenstep.test/" \
    "connect=127.0.0.1:$((SEVENSTEP_PORT_BASE + 12))" spn=HTTP/web.corp.sevenstep.test "${more[@]}"
  apache_start "$(lab keytab web)"
  lab app add secure-web "external_url=https://secure-web.apps.localhost:{cloud}/" \
    "internal_url=https://secure-web.corp.sevenstep.test/" "connect=127.0.0.1:$((SEVENSTEP_PORT_BASE + 13))" \
    "backend_ca=$apache_folder/cert.pem" spn=HTTP/web.corp.sevenstep.test "${more[@]}"
}
teardown_file() {
  apache_stop
  lab_stop
}
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  web=https://web.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
}

assert_is_alice() {
  assert_page 'REMOTE_USER is alice@CORP.SEVENSTEP.TEST'
  assert_page 'AUTH_TYPE is Negotiate'
}

@test "application: the seven steps end at Apache, which names the user and proves itself" {
  sign_in "$web"
  assert_is_alice
  assert_steps "1 2 3 4 5 6 7"
  # The proof (AP-REP) is the connector's business, and ends there.
  [[ -z $(agent_header WWW-Authenticate) ]]
  # The next requests come with the ticket of the cache and an authenticator of their own.
  agent_get "$web"
  assert_is_alice
  assert_steps "3 4 6 7"
}

@test "application: Apache finds the connector in the ticket's PAC as the one who delegated" {
  sign_in "$web"
  sed -n 's/.*DELEGATION is //p' "$agent_body" | tr -d '\n' | base64 -d 2>/dev/null | tr -d '\0' | grep -aq 'HTTP/connector-[12].corp.sevenstep.test@CORP.SEVENSTEP.TEST'
}

@test "application: Apache with TLS, whose certificate the lab's authority did not make" {
  sign_in "${web/web/secure-web}"
  assert_is_alice
  assert_step_attribute 6 connector krb.channel_binding tls-server-end-point
}

@test "application: the doctor passes Apache, mutual authentication too" {
  run lab doctor --app web
  [[ $status == 0 && $output == *'16 passed, 0 failed, 0 skipped.'* ]]
}

@test "application: our backend has no key of a guest and does not answer for it" {
  [[ $(klist -k "$(lab keytab web)") == *HTTP/web.corp.sevenstep.test@* ]]
  [[ $(klist -k "$SEVENSTEP_KEYTABS/backend.keytab") != *HTTP/web.corp* ]]
  [[ $(stat -c %a "$(lab keytab web)") == 600 ]]
  run lab keytab hello
  [[ $status == 1 && $output == *'no application "hello" is played by a guest'* ]]
  run lab keytab nobody
  [[ $status == 2 && $output == *'there is no application "nobody"'*'There are: '*hello* && $output != *'app set'* ]]
}

@test "application: with another key Apache refuses the ticket, and page and doctor name it" {
  apache_give "$SEVENSTEP_KEYTABS/connector-1.keytab"
  lab connector purge connector-1 # a cached ticket would be asked for again: backend_refused_twice
  agent_sign_in "$web" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  assert_status 403
  assert_error backend_refused_ticket
  assert_trace_error backend_refused_ticket 6
  assert_page 'HTTP/web.corp.sevenstep.test'
  run lab doctor --app web
  apache_give "$(lab keytab web)"
  [[ $status == 1 && $output == *backend_refused_ticket* ]]
  agent_get "$web"
  assert_is_alice
}

@test "application: Apache that is stopped is unreachable, and back again without a restart of ours" {
  sign_in "$web"
  pid=$(<"$apache_folder/pid")
  apache_control stop
  timeout 10 tail --pid="$pid" -f /dev/null
  agent_get "$web"
  assert_error backend_unreachable
  apache_control start
  agent_get "$web"
  assert_is_alice
}
