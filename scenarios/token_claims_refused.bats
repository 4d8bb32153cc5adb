#!/usr/bin/env bats
# Step 3 refuses what is wrong with the user, or with the answer of the code flow.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

@test "a user without a user principal name" {
  open_logon
  agent_logon erin erin-password
  agent_post_token
  assert_status 403
  assert_error token_no_upn
  assert_trace_error token_no_upn 3
  assert_reached_no_connector
}

@test "the code flow refuses a code that is not the provider's" {
  agent_get "$SEVENSTEP_CODE_APP_URL"
  local state
  state=$(sed -E 's/.*[?&]state=([^&]*).*/\1/' <<<"$agent_redirect")
  agent_get "${SEVENSTEP_CODE_APP_URL}.sevenstep/callback?code=made-up&state=$state&iss=$SEVENSTEP_ISSUER"
  assert_error code_exchange_failed
  assert_trace_error code_exchange_failed 3
  assert_reached_no_connector
}

@test "the callback of the code flow takes no posted token" {
  agent_request POST "${SEVENSTEP_CODE_APP_URL}.sevenstep/callback" -d id_token=x
  assert_error token_missing
}
