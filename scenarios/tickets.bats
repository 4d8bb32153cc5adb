#!/usr/bin/env bats
# The connector's tickets: how long one is trusted, who renews it, how it is forgotten, and that many who want the same one cost one.

load lib/lab
load lib/load

readonly trust=15 lead=3 # seconds; the lead is a fifth of it

setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" "s/^(  connector-1:)/\1\n    ticket_trust: $trust/"
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
  lab stop connector-2
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  lab connector purge connector-1
}

# as NAME: from now on the agent is this user's.
as() { agent_jar=$BATS_TEST_TMPDIR/$1; }

# use_until_renewed N: requests, until more than N tickets have been renewed.
use_until_renewed() {
  for _ in $(seq 1 1000); do
    (($(metric connector-1 sevenstep_connector_ticket_renewals_total) == $1)) || return 0
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  fail "no ticket was renewed"
}

in_realm() { PATH=$PATH:/usr/sbin:/sbin KRB5_KDC_PROFILE=$SEVENSTEP_RUN/kdc/kdc.conf kadmin.local -q "$*"; }

@test "a user disabled in the realm is served while his ticket is trusted, and refused then; another's is renewed meanwhile" {
  as alice
  sign_in
  as bob
  local before=$EPOCHSECONDS misses renewals
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  assert_step_attribute 4 connector krb.cache miss
  in_realm modprinc -allow_tix bob
  misses=$(metric connector-1 sevenstep_connector_ticket_cache_misses_total)
  renewals=$(metric connector-1 sevenstep_connector_ticket_renewals_total)
  for _ in $(seq 1 1000); do
    as alice
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
    as bob
    agent_get "$SEVENSTEP_APP_URL"
    [[ $agent_status == 200 ]] || break
  done
  assert_status 403
  assert_error user_revoked
  assert_trace_error user_revoked 4
  ((EPOCHSECONDS - before >= trust - lead))
  as alice
  use_until_renewed "$renewals"
  # Bob's refusal is the one request that had to ask.
  [[ $(metric connector-1 sevenstep_connector_ticket_cache_misses_total) == $((misses + 1)) ]]
  in_realm modprinc +allow_tix bob
}

@test "a ticket that nobody uses is not renewed" {
  sign_in
  local renewals
  renewals=$(metric connector-1 sevenstep_connector_ticket_renewals_total)
  as bob
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  use_until_renewed "$renewals"
  [[ $(metric connector-1 sevenstep_connector_ticket_renewals_total) == $((renewals + 1)) ]]
}

@test "purging one user: his next request asks the KDC, others' do not" {
  as bob
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  as alice
  sign_in
  run lab connector purge connector-1 Alice@sevenstep.test
  [[ $status == 0 && $output == 'connector-1: tickets purged: 1.' ]]
  agent_get "$SEVENSTEP_APP_URL" -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  assert_status 200
  assert_step_attribute 4 connector krb.cache miss
  as bob
  agent_get "$SEVENSTEP_APP_URL" -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01'
  assert_step_attribute 4 connector krb.cache hit
  [[ $(lab connector purge connector-1 "bob@$SEVENSTEP_REALM") == 'connector-1: tickets purged: 1.' ]]
  [[ $(lab connector purge connector-1) == 'connector-1: tickets purged: 1.' ]]
}

@test "a user disabled in the realm is refused at once when his tickets are purged" {
  as bob
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  in_realm modprinc -allow_tix bob
  lab connector purge connector-1 bob@sevenstep.test
  agent_get "$SEVENSTEP_APP_URL"
  assert_error user_revoked
  in_realm modprinc +allow_tix bob
}

@test "purge says what is wrong" {
  run lab connector purge connector-9
  [[ $status == 2 && $output == *'there is no connector "connector-9"'* ]]
  run lab connector purge connector-2
  [[ $status == 6 && $output == *'connector-2 is not running'* ]]
  run curl -s -o /dev/null -w '%{http_code}' -X POST --unix-socket "$SEVENSTEP_RUN/connector-1.sock" 'http://localhost/tickets/purge?who=bob'
  [[ $output == 400 ]]
}

