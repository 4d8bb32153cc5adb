#!/usr/bin/env bats
# The wire view: what connector and KDC really said to each other in one trace, and what went to the application, decoded.

load lib/lab

setup_file() {
  lab_start
  # One connector, so that it is known who has which ticket.
  lab stop connector-2
  agent_new "$BATS_FILE_TMPDIR/agent"
  sign_in
  alice=$(agent_trace_id)
  agent_get "$SEVENSTEP_APP_URL"
  again=$(agent_trace_id)
  # One whom the KDC refuses: his evidence ticket may not be passed on.
  agent_new "$BATS_FILE_TMPDIR/agent-2"
  agent_sign_in "$SEVENSTEP_APP_URL" dave@sevenstep.test dave-password
  assert_error evidence_not_forwardable
  dave=$(agent_trace_id)
  export alice again dave
  for id in "$alice" "$again" "$dave"; do
    trace_json "$id" >/dev/null # complete
    lab trace --wire --json "$id" >"$BATS_FILE_TMPDIR/$id"
  done
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

# wire ID FILTER: of the exchanges of this trace, by jq.
wire() { jq -r "[.steps[].wire[]?] | $2" "$BATS_FILE_TMPDIR/$1"; }

# expect WHAT FOUND
expect() {
  [[ $2 == "$1" ]] || fail "expected \"$1\", found \"$2\""
}

connector=HTTP/connector-1.corp.sevenstep.test
application=HTTP/hello.corp.sevenstep.test
realm=CORP.SEVENSTEP.TEST

@test "each exchange stands with the step that it belongs to" {
  expect 'as as s4u2self' "$(jq -r '[.steps[] | select(.step == 4) | .wire[].kind] | join(" ")' "$BATS_FILE_TMPDIR/$alice")"
  expect s4u2proxy "$(jq -r '[.steps[] | select(.step == 5) | .wire[].kind] | join(" ")' "$BATS_FILE_TMPDIR/$alice")"
  expect ap "$(jq -r '[.steps[] | select(.step == 6) | .wire[]?.kind] | join(" ")' "$BATS_FILE_TMPDIR/$alice")"
  expect 0 "$(wire "$alice" '[.. | objects | select(has("malformed") or has("not_decrypted"))] | length')"
}

@test "no AS-REQ is in a user's name: the connector logs on with its own key" {
  expect "{\"with_kdcs\":4,\"with_applications\":1,\"as_reqs\":2,\"as_reqs_of_user\":0,\"as_req_cnames\":[\"$connector\"]}" \
    "$(jq -c .wire "$BATS_FILE_TMPDIR/$alice")"
  expect 'KDC_ERR_PREAUTH_REQUIRED (25)' "$(wire "$alice" '.[0].reply.error_code')"
  expect "krbtgt/$realm@$realm" "$(wire "$alice" '.[1].reply.ticket.server')"
}

@test "S4U2Self: PA-FOR-USER and PA-S4U-X509-USER name the user, and the ticket is to the connector itself" {
  local self='.[] | select(.kind == "s4u2self")'
  expect "alice $realm" "$(wire "$alice" "$self.request.padata[] | select(.type == \"PA-FOR-USER (129)\").value | \"\(.user_name) \(.user_realm)\"")"
  expect alice "$(wire "$alice" "$self.request.padata[] | select(.type == \"PA-S4U-X509-USER (130)\").value.user_id.cname")"
  expect "$connector" "$(wire "$alice" "$self.request.padata[] | select(.type == \"PA-TGS-REQ (1)\").value.authenticator.plain.cname")"
  expect "alice@$realm $connector@$realm" "$(wire "$alice" "$self.reply.ticket | \"\(.client) \(.server)\"")"
  expect true "$(wire "$alice" "$self.reply.ticket.flags | any(. == \"forwardable\")")"
}

@test "S4U2Proxy: cname-in-addl-tkt, the user's ticket as evidence, PA-PAC-OPTIONS with resource-based delegation" {
  local proxy='.[] | select(.kind == "s4u2proxy")'
  expect true "$(wire "$alice" "$proxy.request.req_body.kdc_options | any(. == \"cname-in-addl-tkt\")")"
  expect "alice@$realm" "$(wire "$alice" "$proxy.request.req_body.additional_tickets[].client")"
  expect resource-based-constrained-delegation \
    "$(wire "$alice" "$proxy.request.padata[] | select(.type == \"PA-PAC-OPTIONS (167)\").value.flags[]")"
}

@test "the ticket for the application, issued and presented: who delegated to whom, and signatures that are right" {
  local which
  for which in '.[] | select(.kind == "s4u2proxy").reply.ticket' '.[] | select(.kind == "ap").request.ticket'; do
    expect "alice@$realm $application@$realm" "$(wire "$alice" "$which | \"\(.client) \(.server)\"")"
    expect "alice $application $connector@$realm" \
      "$(wire "$alice" "$which.pac | \"\(.client_info.name) \(.delegation_info.s4u2proxy_target) \(.delegation_info.transited_services[])\"")"
    expect 'right, verified with the keys of the server and the KDC' "$(wire "$alice" "$which.pac.signatures")"
    expect 'aes256-cts-hmac-sha1-96 (18)' "$(wire "$alice" "$which.session_key.enctype")"
  done
  expect AP-REP "$(wire "$alice" '.[] | select(.kind == "ap").reply.message')"
  expect "$(wire "$alice" '.[] | select(.kind == "ap").request.authenticator.plain.cusec')" \
    "$(wire "$alice" '.[] | select(.kind == "ap").reply.enc_part.plain.cusec')"
}

