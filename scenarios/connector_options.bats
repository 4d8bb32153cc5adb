#!/usr/bin/env bats
# What the lab file says of a connector, and of the one that an application wants: connections, connector_group.

load lib/lab
load lib/load

setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" 's/^  connector-1:$/&\n    connections: 3/; s/^  connector-2:$/&\n    connections: 1/'
  export UV_THREADPOOL_SIZE=1
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  public=https://public.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
}

connections_are() {
  await_metric connector-1 sevenstep_connector_links "$1"
  await_metric connector-2 sevenstep_connector_links "$2"
  await_metric cloud 'sevenstep_cloud_connector_connections{connector="connector-1",group="default"}' "$1"
  await_metric cloud 'sevenstep_cloud_connector_connections{connector="connector-2",group="default"}' "$2"
}

@test "connections: three of one connector, one of the other, also when they are replaced and after an outage" {
  connections_are 3 1
  local before
  before=$(grep -c 'is leaving' "$SEVENSTEP_RUN/log/cloud.log" || true)
  kill -HUP "$(pid_of connector-1)" "$(pid_of connector-2)"
  timeout 60 tail -n +1 -f "$SEVENSTEP_RUN/log/cloud.log" | grep -m $((before + 4)) 'is leaving' >/dev/null
  connections_are 3 1
  lab stop cloud
  lab start cloud
  connections_are 3 1
}

# Who waits for a KDC or an identity provider must not use up the workers.
@test "cloud and connectors have their workers, whatever UV_THREADPOOL_SIZE the environment has" {
  local name
  sign_in
  for name in cloud connector-1 connector-2; do
    (($(awk '$1 == "Threads:" { print $2 }' "/proc/$(pid_of "$name")/status") > 16)) || fail "$name"
  done
}

# served_by CONNECTOR...: how many requests they got, all together.
served_by() {
  local name sum=0
  for name; do sum=$((sum + $(metric "$name" sevenstep_connector_requests_total))); done
  printf '%d' "$sum"
}

@test "connector_group: the connectors of the group serve the application, and nobody else" {
  local of_branch of_default
  lab connector add connector-3 --group branch
  lab app set public connector_group=branch
  of_branch=$(served_by connector-3) of_default=$(served_by connector-1 connector-2)
  for _ in {1..10}; do
    agent_get "$public"
    assert_status 200
  done
  (($(served_by connector-3) == of_branch + 10 && $(served_by connector-1 connector-2) == of_default))
  sign_in
  (($(served_by connector-3) == of_branch + 10 && $(served_by connector-1 connector-2) > of_default))
}

@test "connector_group: without its connectors an application has none, whoever else is there" {
  local of_default
  lab stop connector-3
  of_default=$(served_by connector-1 connector-2)
  for _ in {1..5}; do
    agent_get "$public"
    assert_status 504
    assert_error no_connector
  done
  assert_trace_error no_connector 3
  assert_reached_no_connector
  (($(served_by connector-1 connector-2) == of_default))
  sign_in
  lab start connector-3
  agent_get "$public"
  assert_status 200
}

@test "connector_group: taken back, the application is everybody's again" {
  lab app set public connector_group=
  lab connector remove connector-3
  agent_get "$public"
  assert_status 200
}
