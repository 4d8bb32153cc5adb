#!/usr/bin/env bats
# The story itself: a user outside opens an application inside. Both flows, cold and warm.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

@test "the first visit goes through all seven steps" {
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  [[ $(agent_header Sevenstep-Actor) == cloud ]]
  trace=$(agent_trace_id)

  agent_follow
  assert_status 200
  [[ $(agent_header Sevenstep-Actor) == idp ]]

  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  agent_has_token
  [[ $(agent_token_claims | jq -r .upn) == "$SEVENSTEP_USER" ]]
  [[ $(agent_token_claims | jq -r .spn) == "$SEVENSTEP_APP_SPN" ]]

  agent_post_token
  assert_status 200
  assert_no_error
  assert_page "alice@$SEVENSTEP_REALM"
  [[ $(agent_trace_id) == "$trace" ]]
  assert_steps "1 2 3 4 5 6 7"
  assert_step_attribute 6 backend krb.client "alice@$SEVENSTEP_REALM"
}

@test "the next request needs no logon and no KDC" {
  lab stop connector-2 # each connector has a cache of its own
  sign_in
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  assert_page "alice@$SEVENSTEP_REALM"
  assert_steps "3 4 6 7"
  assert_step_attribute 4 connector krb.cache hit
  lab start connector-2
}

# Of all responses from now on, how many have a JWT in them.
count_tokens() {
  tokens=0
  agent_watch() { ! grep -qE 'eyJ[[:alnum:]_-]+\.eyJ' "$agent_headers" "$agent_body" || tokens=$((tokens + 1)); }
}

@test "the code flow goes through the same seven steps, and the browser never sees the token" {
  count_tokens
  sign_in "$SEVENSTEP_APP_URL"
  [[ $tokens == 1 ]]
  agent_new "$BATS_TEST_TMPDIR/code"
  count_tokens
  agent_open "$SEVENSTEP_CODE_APP_URL"
  agent_logon bob@sevenstep.test bob-password
  assert_status 200
  assert_no_error
  [[ $tokens == 0 ]]
  assert_page "bob@$SEVENSTEP_REALM"
  assert_steps "1 2 3 4 5 6 7"
}

@test "a passed-through application needs no logon" {
  agent_open "$SEVENSTEP_PASSTHROUGH_URL"
  assert_status 200
  assert_no_error
  assert_steps "3 6 7"
}
