#!/usr/bin/env bats
# Somebody else's programs come to the application themselves, from inside, with tickets of their own: curl, requests-kerberos, and
# raw Kerberos tokens by GSSAPI. What they are told is what a browser in a domain is told.

load lib/lab

setup_file() {
  lab_publish "$BATS_FILE_TMPDIR/lab.yaml" "$BATS_TEST_DIRNAME/channel_bindings.yaml"
  lab_listen_tls "$BATS_FILE_TMPDIR/lab.yaml"
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  export KRB5CCNAME=FILE:$BATS_TEST_TMPDIR/tickets
  port=$((SEVENSTEP_PORT_BASE + 6)) tls_port=$((SEVENSTEP_PORT_BASE + 9))
  hello=http://hello.corp.sevenstep.test/whoami.json secure=https://secure.corp.sevenstep.test/whoami.json
}

logon() { kinit "$1" <<<"$(password_of "$1")" >/dev/null; }

# The application itself, at the addresses where it really is.
get() {
  local url=$1
  shift
  agent_get "$url" --connect-to ":80:127.0.0.1:$port" --connect-to ":443:127.0.0.1:$tls_port" "$@"
}

# assert_accepted USER: as himself, by nobody's delegation.
assert_accepted() {
  assert_status 200
  [[ $(jq -c '[.user, .ticket.delegated]' "$agent_body") == "[\"$1@CORP.SEVENSTEP.TEST\",false]" ]] || fail "$(<"$agent_body")"
}

@test "curl --negotiate: the user himself, and nobody delegated" {
  logon alice
  get "$hello" --negotiate -u :
  assert_accepted alice
  [[ $(jq -r .ticket.mechanism "$agent_body") == spnego ]]
  # The page for people says so, too.
  get "${hello%whoami.json}" --negotiate -u :
  assert_page "nobody: the user&#39;s own ticket"
  # Another user, another ticket.
  logon bob
  get "$hello" --negotiate -u :
  assert_accepted bob
}

@test "curl --negotiate over TLS: a ticket that may not be bound to the certificate is accepted" {
  logon alice
  get "$secure" --negotiate -u :
  assert_accepted alice
}

@test "curl that hands its own ticket on is accepted as well" {
  logon alice
  get "$hello" --negotiate -u : --delegation always
  assert_accepted alice
}

@test "curl without a ticket is challenged, and gets no further" {
  get "$hello" --negotiate -u :
  assert_status 401
  assert_error ticket_required
  [[ $(agent_header WWW-Authenticate) == Negotiate ]]
}

@test "requests-kerberos: accepted, and satisfied with the proof" {
  logon alice
  run /usr/bin/python3 - "127.0.0.1:$port" <<'PYTHON'
import sys
import requests
from requests_kerberos import HTTPKerberosAuth, REQUIRED
auth = HTTPKerberosAuth(mutual_authentication=REQUIRED, hostname_override="hello.corp.sevenstep.test")
answer = requests.get(f"http://{sys.argv[1]}/whoami.json", auth=auth, headers={"Host": "hello.corp.sevenstep.test"}, timeout=30)
print(answer.status_code, answer.json()["user"], answer.json()["ticket"]["delegated"])
PYTHON
  # Debian 13 has the package, but not the module that it needs for Kerberos.
  [[ $output != *"No module named 'krb5'" ]] || skip "python3-requests-kerberos of this Debian needs Python's krb5, and there is no package of it"
  [[ $output == '200 alice@CORP.SEVENSTEP.TEST False' ]] || fail "$output"
}

# A browser inside the domain: what its administrator would set by policy, it gets by options. It makes the name that its ticket is
# for from the host's, which therefore is resolved outside of it.
@test "Chromium: accepted, with the user's ticket and no logon page" {
  command -v chromium-headless-shell >/dev/null || skip "no chromium-headless-shell: install it, and libnss-wrapper"
  compgen -G '/usr/lib/*/libnss_wrapper.so' >/dev/null || skip "no libnss_wrapper.so: install libnss-wrapper"
  logon alice
  echo "127.0.0.1 hello.corp.sevenstep.test" >"$BATS_TEST_TMPDIR/hosts"
  NSS_WRAPPER_HOSTS=$BATS_TEST_TMPDIR/hosts LD_PRELOAD=libnss_wrapper.so timeout -k 5 60 chromium-headless-shell --no-sandbox \
    --user-data-dir="$BATS_TEST_TMPDIR/profile" --disable-features=AsyncDns --auth-server-allowlist='*.corp.sevenstep.test' \
    --disable-auth-negotiate-cname-lookup --dump-dom "http://hello.corp.sevenstep.test:$port/whoami.json" \
    >"$BATS_TEST_TMPDIR/page" 2>"$BATS_TEST_TMPDIR/log" 3>&- || fail "$(<"$BATS_TEST_TMPDIR/log")"
  grep -q '"user":"alice@CORP.SEVENSTEP.TEST"' "$BATS_TEST_TMPDIR/page" || fail "$(<"$BATS_TEST_TMPDIR/page")"
  grep -q '"delegated":false' "$BATS_TEST_TMPDIR/page"
}

@test "raw Kerberos tokens, without SPNEGO: accepted, with proof" {
  logon alice
  run "$BATS_TEST_DIRNAME/lib/negotiate" "127.0.0.1:$port" hello.corp.sevenstep.test /whoami.json
  [[ $status == 0 ]] || fail "$output"
  [[ $(jq -c '[.user, .ticket.delegated, .ticket.mechanism]' <<<"$output") == '["alice@CORP.SEVENSTEP.TEST",false,"krb5"]' ]] || fail "$output"
}

@test "a ticket for another application is refused" {
  logon alice
  run "$BATS_TEST_DIRNAME/lib/negotiate" "127.0.0.1:$port" ledger.corp.sevenstep.test /whoami.json
  [[ $status == 0 ]] || fail "$output"
  get "$hello" -H 'Host: ledger.corp.sevenstep.test' --negotiate -u :
  assert_status 401
  assert_error ticket_invalid
  assert_page 'this application is HTTP/ledger.corp.sevenstep.test'
}

@test "NTLM is refused: by its own scheme, and inside of Negotiate" {
  get "$hello" --ntlm -u alice:alice-password
  assert_status 401
  [[ $(agent_header WWW-Authenticate) == Negotiate ]]
  get "$hello" -H 'Authorization: Negotiate TlRMTVNTUAABAAAAB4IIAAAAAAAAAAAAAAAAAAAAAAA='
  assert_status 401
  assert_error ticket_mechanism
}

@test "malformed tokens are refused, and the next user is served" {
  for token in '' '=' AAAA YIIBAA== 'YIIB AA==' "$(head -c 30000 /dev/zero | base64 -w 0)"; do
    get "$hello" -H "Authorization: Negotiate $token"
    assert_status 401
  done
  logon alice
  get "$hello" --negotiate -u :
  assert_accepted alice
}
