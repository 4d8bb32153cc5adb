#!/usr/bin/env bats
# Two KDCs of one realm: either may stop or hang, and users come in through the other.

load lib/lab
load lib/load

setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" '/^kdc:/a\  replicas: 2'
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

first() { echo "127.0.0.1:$SEVENSTEP_KDC_PORT"; }
second() { echo "127.0.0.1:$((SEVENSTEP_PORT_BASE + 14))"; }

# signal ACTOR SIGNAL: to its krb5kdc.
signal() { kill "-$2" "$(pgrep -P "$(pid_of "$1")" krb5kdc)"; }

# Another user than before comes, whose ticket no connector has.
newcomer() {
  lab connector purge connector-1
  lab connector purge connector-2
  agent_new "$BATS_TEST_TMPDIR/bob"
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
}

# The trace names who answered in steps 4 and 5, and has that KDC's own lines.
answered_by() {
  assert_step_attribute 4 connector krb.kdc "$1"
  assert_step_attribute 5 kdc krb.kdc "$1"
  trace_json | jq -e '[.steps[].events[]? | select(.name == "kdc.log") | .text | select(contains("CONSTRAINED-DELEGATION"))] | length == 1' ||
    fail "the trace has not the KDC's lines of one exchange" "$(trace_tool show "$(agent_trace_id)")"
}

# Connectors ask first who answered last: back to the beginning.
connectors_anew() {
  local connector
  for connector in connector-1 connector-2; do
    lab stop "$connector"
    lab start "$connector"
  done
}

@test "two KDCs run on one database, and clients know both" {
  [[ $(lab status --json | jq -c '[.actors[] | select(.name | startswith("kdc")) | [.name, .state]]') == '[["kdc","ready"],["kdc-2","ready"]]' ]]
  [[ $(sed -n 's/^ *kdc = //p' "$KRB5_CONFIG" | xargs) == "$(first) $(second)" ]]
  grep -q '11 as they were; 0 keytabs written' "$SEVENSTEP_RUN/log/kdc-2.log" || grep -q '11 as they were; 0 keytabs written' "$SEVENSTEP_RUN/log/kdc.log"
  newcomer
  answered_by "$(first)"
}

@test "the first stops and starts: users with tickets do not notice, new ones come in through the second" {
  sign_in
  for _ in 1 2 3 4; do agent_get "$SEVENSTEP_APP_URL"; done
  load_start
  load_await 100
  lab stop kdc
  load_await 100
  newcomer
  answered_by "$(second)"
  lab start kdc
  load_await 100
  load_stop
  ((sent > 0 && good == sent)) || fail "$sent requests, $good answered 200"
}

@test "the first hangs, with its own log: a new user comes in, and who comes next is asked for at the second" {
  connectors_anew
  signal kdc STOP
  kill -STOP "$(pid_of kdc)"
  newcomer
  answered_by "$(second)"
  newcomer
  answered_by "$(second)"
  local pid
  read -r pid _ <"$SEVENSTEP_RUN/pid/kdc.lock"
  kill -CONT "$pid"
  signal kdc CONT
}

@test "the second stops: nobody needs it" {
  connectors_anew
  lab stop kdc-2
  newcomer
  answered_by "$(first)"
  lab start kdc-2
}

@test "changes and new keys reach the realm through the second while the first is stopped, and the first knows them" {
  lab stop kdc
  lab app add --delegate wiki 'external_url=https://wiki.apps.localhost:{cloud}/' \
    'internal_url=http://wiki.corp.sevenstep.test:{backend}/' 'connect=127.0.0.1:{backend}' \
    single_sign_on=kcd spn=HTTP/wiki.corp.sevenstep.test 'assigned_groups=[staff]'
  run lab rotate wiki
  [[ $status == 0 && $output == 'HTTP/wiki.corp.sevenstep.test: key version 2' ]]
  sign_in "https://wiki.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/"
  answered_by "$(second)"
  lab start kdc
  lab stop kdc-2
  lab connector purge connector-1
  lab connector purge connector-2
  agent_get "https://wiki.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/"
  assert_status 200
  answered_by "$(first)"
  assert_step_attribute 5 kdc krb.service.kvno 2
  lab start kdc-2
  lab app remove wiki
}

@test "wrong passwords at either count together" {
  admin() { KRB5_KDC_PROFILE=$SEVENSTEP_RUN/kdc/kdc.conf PATH=$PATH:/usr/sbin:/sbin kadmin.local -q "$*"; }
  admin addpol -maxfailure 2 -failurecountinterval 0 -lockoutduration 0 two-tries
  admin modprinc -policy two-tries bob
  kinit -c "$BATS_TEST_TMPDIR/none" bob <<<wrong || true
  lab stop kdc
  kinit -c "$BATS_TEST_TMPDIR/none" bob <<<wrong || true
  lab start kdc
  lab connector purge connector-1
  lab connector purge connector-2
  agent_sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test bob-password
  assert_error user_revoked
  admin modprinc -unlock -clearpolicy bob
}

@test "the doctor passes with one of them, and says which is away" {
  lab stop kdc
  run lab doctor
  [[ $status == 0 && $output == *"1 of 2 KDCs answers; $(first) refuses"* ]]
  lab start kdc
}

@test "both stop: then nobody new comes in" {
  lab stop kdc
  lab stop kdc-2
  lab connector purge connector-1
  lab connector purge connector-2
  agent_sign_in "$SEVENSTEP_APP_URL" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  assert_error kdc_unreachable
  run lab rotate hello
  [[ $status == 6 ]]
  lab start kdc-2
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  lab start kdc
}

@test "there is no third, and no replica of a realm that has one KDC" {
  run lab start kdc-3
  [[ $status == 2 ]]
  run "${SEVENSTEP_BIN:-$lab_top/build/release/bin}/sevenstep-kdc" kdc-3 -c "$SEVENSTEP_LAB" -r "$SEVENSTEP_RUN"
  [[ $status == 3 && $output == *'kdc.replicas is 2, there is no kdc-3'* ]]
}

@test "two KDCs on one directory" {
  lab down
  sed -i '/^kdc:/a\  database: ldap' "$SEVENSTEP_LAB"
  if ! lab up 2>"$BATS_TEST_TMPDIR/up"; then
    grep -q 'is not installed\|kerberos.schema' "$BATS_TEST_TMPDIR/up" && skip "$(grep -o '[^ ]* is not installed.*\|there is no [^ ]*kerberos.schema' "$BATS_TEST_TMPDIR/up")"
    cat "$BATS_TEST_TMPDIR/up" >&2
    return 1
  fi
  lab stop kdc
  newcomer
  answered_by "$(second)"
}