@test "fifty requests at once that want the same ticket cost one exchange" {
  sign_in
  lab connector purge connector-1
  local self proxy
  self=$(metric kdc 'sevenstep_kdc_s4u_total{exchange="s4u2self"}')
  proxy=$(metric kdc 'sevenstep_kdc_s4u_total{exchange="s4u2proxy"}')
  run curl -s --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$agent_jar" --parallel --parallel-immediate --parallel-max 50 \
    -o /dev/null -w '%{http_code}\n' "${SEVENSTEP_APP_URL}echo/[1-50]"
  [[ $(grep -c '^200$' <<<"$output") == 50 ]]
  [[ $(metric kdc 'sevenstep_kdc_s4u_total{exchange="s4u2self"}') == $((self + 1)) ]]
  [[ $(metric kdc 'sevenstep_kdc_s4u_total{exchange="s4u2proxy"}') == $((proxy + 1)) ]]
}

@test "revoking a user ends his session and his tickets, through the tunnel, also over a restart of the cloud" {
  as bob
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  as alice
  sign_in
  await_metric connector-1 sevenstep_connector_cached_tickets 2
  run lab revoke Alice@sevenstep.test
  [[ $status == 0 && $output == *'forget the tickets: 1.' ]]
  await_metric connector-1 sevenstep_connector_cached_tickets 1
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  lab stop cloud
  lab start cloud
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  as bob
  agent_get "$SEVENSTEP_APP_URL"
  [[ $agent_status != 302 ]]
  # Who may still log on works again, with the password.
  as alice
  await_metric cloud sevenstep_cloud_ready_connections 2
  sign_in
  assert_page "alice@$SEVENSTEP_REALM"
  assert_step_attribute 4 connector krb.cache miss
}

@test "a token that is on its way when its user is revoked begins no session" {
  local issued
  open_logon
  agent_logon alice@sevenstep.test alice-password
  issued=$(agent_token_claims | jq .iat)
  # A second is what a token tells of its time.
  until (($(date +%s) > issued)); do metric cloud sevenstep_cloud_retried_total; done
  lab revoke alice@sevenstep.test
  agent_post_token
  assert_status 403
  assert_error token_revoked
  assert_trace_error token_revoked 3
}

@test "revoke without the identity provider says that the logon there goes on" {
  sign_in
  lab stop idp
  run lab revoke alice@sevenstep.test
  lab start idp
  [[ $status == 0 && $output == *'a logon there goes on'* ]]
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
}

@test "revoke while the identity provider hangs ends what there is at the cloud, and says what is not known" {
  local provider
  sign_in
  read -r provider _ <"$SEVENSTEP_RUN/pid/idp.lock"
  kill -STOP "$provider"
  run lab revoke alice@sevenstep.test
  kill -CONT "$provider"
  [[ $status == 1 && $output == *'does not say that the logon of alice@sevenstep.test is ended'*'sessions and tokens of alice@sevenstep.test are ended'* ]] || fail "$output"
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
}

@test "revoke while the cloud does not run ends the logon, and says that the sessions go on" {
  sign_in
  lab stop cloud
  run lab revoke alice@sevenstep.test
  lab start cloud
  [[ $status == 6 && $output == *'the cloud is not running'*'the cloud does not say that the sessions and tokens of alice@sevenstep.test are ended'* ]] || fail "$output"
  await_metric cloud sevenstep_cloud_ready_connections 2
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  open_logon "$SEVENSTEP_CODE_APP_URL"
}

@test "a purge of nobody says that there was nothing" {
  run lab connector purge connector-1 nobody@sevenstep.test
  [[ $status == 0 && $output == 'connector-1: tickets purged: 0, as it has none of "nobody@sevenstep.test".' ]] || fail "$output"
}

@test "revoke of nobody says so" {
  run lab revoke nobody@sevenstep.test
  [[ $status == 1 && $output == *'has no user "nobody@sevenstep.test"'* ]]
}

@test "revoke says what is wrong" {
  run lab revoke alice
  [[ $status == 2 ]]
  run curl -s -o /dev/null -w '%{http_code}' -X POST --unix-socket "$SEVENSTEP_RUN/cloud.sock" 'http://localhost/users/revoke'
  [[ $output == 400 ]]
}
