#!/usr/bin/env bats
# What a change of the lab takes from a user is taken at once, from what he has, too: his sessions, and his tickets at the connectors.

load lib/lab
load lib/load

setup_file() {
  cp "$lab_top/lab.yaml" "$BATS_FILE_TMPDIR/lab.yaml"
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
  lab stop connector-2
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  ledger=https://ledger.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
  lab connector purge connector-1
}

# as NAME: from now on the agent is this user's.
as() { agent_jar=$BATS_TEST_TMPDIR/$1; }

# The provider knows the browser no more: it asks for the password.
logon_again() {
  open_logon
  agent_logon alice@sevenstep.test "$1"
}

# Both have a session and a ticket.
sign_in_two() {
  as bob
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  as alice
  sign_in
  await_metric connector-1 sevenstep_connector_cached_tickets 2
}

# Bob has noticed nothing: his session is there, and his ticket.
assert_bob_goes_on() {
  as bob
  agent_get "$SEVENSTEP_APP_URL" -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01'
  assert_status 200
  assert_step_attribute 4 connector krb.cache hit
}

@test "disabled: sessions and tickets end at once, and come back neither by a restart nor by enabling" {
  sign_in_two
  lab user set alice enabled=false
  await_metric connector-1 sevenstep_connector_cached_tickets 1
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  logon_again alice-password
  assert_error user_disabled
  run lab user list
  [[ $output == *'alice            disabled  alice@sevenstep.test'* ]]
  assert_bob_goes_on
  as alice
  lab user set alice enabled=
  lab stop cloud
  lab start cloud
  await_metric cloud sevenstep_cloud_ready_connections 2
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  logon_again alice-password
  agent_post_token
  assert_status 200
  assert_step_attribute 4 connector krb.cache miss
}

@test "expired by a change: the same" {
  sign_in_two
  lab user set alice expires=2020-01-01
  await_metric connector-1 sevenstep_connector_cached_tickets 1
  lab user set alice expires=
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  open_logon
  assert_bob_goes_on
}

@test "another password: all that the old one began ends, and the new one is asked for" {
  sign_in_two
  lab user set alice password=brand-new-password
  await_metric connector-1 sevenstep_connector_cached_tickets 1
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  logon_again alice-password
  assert_error wrong_password
  agent_logon alice@sevenstep.test brand-new-password
  agent_post_token
  assert_status 200
  assert_bob_goes_on
  as alice
  lab user set alice password=alice-password
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
}

@test "another password while the cloud is stopped: it is said what is left to do" {
  sign_in
  lab stop cloud
  run lab user set alice password=brand-new-password
  [[ $status == 0 && $output == *'sessions of alice@sevenstep.test'*'revoke alice@sevenstep.test'* ]]
  lab start cloud
  await_metric cloud sevenstep_cloud_ready_connections 2
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  lab revoke alice@sevenstep.test
  lab user set alice password=alice-password
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
}

@test "no more assigned to an application: it is closed, and the others ask the KDC again" {
  lab app set hello assigned_users+=frank
  lab app set ledger assigned_users+=frank
  sign_in "$SEVENSTEP_APP_URL" frank@sevenstep.test
  agent_open "$ledger"
  assert_status 200
  await_metric connector-1 sevenstep_connector_cached_tickets 2
  lab app set hello assigned_users-=frank
  await_metric connector-1 sevenstep_connector_cached_tickets 0
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  agent_open "$SEVENSTEP_APP_URL"
  assert_error user_unassigned
  agent_get "$ledger" -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319e-b7ad6b7169203331-01'
  assert_status 200
  assert_step_attribute 4 connector krb.cache miss
  lab app set ledger assigned_users-=frank
}

@test "out of a group, in the lab file: in force with the next change" {
  sign_in_two
  sed -i 's/staff: \[alice, /staff: [/' "$SEVENSTEP_LAB"
  lab app set hello title=Hallo
  await_metric connector-1 sevenstep_connector_cached_tickets 1
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  sed -i 's/staff: \[/staff: [alice, /' "$SEVENSTEP_LAB"
  lab app set hello title=
  assert_bob_goes_on
}

@test "sensitive: the ticket of before is not used any more" {
  sign_in_two
  lab user set alice sensitive=true
  await_metric connector-1 sevenstep_connector_cached_tickets 1
  agent_get "$SEVENSTEP_APP_URL"
  assert_error evidence_not_forwardable
  lab user set alice sensitive=
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  assert_bob_goes_on
}

@test "what takes nothing from anybody leaves sessions and tickets alone" {
  sign_in_two
  lab user set alice display_name=Alicia
  lab app set ledger title=Ledgers
  agent_get "$SEVENSTEP_APP_URL" -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319f-b7ad6b7169203331-01'
  assert_status 200
  assert_step_attribute 4 connector krb.cache hit
  assert_bob_goes_on
  lab user set alice display_name=
  lab app set ledger title=
}

@test "a user is added, signs in, and is removed with all that he has" {
  lab user add zoe upn=zoe@sevenstep.test password=zoe-password
  lab app set hello assigned_users+=zoe
  sign_in "$SEVENSTEP_APP_URL" zoe@sevenstep.test
  run lab user remove zoe
  [[ $status == 3 && $output == *'there is no user "zoe"'* ]]
  lab app set hello assigned_users-=zoe
  lab user remove zoe
  await_metric connector-1 sevenstep_connector_cached_tickets 0
  agent_open "$SEVENSTEP_APP_URL"
  assert_status 200
  agent_has_form
  run lab user list
  [[ $output != *zoe* ]]
}

@test "user says what is wrong" {
  run lab user
  [[ $status == 2 && $output == *'expected list, add, set or remove'* ]]
  run lab user set nobody enabled=false
  [[ $status == 3 ]]
  run lab user set alice colour=red
  [[ $status == 3 && $output == *colour* ]]
}
