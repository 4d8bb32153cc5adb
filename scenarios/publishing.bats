#!/usr/bin/env bats
# Publishing options: what lab.yaml says of an application is what users and the application meet.

load lib/lab

# The lab with more applications, each played by the same program inside.
setup_file() {
  lab_publish "$BATS_FILE_TMPDIR/lab.yaml" "$BATS_TEST_DIRNAME/publishing.yaml" HTTP/files.corp.sevenstep.test
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  site=https://site.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))
}

# What the application says of the request that it got: a member of it, such as .target
got() {
  jq -r ".request$1" "$agent_body"
}

# -- paths ---------------------------------------------------------------------------------------------------------

@test "paths: the application gets its internal path, and the rest byte for byte" {
  agent_get "$site/open/a%20b//c?d=/e" -H 'Accept: application/json'
  assert_status 200
  [[ $(got .target) == '/echo/a%20b//c?d=/e' ]]
  assert_steps "3 6 7"
}

@test "paths: the most specific path wins, also under another spelling" {
  for path in /open/files/x /open/%66iles/x //open//files/x; do
    agent_get "$site$path" --path-as-is
    assert_status 302
    [[ $agent_redirect == *client_id=files* ]]
    assert_reached_no_connector
  done
}

@test "paths: signing in below a path goes through all seven steps and back to where the user wanted to go" {
  sign_in "$site/open/files/x?y=1"
  [[ $agent_url == "$site/open/files/x?y=1" ]]
  [[ $(got .target) == '/echo/files/x?y=1' ]]
  assert_steps "1 2 3 4 5 6 7"
  [[ -n $(agent_cookie __Host-sevenstep-app-files) ]]
}

@test "paths: a session of one application is none of its neighbour" {
  sign_in "$site/open/files/x"
  agent_get "$site/team/"
  assert_status 302
  [[ $agent_redirect == *client_id=team* ]]
}

@test "paths: logout below a path ends that session" {
  sign_in "$site/open/files/x"
  agent_get "$site/open/files/.sevenstep/logout"
  assert_status 200
  agent_get "$site/open/files/x"
  assert_status 302
}

@test "paths: what is not published is 404 and reaches no connector" {
  for path in / /open /opening/x /open/../team/ /open/%2e%2e/x '/open/..;/x'; do
    agent_get "$site$path" --path-as-is
    assert_status 404
    assert_error application_unknown
    assert_reached_no_connector
  done
}

# -- URLs in header fields -----------------------------------------------------------------------------------------

@test "headers: the application sees its own host, and users see theirs" {
  agent_get "$site/open/" -H 'Accept: application/json' -H "Origin: $site" -H "Referer: $site/open/from?x"
  inside=http://open.corp.sevenstep.test:$((SEVENSTEP_PORT_BASE + 6))
  [[ $(got '.fields[] | select(.[0] | ascii_downcase == "host") | .[1]') == "${inside#http://}" ]]
  [[ $(got '.fields[] | select(.[0] | ascii_downcase == "origin") | .[1]') == "$inside" ]]
  [[ $(got '.fields[] | select(.[0] | ascii_downcase == "referer") | .[1]') == "$inside/echo/from?x" ]]

  agent_get "$site/open/move"
  assert_status 302
  [[ $agent_redirect == "$site/open/moved" ]]
  [[ $(agent_header Set-Cookie) == 'visited=yes; Domain=site.apps.localhost; Path=/open/; SameSite=Lax' ]]
  agent_follow
  assert_status 200
  [[ $(got .target) == /echo/moved ]]
}

@test "headers: not translated, the application sees the external host, and its answers stay as they are" {
  outside=https://outside.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))
  agent_get "$outside/echo" -H 'Accept: application/json' -H "Origin: $outside"
  [[ $(got '.fields[] | select(.[0] | ascii_downcase == "host") | .[1]') == "${outside#https://}" ]]
  [[ $(got '.fields[] | select(.[0] | ascii_downcase == "origin") | .[1]') == "$outside" ]]
  agent_get "$outside/echo/move"
  [[ $agent_redirect == "http://${outside#https://}/echo/moved" ]]
  [[ $(agent_header Set-Cookie) == *'Domain=outside.apps.localhost; Path=/echo/'* ]]
}

# -- URLs in bodies ------------------------------------------------------------------------------------------------

# The value of an attribute of the page's element with this id: attribute ID NAME
attribute() {
  grep -o "<[^>]* id=\"\?$1\"\?[ >][^>]*>\?" "$agent_body" | grep -oE " $2=(\"[^\"]*\"|'[^']*'|[^ >\"']+)" | sed -E "s/^ $2=//; s/^[\"']|[\"']\$//g"
}