@test "a sensitive user: his evidence is not forwardable, and KRB-ERROR has code and name" {
  expect 's4u2self s4u2proxy' "$(wire "$dave" 'map(.kind) | join(" ")')"
  expect "dave@$realm false" "$(wire "$dave" '.[0].reply.ticket | "\(.client) \(.flags | any(. == "forwardable"))"')"
  expect 'KRB-ERROR KDC_ERR_BADOPTION (13) EVIDENCE_TKT_NOT_FORWARDABLE' \
    "$(wire "$dave" '.[1].reply | "\(.message) \(.error_code) \(.e_text)"')"
}

@test "with a ticket from the cache nothing is said to a KDC, and the application gets it with a fresh authenticator" {
  expect '0 1' "$(jq -r '.wire | "\(.with_kdcs) \(.with_applications)"' "$BATS_FILE_TMPDIR/$again")"
  expect "$(wire "$alice" '.[] | select(.kind == "ap").request.ticket.session_key.value')" "$(wire "$again" '.[].request.ticket.session_key.value')"
  [[ $(wire "$again" '.[].request.authenticator.plain.cusec') != $(wire "$alice" '.[] | select(.kind == "ap").request.authenticator.plain.cusec') ]]
}

@test "for people: what each exchange was for, the fields by their names, and the summary" {
  run lab trace "$dave" --wire
  [[ $output == *"wire  S4U2Self: a ticket in the name of dave@$realm"* ]]
  [[ $output =~ kdc-options\ +forwardable,\ cname-in-addl-tkt,\ canonicalize ]]
  [[ $output =~ received\ +KRB-ERROR\ KDC_ERR_BADOPTION\ \(13\) ]]
  [[ $output =~ additional-tickets\ +as\ above\ \(of\ dave@$realm ]]
  [[ $output =~ AS-REQ\ +none:\ the\ connector\'s\ own ]]
  run lab trace --wire "$again"
  [[ $output =~ AS-REQ\ +none:\ no\ KDC ]]
  run lab trace --wire "$alice"
  [[ $output =~ AS-REQ\ in\ the\ name\ of\ +$connector ]]
  [[ $output =~ in\ the\ user\'s\ name\ +none ]]
  run lab trace "$alice"
  [[ $output != *AS-REQ* ]]
}

@test "what is not sampled is not recorded" {
  before=$(cat "$SEVENSTEP_RUN"/wire/*.jsonl | wc -c)
  sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test
  between=$(cat "$SEVENSTEP_RUN"/wire/*.jsonl | wc -c)
  ((between > before))
  agent_get "$SEVENSTEP_APP_URL" -H 'traceparent: 00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-00'
  assert_status 200
  [[ $(cat "$SEVENSTEP_RUN"/wire/*.jsonl | wc -c) == "$between" ]]
}

@test "what is recorded is for its owner only, encrypted as it was, and no key is left behind" {
  expect 600 "$(stat -c %a "$SEVENSTEP_RUN"/wire/*)"
  [[ -z $(find "$SEVENSTEP_RUN" -maxdepth 1 -name 'wire.*') ]]
  # The same files in a run folder without keys.
  mkdir -m 700 "$BATS_TEST_TMPDIR/run"
  cp -r "$SEVENSTEP_RUN/trace" "$SEVENSTEP_RUN/wire" "$BATS_TEST_TMPDIR/run"
  run trace_tool --run "$BATS_TEST_TMPDIR/run" --wire --json show "$alice"
  [[ $status == 0 ]]
  expect '0 0' "$(jq -r '[.steps[].wire[]? | ..] | "\(map(objects | select(has("session_key"))) | length) \(map(objects | select(has("plain"))) | length)"' <<<"$output")"
  expect "no keytab has the key of $application@$realm, version 1" \
    "$(jq -r '.steps[].wire[]? | select(.kind == "ap").request.ticket.not_decrypted' <<<"$output")"
}

@test "a KDC that does not answer: what it was asked, and that nothing came" {
  lab connector purge connector-1
  lab stop kdc
  agent_sign_in "$SEVENSTEP_APP_URL" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  assert_error kdc_unreachable
  trace_json >/dev/null # complete
  lab trace --wire --json "$(agent_trace_id)" >"$BATS_FILE_TMPDIR/away"
  expect 's4u2self null' "$(wire away '.[] | "\(.kind) \(.reply)"')"
  run lab trace --wire "$(agent_trace_id)"
  [[ $output =~ received\ +nothing ]]
  lab start kdc
}

@test "unknown options and more than one id are refused" {
  run lab trace --wired "$alice"
  [[ $status == 2 && $output == *'trace: there is no option --wired'* ]]
  run lab trace "$alice" "$dave"
  [[ $status == 2 ]]
}

@test "where no lab has been there is nothing to show" {
  run env SEVENSTEP_RUN="$BATS_TEST_TMPDIR/none" "$lab_top/sevenstep" trace --wire
  [[ $status == 3 && $output == *': no traces here' ]] || fail "$output"
  ((${#lines[@]} == 1)) || fail "$output"
}
