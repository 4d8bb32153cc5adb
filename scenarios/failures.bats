#!/usr/bin/env bats
# The table of Kerberos failures, each row made for real and met by a user: the page, the trace and the log name it, with its
# step, actor, evidence, Microsoft's event number, and the fix for MIT and for Active Directory.
# What other files show: a stopped KDC (outages), users without UPN (token_claims_refused).

load lib/lab

# One connector, so that a fault in its keytab is met for certain.
setup_file() {
  lab_start
  lab stop connector-2
  export KRB5_KDC_PROFILE=$SEVENSTEP_RUN/kdc/kdc.conf
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

connector=HTTP/connector-1.corp.sevenstep.test

admin() { PATH=$PATH:/usr/sbin:/sbin kadmin.local -q "$1"; }

# A connector that knows no ticket, neither its own nor anybody's.
restart_connector() {
  lab stop connector-1
  lab start connector-1
}

# meet USER [URL]: signs in, and is refused inside.
meet() { agent_sign_in "${2:-$SEVENSTEP_APP_URL}" "$1@sevenstep.test" "$1-password"; }

# assert_row ERROR STATUS STEP EVENT WHY KDC-LINE: what the user met; KDC-LINE may be empty, when no line tells.
assert_row() {
  local name=$1 status=$2 step=$3 event=$4 why=$5 line=$6 story
  assert_status "$status"
  assert_error "$name"
  assert_page MIT:
  assert_page AD:
  assert_page "<dd>$event</dd>"
  story=$(trace_json)
  jq -e --arg name "$name" --argjson step "$step" --argjson event "$event" --arg why "$why" \
    '.error | .name == $name and .step == $step and .event == $event and .actor == "connector" and (.why | contains($why))
       and (.fix | contains("MIT:") and contains("AD:"))' <<<"$story" >/dev/null || fail "$(jq .error <<<"$story")"
  [[ -z $line ]] || jq -e --arg line "$line" '[.steps[].events[]? | select(.name == "kdc.log") | .text | select(contains($line))] | length > 0' \
    <<<"$story" >/dev/null || fail "no line of the KDC has $line" "$story"
  grep -q "$name.*$(agent_trace_id)\|$(agent_trace_id).*$name" "$SEVENSTEP_RUN"/log/connector-1.log || fail "the connector's log does not tell" "$(tail -n 3 "$SEVENSTEP_RUN"/log/connector-1.log)"
}

@test "connector without protocol transition" {
  admin "modprinc -ok_to_auth_as_delegate $connector"
  meet alice
  admin "modprinc +ok_to_auth_as_delegate $connector"
  assert_row evidence_not_forwardable 403 4 13019 -1765328371 EVIDENCE_TKT_NOT_FORWARDABLE
}

@test "sensitive user" {
  meet dave
  assert_row evidence_not_forwardable 403 4 13019 -1765328371 EVIDENCE_TKT_NOT_FORWARDABLE
}

@test "target not in the connector's list" {
  meet alice "$SEVENSTEP_FORBIDDEN_URL"
  assert_row not_allowed_to_delegate 403 4 13019 -1765328371 NOT_ALLOWED_TO_DELEGATE
}

@test "target disabled" {
  admin 'modprinc -allow_tix HTTP/hello.corp.sevenstep.test'
  meet alice
  admin 'modprinc +allow_tix HTTP/hello.corp.sevenstep.test'
  assert_row spn_unknown_to_kdc 502 4 13020 -1765328377 'SERVER LOCKED OUT'
}

@test "target not in the database" {
  admin 'renprinc -force HTTP/hello.corp.sevenstep.test HTTP/elsewhere.corp.sevenstep.test'
  meet alice
  admin 'renprinc -force HTTP/elsewhere.corp.sevenstep.test HTTP/hello.corp.sevenstep.test'
  assert_row spn_unknown_to_kdc 502 4 13020 -1765328377 LOOKING_UP_SERVER
}

@test "user not in the database" {
  admin 'renprinc -force alice somebody'
  meet alice
  admin 'renprinc -force somebody alice'
  assert_row user_unknown_to_kdc 403 4 12027 -1765328378 UNKNOWN_S4U2SELF_PRINCIPAL
}

@test "user disabled in the directory alone" {
  admin 'modprinc -allow_tix alice'
  meet alice
  admin 'modprinc +allow_tix alice'
  assert_row user_revoked 403 4 12027 -1765328366 'CLIENT LOCKED OUT'
}

@test "user expired" {
  admin 'modprinc -expire yesterday alice'
  meet alice
  admin 'modprinc -expire never alice'
  assert_row user_expired 403 4 12027 -1765328383 'CLIENT EXPIRED'
}

@test "connector disabled" {
  admin "modprinc -allow_tix $connector"
  restart_connector
  meet alice
  admin "modprinc +allow_tix $connector"
  assert_row connector_credential 502 4 13019 -1765328366 'CLIENT LOCKED OUT'
}

@test "keytab absent" {
  local keytab=$SEVENSTEP_KEYTABS/connector-1.keytab
  mv "$keytab" "$keytab.away"
  restart_connector
  meet alice
  mv "$keytab.away" "$keytab"
  assert_row connector_credential 502 4 13019 'not found' ''
}

@test "keytab without the principal" {
  local keytab=$SEVENSTEP_KEYTABS/connector-1.keytab
  mv "$keytab" "$keytab.away"
  cp "$SEVENSTEP_KEYTABS/connector-2.keytab" "$keytab"
  restart_connector
  meet alice
  mv "$keytab.away" "$keytab"
  assert_row connector_credential 502 4 13019 -1765328203 ''
}

@test "keytab with an old key" {
  local keytab=$SEVENSTEP_KEYTABS/connector-1.keytab
  admin "cpw -randkey $connector"
  restart_connector
  meet alice
  rm "$keytab"
  admin "ktadd -k $keytab $connector"
  # Where the connector's principal needs no pre-authentication it is -1765328353 instead.
  assert_row connector_credential 502 4 13019 -1765328360 'PREAUTH_FAILED'
}

@test "no encryption type in common" {
  cp "$KRB5_CONFIG" "$BATS_TEST_TMPDIR/krb5.conf"
  sed -i 's/permitted_enctypes = .*/permitted_enctypes = camellia256-cts-cmac/' "$KRB5_CONFIG"
  restart_connector
  meet alice
  cp "$BATS_TEST_TMPDIR/krb5.conf" "$KRB5_CONFIG"
  restart_connector
  assert_row no_common_enctype 502 4 13019 '' ''
}

@test "KDC stalled: known in time" {
  local kdc before=$SECONDS
  kdc=$(pgrep -P "$(lab status --json | jq -r '.actors[] | select(.name == "kdc") | .pid')" krb5kdc)
  kill -STOP "$kdc"
  meet alice
  kill -CONT "$kdc"
  ((SECONDS - before <= 8))
  assert_row kdc_timeout 504 4 12027 -1765328228 ''
}

@test "application with an old key" {
  admin 'cpw -randkey HTTP/hello.corp.sevenstep.test'
  restart_connector
  meet alice
  assert_status 403
  assert_error backend_refused_ticket
  assert_page '<dd>13022</dd>'
  assert_page 'MIT:'
  assert_page 'AD:'
  assert_trace_error ticket_invalid 6
  trace_json | jq -e '.error | .actor == "backend" and .event == 13022 and (.why | contains("keytab is likely out of date"))'
}

@test "afterwards, with the application's new key, all is well: nothing was left behind" {
  admin "ktadd -norandkey -k $SEVENSTEP_KEYTABS/backend.keytab HTTP/hello.corp.sevenstep.test"
  lab stop backend
  lab start backend
  sign_in
  lab start connector-2
}
