#!/usr/bin/env bats
# The home page: what a signed-in user may open, and nothing more.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  home=https://myapps.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))
}

@test "home: without a session it is the logon page, by steps 1 and 2" {
  open_logon "$home/"
  [[ $agent_url == *client_id=myapps* ]]
  agent_get "$home/" -H 'Accept: application/json'
  assert_status 401
  assert_error sign_in_required
}

@test "home: the user's applications, each with title and link, and nothing goes inside" {
  sign_in "$home/"
  assert_page 'Signed in as alice@sevenstep.test'
  assert_page "<a href=\"https://hello.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/\">Hello</a>"
  assert_page '>Vault</a>'
  [[ $(<"$agent_body") != *'Public notices'* ]]
  assert_steps "1 2 3"
}

@test "home: who is assigned to nothing sees that" {
  sign_in "$home/" frank@sevenstep.test
  assert_page 'No application is assigned to you'
}

@test "home: JSON for programs" {
  sign_in "$home/"
  agent_get "$home/" -H 'Accept: application/json'
  assert_status 200
  [[ $(agent_header Content-Type) == application/json ]]
  [[ $(jq -r '.user, (.applications[] | "\(.name) \(.title) \(.url)")' "$agent_body" | head -n 2) == \
    "alice@sevenstep.test"$'\n'"hello Hello https://hello.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/" ]]
}

@test "home: its session is none of an application's, nor theirs one of it" {
  sign_in "$home/"
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  agent_new "$BATS_TEST_TMPDIR/other"
  sign_in "$SEVENSTEP_APP_URL"
  agent_get "$home/"
  assert_status 302
}

@test "home: other paths and methods are refused" {
  sign_in "$home/"
  agent_get "$home/x"
  assert_status 404
  agent_request POST "$home/" -d x=y
  assert_status 405
}

@test "home: signing out ends it" {
  sign_in "$home/"
  agent_get "$home/.sevenstep/logout"
  assert_status 200
  agent_get "$home/"
  assert_status 302
}
