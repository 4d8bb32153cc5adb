#!/usr/bin/env bats
# The realm in a directory: OpenLDAP's slapd and MIT's own kldap, in place of db2 and the lab's module. What decides on delegation is
# then stock software, and what it decides by stands in the directory.

load lib/lab
load lib/load

setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" '/^kdc:/a\  database: ldap'
  lab_start "$BATS_FILE_TMPDIR/lab.yaml" && return
  # (bats 1.8 cannot skip from here.)
  why_skipped=$(grep -m 1 -oE '(slapd|MIT.s kldap) is not installed.*|there is no [^ ]*kerberos.schema.*' "$BATS_FILE_TMPDIR/up.log") || return 1
  export why_skipped
}
teardown_file() {
  [[ -z ${why_skipped-} ]] || return 0
  lab_stop
  # Nothing of it is left, and nothing in its way.
  [[ ! -e $SEVENSTEP_RUN/directory/ldapi ]]
}
setup() {
  [[ -z ${why_skipped-} ]] || skip "$why_skipped"
  agent_new "$BATS_TEST_TMPDIR/agent"
}

readonly connector=HTTP/connector-1.corp.sevenstep.test hello=HTTP/hello.corp.sevenstep.test vault=HTTP/vault.corp.sevenstep.test

admin() { KRB5_KDC_PROFILE=$SEVENSTEP_RUN/kdc/kdc.conf PATH=$PATH:/usr/sbin:/sbin kadmin.local -q "$*"; }

# attribute PRINCIPAL NAME: its values in the directory.
attribute() {
  ldapsearch -LLL -Q -o ldif-wrap=no -Y EXTERNAL -H "$SEVENSTEP_LDAP_URI" -b cn=kerberos "(krbPrincipalName=$1@$SEVENSTEP_REALM)" "$2" |
    sed -n "s/^$2: //p"
}

# targets VERB SPN: an administrator changes what connectors may delegate to, with nothing but LDAP.
targets() {
  local n
  for n in 1 2; do
    printf 'dn: krbPrincipalName=HTTP/connector-%s.corp.sevenstep.test@%s,cn=%s,cn=kerberos\nchangetype: modify\n%s: krbAllowedToDelegateTo\nkrbAllowedToDelegateTo: %s@%s\n' \
      "$n" "$SEVENSTEP_REALM" "$SEVENSTEP_REALM" "$1" "$2" "$SEVENSTEP_REALM" | ldapmodify -Q -Y EXTERNAL -H "$SEVENSTEP_LDAP_URI"
  done
}

forget_tickets() {
  lab connector purge connector-1
  lab connector purge connector-2
}

# refused USER ERROR [URL]
refused() {
  forget_tickets
  agent_new "$BATS_TEST_TMPDIR/$1"
  agent_sign_in "${3:-$SEVENSTEP_APP_URL}" "$1@sevenstep.test" "$1-password"
  assert_error "$2"
  assert_trace_error "$2" 4
}

slapd_pid() { pgrep -P "$(pid_of directory)" slapd; }

@test "the realm is in the directory, and in no file" {
  [[ $(attribute alice krbPrincipalName) == "alice@$SEVENSTEP_REALM" ]]
  [[ $(attribute "$connector" krbAllowedToDelegateTo | sort) == "$hello@$SEVENSTEP_REALM"$'\n'"HTTP/ledger.corp.sevenstep.test@$SEVENSTEP_REALM" ]]
  [[ -z $(attribute "$hello" krbAllowedToDelegateTo) ]]
  [[ ! -e $SEVENSTEP_RUN/kdc/principal ]]
  refute grep -q db_module_dir "$SEVENSTEP_RUN/kdc/kdc.conf"
}

@test "its only door is a socket in the run folder, for nobody but who runs the lab" {
  [[ $(ss -Hlnp | grep -c "pid=$(slapd_pid),") == 1 ]]
  [[ $(stat -c %a "$SEVENSTEP_RUN/directory") == 700 ]]
  # Who does not say who he is gets nothing.
  run ldapsearch -LLL -x -H "$SEVENSTEP_LDAP_URI" -b cn=kerberos
  [[ $status == 32 ]]
}

@test "the seven steps, with the tickets of MIT's KDC as it is" {
  sign_in "${SEVENSTEP_APP_URL}whoami.json"
  [[ $(jq -c '[.user, .ticket.delegated]' "$agent_body") == "[\"alice@$SEVENSTEP_REALM\",true]" ]] || fail "$(<"$agent_body")"
  assert_steps "1 2 3 4 5 6 7"
  trace_json | jq -e '[.steps[].events[]? | select(.name == "kdc.log") | .text | select(contains("CONSTRAINED-DELEGATION"))] | length > 0'
}

@test "the doctor passes it all" {
  run lab doctor
  [[ $status == 0 && $output == *' 0 failed, 0 skipped.'* ]]
}

@test "an application that is not in the connectors' lists, until an administrator adds it to the directory" {
  refused alice not_allowed_to_delegate "$SEVENSTEP_FORBIDDEN_URL"
  targets add "$vault"
  agent_get "$SEVENSTEP_FORBIDDEN_URL"
  assert_status 200
  targets delete "$vault"
  refused alice not_allowed_to_delegate "$SEVENSTEP_FORBIDDEN_URL"
}

