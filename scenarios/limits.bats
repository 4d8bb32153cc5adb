#!/usr/bin/env bats
# Limits: what goes beyond them is told so by the proxy, and reaches nobody inside.

load lib/lab

setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" '/^  public:/a\    requests_per_second: 1'
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

@test "more requests in a second than an application may get are answered 429" {
  public=https://public.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
  for _ in {1..50}; do
    agent_get "$public"
    [[ $agent_status == 429 ]] && break
    assert_status 200
  done
  assert_status 429
  assert_error rate_limited
  [[ $(agent_header Retry-After) == 1 && $(agent_header Sevenstep-Actor) == cloud ]]
  assert_trace_error rate_limited 3
  assert_reached_no_connector
}

@test "another application is not slowed down by that" {
  sign_in
  for _ in {1..10}; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
}

@test "a session ends with its user's assignment" {
  sign_in "$SEVENSTEP_APP_URL" alice@sevenstep.test
  lab stop cloud
  sed -i 's/^  staff: \[alice, /  staff: [/' "$SEVENSTEP_LAB"
  lab start cloud
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
}
