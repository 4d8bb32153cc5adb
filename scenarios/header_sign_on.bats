#!/usr/bin/env bats
# Header-based single sign-on: the application knows its user by header fields that only the proxy can set. No Kerberos.

load lib/lab

setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" 's/display_name: Bob/display_name: Bøb 100%/
/^  public:/i\  people:\n    external_url: https://people.apps.localhost:{cloud}/\n    internal_url: http://people.corp.sevenstep.test:{backend}/\n    connect: 127.0.0.1:{backend}\n    single_sign_on: header\n    headers: {X-User: upn, X-Display-Name: name, Account: sub, X-Groups: groups}\n    bearer_access: true\n    assigned_groups: [staff]\n'
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  people=https://people.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))
}

# field NAME: its values as the application got them, in any spelling, one a line.
field() {
  jq -r --arg name "$1" '.request.fields[] | select((.[0] | ascii_downcase | gsub("_"; "-")) == $name) | .[1]' "$agent_body"
}

@test "the application is told who the user is, without a ticket" {
  sign_in "$people/echo" alice@sevenstep.test
  agent_get "$people/echo" -H 'Accept: application/json'
  assert_status 200
  [[ $(field x-user) == alice@sevenstep.test && $(field x-display-name) == Alice && $(field account) == alice ]]
  [[ $(field x-groups) == staff ]]
  [[ $(jq -r .ticket "$agent_body") == null ]]
  assert_steps "3 6 7"
}

@test "all groups, joined by commas; what is not printable ASCII is percent-encoded" {
  sign_in "$people/echo" bob@sevenstep.test
  agent_get "$people/echo" -H 'Accept: application/json'
  [[ $(field x-groups) == staff,auditors ]]
  [[ $(field x-display-name) == 'B%C3%B8b 100%25' ]]
}

@test "users cannot send these fields themselves, in no spelling" {
  sign_in "$people/echo" alice@sevenstep.test
  agent_get "$people/echo" -H 'Accept: application/json' -H 'X-User: mallory' -H 'x_user: mallory' -H 'X_USER: mallory' \
    -H 'X-GROUPS: auditors' -H 'X_Groups: auditors' -H 'x-display_name: Mallory' -H 'account: mallory' \
    -H 'X.User: mallory' -H 'x!groups: mallory'
  assert_status 200
  [[ $(field x-user) == alice@sevenstep.test && $(field x-groups) == staff && $(field x-display-name) == Alice ]]
  [[ $(field account) == alice ]]
  refute grep -qi mallory "$agent_body"
}

@test "the session's cookie carries no more than it needs, and is small" {
  sign_in "$people/echo" bob@sevenstep.test
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  ((${#cookie} < 1024))
}

@test "an application with header fields needs a logon, and fields" {
  lab_edit "$BATS_TEST_TMPDIR/lab.yaml" '/^    preauthentication: passthru/a\    single_sign_on: header\n    headers: {X-User: upn}'
  SEVENSTEP_LAB=$BATS_TEST_TMPDIR/lab.yaml run lab check
  [[ $status == 3 && $output == *"single_sign_on: needs preauthentication"* ]]
}