@test "what the lab file says comes back with the KDC" {
  targets delete "$hello"
  refused alice not_allowed_to_delegate
  lab stop kdc
  lab start kdc
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
}

@test "a user who is sensitive" {
  refused dave evidence_not_forwardable
}

@test "a user who is disabled, who has expired, who is locked by wrong passwords" {
  admin modprinc -allow_tix bob
  refused bob user_revoked
  admin modprinc +allow_tix -expire yesterday bob
  refused bob user_expired
  admin modprinc -expire never bob
  admin addpol -maxfailure 1 -failurecountinterval 0 -lockoutduration 0 one-try
  admin modprinc -policy one-try bob
  kinit -c "$BATS_TEST_TMPDIR/none" bob <<<wrong || true
  [[ $(attribute bob krbLoginFailedCount) == 1 ]]
  refused bob user_revoked
  admin modprinc -unlock -clearpolicy bob
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
}

@test "new keys under load: no user notices" {
  sign_in
  load_start
  load_await 100
  run lab rotate hello
  [[ $status == 0 && $output == "$hello: key version 2" ]]
  lab rotate connector-1
  lab rotate connector-2
  forget_tickets
  load_await 100
  load_stop
  ((sent > 0 && good == sent)) || fail "$sent requests, $good answered 200" "$(grep -v '^200 0' "$results" | head)"
}

@test "an application is published and taken away while the lab runs" {
  lab app add --delegate wiki 'external_url=https://wiki.apps.localhost:{cloud}/' \
    'internal_url=http://wiki.corp.sevenstep.test:{backend}/' 'connect=127.0.0.1:{backend}' \
    single_sign_on=kcd spn=HTTP/wiki.corp.sevenstep.test 'assigned_groups=[staff]'
  sign_in "https://wiki.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/"
  lab app remove wiki
  [[ -z $(attribute HTTP/wiki.corp.sevenstep.test krbPrincipalName) ]]
  [[ $(attribute "$connector" krbAllowedToDelegateTo) != *wiki* ]]
}

@test "the directory stops: users with tickets go on, new ones do not; it starts: all works, and the KDC never stopped" {
  sign_in
  for _ in 1 2 3 4; do agent_get "$SEVENSTEP_APP_URL"; done
  lab stop directory
  for _ in 1 2 3 4; do
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  agent_new "$BATS_TEST_TMPDIR/bob"
  agent_sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test bob-password
  assert_error kdc_failed
  assert_trace_error kdc_failed 4
  run lab status
  [[ $output == *$'\n'kdc*'not ready'*'The directory behind the KDC'*'does not answer'*connector-1*'not ready'*'The KDC answers, but cannot do its work.'* ]]
  run lab doctor
  [[ $status == 1 && $output == *'cannot read its database'*'./sevenstep start directory'* ]]
  # The KDC does not start without it, says so, and keeps what it has.
  lab stop kdc
  run lab start kdc
  [[ $status == 1 && $output == *'./sevenstep start directory'* ]]
  lab start directory
  lab start kdc
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  [[ $(attribute "$hello" krbPrincipalName) && $(admin getprinc "$hello" | grep -c 'Key: vno 2,') == 2 ]]
}

@test "the directory is killed, and with it the lab: the next start finds all as it was" {
  local keytab
  [[ $(lab status --json | jq -c '[.actors[].state] | unique') == '["ready"]' ]]
  keytab=$(sha256sum <"$SEVENSTEP_RUN/keytabs/backend.keytab")
  kill -KILL "$(pid_of directory)"
  # Its slapd ends with it: the lock is free when both are gone.
  flock -w 10 "$SEVENSTEP_RUN/pid/directory.lock" true
  lab start directory
  kill -KILL "$(slapd_pid)"
  flock -w 10 "$SEVENSTEP_RUN/pid/directory.lock" true
  grep -q 'kdc_directory.*slapd ended by signal 9.*start directory' "$SEVENSTEP_RUN/log/directory.log"
  lab down
  lab up
  [[ $(sha256sum <"$SEVENSTEP_RUN/keytabs/backend.keytab") == "$keytab" ]]
  sign_in
}

@test "damaged data: the directory begins anew, and the KDC fills it" {
  lab down
  head -c 8192 /dev/urandom >"$SEVENSTEP_RUN/directory/data/data.mdb"
  lab up
  grep -q 'the data are damaged' "$SEVENSTEP_RUN/log/directory.log"
  grep -q 'new database of CORP.SEVENSTEP.TEST: the old one was damaged' "$SEVENSTEP_RUN/log/kdc.log"
  sign_in
}

@test "from the directory to files and back: the realm is made anew each time" {
  lab down
  SEVENSTEP_LAB=$lab_top/lab.yaml lab up
  grep -q 'of another kind' "$SEVENSTEP_RUN/log/kdc.log"
  [[ -e $SEVENSTEP_RUN/kdc/principal ]]
  sign_in
  lab down
  agent_new "$BATS_TEST_TMPDIR/again"
  lab up
  grep -q 'of another kind' "$SEVENSTEP_RUN/log/kdc.log"
  [[ ! -e $SEVENSTEP_RUN/kdc/principal ]]
  sign_in
}
