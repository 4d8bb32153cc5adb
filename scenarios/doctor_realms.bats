#!/usr/bin/env bats
# ./sevenstep doctor where user or application are of the partner's realm: the way there, the trust both ways, and what is permitted
# across. Each is broken, and the first failure that it names is the cause.

load lib/lab
load lib/doctor

setup_file() {
  lab_start "$lab_top/scenarios/matrix/lab.yaml"
  export KRB5_KDC_PROFILE=$SEVENSTEP_RUN/kdc/kdc.conf
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

readonly there=krbtgt/PARTNER.SEVENSTEP.TEST@CORP.SEVENSTEP.TEST back=krbtgt/CORP.SEVENSTEP.TEST@PARTNER.SEVENSTEP.TEST

partner_admin() { KRB5_KDC_PROFILE=$SEVENSTEP_RUN/partner-kdc/kdc.conf PATH=$PATH:/usr/sbin:/sbin kadmin.local -r PARTNER.SEVENSTEP.TEST -q "$1"; }

# Both realms as the lab file has them.
provision() {
  local side
  for side in '' partner; do "$SEVENSTEP_BIN/sevenstep-kdc" $side provision -c "$SEVENSTEP_LAB" -r "$SEVENSTEP_RUN"; done
}

# assert_mended: a partner's user at a partner's application.
assert_mended() {
  provision
  diagnose --app abroad --user pat@partner.test
  assert_well 21
}

@test "two whole realms: everything passes, for all combinations of user and application" {
  diagnose --app shared
  assert_well 16
  diagnose --app abroad
  assert_well 20
  diagnose --app shared --user pat@partner.test
  assert_well 21
  assert_mended
}

@test "a connector that is a member of the partner's realm: to it, we are the other one" {
  diagnose --app theirs --user pat@partner.test
  assert_well 16
  jq -e '.findings[] | select(.check == "as") | .what | contains("HTTP/partners.partner.sevenstep.test")' <<<"$report"
  diagnose --app theirs
  assert_well 21
  diagnose --app lent
  assert_well 21
  diagnose --app lent --user pat@partner.test
  assert_well 20
}

@test "the connector asks the doctor about a partner's user by itself" {
  run "${SEVENSTEP_BIN:-$lab_top/build/release/bin}/sevenstep-connector" -c "$SEVENSTEP_LAB" -r "$SEVENSTEP_RUN" -i resource-based \
    --diagnose pat@partner.test HTTP/abroad.partner.sevenstep.test
  [[ $status == 0 ]]
  [[ $output == *'a ticket of pat@PARTNER.SEVENSTEP.TEST for HTTP/abroad.partner.sevenstep.test'* ]]
}

@test "a real domain: the realms are given, no lab file is needed; one besides the connector's at a time" {
  local domain=(--krb5-conf "$KRB5_CONFIG" --keytab "$SEVENSTEP_KEYTABS/resource-based.keytab" --realm CORP.SEVENSTEP.TEST
    --principal HTTP/resource-based.corp.sevenstep.test --user pat@partner.test --user-realm PARTNER.SEVENSTEP.TEST
    --spn HTTP/abroad.partner.sevenstep.test)
  diagnose "${domain[@]}" --app-realm PARTNER.SEVENSTEP.TEST
  jq -e '.ok and .passed == 18 and .skipped == 3' <<<"$report"
  run lab doctor "${domain[@]}" --app-realm THIRD.TEST
  [[ $status == 3 && $output == *'PARTNER.SEVENSTEP.TEST and THIRD.TEST: examine one at a time'* ]]
}

@test "krb5.conf names no KDC of the other realm" {
  krb5_conf '/PARTNER.SEVENSTEP.TEST = \{/,/\}/d'
  diagnose --app shared --user pat@partner.test --krb5-conf "$BATS_TEST_TMPDIR/krb5.conf"
  assert_first other-names kdc_unreachable 'no KDC of PARTNER.SEVENSTEP.TEST'
}

@test "the other realm's KDC is stopped; users at home do not notice" {
  lab stop partner-kdc
  diagnose --app shared --user pat@partner.test
  assert_first other-kdc kdc_unreachable 'Nothing listens'
  diagnose --app shared
  assert_well 16
  lab start partner-kdc
  assert_mended
}

@test "the realm has no trust with the other one" {
  admin "delprinc -force $there"
  diagnose --app shared --user pat@partner.test
  assert_first trust realm_trust 'has no trust with PARTNER.SEVENSTEP.TEST'
  assert_mended
}

@test "the realms have different keys for the way there; the user's page says so, too" {
  admin "cpw -pw another $there"
  diagnose --app abroad
  assert_first trust-key realm_trust 'does not accept the ticket of ours'
  lab stop resource-based
  lab start resource-based
  agent_sign_in "$("$SEVENSTEP_BIN/sevenstep-lab" -c "$SEVENSTEP_LAB" list applications | sed -n 's/^shared //p')" pat@partner.test pat-password
  assert_status 502
  assert_error realm_trust
  assert_trace_error realm_trust 4
  assert_mended
}

@test "the other realm does not know the way there" {
  partner_admin "delprinc -force $there"
  diagnose --app shared --user pat@partner.test
  assert_first trust-key realm_trust 'it has no krbtgt/PARTNER.SEVENSTEP.TEST@CORP.SEVENSTEP.TEST'
  assert_mended
}

@test "the key is the same, but not its version" {
  admin "modprinc -kvno 7 $there"
  diagnose --app abroad
  assert_first trust-key realm_trust 'or with another key or key version'
  assert_mended
}

@test "the trust goes one way: the other realm cannot vouch for its users" {
  partner_admin "delprinc -force $back"
  diagnose --app shared --user pat@partner.test
  assert_first trust-back realm_trust 'its users cannot be vouched for'
  # Our users do not need it.
  diagnose --app abroad
  assert_well 20
  assert_mended
}

@test "the realms have different keys for the way back" {
  partner_admin "cpw -pw another $back"
  diagnose --app shared --user pat@partner.test
  assert_first s4u2self realm_trust 'with which PARTNER.SEVENSTEP.TEST vouches for its user'
  assert_mended
}

@test "the other realm's user is disabled there" {
  partner_admin 'modprinc -allow_tix pat'
  diagnose --app shared --user pat@partner.test
  assert_first s4u2self user_revoked 'disabled or locked'
  [[ $(jq -r .first.fix.mit <<<"$report") == *'+allow_tix -unlock pat@PARTNER.SEVENSTEP.TEST'* ]]
  assert_mended
}

@test "across realms the connector's own list permits nothing; what the doctor says to type there does" {
  diagnose --app abroad-listed
  assert_first s4u2proxy not_allowed_to_delegate "only the application's own list permits"
  partner_admin "$(jq -r .first.fix.mit <<<"$report" | sed "s/.*kadmin -q '//; s/'$//")"
  diagnose --app abroad-listed
  assert_well 20
  provision
}

@test "the connector's KDC does not know in which realm the application's host is" {
  mkdir "$BATS_TEST_TMPDIR/kdc"
  krb5_conf '/partner.sevenstep.test = /d'
  printf '#!/bin/bash\nPATH=/usr/sbin:/sbin:/usr/bin\nKRB5_CONFIG=%s exec krb5kdc "$@"\n' "$BATS_TEST_TMPDIR/krb5.conf" >"$BATS_TEST_TMPDIR/kdc/krb5kdc"
  chmod +x "$BATS_TEST_TMPDIR/kdc/krb5kdc"
  lab stop kdc
  PATH=$BATS_TEST_TMPDIR/kdc:$PATH lab start kdc
  diagnose --app abroad
  assert_first s4u2proxy spn_unknown_to_kdc 'does not know that its host belongs there'
  lab stop kdc
  lab start kdc
  assert_mended
}

@test "the application's service principal is not in the other realm" {
  partner_admin 'delprinc -force HTTP/abroad.partner.sevenstep.test'
  diagnose --app abroad
  assert_first s4u2proxy spn_unknown_to_kdc "does not know the application's service principal"
}
