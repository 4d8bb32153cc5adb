#!/usr/bin/env bats
# One actor stops; the others say so at the right step, and all goes on when it is back, with no restart of anything else.

load lib/lab
load lib/load

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

@test "the KDC stops: users with tickets go on, new ones fail within 5 s at step 4; it starts: all works" {
  sign_in "$SEVENSTEP_APP_URL" alice@sevenstep.test
  # A ticket in either connector: requests alternate between them.
  for _ in 1 2 3 4; do agent_get "$SEVENSTEP_APP_URL"; done
  lab stop kdc
  for _ in 1 2 3 4; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  alice=$agent_folder
  agent_new "$BATS_TEST_TMPDIR/bob"
  open_logon
  agent_logon bob@sevenstep.test bob-password
  local before=$SECONDS
  agent_post_token
  ((SECONDS - before <= 5))
  assert_status 502
  assert_error kdc_unreachable
  assert_page KDC
  assert_trace_error kdc_unreachable 4
  lab start kdc
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  assert_page "bob@$SEVENSTEP_REALM"
}

# signal_kdc SIGNAL: to krb5kdc, which is sevenstep-kdc's child.
signal_kdc() { kill "-$1" "$(pgrep -P "$(pid_of kdc)" krb5kdc)"; }

@test "the KDC hangs: users with tickets go on, new ones are told so at step 4; it goes on: all works" {
  sign_in "$SEVENSTEP_APP_URL" alice@sevenstep.test
  for _ in 1 2 3 4; do agent_get "$SEVENSTEP_APP_URL"; done
  signal_kdc STOP
  for _ in 1 2 3 4; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  agent_new "$BATS_TEST_TMPDIR/bob"
  open_logon "$SEVENSTEP_CODE_APP_URL"
  agent_logon bob@sevenstep.test bob-password
  agent_follow
  assert_error kdc_timeout
  assert_trace_error kdc_timeout 4
  signal_kdc CONT
  agent_get "$SEVENSTEP_CODE_APP_URL"
  assert_status 200
}

@test "the KDC restarts under load: no user with a ticket notices" {
  sign_in
  for _ in 1 2 3 4; do agent_get "$SEVENSTEP_APP_URL"; done
  load_start
  load_await 200
  lab stop kdc
  load_await 200
  lab start kdc
  load_await 200
  load_stop
  ((sent >= 600 && good == sent)) || fail "$sent requests, $good answered 200"
}

@test "one connector is killed: requests go on through the other" {
  sign_in
  for _ in 1 2 3 4; do agent_get "$SEVENSTEP_APP_URL"; done
  kill -KILL "$(lab status --json | jq -r '.actors[] | select(.name == "connector-1") | .pid')"
  for _ in 1 2 3 4 5 6; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  lab start connector-1
}

@test "no connector: an error that names step 3, and work again when one is back" {
  sign_in
  lab stop connector-1
  lab stop connector-2
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 504
  assert_error no_connector
  assert_trace_error no_connector 3
  lab start connector-2
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  lab start connector-1
}

@test "the application stops: the connector says it cannot be reached" {
  sign_in
  lab stop backend
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 502
  assert_error backend_unreachable
  assert_trace_error backend_unreachable 6
  lab start backend
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
}

@test "the cloud restarts: sessions live on, and the connectors come back by themselves" {
  sign_in
  lab stop cloud
  lab start cloud
  # Ready means it can serve: a connector has dialled in again.
  for _ in $(seq 1 200); do
    agent_get "$SEVENSTEP_APP_URL"
    [[ $(agent_error) == no_connector ]] || break
  done
  assert_status 200
  assert_page "alice@$SEVENSTEP_REALM"
}

@test "the identity provider stops: who is signed in goes on, a code is not exchanged at step 3; it starts: all works" {
  sign_in
  alice=$agent_folder
  agent_new "$BATS_TEST_TMPDIR/bob"
  open_logon "$SEVENSTEP_CODE_APP_URL"
  agent_submit username=bob@sevenstep.test password=bob-password
  [[ $agent_redirect == *[?\&]code=* ]] || fail "there is no code: $agent_redirect"
  lab stop idp
  agent_follow
  assert_status 502
  assert_error idp_unreachable
  assert_page 'identity provider'
  trace_json | jq -e '.steps[] | select(.step == 3) | .error.name == "idp_unreachable"'
  agent_jar=$alice/cookies
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  lab start idp
  agent_new "$BATS_TEST_TMPDIR/bob-again"
  sign_in "$SEVENSTEP_CODE_APP_URL" bob@sevenstep.test
}

@test "the identity provider restarts: its key and its issued tokens stay good" {
  open_logon
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  lab stop idp
  lab start idp
  agent_post_token
  assert_status 200
}
