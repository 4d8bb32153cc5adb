#!/usr/bin/env bats
# New Kerberos keys under load: no user notices, what was issued before stays good, and nothing is restarted.

load lib/lab
load lib/load

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  sign_in
}

# A new sign-in by bob, with a new ticket; the version of the key that it is for goes to $version.
sign_in_with_new_ticket() {
  agent_new "$BATS_TEST_TMPDIR/bob"
  forget_tickets
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  version=$(trace_json | jq '[.steps[] | select(.step == 5) | .attributes["krb.service.kvno"]][0]')
}

forget_tickets() {
  local connector
  for connector in connector-1 connector-2; do lab connector purge "$connector"; done
}

# How many requests had to ask the KDC so far.
misses() {
  local name=sevenstep_connector_ticket_cache_misses_total
  echo $(($(metric connector-1 $name) + $(metric connector-2 $name)))
}

none_failed() {
  load_stop
  ((sent > 0 && good == sent)) || fail "$sent requests, $good answered 200" "$(grep -v '^200 0' "$results" | head)"
}

@test "the application's key is replaced under load: no error, and new tickets are for the new key" {
  run lab rotate hello
  [[ $status == 0 && $output == 'HTTP/hello.corp.sevenstep.test: key version 2' ]]
  sign_in_with_new_ticket
  [[ $version == 2 ]]
  agent_jar=$BATS_TEST_TMPDIR/agent/cookies
  load_start
  load_await 200
  lab rotate hello
  load_await 200
  forget_tickets
  load_await 200
  lab rotate hello
  forget_tickets
  load_await 200
  none_failed
  sign_in_with_new_ticket
  [[ $version == 4 ]]
}

@test "tickets of before the replacement are accepted after it, also by an application that starts anew" {
  for _ in 1 2 3 4; do agent_get "$SEVENSTEP_APP_URL"; done
  lab rotate hello
  lab stop backend
  lab start backend
  local before
  before=$(misses)
  for _ in 1 2 3 4; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  [[ $(misses) == "$before" ]]
}

@test "the connector's key is replaced under load: no error for who has a ticket nor for who needs one" {
  load_start
  load_await 200
  lab rotate connector-1
  lab rotate connector-2
  forget_tickets
  load_await 200
  none_failed
  # What starts anew signs in with the new key.
  lab stop connector-2
  lab stop connector-1
  lab start connector-1
  agent_new "$BATS_TEST_TMPDIR/alice"
  sign_in
  lab start connector-2
}

# The key that the browser's session was sealed with: the first byte tells.
session_key() {
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  [[ -n $cookie ]] || fail "there is no session"
  printf '%s' "${cookie:0:4}" | tr -- '-_' '+/' | base64 -d | od -An -tu1 -N1 | tr -d ' '
}

@test "the key of sessions is replaced under load: nobody signs in anew, also when the proxy starts again" {
  local before
  before=$(session_key)
  load_start
  load_await 200
  run lab rotate --sessions
  [[ $status == 0 && $output == "Sessions are sealed with key $((before + 1)) from now on; former keys that are kept: $before." ]]
  load_await 200
  none_failed
  [[ $(session_key) == "$before" ]]
  agent_new "$BATS_TEST_TMPDIR/bob"
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  [[ $(session_key) == $((before + 1)) ]]
  lab stop cloud
  lab start cloud
  await_metric cloud sevenstep_cloud_ready_connectors 2
  for agent_jar in "$BATS_TEST_TMPDIR"/{agent,bob}/cookies; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
}

@test "a key of sessions is not replaced while all former ones are needed" {
  local i
  for ((i = 0; i < 8; i++)); do
    run lab rotate --sessions
    ((status == 0)) || break
  done
  [[ $status == 1 && $output == *'7 former keys are still needed for what they have sealed'* ]]
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
}

@test "rotate says what is wrong" {
  run lab rotate nobody
  [[ $status == 1 && $output == *'no connector and no application with an spn named nobody'* ]]
  [[ $output == *'sevenstep: kdc: '*"$SEVENSTEP_RUN/log/kdc.log"* && $output != *partner* ]]
  run lab rotate public
  [[ $status == 1 ]]
  run lab rotate
  [[ $status == 2 ]]
}
