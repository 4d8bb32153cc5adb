#!/usr/bin/env bats
# Somebody else's KDC: Samba's Active Directory. Its administrator makes the accounts and permits the delegation with Samba's own
# commands and hands the keytabs over; identity provider, cloud, connector and application are the lab's.

load lib/lab
load lib/samba

# The domain, as docs/seats.md tells.
make_domain() {
  local user
  samba_provision "$1"
  for user in alice bob carol dave; do samba_tool user create "$user" --random-password; done
  samba_account connector-1 HTTP/connector-1.corp.sevenstep.test
  samba_account hello HTTP/hello.corp.sevenstep.test
  samba_account vault HTTP/vault.corp.sevenstep.test
  samba_tool delegation for-any-protocol connector-1 on
  samba_tool delegation add-service connector-1 HTTP/hello.corp.sevenstep.test
  samba_tool user sensitive dave on
}

# hand_over NAME SPN...: the keys of these, into the lab's keytab NAME.
hand_over() {
  local spn keytab=$SEVENSTEP_RUN/keytabs/$1.keytab
  shift
  for spn; do samba_tool domain exportkeytab "$keytab" --principal="$spn"; done
  chmod 0600 "$keytab"
}

setup_file() {
  local port=$((${SEVENSTEP_TEST_PORT_BASE:-20440} + 396))
  # (bats 1.8 cannot skip from here.)
  if why_skipped=$(samba_absent); then
    export why_skipped
    return
  fi
  make_domain "$port"
  samba_start
  awk '/^connectors:/ { exit } { print }' "$lab_top/lab.yaml" | sed "/^kdc:/a\\  played_by: guest\\n  connect: 127.0.0.1:$port" \
    >"$BATS_FILE_TMPDIR/lab.yaml"
  printf 'connectors:\n  connector-1:\n    allowed_to_delegate_to: [HTTP/hello.corp.sevenstep.test]\n' >>"$BATS_FILE_TMPDIR/lab.yaml"
  # Without the keytabs the lab says what is missing; ports and run folder are chosen then.
  ! lab_start "$BATS_FILE_TMPDIR/lab.yaml" 2>"$BATS_FILE_TMPDIR/missing" || return 1
  hand_over connector-1 HTTP/connector-1.corp.sevenstep.test
  hand_over backend HTTP/hello.corp.sevenstep.test HTTP/vault.corp.sevenstep.test
  lab up
  eval "$(lab env)"
}
teardown_file() {
  [[ -n ${samba_folder-} ]] || return 0
  lab_stop
  samba_stop
}
setup() {
  [[ -z ${why_skipped-} ]] || skip "$why_skipped"
  agent_new "$BATS_TEST_TMPDIR/agent"
}

@test "without its keytabs the lab does not start, and says which is missing" {
  grep -q 'keytabs/connector-1.keytab: export it from that KDC' "$BATS_FILE_TMPDIR/missing"
}

@test "no KDC of the lab's runs" {
  [[ $(lab status --json | jq -c '[.actors[] | .name] | sort') == '["backend","cloud","connector-1","idp"]' ]]
  run lab stop kdc
  [[ $status == 2 ]]
}

@test "the seven steps, with Samba's tickets" {
  sign_in "${SEVENSTEP_APP_URL}whoami.json"
  [[ $(jq -c '[.user, .ticket.delegated, .ticket.delegated_by]' "$agent_body") == \
    '["alice@CORP.SEVENSTEP.TEST",true,"HTTP/connector-1.corp.sevenstep.test@CORP.SEVENSTEP.TEST"]' ]] || fail "$(<"$agent_body")"
  assert_steps "1 2 3 4 5 6 7"
  assert_step_attribute 5 kdc krb.service.enctype aes256-cts-hmac-sha1-96
}

