#!/usr/bin/env bats
# A connector is ready when it can serve, and says why when it cannot. Who gets no tickets hurts nobody, where another connector does.

load lib/lab
load lib/load

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

readiness() { curl -sS --unix-socket "$SEVENSTEP_RUN/$1.sock" http://localhost/readyz; }

# take_keytab CONNECTOR: and it starts anew, without the ticket that it had.
take_keytab() {
  mv "$SEVENSTEP_RUN/keytabs/$1.keytab" "$SEVENSTEP_RUN/$1.kept"
  lab stop "$1"
  run lab start "$1"
  [[ $status == 1 && $output == *"$1 runs, but is not ready: The connector cannot authenticate itself to the KDC."* ]]
}

give_keytab() { mv "$SEVENSTEP_RUN/$1.kept" "$SEVENSTEP_RUN/keytabs/$1.keytab"; }

@test "one connector of two has no keytab: it says so, and every user is served by the other one" {
  take_keytab connector-1
  [[ $(readiness connector-1) == '{"ready":false,"reason":"The connector cannot authenticate itself to the KDC.'* ]]
  [[ $(readiness connector-2) == '{"ready":true}' ]]
  await_metric cloud sevenstep_cloud_ready_connectors 2
  local n user before
  for n in 1 2 3; do
    for user in alice bob; do
      lab connector purge connector-2
      agent_new "$BATS_TEST_TMPDIR/$user-$n"
      sign_in "$SEVENSTEP_APP_URL" "$user@sevenstep.test"
      assert_step_attribute 3 cloud sevenstep.connector connector-2
    done
  done
  (($(metric cloud sevenstep_cloud_retried_total) >= 1))
  before=$(metric connector-1 sevenstep_connector_requests_total)
  for n in 1 2 3 4; do
    agent_get "$SEVENSTEP_PASSTHROUGH_URL"
    assert_status 200
  done
  (($(metric connector-1 sevenstep_connector_requests_total) > before))
}

@test "no connector has a keytab: users are told the cause" {
  take_keytab connector-2
  await_metric cloud sevenstep_cloud_ready_connectors 2
  open_logon
  agent_logon alice@sevenstep.test alice-password
  agent_post_token
  assert_status 502
  assert_error connector_credential
  assert_trace_error connector_credential 4
  agent_get "$SEVENSTEP_PASSTHROUGH_URL"
  assert_status 200
}

@test "they are back: both are ready, and serve" {
  give_keytab connector-1
  [[ $(readiness connector-1) == '{"ready":true}' ]]
  sign_in
  assert_step_attribute 3 cloud sevenstep.connector connector-1
  give_keytab connector-2
  lab stop connector-1
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  assert_step_attribute 3 cloud sevenstep.connector connector-2
  lab start connector-1
  await_metric cloud sevenstep_cloud_ready_connectors 2
}

@test "the KDC stops: connectors say so, stay connected, and serve with the tickets that they have; users are told the cause" {
  sign_in
  for _ in 1 2 3 4; do agent_get "$SEVENSTEP_APP_URL"; done
  lab stop kdc
  run lab status
  [[ $output == *connector-1*'not ready'*'The KDC does not answer.'*connector-2*'not ready'*'The KDC does not answer.'* ]]
  for _ in 1 2 3 4; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  agent_new "$BATS_TEST_TMPDIR/bob"
  open_logon
  agent_logon bob@sevenstep.test bob-password
  agent_post_token
  assert_error kdc_unreachable
  [[ $(metric connector-1 sevenstep_connector_links) == 2 && $(metric connector-2 sevenstep_connector_links) == 2 ]]
  lab start kdc
  [[ $(readiness connector-1) == '{"ready":true}' && $(readiness connector-2) == '{"ready":true}' ]]
}

# limit ACTOR BYTES: no file of it may grow beyond that: as a full disk is.
limit() {
  local pid
  read -r pid _ <"$SEVENSTEP_RUN/pid/$1.lock"
  prlimit --pid "$pid" --fsize="$2:"
}

@test "a store that cannot be written: identity provider and cloud say so, as nobody can sign in, until it can" {
  local actor
  for actor in idp cloud; do
    limit "$actor" 1024
    [[ $(readiness "$actor") == '{"ready":false,"reason":"the store: '* ]] || fail "$(readiness "$actor")"
    run lab status
    [[ $output == *"$actor"*'not ready'*'the store: '* ]] || fail "$output"
    agent_new "$BATS_TEST_TMPDIR/$actor"
    run sign_in
    [[ $status != 0 ]] || fail "signed in"
    limit "$actor" unlimited
    [[ $(readiness "$actor") == '{"ready":true}' ]] || fail "$(readiness "$actor")"
    agent_new "$BATS_TEST_TMPDIR/$actor-2"
    sign_in
  done
}
