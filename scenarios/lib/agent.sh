# shellcheck shell=bash
# A user agent: what a browser does for a user, in curl. It keeps cookies, follows redirects one by one (so that each can be
# looked at), fills the logon form and posts the token on. Used by ./sevenstep demo, the scenarios and docs/tutorial.md.
#
# Needs SEVENSTEP_CA. Works on whatever page it is on; knows nothing of our programs but standard HTML forms and HTTP.
#
#   agent_new [FOLDER]          a fresh browser, without cookies; its files live in FOLDER (default: a new temporary one)
#   agent_get URL [CURL-OPTION...]   one request; a redirect is not followed
#   agent_open URL              one request, then all redirects, to the page at their end
#   agent_follow                the redirects only, from where we are
#   agent_logon USER PASSWORD   fills the form on this page (its text and its password field), submits, follows
#   agent_submit [NAME=VALUE...] submits the form on this page as it is, but with these fields changed or added; no redirect
#                               is followed
#   agent_post_token [NAME=VALUE...]  the same for the page that carries the token to the proxy, then follows
#   agent_sign_in URL USER PASSWORD   open, log on, and post the token if the flow wants it
#
# After each of them:
#   $agent_status  $agent_url   of the last response, and the files $agent_body and $agent_headers
#   agent_header NAME           a response field's value
#   agent_error                 the name of the error that the page shows, e.g. token_signature; empty if none
#   agent_trace_id              the activity id
#   agent_field NAME            a field's value of the form on this page, e.g. id_token
#   agent_cookie NAME           a cookie's value
#   agent_token_claims          the claims of the id_token on this page, as JSON
#
# All return 0 when there was an HTTP response, whatever its status; 1 when there was none (agent_failure tells why).
# If a function agent_watch is defined, it is called after each response with: METHOD URL STATUS.

AGENT_TIMEOUT=${AGENT_TIMEOUT:-30}
agent_max_redirects=12

agent_new() {
  agent_folder=${1:-$(mktemp -d "${TMPDIR:-/tmp}/sevenstep-agent.XXXXXX")} || return
  mkdir -p "$agent_folder"
  agent_jar=$agent_folder/cookies agent_body=$agent_folder/body agent_headers=$agent_folder/headers
  : >"$agent_jar"
  agent_status='' agent_url='' agent_redirect='' agent_failure=''
}

