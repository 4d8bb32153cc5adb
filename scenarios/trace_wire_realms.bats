#!/usr/bin/env bats
# The wire view of a user of the partner's realm: by which ways his ticket came, from both KDCs.

load lib/lab

setup_file() { lab_start "$lab_top/scenarios/matrix/lab.yaml"; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

@test "S4U2Self goes to the user's own realm first, S4U2Proxy stays at home, and both realms' keys open it all" {
  sign_in "https://shared.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/" pat@partner.test
  trace_json >/dev/null # complete
  lab trace --wire --json "$(agent_trace_id)" >"$BATS_TEST_TMPDIR/wire"
  home=127.0.0.1:$((SEVENSTEP_PORT_BASE + 8)) partner=127.0.0.1:$((SEVENSTEP_PORT_BASE + 10))
  diff <(jq -r '.steps[].wire[]? | select(.kind != "ap") | "\(.kind) \(.peer) \(.reply.message)"' "$BATS_TEST_TMPDIR/wire") - <<EOF
as $home KRB-ERROR
as $home AS-REP
tgs $home TGS-REP
s4u2self $partner TGS-REP
s4u2self $home TGS-REP
s4u2proxy $home TGS-REP
EOF
  [[ $(jq '[.. | objects | select(has("malformed") or has("not_decrypted"))] | length' "$BATS_TEST_TMPDIR/wire") == 0 ]]
  [[ $(jq -r '.steps[].wire[]? | select(.kind == "ap").request.ticket | "\(.client) \(.server)"' "$BATS_TEST_TMPDIR/wire") == \
    'pat@PARTNER.SEVENSTEP.TEST HTTP/shared.corp.sevenstep.test@CORP.SEVENSTEP.TEST' ]]
  [[ $(jq -r '[.. | .signatures? | strings] | unique[]' "$BATS_TEST_TMPDIR/wire") == 'right, verified with the keys of the server and the KDC' ]]
}
