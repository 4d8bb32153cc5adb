#!/usr/bin/env bats
# Step 3 refuses: the token was changed, is somebody else's, or comes at the wrong time. Nothing reaches a connector.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  open_logon
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  token=$(agent_field id_token)
}

b64url() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
unb64url() {
  local text
  text=$(tr -- '-_' '+/')
  while ((${#text} % 4)); do text+='='; done
  base64 -d <<<"$text"
}
part() { cut -d . -f "$1" <<<"$token"; }

# assert_refused NAME: by the cloud at step 3, with nothing behind it.
assert_refused() {
  assert_error "$1"
  assert_trace_error "$1" 3
  [[ $(agent_header Sevenstep-Actor) == cloud ]]
  [[ -z $(agent_cookie __Host-sevenstep) ]]
  assert_reached_no_connector
}

@test "one character of the signature changed" {
  local last=${token: -10:1} other=A
  [[ $last == A ]] && other=B
  agent_post_token "id_token=${token:0:-10}$other${token: -9}"
  assert_status 403
  assert_refused token_signature
  assert_steps "1 2 3"
}

@test "one claim changed: another user" {
  local claims
  claims=$(part 2 | unb64url | sed 's/alice@/bobby@/' | b64url)
  agent_post_token "id_token=$(part 1).$claims.$(part 3)"
  assert_refused token_signature
}

@test "the algorithm none" {
  agent_post_token "id_token=$(printf '{"alg":"none","typ":"JWT"}' | b64url).$(part 2)."
  assert_refused token_algorithm
}

@test "HMAC keyed with the published public key" {
  local kid head mac
  kid=$(part 1 | unb64url | jq -r .kid)
  head=$(printf '{"alg":"HS256","typ":"JWT","kid":"%s"}' "$kid" | b64url)
  curl -sS --cacert "$SEVENSTEP_CA" "$(curl -sS --cacert "$SEVENSTEP_CA" "$SEVENSTEP_ISSUER/.well-known/openid-configuration" |
    jq -r .jwks_uri)" >"$BATS_TEST_TMPDIR/jwks"
  mac=$(printf '%s.%s' "$head" "$(part 2)" | openssl dgst -sha256 -hmac "$(<"$BATS_TEST_TMPDIR/jwks")" -binary | b64url)
  agent_post_token "id_token=$head.$(part 2).$mac"
  assert_refused token_algorithm
}

@test "a key that the issuer does not publish" {
  agent_post_token "id_token=$(printf '{"alg":"RS256","typ":"JWT","kid":"../../etc/passwd"}' | b64url).$(part 2).$(part 3)"
  assert_refused token_unknown_key
}

@test "no JWT at all" {
  agent_post_token id_token=nonsense
  assert_refused token_malformed
}

@test "the token of another logon of the same user (nonce)" {
  local first=$token
  agent_new "$BATS_TEST_TMPDIR/second"
  open_logon
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  agent_post_token "id_token=$first"
  assert_refused token_nonce
}

@test "another state" {
  local state
  state=$(agent_field state)
  agent_post_token "state=${state:0:-2}xx"
  assert_refused state_mismatch
}

@test "a browser that did not begin the logon" {
  cp "$agent_body" "$BATS_TEST_TMPDIR/page"
  local url=$agent_url
  agent_new "$BATS_TEST_TMPDIR/victim"
  cp "$BATS_TEST_TMPDIR/page" "$agent_body"
  agent_url=$url
  agent_post_token
  assert_refused state_mismatch
}

@test "the same delivery a second time" {
  cp "$agent_body" "$BATS_TEST_TMPDIR/page"
  cp "$agent_jar" "$BATS_TEST_TMPDIR/jar"
  local url=$agent_url
  agent_post_token
  assert_status 200
  agent_new "$BATS_TEST_TMPDIR/again"
  cp "$BATS_TEST_TMPDIR/page" "$agent_body"
  cp "$BATS_TEST_TMPDIR/jar" "$agent_jar"
  agent_url=$url
  agent_post_token
  assert_error token_nonce
  [[ -z $(agent_cookie __Host-sevenstep) ]]
}

@test "a token that was issued for another application" {
  # The browser of this logon, but the token that the provider issued for vault.
  local page=$BATS_TEST_TMPDIR/page jar=$BATS_TEST_TMPDIR/jar url=$agent_url foreign
  cp "$agent_body" "$page"
  cp "$agent_jar" "$jar"
  agent_new "$BATS_TEST_TMPDIR/vault"
  agent_open "$SEVENSTEP_FORBIDDEN_URL"
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  foreign=$(agent_field id_token)
  [[ -n $foreign ]]
  agent_new "$BATS_TEST_TMPDIR/hello"
  cp "$page" "$agent_body"
  cp "$jar" "$agent_jar"
  agent_url=$url
  agent_post_token "id_token=$foreign"
  assert_refused token_audience
}

@test "no token in the answer" {
  agent_post_token id_token=
  assert_refused token_missing
}

@test "an issuer parameter of somebody else" {
  agent_post_token iss=https://evil.example
  assert_refused token_issuer
}

@test "an error in place of a token is shown, escaped, and begins no session" {
  agent_post_token error=access_denied 'error_description=<script>alert(1)</script>' id_token=
  assert_refused authorization_denied
  refute grep -q '<script' "$agent_body"
  assert_page '&lt;script&gt;'
}