assert_links_are_external() {
  local inside=http://portal.corp.sevenstep.test:$((SEVENSTEP_PORT_BASE + 6))/links
  [[ $(attribute hello href) == "${site/site/hello}/?a=1&amp;b=2" ]]
  [[ $(attribute files href) == "$site/open/files/?a=1&amp;b=2" ]]
  [[ $(attribute path href) == /portal/path ]]
  [[ $(attribute relative href) == relative ]]
  [[ $(attribute elsewhere href) == "http://elsewhere.test/?to=$inside/" ]]
  [[ $(attribute image srcset) == "$site/portal/small.png 1x, $site/portal/large.png 2x" ]]
  [[ $(attribute form action) == "$site/portal/form" ]]
  assert_page "href=\"$site/portal/style.css\""
  assert_page "url($site/portal/background.png)"
  assert_page "content: url('$site/portal/image.png')"
  # Not in scripts, comments and text.
  assert_page "var here = \"$inside/\""
  assert_page "<!-- <a href=\"$inside/comment\"> -->"
  assert_page "<p>$inside/text"
}

@test "body: links to what is published lead outside, everything else stays" {
  agent_get "$site/portal/"
  assert_status 200
  assert_links_are_external
  assert_step_attribute 7 cloud sevenstep.body translated
  agent_get "$(attribute public href)"
  assert_status 200
}

@test "body: a style sheet's too" {
  agent_get "$site/portal/style.css"
  assert_status 200
  assert_page "@import \"$site/portal/more.css\""
  assert_page "url($site/portal/body.png)"
  assert_page "/* url(http://portal.corp.sevenstep.test:$((SEVENSTEP_PORT_BASE + 6))/links/comment.png) */"
}

@test "body: compressed ones are read, translated and compressed again" {
  for coding in gzip deflate; do
    agent_get "$site/portal/" -H "Accept-Encoding: br, $coding" --compressed
    assert_status 200
    [[ $(agent_header Content-Encoding) == "$coding" ]]
    [[ $(agent_header ETag) == 'W/"links-1"' ]]
    assert_links_are_external
  done
}

@test "body: HEAD gets the fields of the translated page" {
  agent_get "$site/portal/" --head
  assert_status 200
  [[ $(agent_header ETag) == 'W/"links-1"' ]]
  [[ -z $(agent_header Content-Length) ]]
}

@test "body: a compressed one that is damaged is refused, and the trace tells" {
  agent_get "$site/portal/?broken" -H 'Accept-Encoding: gzip'
  assert_status 502
  assert_error body_coding
  assert_trace_error body_coding 7
}

@test "body: a page of another kind passes, and so does every page where translation is off" {
  agent_get "$site/open/" -H 'Accept: application/json'
  [[ $(got .target) == /echo/ ]]
  agent_get "${site/site/plain}/links/" -H 'Accept-Encoding: br, gzip' --compressed
  assert_status 200
  [[ $(agent_header ETag) == '"links-1"' ]]
  [[ $(attribute form action) == "http://plain.corp.sevenstep.test:$((SEVENSTEP_PORT_BASE + 6))/links/form" ]]
}

# -- the session's cookie ------------------------------------------------------------------------------------------

# The Set-Cookie line of this name that the callback answers with.
session_cookie_of() {
  agent_open "$1"
  agent_logon "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  agent_submit
  grep -i "^set-cookie: $2=" "$agent_headers" | tr -d '\r'
}

@test "cookie: Secure and HttpOnly, and it ends with the browser" {
  run session_cookie_of "${site/site/hello}/" __Host-sevenstep
  [[ $output == *'; Path=/; Secure; HttpOnly; SameSite=Lax' ]]
}

@test "cookie: an application may want it persistent, and readable by scripts" {
  run session_cookie_of "$site/open/files/" __Host-sevenstep-app-files
  [[ $output == *'; Path=/; Secure; SameSite=Lax; Max-Age=3600' ]]
}

@test "cookie: one that is not Secure is refused when the lab file is read" {
  sed 's/persistent_cookie: true/secure_cookie: false/' "$BATS_FILE_TMPDIR/lab.yaml" >"$BATS_TEST_TMPDIR/lab.yaml"
  SEVENSTEP_LAB=$BATS_TEST_TMPDIR/lab.yaml run lab check
  [[ $status != 0 && $output == *'files.secure_cookie: must be true'* ]]
}

# -- closed to everybody -------------------------------------------------------------------------------------------

@test "maintenance: everybody is refused with a page of its own, and nothing goes inside" {
  for path in /closed/ /closed/x /closed/.sevenstep/callback; do
    agent_get "$site$path"
    assert_status 503
    assert_error maintenance
    assert_page 'Down for maintenance'
    assert_page 'Closed for now'
    assert_reached_no_connector
  done
  agent_get "$site/open/"
  assert_status 200
}

@test "robots.txt: the proxy answers, for every host, without a session" {
  for host in site hello public; do
    agent_get "${site/site/$host}/robots.txt"
    assert_status 200
    [[ $(<"$agent_body") == $'User-agent: *\nDisallow: /' ]]
    assert_reached_no_connector
  done
}

@test "an application that says no external_url is published under the name that the real service would give it" {
  local memo=https://memo-sevenstep.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
  lab app add --delegate memo internal_url=http://memo.corp.sevenstep.test:{backend}/ connect=127.0.0.1:{backend} \
    single_sign_on=kcd spn=HTTP/memo.corp.sevenstep.test assigned_groups=[staff]
  run lab app list
  [[ $output == *memo*added*$memo* ]]
  sign_in "$memo"
  assert_steps "1 2 3 4 5 6 7"
  lab app remove memo
}