@test "the application shows whom Samba's PAC names: account, domain, identifiers and groups" {
  sign_in "${SEVENSTEP_APP_URL}whoami.json"
  local sid logon
  logon=$(jq -c .ticket.logon "$agent_body")
  [[ $(jq -c '[.account, .domain, .logon_server, .groups_left_out]' <<<"$logon") == '["alice","CORP","DC",0]' ]] || fail "$logon"
  sid=$(jq -r .sid <<<"$logon")
  [[ $sid =~ ^S-1-5-21-[0-9]+-[0-9]+-[0-9]+-[0-9]+$ ]] || fail "$logon"
  # Domain Users (513), of the same domain.
  [[ $(jq --arg group "${sid%-*}-513" '.groups | index($group) != null' <<<"$logon") == true ]] || fail "$logon"
  agent_get "$SEVENSTEP_APP_URL"
  assert_page "<dt>Security identifier</dt><dd><code>$sid</code></dd>"
  assert_page "<dt>Group</dt><dd><code>${sid%-*}-513</code></dd>"
  assert_page '<dt>Domain</dt><dd><code>CORP</code></dd>'
}

@test "the doctor passes it all" {
  run lab doctor
  [[ $status == 0 && $output == *'16 passed, 0 failed, 0 skipped.'* ]]
}

@test "a user who is disabled at Samba is named so" {
  samba_tool user disable bob
  agent_sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test bob-password
  assert_status 403
  assert_error user_revoked
  assert_trace_error user_revoked 4
}

@test "a user whom Samba does not have" {
  samba_tool user delete bob
  agent_sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test bob-password
  assert_error user_unknown_to_kdc
}

@test "a user who is sensitive" {
  agent_sign_in "$SEVENSTEP_APP_URL" dave@sevenstep.test dave-password
  assert_status 403
  assert_error evidence_not_forwardable
}

@test "an application that the connector may not delegate to" {
  agent_sign_in "$SEVENSTEP_FORBIDDEN_URL" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  assert_status 403
  assert_error not_allowed_to_delegate
}

@test "the wire view opens what the handed over keytabs open: Samba's PAC tells who the user is" {
  local ap='.steps[].wire[]? | select(.kind == "ap").request.ticket' proxy='.steps[].wire[]? | select(.kind == "s4u2proxy")'
  lab connector purge connector-1
  sign_in
  trace_json >/dev/null # complete
  lab trace --wire --json "$(agent_trace_id)" >"$BATS_TEST_TMPDIR/wire"
  [[ $(jq -c "$ap.pac | [.logon_info.account, .logon_info.domain, .client_info.name, .delegation_info.s4u2proxy_target]" "$BATS_TEST_TMPDIR/wire") == \
    '["alice","CORP","alice","HTTP/hello.corp.sevenstep.test"]' ]] || fail "$(jq "$ap" "$BATS_TEST_TMPDIR/wire")"
  [[ $(jq '[.. | objects | select(has("malformed"))] | length' "$BATS_TEST_TMPDIR/wire") == 0 ]]
  [[ $(jq -r "$ap.pac | \"\(.logon_info.domain_sid)-\(.logon_info.user_rid)\"" "$BATS_TEST_TMPDIR/wire") == S-1-5-21-*-[0-9]* ]]
  # The key of the ticket-granting ticket is Samba's; its session key came to light when the connector logged on, in an earlier trace.
  [[ $(jq -r '.wire.as_reqs' "$BATS_TEST_TMPDIR/wire") == 0 ]]
  [[ $(jq -r "$proxy.request.padata[0].value.ticket.not_decrypted" "$BATS_TEST_TMPDIR/wire") == *'its session key is known'* ]]
  [[ $(jq -r "$proxy.request.padata[0].value.authenticator.plain.cname" "$BATS_TEST_TMPDIR/wire") == HTTP/connector-1.corp.sevenstep.test ]]
  [[ $(jq -r "$proxy.reply.enc_part.plain.sname" "$BATS_TEST_TMPDIR/wire") == HTTP/hello.corp.sevenstep.test ]]
}

@test "capture records the guest's exchanges, but has no keys for them" {
  lab connector purge connector-1
  lab capture start
  sign_in
  run lab capture stop
  [[ $status == 1 && $output == *"the keys are with the guest's KDC"* ]]
  [[ $(tshark -r "$SEVENSTEP_RUN/capture/kerberos.pcap" -Y kerberos.tgs_rep_element 2>/dev/null | wc -l) == 2 ]]
}
