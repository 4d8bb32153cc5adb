#!/usr/bin/env bats
# ./sevenstep doctor on a whole lab, and on one that is broken in many ways: the first failure it names is the cause. Where
# the mending command is kadmin's, the test types what the doctor printed, and then all is well.

load lib/lab
load lib/doctor

setup_file() {
  lab_start
  export KRB5_KDC_PROFILE=$SEVENSTEP_RUN/kdc/kdc.conf
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

@test "a whole lab: everything passes, for either connector and application" {
  run lab doctor
  [[ $status == 0 ]]
  [[ $output == *'16 passed, 0 failed, 0 skipped.'* ]]
  diagnose --connector connector-2 --app ledger
  assert_well 16
}

@test "the connector asks the doctor about a user by itself, with its own name, keytab and lab" {
  connector=("${SEVENSTEP_BIN:-$lab_top/build/release/bin}/sevenstep-connector" -c "$SEVENSTEP_LAB" -r "$SEVENSTEP_RUN")
  run "${connector[@]}" -i connector-2 --diagnose alice@sevenstep.test
  [[ $status == 0 ]]
  [[ $output == *'HTTP/connector-2.corp.sevenstep.test'* ]]
  run "${connector[@]}" -i connector-1 --diagnose bob@sevenstep.test HTTP/ledger.corp.sevenstep.test
  [[ $status == 0 ]]
  [[ $output == *'HTTP/ledger.corp.sevenstep.test'* ]]
  run "${connector[@]}" -i connector-1 --diagnose alice@sevenstep.test HTTP/vault.corp.sevenstep.test
  [[ $status == 1 ]]
  [[ $output == *not_allowed_to_delegate* ]]
  report=$("${connector[@]}" -i connector-1 --diagnose alice@sevenstep.test --json)
  assert_well 16
  report=$("${connector[@]}" --json -i connector-1 --diagnose alice@sevenstep.test HTTP/vault.corp.sevenstep.test) && fail "exit code 0"
  assert_first s4u2proxy not_allowed_to_delegate 'HTTP/vault.corp.sevenstep.test is not in its list'
  run "${connector[@]}" --help
  [[ $output == *'usage: '*'-i NAME --diagnose USER [SPN] [--json]'* ]]
  run "${connector[@]}" -i connector-1 --diagnose --json
  [[ $status == 2 && $output == *'the UPN of a user is missing'* ]]
  run "${connector[@]}" --diagnose alice@sevenstep.test -i
  [[ $status == 2 && $output == *'-c, -r and -i need a value'* ]]
  run "${connector[@]}" -i connector-1 --diagnose alice@sevenstep.test -n
  [[ $status == 2 && $output == *'goes with -c, -r, -i and --json only'* ]]
  run "${connector[@]}" --diagnose alice@sevenstep.test
  [[ $status == 2 && $output == *'-i NAME is required'* ]]
  run "${connector[@]}" -i connector-1 --diagnose
  [[ $status == 2 && $output == *'the UPN of a user is missing'* ]]
}

@test "a real domain: everything is given, no lab file is needed" {
  diagnose --krb5-conf "$KRB5_CONFIG" --keytab "$SEVENSTEP_KEYTABS/connector-1.keytab" --realm "$SEVENSTEP_REALM" \
    --principal HTTP/connector-1.corp.sevenstep.test --user alice@sevenstep.test --spn HTTP/hello.corp.sevenstep.test
  jq -e '.ok and .passed == 13 and .skipped == 3' <<<"$report"
}

@test "unknown options and missing ones are refused with code 2, a wrong name in the lab file with 3" {
  run lab doctor --foo
  [[ $status == 2 && $output == *'--foo: unknown option'* ]]
  run lab doctor --user
  [[ $status == 2 && $output == *'--user: a value is missing'* && $output != *unknown* ]]
  run lab doctor --realm A.TEST
  [[ $status == 2 ]]
  run lab doctor --app nothing
  [[ $status == 3 ]]
}

@test "a krb5.conf that is not there is an error, and not an empty one" {
  run lab doctor --krb5-conf "$BATS_TEST_TMPDIR/none"
  [[ $status == 3 && $output == *"krb5.conf cannot be read: $BATS_TEST_TMPDIR/none: No such file"* ]] || fail "$output"
  # Of a list one is enough, as for libkrb5.
  diagnose --krb5-conf "$BATS_TEST_TMPDIR/none:$KRB5_CONFIG"
  assert_well 16
}

@test "the KDC is stopped" {
  lab stop kdc
  diagnose
  lab start kdc
  assert_first kdc-udp kdc_unreachable 'Nothing listens'
}

@test "the KDC is stalled: known after two seconds a probe" {
  local kdc before=$SECONDS
  kdc=$(pgrep -P "$(lab status --json | jq -r '.actors[] | select(.name == "kdc") | .pid')" krb5kdc)
  kill -STOP "$kdc"
  diagnose
  kill -CONT "$kdc"
  ((SECONDS - before <= 6))
  assert_first kdc-udp kdc_timeout 'does not answer'
}

@test "krb5.conf names a KDC that has no address" {
  krb5_conf 's/kdc = 127.*/kdc = kdc.invalid:88/'
  diagnose --krb5-conf "$BATS_TEST_TMPDIR/krb5.conf"
  assert_first names kdc_unreachable 'no address'
}

@test "the keytab is absent" {
  diagnose --keytab "$BATS_TEST_TMPDIR/none"
  assert_first keytab connector_credential 'no keytab at this path'
}

@test "the keytab is no keytab" {
  echo nonsense >"$BATS_TEST_TMPDIR/keytab"
  diagnose --keytab "$BATS_TEST_TMPDIR/keytab"
  assert_first keytab connector_credential 'cannot be read'
}

@test "the keytab is somebody else's" {
  diagnose --keytab "$SEVENSTEP_KEYTABS/connector-2.keytab"
  assert_first keytab connector_credential 'no key of HTTP/connector-1'
}

@test "the keytab's key was changed since" {
  cp "$SEVENSTEP_KEYTABS/connector-2.keytab" "$BATS_TEST_TMPDIR/keytab"
  admin 'cpw -randkey HTTP/connector-2.corp.sevenstep.test'
  diagnose --connector connector-2 --keytab "$BATS_TEST_TMPDIR/keytab"
  assert_first as connector_credential 'not the one that the KDC has'
  mend
  diagnose --connector connector-2 --keytab "$BATS_TEST_TMPDIR/keytab"
  assert_well 16
}

@test "krb5.conf permits none of the keytab's encryption types" {
  krb5_conf 's/permitted_enctypes = .*/permitted_enctypes = camellia256-cts-cmac/'
  diagnose --krb5-conf "$BATS_TEST_TMPDIR/krb5.conf"
  assert_first enctypes no_common_enctype 'no encryption type in common'
}

@test "the connector's account is disabled" {
  admin 'modprinc -allow_tix HTTP/connector-1.corp.sevenstep.test'
  diagnose
  assert_first as connector_credential 'disabled or locked'
  mend
  diagnose
  assert_well 16
}

@test "the connector's account has expired" {
  admin 'modprinc -expire yesterday HTTP/connector-1.corp.sevenstep.test'
  diagnose
  assert_first as connector_credential 'expired'
  mend
  diagnose
  assert_well 16
}

@test "the connector's account is not there" {
  admin 'addprinc -randkey HTTP/ghost.corp.sevenstep.test'
  admin "ktadd -k $BATS_TEST_TMPDIR/keytab HTTP/ghost.corp.sevenstep.test"
  admin 'delprinc -force HTTP/ghost.corp.sevenstep.test'
  diagnose --principal HTTP/ghost.corp.sevenstep.test --keytab "$BATS_TEST_TMPDIR/keytab"
  assert_first as connector_credential "does not know the connector's principal"
}

@test "the user's name cannot be mapped" {
  diagnose --user 'a/b@sevenstep.test'
  assert_first s4u2self name_malformed 'cannot be mapped'
}

@test "the user is not there" {
  diagnose --user nobody@sevenstep.test
  assert_first s4u2self user_unknown_to_kdc 'no account nobody'
}

@test "the user is disabled" {
  admin 'modprinc -allow_tix alice'
  diagnose
  assert_first s4u2self user_revoked 'disabled or locked'
  mend
  diagnose
  assert_well 16
}

@test "the user's account has expired" {
  admin 'modprinc -expire yesterday bob'
  diagnose --user bob@sevenstep.test
  assert_first s4u2self user_expired 'has expired'
  mend
  diagnose --user bob@sevenstep.test
  assert_well 16
}

@test "the user is sensitive; told apart from a connector without protocol transition" {
  diagnose --user dave@sevenstep.test
  assert_first forwardable evidence_not_forwardable 'account is sensitive'
  mend
  diagnose --user dave@sevenstep.test
  assert_well 16
  admin 'modprinc -allow_forwardable dave'
}

@test "the connector may not use protocol transition; told apart from a sensitive user" {
  admin 'modprinc -ok_to_auth_as_delegate HTTP/connector-1.corp.sevenstep.test'
  diagnose
  assert_first forwardable evidence_not_forwardable 'may not use protocol transition'
  mend
  diagnose
  assert_well 16
}

@test "the connector's own ticket is not forwardable" {
  admin 'modprinc -allow_forwardable HTTP/connector-1.corp.sevenstep.test'
  diagnose
  assert_first forwardable evidence_not_forwardable "connector's own ticket"
  mend
  diagnose
  assert_well 16
}

@test "krb5.conf does not ask for forwardable tickets: no harm, the connector asks by itself" {
  krb5_conf 's/forwardable = true/forwardable = false/'
  diagnose --krb5-conf "$BATS_TEST_TMPDIR/krb5.conf"
  assert_well 16
}

@test "the connector may not delegate to this application" {
  diagnose --app vault
  assert_first s4u2proxy not_allowed_to_delegate 'HTTP/vault.corp.sevenstep.test is not in its list'
}

@test "the application's service principal is not there" {
  diagnose --spn HTTP/ghost.corp.sevenstep.test
  assert_first s4u2proxy spn_unknown_to_kdc 'does not know'
  # Nobody knows where it would be; another application's answer says nothing about it.
  jq -e '.findings[] | select(.check == "application") | .outcome == "skip" and (.what | contains("no URL is known of HTTP/ghost"))' <<<"$report"
}

@test "the application is stopped" {
  lab stop backend
  diagnose
  lab start backend
  assert_first application backend_unreachable 'cannot be reached'
}

@test "something else answers at the application's address" {
  diagnose --connect "127.0.0.1:$((SEVENSTEP_PORT_BASE + 7))"
  assert_first application backend_refused_ticket 'does not ask for Kerberos'
}

@test "the application's key was changed since it got its keytab" {
  admin 'cpw -randkey HTTP/ledger.corp.sevenstep.test'
  diagnose --app ledger
  assert_first ticket backend_refused_ticket 'lacks the current key'
}
