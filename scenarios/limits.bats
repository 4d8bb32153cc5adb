#!/usr/bin/env bats
# Limits: what goes beyond them is told so by the proxy, and reaches nobody inside.

load lib/lab
load lib/load

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

# as NAME: from now on the agent is this user's.
as() { agent_jar=$BATS_TEST_TMPDIR/$1; }

# with ADDRESS LINE: the cloud starts anew with this line behind sed's address in the lab file, and without the one of before.
with() {
  lab stop cloud
  sed -i -e '/ # of the test$/d' -e "$1a\\$2 # of the test" "$SEVENSTEP_LAB"
  grep -q ' # of the test$' "$SEVENSTEP_LAB"
  lab start cloud
  await_metric cloud sevenstep_cloud_ready_connections 4
}

without() { with '$' '#'; }

# until_limited USER URL: asks without a pause until the answer is 429, which nobody inside has seen.
until_limited() {
  as "$1"
  for _ in {1..50}; do
    agent_get "$2"
    [[ $agent_status == 429 ]] && break
    assert_status 200
  done
  assert_status 429
  assert_error rate_limited
  [[ $(agent_header Retry-After) == 1 && $(agent_header Sevenstep-Actor) == cloud ]]
  assert_trace_error rate_limited 3
  assert_reached_no_connector
}

@test "more requests in a second than a user may send are answered 429, and another user's are not" {
  with '/^cloud:$/' '  limits: {per_user: 1}'
  as alice
  sign_in
  until_limited alice "$SEVENSTEP_APP_URL"
  as bob
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  without
}

@test "more requests in a second than the tenant may get are answered 429, whoever sends them to whatever application" {
  as alice
  sign_in
  as bob
  sign_in "$SEVENSTEP_CODE_APP_URL" bob@sevenstep.test
  with '/^cloud:$/' '  limits: {per_tenant: 1}'
  until_limited alice "$SEVENSTEP_APP_URL"
  until_limited bob "$SEVENSTEP_CODE_APP_URL"
  without
}

@test "more requests in a second than an application may get by cloud.limits are answered 429, another one's and one's with a number of its own are not" {
  local n
  public=https://public.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
  as alice
  sign_in
  as bob
  sign_in "$SEVENSTEP_CODE_APP_URL" bob@sevenstep.test
  sed -i 's/^    requests_per_second: 1$/&000/' "$SEVENSTEP_LAB"
  with '/^cloud:$/' '  limits: {per_application: 1}'
  until_limited alice "$SEVENSTEP_APP_URL"
  as bob
  agent_get "$SEVENSTEP_CODE_APP_URL"
  assert_status 200
  for n in {1..50}; do
    agent_get "$public"
    assert_status 200
  done
  sed -i 's/^    requests_per_second: 1000$/    requests_per_second: 1/' "$SEVENSTEP_LAB"
  without
}

@test "a session ends with its user's assignment" {
  sign_in "$SEVENSTEP_APP_URL" alice@sevenstep.test
  lab stop cloud
  sed -i 's/^  staff: \[alice, /  staff: [/' "$SEVENSTEP_LAB"
  lab start cloud
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
}
