#!/usr/bin/env bats
# API clients: an access token of the identity provider instead of a session, by curl alone.

load lib/lab

# hello and ledger are opened to API clients, and there is a public native client.
setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" '/^  (hello|ledger):/a\    bearer_access: true
/^  clients:/a\    - {id: native, redirect_uris: ["http://127.0.0.1/callback"]}
/^  public:/i\  reports:\n    external_url: https://reports.apps.localhost:{cloud}/\n    internal_url: http://reports.corp.sevenstep.test:{backend}/\n    connect: 127.0.0.1:{backend}\n    bearer_access: true\n    assigned_groups: [auditors]\n'
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

# What a native client does (RFC 8252): the user signs in, a code comes to its redirect URI, and by PKCE becomes tokens.
# tokens USER SCOPE: the answer of the token endpoint.
# Another client: CLIENT, with URI and SECRET.
tokens() {
  authorize "$1" "$2"
  [[ $agent_redirect == "${URI:-$native}"?* ]] || fail "there is no code: $agent_redirect" || return
  curl -sS --cacert "$SEVENSTEP_CA" "$SEVENSTEP_ISSUER/token" -d grant_type=authorization_code -d "client_id=${CLIENT:-native}" \
    -d "redirect_uri=${URI:-$native}" -d code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk -d "client_secret=${SECRET-}" \
    -d "code=$(sed 's/.*[?&]code=\([^&]*\).*/\1/' <<<"$agent_redirect")"
}

native=http://127.0.0.1/callback
authorize() {
  agent_get "$SEVENSTEP_ISSUER/authorize" --get -d "client_id=${CLIENT:-native}" -d "redirect_uri=${URI:-$native}" -d response_type=code \
    --data-urlencode "scope=$2" -d code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM -d code_challenge_method=S256 -d state=s
  agent_has_form || return 0
  agent_submit "username=$1" "password=$(password_of "$1")"
}

access_token() {
  tokens "$1" "openid $2/user_impersonation" | jq -er .access_token
}

api() {
  agent_new "$BATS_TEST_TMPDIR/api"
  agent_get "$@"
}

@test "a token stands in for session and logon: the application knows the user by Kerberos, and sees no token" {
  token=$(access_token alice@sevenstep.test hello)
  api "$SEVENSTEP_APP_URL" -H "Authorization: Bearer $token" -H 'Accept: application/json'
  assert_status 200
  [[ $(jq -r .user "$agent_body") == alice@* ]]
  jq -e '[.request.fields[]?, .request.headers[]?] | tostring | contains("Bearer") | not' "$agent_body"
  [[ -z $(agent_header Set-Cookie) ]]
  assert_steps "3 4 5 6 7"
  assert_step_attribute 3 cloud sevenstep.session bearer
  assert_step_attribute 3 cloud sevenstep.upn alice@sevenstep.test
}

@test "a request with a body passes with its body" {
  token=$(access_token bob@sevenstep.test hello)
  api "${SEVENSTEP_APP_URL}upload" -H "Authorization: Bearer $token" -d a=b
  assert_status 200
  assert_page "$(printf a=b | sha256sum | cut -c 1-64)"
}

@test "without a token an API client gets a challenge without an error, a browser the logon" {
  api "$SEVENSTEP_APP_URL" -H 'Accept: application/json'
  assert_status 401
  assert_error bearer_missing
  [[ $(agent_header WWW-Authenticate) == "Bearer realm=\"hello\", authorization_uri=\"$SEVENSTEP_ISSUER/authorize\", scope=\"hello/user_impersonation\"" ]]
  assert_reached_no_connector
  api "$SEVENSTEP_APP_URL" -H 'Accept: text/html'
  assert_status 302
}

# refused STATUS ERROR CODE TOKEN [URL]
refused() {
  api "${5:-$SEVENSTEP_APP_URL}" -H "Authorization: Bearer $4" -H 'Accept: application/json'
  assert_status "$1"
  assert_error "$2"
  [[ $(agent_header WWW-Authenticate) == "Bearer "*", error=\"$3\"" ]]
  assert_reached_no_connector
}

@test "ID token, access token and session are not interchangeable" {
  answer=$(tokens alice@sevenstep.test "openid hello/user_impersonation")
  refused 401 bearer_invalid invalid_token "$(jq -r .id_token <<<"$answer")"
  assert_page 'token_type: '
  sign_in
  session=$(agent_cookie __Host-sevenstep)
  [[ -n $session ]]
  refused 401 bearer_invalid invalid_token "$session"
  agent_new "$BATS_TEST_TMPDIR/agent"
  agent_get "$SEVENSTEP_APP_URL" -H "Cookie: __Host-sevenstep=$(jq -r .access_token <<<"$answer")"
  assert_status 302
}

@test "a token for another application, or a changed one, is refused" {
  token=$(access_token bob@sevenstep.test reports)
  refused 401 bearer_invalid invalid_token "$token"
  assert_page 'token_audience: '
  token=$(access_token bob@sevenstep.test hello)
  refused 401 bearer_invalid invalid_token "${token%?????}AAAAA"
  assert_page 'token_signature: '
  refused 401 bearer_invalid invalid_token "x"
}

@test "a token for the application without the scope is not enough" {
  ledger=https://ledger.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
  token=$(CLIENT=ledger URI=${ledger}.sevenstep/callback SECRET=ledger-secret-of-the-lab tokens alice@sevenstep.test openid | jq -er .access_token)
  refused 403 token_scope insufficient_scope "$token" "$ledger"
}

@test "a token in the query is refused" {
  token=$(access_token alice@sevenstep.test hello)
  api "$SEVENSTEP_APP_URL?access_token=$token"
  assert_status 400
  assert_error bearer_in_query
  [[ $(agent_header WWW-Authenticate) == *'error="invalid_request"' ]]
  assert_reached_no_connector
}

@test "an application without bearer_access does not look at tokens" {
  token=$(access_token alice@sevenstep.test hello)
  api "https://vault.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/" -H "Authorization: Bearer $token"
  assert_status 302
}

@test "an application without single sign-on gets the token as it came: it is for this application" {
  token=$(access_token bob@sevenstep.test reports)
  api "https://reports.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/echo" -H "Authorization: Bearer $token" -H 'Accept: application/json'
  assert_status 200
  assert_page "Bearer sha256:$(printf 'Bearer %s' "$token" | sha256sum | head -c 8) ($((${#token} + 7)) bytes)"
  assert_steps "3 6 7"
}

@test "who is not assigned gets no token for the application" {
  authorize frank@sevenstep.test "openid hello/user_impersonation"
  assert_status 403
  assert_error user_unassigned
}

@test "a key that the proxy does not know yet is fetched while the request waits, body and all" {
  lab stop idp
  rm -r "$SEVENSTEP_RUN/idp/keys"
  lab start idp
  token=$(access_token alice@sevenstep.test hello)
  head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/body"
  api "${SEVENSTEP_APP_URL}upload" -H "Authorization: Bearer $token" --data-binary "@$BATS_TEST_TMPDIR/body"
  assert_status 200
  assert_page "$(sha256sum <"$BATS_TEST_TMPDIR/body" | cut -c 1-64)"
}
