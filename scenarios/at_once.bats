#!/usr/bin/env bats
# Requests at once: a connector works on so many and no more, and no user takes what is for others.

load lib/lab
load lib/load

# Connectors that take four each; a user has no number of his own.
setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" '/^cloud:/a\  limits: {connector_at_once: 4}'
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  slow=()
}
teardown() { ((${#slow[@]} == 0)) || kill "${slow[@]}"; }

# A request that goes on for an hour, of the agent; returns when its answer has begun.
ask_slowly() {
  local answer line
  exec {answer}< <(exec curl -sSN --http1.1 --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$agent_jar" "${SEVENSTEP_APP_URL}stream?count=2&ms=3600000" 2>&1 3>&-)
  slow+=("$!")
  read -r -t 30 -u "$answer" line
  [[ $line == 'id: 0' ]] || fail "expected an event, found \"$line\""
}

# The agent's user gets this and no more at once.
get_until() {
  local n
  for ((n = 0; n < $1; n++)); do ask_slowly; done
  agent_get "$SEVENSTEP_APP_URL"
  assert_error "$2"
}

# What the connectors work on.
at_work() {
  curl -sS --unix-socket "$SEVENSTEP_RUN/cloud.sock" http://localhost/metrics | awk '/^sevenstep_cloud_connector_requests\{/ { n += $2 } END { print n }'
}

# They are gone, and everybody has seen it, the cloud ahead of the connectors.
let_go() {
  kill "${slow[@]}"
  slow=()
  await_metric connector-1 sevenstep_connector_in_flight 0
  await_metric connector-2 sevenstep_connector_in_flight 0
  [[ $(at_work) == 0 ]]
}

@test "a user with slow requests up to his share is told to wait, and another one is served" {
  sign_in
  get_until 4 too_many_at_once
  assert_status 429
  [[ $(agent_header Retry-After) == 1 && $(agent_header Sevenstep-Actor) == cloud ]]
  assert_trace_error too_many_at_once 3
  assert_reached_no_connector
  [[ $(at_work) == 4 && $(metric cloud sevenstep_cloud_throttled_total) == 1 ]]
  agent_new "$BATS_TEST_TMPDIR/another"
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  get_until 2 too_many_at_once
  agent_get "https://public.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/"
  assert_status 200
  let_go
}

@test "what a user has under way in one group of connectors counts in no other" {
  lab connector add connector-3 --group branch
  lab app set --delegate ledger connector_group=branch
  sign_in
  get_until 4 too_many_at_once
  agent_open "https://ledger.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/"
  [[ $agent_status == 200 ]] || agent_post_token
  assert_status 200
  let_go
  lab app set ledger connector_group=
  lab connector remove connector-3
}

@test "WebSockets count, also those of an address without a logon" {
  public=https://public.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
  local socket
  for _ in {1..4}; do
    exec {socket}< <(exec "$lab_top/scenarios/lib/websocket" --ca "$SEVENSTEP_CA" "wss${public#https}ws" wait 2>&1 3>&-)
    slow+=("$!")
    read -r -t 30 -u "$socket" line
    [[ $line == open* ]]
  done
  agent_get "$public"
  assert_error too_many_at_once
  sign_in
  let_go
}

# share_of_the_busy: of 40 requests that follow each other, how many connector-1 gets, whose two connections are at work.
share_of_the_busy() {
  local before
  lab stop connector-2
  ask_slowly
  ask_slowly
  lab start connector-2
  await_metric cloud sevenstep_cloud_ready_connectors 2
  before=$(metric connector-1 sevenstep_connector_requests_total)
  for _ in {1..40}; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  share=$(($(metric connector-1 sevenstep_connector_requests_total) - before))
  let_go
}

@test "who is at work gets the next request by chance, if the lab says balancing: random, and else does not" {
  sign_in
  share_of_the_busy
  ((share == 0)) || fail "$share of 40"
  lab stop cloud
  printf 'connector_groups: {default: {balancing: random}}\n' >>"$SEVENSTEP_LAB"
  lab start cloud
  await_metric cloud sevenstep_cloud_ready_connections 4
  share_of_the_busy
  # By chance alone less than 5 or more than 35 of 40 come once in five million runs.
  ((share >= 5 && share <= 35)) || fail "$share of 40"
  sed -i '$d' "$SEVENSTEP_LAB"
}

@test "when all connectors of a group are full, users are told so until one is free" {
  lab down
  sed -i 's/connector_at_once: 4/connector_at_once: 2, user_at_once: 100/' "$SEVENSTEP_LAB"
  lab up
  sign_in
  get_until 4 connectors_full
  assert_status 503
  assert_page '<h1>Service unavailable</h1>'
  [[ $(agent_header Retry-After) == 5 && $(metric cloud sevenstep_cloud_full_total) == 1 ]]
  assert_trace_error connectors_full 3
  assert_reached_no_connector
  let_go
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
}

# The connectors keep what they began with.
@test "a connector refuses by itself what goes beyond its limit" {
  local n
  lab stop cloud
  sed -i 's/connector_at_once: 2/connector_at_once: 20/' "$SEVENSTEP_LAB"
  lab start cloud
  lab stop connector-2
  sign_in
  for n in {1..3}; do ask_slowly; done
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 503
  assert_error connectors_full
  [[ $(agent_header Retry-After) == 5 && $(metric cloud sevenstep_cloud_full_total) == 1 ]]
  assert_trace_error connectors_full 3
  (($(metric connector-1 sevenstep_connector_refused_total) >= 1))
  [[ $(metric connector-1 sevenstep_connector_in_flight) == 3 ]]
}
