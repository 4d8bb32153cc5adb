#!/usr/bin/env bats
# The life of a connector under load: stopped, told to reconnect, killed. Requests are sent without a pause, and what users got
# is compared with how many requests the application itself counted.

load lib/lab
load lib/load

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  sign_in
  stopped=''
}
teardown() { [[ -z $stopped ]] || kill -CONT "$stopped"; }

@test "a connector keeps the connections that lab.yaml says, two each" {
  await_metric connector-1 sevenstep_connector_links 2
  await_metric connector-2 sevenstep_connector_links 2
  await_metric cloud sevenstep_cloud_ready_connections 4
  await_metric cloud sevenstep_cloud_ready_connectors 2
}

seen() {
  lab status --json | jq -r --arg name "$1" '.actors[] | select(.name == $name) | .seen'
}

@test "status tells which connectors the cloud sees" {
  [[ $(seen connector-1) == active && $(seen connector-2) == active && $(seen cloud) == null ]]
  lab stop connector-2
  [[ $(seen connector-1) == active && $(seen connector-2) == inactive ]]
  run lab status
  [[ $output == *connector-2*inactive* ]]
  lab stop cloud
  [[ $(seen connector-1) == null ]]
  run lab status
  [[ $output == *connector-1*'not ready'* ]]
  lab start cloud
  lab start connector-2
  [[ $(seen connector-2) == active ]]
  await_metric connector-1 sevenstep_connector_links 2
}

@test "SIGTERM: a request in progress is finished, new ones go to the other connector" {
  local before after
  lab stop connector-2
  curl -s --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$agent_jar" -o "$BATS_TEST_TMPDIR/slow" -w '%{http_code}' \
    "${SEVENSTEP_APP_URL}slow?ms=2500" >"$BATS_TEST_TMPDIR/status" 3>&- &
  slow=$!
  await_metric connector-1 sevenstep_connector_in_flight 1
  lab start connector-2
  await_metric cloud sevenstep_cloud_ready_connectors 2
  pid=$(pid_of connector-1)
  kill -TERM "$pid"
  await_metric cloud sevenstep_cloud_ready_connectors 1
  before=$(metric connector-2 sevenstep_connector_requests_total)
  for _ in 1 2 3 4; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  after=$(metric connector-2 sevenstep_connector_requests_total)
  ((after == before + 4))
  kill -0 "$pid"
  wait "$slow"
  [[ $(<"$BATS_TEST_TMPDIR/status") == 200 ]]
  grep -q 'This took a while' "$BATS_TEST_TMPDIR/slow"
  flock -w 5 "$SEVENSTEP_RUN/pid/connector-1.lock" true
  lab start connector-1
}

@test "a second SIGTERM ends the connector at once" {
  lab stop connector-2
  curl -s --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$agent_jar" -o /dev/null -w '%{http_code}' \
    "${SEVENSTEP_APP_URL}slow?ms=20000" >"$BATS_TEST_TMPDIR/status" 3>&- &
  slow=$!
  await_metric connector-1 sevenstep_connector_in_flight 1
  pid=$(pid_of connector-1)
  kill -TERM "$pid"
  await_metric connector-1 sevenstep_connector_links 0
  kill -TERM "$pid"
  flock -w 2 "$SEVENSTEP_RUN/pid/connector-1.lock" true
  wait "$slow"
  [[ $(<"$BATS_TEST_TMPDIR/status") == 50[24] ]]
  grep -q 'again: stopping at once' "$SEVENSTEP_RUN/log/connector-1.log"
  lab start connector-1
  lab start connector-2
}

@test "SIGHUP, to the only connector: new connections take the place of the old ones without one error" {
  local before
  lab stop connector-2
  load_start -X POST -d once
  load_await 50
  for _ in 1 2 3 4 5; do
    before=$(grep -c 'is leaving' "$SEVENSTEP_RUN/log/cloud.log" || true)
    kill -HUP "$(pid_of connector-1)"
    load_await 100
    until (($(grep -c 'is leaving' "$SEVENSTEP_RUN/log/cloud.log") >= before + 2)); do load_await 1; done
  done
  load_stop
  echo "# SIGHUP, 5 times (POST): $sent sent, $((sent - good)) failed, $arrived arrived" >&3
  ((good == sent && arrived == sent && sent >= 500))
  await_metric connector-1 sevenstep_connector_links 2
  lab start connector-2
}

@test "rolling restart of both connectors: no error, and every request arrives once" {
  local name
  load_start -X POST -d once
  load_await 50
  for name in connector-1 connector-2; do
    lab stop "$name"
    load_await 50
    lab start "$name"
    load_await 50
  done
  load_stop
  echo "# rolling restart (POST): $sent sent, $((sent - good)) failed, $arrived arrived" >&3
  ((good == sent && arrived == sent))
}

@test "kill -9 under load: no idempotent request is lost; what arrives twice was sent again" {
  load_start
  load_await 50
  for _ in 1 2 3; do
    kill -KILL "$(pid_of connector-1)"
    load_await 100
    lab start connector-1
    load_await 100
  done
  load_stop
  echo "# kill -9, 3 times (GET): $sent sent, $((sent - good)) lost, $retried sent again, $arrived arrived" >&3
  ((good == sent && arrived >= sent && arrived <= sent + retried))
}

@test "kill -9 under load: what is not idempotent is never sent again" {
  load_start -X POST -d once
  load_await 50
  kill -KILL "$(pid_of connector-1)"
  load_await 100
  load_stop
  lab start connector-1
  echo "# kill -9 (POST): $sent sent, $((sent - good)) told that the connector was lost, $retried sent again, $arrived arrived" >&3
  ((retried == 0 && arrived >= good && arrived <= sent && sent - good <= 16))
  refute grep -vE '^(200|502) 0 ' "$results"
}

# As a network that dies without a word: its kernel still takes what it is sent.
@test "a connector that hangs under load: no idempotent request is lost, and it comes back" {
  local gone
  load_start
  load_await 50
  gone=$(grep -c 'connector-1 is gone' "$SEVENSTEP_RUN/log/cloud.log" || true)
  stopped=$(pid_of connector-1)
  kill -STOP "$stopped"
  until (($(grep -c 'connector-1 is gone' "$SEVENSTEP_RUN/log/cloud.log" || true) >= gone + 2)); do load_await 1; done
  load_await 50
  kill -CONT "$stopped"
  stopped=''
  await_metric cloud sevenstep_cloud_ready_connections 4
  load_await 50
  load_stop
  echo "# hung (GET): $sent sent, $((sent - good)) lost, $retried sent again, $arrived arrived" >&3
  ((good == sent && retried >= 1 && arrived >= sent && arrived <= sent + retried))
}
