#!/usr/bin/env bats
# Step 2 refuses: at the logon page, and at the authorization and token endpoints. No token is issued.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

# assert_refused NAME STATUS: by the identity provider, with no token on the page.
assert_refused() {
  assert_status "$2"
  assert_error "$1"
  [[ $(agent_header Sevenstep-Actor) == idp ]]
  refute agent_has_token
}

@test "a wrong password" {
  open_logon
  agent_logon "$SEVENSTEP_USER" wrong
  assert_refused wrong_password 401
  assert_steps "1 2"
  assert_trace_error wrong_password 2
  # The page is the logon form again: the right password goes on from here.
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  agent_post_token
  assert_status 200
}

@test "an unknown user is told the same as a wrong password" {
  open_logon
  agent_logon nobody@sevenstep.test whatever
  assert_refused wrong_password 401
}

@test "a disabled user" {
  open_logon
  agent_logon carol@sevenstep.test carol-password
  assert_refused user_disabled 403
  assert_trace_error user_disabled 2
}

@test "a user who is not assigned to the application" {
  open_logon
  agent_logon frank@sevenstep.test frank-password
  assert_refused user_unassigned 403
  assert_trace_error user_unassigned 2
}

@test "too many wrong passwords lock the account, also for the right one" {
  open_logon
  for _ in $(seq 1 20); do
    agent_logon bob@sevenstep.test wrong
    [[ $(agent_error) == wrong_password ]] || break
  done
  assert_refused locked_out 429
  agent_logon bob@sevenstep.test bob-password
  assert_refused locked_out 429
}

@test "a logon form that another browser opened" {
  open_logon
  local page=$BATS_TEST_TMPDIR/page url=$agent_url
  cp "$agent_body" "$page"
  agent_new "$BATS_TEST_TMPDIR/other"
  cp "$page" "$agent_body"
  agent_url=$url
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  assert_refused logon_forged 403
}

authorize() { # PARAMETER=VALUE...
  local options=()
  for p; do options+=(--data-urlencode "$p"); done
  agent_get "$SEVENSTEP_ISSUER/authorize" -G "${options[@]}"
}

@test "an unknown client is shown an error, and is sent nowhere" {
  authorize client_id=nobody response_type=code scope=openid redirect_uri=https://evil.example/
  assert_refused client_unknown 400
  [[ -z $agent_redirect ]]
}

@test "a redirect URI that only begins like the registered one" {
  authorize client_id=hello response_type=id_token response_mode=form_post scope=openid nonce=n \
    "redirect_uri=${SEVENSTEP_APP_URL}.sevenstep/callback/../evil"
  assert_refused bad_redirect_uri 400
  [[ -z $agent_redirect ]]
}

@test "a response type that would put tokens into URLs" {
  authorize "client_id=$SEVENSTEP_CLIENT_ID" response_type=token scope=openid state=s "redirect_uri=$SEVENSTEP_REDIRECT_URI"
  assert_status 303
  [[ $agent_redirect == "$SEVENSTEP_REDIRECT_URI"*error=unsupported_response_type* ]]
  [[ $agent_redirect == *state=s* ]]
}

@test "a code request without PKCE" {
  authorize "client_id=$SEVENSTEP_CLIENT_ID" response_type=code scope=openid state=s "redirect_uri=$SEVENSTEP_REDIRECT_URI"
  [[ $agent_redirect == "$SEVENSTEP_REDIRECT_URI"*error=invalid_request* ]]
}

# A code for the registered client, by hand; sets $code and $verifier.
get_code() {
  local challenge
  verifier=$(head -c 32 /dev/urandom | base64 -w0 | tr '+/' '-_' | tr -d '=')
  challenge=$(printf '%s' "$verifier" | openssl dgst -sha256 -binary | base64 -w0 | tr '+/' '-_' | tr -d '=')
  authorize "client_id=$SEVENSTEP_CLIENT_ID" response_type=code scope=openid state=s nonce=n \
    "redirect_uri=$SEVENSTEP_REDIRECT_URI" "code_challenge=$challenge" code_challenge_method=S256
  agent_submit "$(agent_input_of_type text email)=$SEVENSTEP_USER" "$(agent_input_of_type password)=$SEVENSTEP_PASSWORD"
  code=$(sed -nE 's/.*[?&]code=([^&]*).*/\1/p' <<<"$agent_redirect")
  [[ -n $code ]]
}

token_request() { # PARAMETER=VALUE...
  local options=()
  for p; do options+=(--data-urlencode "$p"); done
  agent_request POST "$SEVENSTEP_ISSUER/token" -u "$SEVENSTEP_CLIENT_ID:$SEVENSTEP_CLIENT_SECRET" "${options[@]}"
}

oauth_error() { jq -r .error "$agent_body"; }

@test "a code is good once" {
  get_code
  token_request grant_type=authorization_code "code=$code" "redirect_uri=$SEVENSTEP_REDIRECT_URI" "code_verifier=$verifier"
  assert_status 200
  jq -e '.id_token and .token_type' "$agent_body"
  token_request grant_type=authorization_code "code=$code" "redirect_uri=$SEVENSTEP_REDIRECT_URI" "code_verifier=$verifier"
  assert_status 400
  [[ $(oauth_error) == invalid_grant ]]
}

@test "a code with the wrong verifier" {
  get_code
  token_request grant_type=authorization_code "code=$code" "redirect_uri=$SEVENSTEP_REDIRECT_URI" "code_verifier=${verifier:0:-1}_"
  assert_status 400
  [[ $(oauth_error) == invalid_grant ]]
}

@test "a client with the wrong secret" {
  agent_request POST "$SEVENSTEP_ISSUER/token" -u "$SEVENSTEP_CLIENT_ID:wrong" -d grant_type=authorization_code -d code=x
  assert_status 401
  [[ $(oauth_error) == invalid_client ]]
  [[ -n $(agent_header WWW-Authenticate) ]]
}
