#!/usr/bin/env bats
# What an error page or ./sevenstep tells to do is done, while the lab runs, and helps.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

# refused USER ERROR: at the logon.
refused() {
  open_logon
  agent_logon "$1@sevenstep.test" "$1-password"
  assert_error "$2"
}

# follow COMMAND SED-SCRIPT: does what the page says, COMMAND being how that begins, with the names filled in.
follow() {
  local words
  words=$(grep -oE "\./sevenstep $1[^< ]*( [A-Za-z_+=.-]*=[^< ]*)?" "$agent_body" | sed "$2")
  [[ -n $words ]] || fail "the page tells no $1"
  # shellcheck disable=SC2086
  lab ${words#./sevenstep }
}

is_served() {
  agent_new "$BATS_TEST_TMPDIR/again"
  sign_in "${2:-$SEVENSTEP_APP_URL}" "$1@sevenstep.test"
}

@test "a disabled account, and one that has expired" {
  refused carol user_disabled
  follow 'user set NAME' 's/NAME/carol/'
  is_served carol
  lab user set carol expires=2020-01-01
  agent_new "$BATS_TEST_TMPDIR/carol"
  refused carol account_expired
  follow 'user set NAME' 's/NAME/carol/'
  is_served carol
}

@test "a user who is not assigned" {
  refused frank user_unassigned
  follow 'app set APPLICATION' 's/APPLICATION/hello/; s/NAME/frank/'
  is_served frank
}

@test "an application that is being worked on" {
  lab app set hello maintenance=true
  agent_get "$SEVENSTEP_APP_URL"
  assert_error maintenance
  follow 'app set NAME' 's/NAME/hello/'
  is_served alice
}

@test "an application that connectors may not delegate to" {
  agent_sign_in "$SEVENSTEP_FORBIDDEN_URL" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  assert_error not_allowed_to_delegate
  follow 'app set --delegate APPLICATION' 's/APPLICATION/vault/'
  is_served alice "$SEVENSTEP_FORBIDDEN_URL"
}

@test "logs of somebody who is not there" {
  run lab logs nobody
  [[ $status == 2 && $output == *'There are: '*connector-1*idp* ]] || fail "$status $output"
}

@test "a connector that cannot register anew" {
  mv "$SEVENSTEP_RUN/connector-1.sock" "$SEVENSTEP_RUN/kept"
  run lab connector register connector-1
  mv "$SEVENSTEP_RUN/kept" "$SEVENSTEP_RUN/connector-1.sock"
  [[ $status == 1 && $output == *"Its log tells why: SEVENSTEP_RUN="*"./sevenstep logs connector-1"* ]] || fail "$status $output"
}
