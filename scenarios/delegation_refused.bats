#!/usr/bin/env bats
# Steps 4 and 5 refuse: the KDC gives no ticket. The user is told which step, why, and what to do; nothing reaches the application.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

@test "an application that the connector may not delegate to" {
  agent_sign_in "$SEVENSTEP_FORBIDDEN_URL" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  assert_status 403
  assert_error not_allowed_to_delegate
  assert_page allowed_to_delegate_to
  assert_steps "1 2 3 4 5"
  assert_trace_error not_allowed_to_delegate 4
  # The KDC's own words are in the trace.
  trace_json | jq -e '[.steps[].events[]? | select(.name == "kdc.log") | .text | select(contains("NOT_ALLOWED_TO_DELEGATE"))] | length > 0'
}

@test "a user whose account is sensitive and cannot be delegated" {
  agent_sign_in "$SEVENSTEP_APP_URL" dave@sevenstep.test dave-password
  assert_status 403
  assert_error evidence_not_forwardable
  assert_trace_error evidence_not_forwardable 4
  assert_step_attribute 4 connector krb.evidence.forwardable false
}

@test "a refusal is not remembered: the next user is served" {
  agent_sign_in "$SEVENSTEP_APP_URL" dave@sevenstep.test dave-password
  assert_status 403
  agent_new "$BATS_TEST_TMPDIR/alice"
  sign_in
}
