#!/usr/bin/env bats
# What connector and KDC really say to each other, judged by Wireshark's Kerberos dissector, which is nobody's here: the recording
# of ./sevenstep capture is opened by tshark with the keys that come with it.

load lib/lab

setup_file() {
  lab_start
  # One connector, so that it is known who has which ticket.
  lab stop connector-2
  lab capture start
  agent_new "$BATS_FILE_TMPDIR/agent"
  sign_in
  # One whom the KDC refuses: his evidence ticket may not be passed on.
  agent_new "$BATS_FILE_TMPDIR/agent-2"
  agent_sign_in "$SEVENSTEP_APP_URL" dave@sevenstep.test dave-password
  assert_error evidence_not_forwardable
  lab capture stop >"$BATS_FILE_TMPDIR/stop"
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

record() { printf '%s/capture/kerberos.pcap' "$SEVENSTEP_RUN"; }

# wire FILTER [FIELD...]: these fields of the messages that the filter finds, one message a line; without fields how many there are.
wire() {
  local filter=$1 fields=()
  shift
  while (($#)); do fields+=(-e "$1"); shift; done
  ((${#fields[@]})) || { wire "$filter" frame.number | wc -l; return; }
  tshark -o kerberos.decrypt:TRUE -K "$SEVENSTEP_RUN/capture/lab.keytab" -r "$(record)" -Y "$filter" -T fields "${fields[@]}" 2>/dev/null
}

# expect WHAT FOUND
expect() {
  [[ $2 == "$1" ]] || fail "expected $1, found $2" "$(wire kerberos frame.number _ws.col.Info)"
}

connector=HTTP,connector-1.corp.sevenstep.test

@test "the recording is of whole exchanges, and everything in it can be decrypted" {
  expect "$(wire frame)" "$(wire kerberos)"
  expect 2 "$(wire 'kerberos.msg_type == 12 && kerberos.padata_type == 129')"
  expect 0 "$(wire '_ws.expert.message contains "Missing"')"
  # tshark reads the e-data of errors as TYPED-DATA; with FAST it is METHOD-DATA (RFC 6113 5.4.3).
  expect 0 "$(wire '_ws.malformed && !kerberos.error_code')"
}

@test "no user's password or key is ever used: every AS-REQ is in the connector's own name" {
  (($(wire 'kerberos.as_req_element') >= 2))
  expect "$connector" "$(wire kerberos.as_req_element kerberos.CNameString | sort -u)"
}

@test "S4U2Self asks in the user's name for a ticket to the connector itself (PA-FOR-USER with user and realm)" {
  run wire 'kerberos.tgs_req_element && kerberos.padata_type == 129' kerberos.auth kerberos.KerberosString kerberos.realm
  [[ ${#lines[@]} == 2 ]]
  [[ ${lines[0]} == *Kerberos*alice*CORP.SEVENSTEP.TEST* ]] || fail "$output"
  [[ ${lines[1]} == *Kerberos*dave*CORP.SEVENSTEP.TEST* ]] || fail "$output"
  [[ $(wire 'kerberos.tgs_req_element && kerberos.padata_type == 129' kerberos.SNameString) == *"$connector"* ]]
}

@test "S4U2Proxy: cname-in-addl-tkt, the user's ticket as evidence, PA-PAC-OPTIONS with resource-based delegation" {
  local proxy='kerberos.tgs_req_element && kerberos.additional_tickets'
  expect 2 "$(wire "$proxy")"
  expect 2 "$(wire "$proxy && kerberos.KDCOptions.constrained.delegation == 1")"
  expect 2 "$(wire "$proxy && kerberos.PAC.OPTIONS.FLAGS.resource.based.constrained.delegation == 1")"
  expect 0 "$(wire "kerberos.tgs_req_element && kerberos.padata_type == 129 && kerberos.KDCOptions.constrained.delegation == 1")"
  # The evidence is the user's ticket for the connector: decrypted, it has his name.
  [[ $(wire "$proxy" kerberos.CNameString | head -n 1) == *alice* ]]
  [[ $(wire "$proxy" kerberos.SNameString | head -n 1) == *HTTP,hello.corp.sevenstep.test* ]]
}

@test "the evidence for a sensitive user is not forwardable, and the KDC answers BADOPTION" {
  expect 1 "$(wire 'kerberos.error_code == 13')"
  # What came back for S4U2Self, and is the evidence of the request after it.
  expect 1 "$(wire 'kerberos.tgs_rep_element && kerberos.CNameString == "alice" && kerberos.SNameString == "connector-1.corp.sevenstep.test" && kerberos.TicketFlags.forwardable == 1')"
  expect 0 "$(wire 'kerberos.tgs_rep_element && kerberos.CNameString == "dave" && kerberos.TicketFlags.forwardable == 1')"
}

@test "the ticket for the application: who delegated to whom, and three signatures that are right" {
  local issued='kerberos.tgs_rep_element && kerberos.SNameString == "hello.corp.sevenstep.test"'
  expect 1 "$(wire "$issued")"
  expect HTTP/hello.corp.sevenstep.test "$(wire "$issued" netlogon.s4u2proxytarget)"
  expect HTTP/connector-1.corp.sevenstep.test@CORP.SEVENSTEP.TEST "$(wire "$issued" netlogon.transited_service)"
  for signature in Server KDC Ticket; do
    expect 1 "$(wire "$issued && _ws.expert.message contains \"Verified $signature checksum\"")"
  done
}

@test "AES is all that is asked for and all that is used" {
  expect $'17\n18' "$(wire kerberos kerberos.ENCTYPE | tr ',' '\n' | sed '/^$/d' | sort -u)"
  expect 18 "$(wire kerberos kerberos.etype kerberos.keytype | tr ',\t' '\n\n' | sed '/^$/d' | sort -u)"
}

@test "capture stop says how to open it, and its files are for their owner only" {
  grep -qF "tshark -o kerberos.decrypt:TRUE -K $SEVENSTEP_RUN/capture/lab.keytab -r $(record) -V" "$BATS_FILE_TMPDIR/stop"
  command=$(sed -n 's/^  \(tshark .*\)/\1/p' "$BATS_FILE_TMPDIR/stop")
  [[ $(eval "$command" 2>/dev/null) == *'S4U2proxyTarget: HTTP/hello.corp.sevenstep.test'* ]]
  expect 600 "$(stat -c %a "$SEVENSTEP_RUN"/capture/* | sort -u)"
}

@test "a recording of nothing is none, and what is not being recorded cannot be stopped" {
  run lab capture stop
  [[ $status == 1 && $output == *'nothing is being recorded'* ]]
  lab capture start
  agent_new "$BATS_FILE_TMPDIR/agent-3"
  sign_in
  run lab capture stop
  [[ $status == 1 && $output == *'no connector asked the KDC'* ]]
}

@test "what an earlier lab left of its partner's KDC is in nobody's way" {
  mkdir "$SEVENSTEP_RUN/partner-kdc"
  lab connector purge connector-1
  lab capture start
  agent_new "$BATS_FILE_TMPDIR/agent-4"
  sign_in
  run lab capture stop
  [[ $status == 0 && ! -e $SEVENSTEP_RUN/capture/keys.log ]] || fail "$output"
  # The wire view opens the KDC's own ticket: it has the KDC's keys.
  run lab trace --wire "$(agent_trace_id)"
  [[ $status == 0 && $output != *'no keytab has the key of krbtgt/'* ]] || fail "$output"
  rmdir "$SEVENSTEP_RUN/partner-kdc"
}

@test "keys that cannot be had: capture stop says why, and what it writes is for its owner only" {
  lab connector purge connector-1
  lab capture start
  agent_new "$BATS_FILE_TMPDIR/agent-5"
  sign_in
  mv "$SEVENSTEP_RUN/kdc" "$SEVENSTEP_RUN/kdc.away"
  run lab capture stop
  mv "$SEVENSTEP_RUN/kdc.away" "$SEVENSTEP_RUN/kdc"
  [[ $status == 1 && $output == *'the keys could not be written'* ]] || fail "$output"
  expect 600 "$(stat -c %a "$SEVENSTEP_RUN"/capture/* | sort -u)"
}

@test "the recording is what goes over the wire, byte for byte" {
  local pid seen=$BATS_TEST_TMPDIR/seen.pcap
  ((EUID == 0)) || skip "capturing on the loopback interface needs root"
  tshark -P -l -i lo -f "udp port $SEVENSTEP_KDC_PORT" -a duration:30 -w "$seen" >"$BATS_TEST_TMPDIR/frames" 2>"$BATS_TEST_TMPDIR/tshark" 3>&- &
  pid=$!
  timeout 20 grep -qm 1 -e 'Capturing on' -e 'permission' -e "can't" <(tail -F "$BATS_TEST_TMPDIR/tshark" --pid="$pid" 2>/dev/null) || true
  grep -q 'Capturing on' "$BATS_TEST_TMPDIR/tshark" || skip "no rights to capture here: $(tail -n 1 "$BATS_TEST_TMPDIR/tshark")"
  lab capture start
  agent_sign_in "$SEVENSTEP_APP_URL" bob@sevenstep.test bob-password
  lab capture stop >/dev/null
  timeout 20 tail -n +1 -f --pid="$pid" "$BATS_TEST_TMPDIR/frames" 2>/dev/null | head -n "$(wire frame)" >/dev/null
  kill -INT "$pid"
  wait "$pid" || true
  tshark -r "$seen" -T fields -e udp.payload 2>/dev/null | sort >"$BATS_TEST_TMPDIR/on-the-wire"
  tshark -r "$(record)" -T fields -e exported_pdu.exported_pdu 2>/dev/null | sort >"$BATS_TEST_TMPDIR/recorded"
  [[ -s $BATS_TEST_TMPDIR/recorded ]]
  diff "$BATS_TEST_TMPDIR/on-the-wire" "$BATS_TEST_TMPDIR/recorded"
}
