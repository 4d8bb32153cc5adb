#!/usr/bin/env bats
# Java in the seats: its Kerberos (JGSS) is an implementation of its own, from the wire up. As the application behind our connector,
# and as a client of our backend. Needs default-jdk-headless.

load lib/lab

java_here() { command -v javac >/dev/null; }

setup_file() {
  java_here || return 0
  lab_start
  # One connector, so that it is known who has which ticket.
  lab stop connector-2
  lab app add --delegate web "external_url=https://web.apps.localhost:{cloud}/" "internal_url=http://web.corp.sevenstep.test/" \
    "connect=127.0.0.1:$((SEVENSTEP_PORT_BASE + 12))" spn=HTTP/web.corp.sevenstep.test single_sign_on=kcd 'assigned_groups=[staff]' \
    played_by=guest
  javac -d "$BATS_FILE_TMPDIR" "$BATS_TEST_DIRNAME"/seats/{Application,Client}.java
  mkfifo "$BATS_FILE_TMPDIR/ready"
  java_options
  java "${java_options[@]}" Application $((SEVENSTEP_PORT_BASE + 12)) HTTP/web.corp.sevenstep.test "$(lab keytab web)" \
    >"$BATS_FILE_TMPDIR/ready" 2>"$BATS_FILE_TMPDIR/application.log" 3>&- &
  echo $! >"$BATS_FILE_TMPDIR/pid"
  local word
  read -r -t 30 word <"$BATS_FILE_TMPDIR/ready" && [[ $word == ready ]] || fail "$(<"$BATS_FILE_TMPDIR/application.log")"
}

teardown_file() {
  java_here || return 0
  local pid
  pid=$(<"$BATS_FILE_TMPDIR/pid")
  kill "$pid"
  timeout 10 tail --pid="$pid" -f /dev/null
  lab_stop
}

setup() {
  java_here || skip "no javac: install default-jdk-headless"
  agent_new "$BATS_TEST_TMPDIR/agent"
  web=https://web.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
}

# Into java_options: classes of ours, and the lab's realm.
java_options() {
  java_options=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$BATS_FILE_TMPDIR" -Djava.security.krb5.conf="$KRB5_CONFIG")
}

@test "application: the seven steps end at Java, which names the user and proves itself" {
  sign_in "$web"
  assert_page 'REMOTE_USER is alice@CORP.SEVENSTEP.TEST'
  assert_steps "1 2 3 4 5 6 7"
  agent_get "$web"
  assert_page 'REMOTE_USER is alice@CORP.SEVENSTEP.TEST'
  assert_steps "3 4 6 7"
}

@test "application: Java refuses a ticket for somebody else, and the page names it" {
  lab app set web spn=HTTP/hello.corp.sevenstep.test
  agent_sign_in "$web" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  lab app set web spn=HTTP/web.corp.sevenstep.test
  assert_error backend_refused_ticket
  assert_trace_error backend_refused_ticket 6
}

@test "client: Java is accepted by our application, as the user himself" {
  export KRB5CCNAME=FILE:$BATS_TEST_TMPDIR/tickets
  kinit alice <<<"$(password_of alice)" >/dev/null
  cat >"$BATS_TEST_TMPDIR/login.conf" <<LOGIN
com.sun.security.jgss.krb5.initiate {
  com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true doNotPrompt=true ticketCache="$BATS_TEST_TMPDIR/tickets";
};
LOGIN
  echo "127.0.0.1 hello.corp.sevenstep.test" >"$BATS_TEST_TMPDIR/hosts"
  java_options
  run java "${java_options[@]}" -Djdk.net.hosts.file="$BATS_TEST_TMPDIR/hosts" -Djava.security.auth.login.config="$BATS_TEST_TMPDIR/login.conf" \
    -Djavax.security.auth.useSubjectCredsOnly=false Client "http://hello.corp.sevenstep.test:$((SEVENSTEP_PORT_BASE + 6))/whoami.json"
  [[ $status == 0 && $output == '200 '* ]] || fail "$output"
  [[ $(jq -c '[.user, .ticket.delegated]' <<<"${output#200 }") == '["alice@CORP.SEVENSTEP.TEST",false]' ]] || fail "$output"
}