# agent_request METHOD URL [CURL-OPTION...]
agent_request() {
  local method=$1 url=$2 answer
  shift 2
  : >"$agent_headers"
  : >"$agent_body"
  answer=$(curl -sS --noproxy '*' --cacert "$SEVENSTEP_CA" --max-time "$AGENT_TIMEOUT" -b "$agent_jar" -c "$agent_jar" \
    -D "$agent_headers" -o "$agent_body" -w '%{http_code} %{redirect_url}' "$@" -- "$url" 2>"$agent_folder/errors") || {
    agent_failure=$(<"$agent_folder/errors")
    agent_status=000 agent_url=$url agent_redirect=''
    return 1
  }
  agent_failure='' agent_status=${answer%% *} agent_redirect=${answer#* } agent_url=$url
  if declare -F agent_watch >/dev/null; then agent_watch "$method" "$url" "$agent_status"; fi
  return 0
}

agent_get() {
  agent_request GET "$@"
}

agent_follow() {
  local hops=0
  while [[ -n $agent_redirect ]]; do
    ((++hops <= agent_max_redirects)) || {
      agent_failure="more than $agent_max_redirects redirects"
      return 1
    }
    agent_request GET "$agent_redirect" || return
  done
}

agent_open() {
  agent_get "$@" && agent_follow
}

agent_header() {
  local line wanted=${1,,}
  while IFS= read -r line; do
    line=${line%$'\r'}
    [[ ${line%%:*} == "$line" || ${line%%:*} == '' ]] && continue
    if [[ ${line%%:*} == "$1" || $(tr '[:upper:]' '[:lower:]' <<<"${line%%:*}") == "$wanted" ]]; then
      line=${line#*:}
      printf '%s\n' "${line# }"
      return
    fi
  done <"$agent_headers"
  return 1
}

agent_trace_id() {
  agent_header Sevenstep-Trace
}

agent_error() {
  agent_header Sevenstep-Error || sed -n 's/.*data-error="\([^"]*\)".*/\1/p' "$agent_body" | head -n 1
}

agent_cookie() {
  awk -F '\t' -v name="$1" '$6 == name { print $7 }' "$agent_jar"
}

# -- forms ---------------------------------------------------------------------------------------------------------

agent_unescape() {
  sed -e 's/&quot;/"/g' -e "s/&#39;/'/g" -e "s/&#x27;/'/g" -e 's/&#43;/+/g' -e 's/&#x2[bB];/+/g' -e 's/&#61;/=/g' -e 's/&lt;/</g' \
    -e 's/&gt;/>/g' -e 's/&amp;/\&/g'
}

# agent_attribute TAG NAME: the attribute's value in the text of one tag.
agent_attribute() {
  local pattern=" $2=\"([^\"]*)\""
  [[ $1 =~ $pattern ]] && agent_unescape <<<"${BASH_REMATCH[1]}"
}

# The page's tags of this name, one a line.
agent_tags() {
  tr '\n' ' ' <"$agent_body" | grep -o "<$1[ >][^>]*>\\?"
}

agent_has_form() {
  [[ -n $(agent_tags form) ]]
}

# The inputs of the page as TYPE<TAB>NAME<TAB>VALUE.
agent_inputs() {
  local tag name type
  while IFS= read -r tag; do
    name=$(agent_attribute "$tag" name) || continue
    type=$(agent_attribute "$tag" type)
    printf '%s\t%s\t%s\n' "${type:-text}" "$name" "$(agent_attribute "$tag" value)"
  done < <(agent_tags input)
}

agent_field() {
  agent_inputs | awk -F '\t' -v name="$1" '$2 == name { print $3; found = 1; exit } END { exit !found }'
}

# Where the form goes, as an absolute URL.
agent_form_action() {
  local tag action origin
  tag=$(agent_tags form | head -n 1)
  action=$(agent_attribute "$tag" action)
  origin=$(sed -E 's|^([a-z]+://[^/]*).*|\1|' <<<"$agent_url")
  case $action in
    *://*) printf '%s\n' "$action" ;;
    /*) printf '%s\n' "$origin$action" ;;
    '') printf '%s\n' "$agent_url" ;;
    '?'*) printf '%s\n' "${agent_url%%\?*}$action" ;;
    *)
      local base=${agent_url%%\?*}
      printf '%s\n' "${base%/*}/$action" ;;
  esac
}

agent_submit() {
  local type name value change origin fields=() seen=''
  agent_has_form || {
    agent_failure="there is no form on this page ($agent_url, $agent_status)"
    return 1
  }
  while IFS=$'\t' read -r type name value; do
    [[ $type == submit || $type == button ]] && continue
    for change; do [[ ${change%%=*} == "$name" ]] && value=${change#*=} && seen+=" $name "; done
    fields+=(--data-urlencode "$name=$value")
  done < <(agent_inputs)
  for change; do [[ $seen == *" ${change%%=*} "* ]] || fields+=(--data-urlencode "$change"); done
  # Browsers send the page's origin with every form, or "null" when the page says no-referrer (Fetch standard, section 3.2).
  origin=null
  [[ $(agent_header Referrer-Policy) == no-referrer ]] || origin=$(sed -E 's|^([a-z]+://[^/]*).*|\1|' <<<"$agent_url")
  agent_request POST "$(agent_form_action)" -H "Origin: $origin" ${fields[@]+"${fields[@]}"}
}

# The name of the first input of one of these types.
agent_input_of_type() {
  agent_inputs | awk -F '\t' -v types=" $* " 'index(types, " " $1 " ") { print $2; exit }'
}

agent_logon() {
  local user password
  user=$(agent_input_of_type text email) password=$(agent_input_of_type password)
  [[ -n $user && -n $password ]] || {
    agent_failure="there is no logon form on this page ($agent_url, $agent_status)"
    return 1
  }
  agent_submit "$user=$1" "$password=$2" && agent_follow
}

agent_has_token() {
  agent_field id_token >/dev/null
}

agent_post_token() {
  agent_submit "$@" && agent_follow
}

agent_token_claims() {
  local payload
  payload=$(agent_field id_token | cut -d . -f 2 | tr -- '-_' '+/')
  while ((${#payload} % 4)); do payload+='='; done
  base64 -d <<<"$payload"
}

agent_sign_in() {
  agent_open "$1" || return
  agent_logon "$2" "$3" || return
  if agent_has_token; then agent_post_token; fi
}
