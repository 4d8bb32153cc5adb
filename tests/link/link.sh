#!/bin/bash
# Proves on our own objects, libraries and programs what each may know: an actor that cannot reach a mechanism cannot misuse
# it. Usage: link.sh CHECK BUILD-FOLDER SOURCE-FOLDER, with CHECK one of the functions check_* below. Every check also
# looks at something that must be there, so that an empty list never passes for a clean one.
set -uo pipefail
export LC_ALL=C

build=$2 source=$3
failed=0

fail() {
  echo "FAILED $*"
  failed=1
}

program() { printf '%s/bin/sevenstep-%s\n' "$build" "$1"; }

# The shared libraries a program itself asks for.
needed() { readelf -dW "$(program "$1")" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'; }

# The functions and data that a library of ours defines for others, one a line.
defined_by() {
  nm -gj --defined-only "$(find "$build/common" -name "lib$1.a")" 2>/dev/null | grep -v -e '\.o:$' -e '^$' | sort -u
}

# The functions and data that a program contains.
contained_in() { nm -j --defined-only "$(program "$1")" | sort -u; }

# The objects of an actor's own folder.
objects_of() { find "$build/$1" -name '*.o'; }

# What is asked for from outside by objects given as arguments, without symbol versions.
asked_for_by() { nm -uj "$@" 2>/dev/null | grep -v -e ':$' -e '^$' | sed 's/@.*//' | sort -u; }

must_not_need() { # PROGRAM PATTERN
  local found
  found=$(needed "$1" | grep -E "$2")
  [[ -z $found ]] || fail "sevenstep-$1 is linked with $(tr '\n' ' ' <<<"$found")"
}

must_need() {
  needed "$1" | grep -qE "$2" || fail "sevenstep-$1 is not linked with $2: is this check looking in the right place?"
}

must_not_contain() { # PROGRAM LIBRARY
  local found defined
  defined=$(defined_by "$2")
  [[ -n $defined ]] || fail "common/$2 defines nothing: is this check looking in the right place?"
  found=$(comm -12 <(contained_in "$1") - <<<"$defined" | head -n 3)
  [[ -z $found ]] || fail "sevenstep-$1 contains code of common/$2: $(tr '\n' ' ' <<<"$found")"
}

must_contain() {
  [[ -n $(comm -12 <(contained_in "$1") <(defined_by "$2") | head -n 1) ]] ||
    fail "sevenstep-$1 contains nothing of common/$2: is this check looking in the right place?"
}

must_not_ask() { # FOLDER PATTERN
  local objects found
  mapfile -t objects < <(objects_of "$1")
  ((${#objects[@]})) || { fail "there are no objects in $build/$1"; return; }
  found=$(asked_for_by "${objects[@]}" | grep -E "$2" | head -n 5)
  [[ -z $found ]] || fail "objects of $1/ ask for $(tr '\n' ' ' <<<"$found")"
}

readonly kerberos_libraries='^lib(gssapi|krb5|k5crypto|krb5support|kadm5|kdb5|com_err)'
readonly kerberos_symbols='^(gss_|krb5_|GSS_C_|gssapi_)'
readonly token_symbols='^(jwt_|jwks_|jws_|token_)'

# The cloud sees tokens and never tickets.
check_cloud() {
  must_not_need cloud "$kerberos_libraries"
  must_not_need cloud '^libjwt'
  must_not_contain cloud krb
  must_not_contain cloud krb_accept
  must_not_contain cloud wire
  must_not_contain cloud token_issue
  must_not_ask cloud "$kerberos_symbols"
  must_not_ask cloud '^jwt_'
  must_contain cloud token
}

# The connector sees tickets and never tokens; it dials and never listens.
check_connector() {
  must_not_need connector '^libjwt'
  must_not_need connector '^lib(kadm5|kdb5)'
  must_not_contain connector token
  must_not_contain connector token_issue
  must_not_contain connector krb_accept
  must_not_contain connector wire
  must_not_ask connector "$token_symbols"
  must_not_ask connector '^(listen|bind|accept4?|uv_listen|uv_tcp_bind|listener_.*)$'
  must_need connector '^libkrb5'
  must_contain connector krb
}

# The application knows Kerberos from the acceptor's side only, and nothing of tokens.
check_backend() {
  must_not_need backend '^libjwt'
  must_not_contain backend token
  must_not_contain backend token_issue
  must_not_contain backend krb
  must_not_contain backend wire
  must_not_ask backend "$token_symbols"
  must_need backend '^libgssapi_krb5'
  must_contain backend krb_accept
}

# The identity provider alone issues tokens, and knows nothing of Kerberos.
check_idp() {
  local actor
  must_not_need idp "$kerberos_libraries"
  must_not_contain idp krb
  must_not_contain idp krb_accept
  must_not_ask idp "$kerberos_symbols"
  must_need idp '^libjwt'
  must_contain idp token_issue
  for actor in cloud connector backend kdc; do
    must_not_need "$actor" '^libjwt'
    must_not_contain "$actor" token_issue
  done
}

# The KDC's supervisor knows neither tokens nor the data path.
check_kdc() {
  must_not_contain kdc token
  must_not_contain kdc krb
  must_not_contain kdc tunnel
  must_not_ask kdc-setup "$token_symbols"
  must_contain kdc config
}

# Foreign headers stay with the code that adapts them: HEADER FOLDER...
readonly adapters='
microhttpd.h      common/httpd
uv.h              common/net cloud connector bench
curl/curl.h       common/trace cloud connector
jwt.h             common/token_issue
krb5.h            common/krb common/krb_accept common/wire kdc-setup bench
gssapi            common/krb_accept bench
kdb.h             kdc-setup
kadm5/admin.h     kdc-setup
ldap.h            kdc-setup
sqlite3.h         common/store
libfyaml.h        common/config
nghttp2/nghttp2.h common/tunnel
gnutls            common/httpd
'

product_sources() {
  (cd "$source" && find backend bench cloud common connector idp kdc-setup stage -name '*.[ch]' 2>/dev/null | sort)
}

check_headers() {
  local header folders file folder allowed count=0
  while read -r header folders; do
    [[ -n $header ]] || continue
    while IFS= read -r file; do
      count=$((count + 1))
      allowed=0
      for folder in $folders; do [[ $file == "$folder"/* ]] && allowed=1; done
      ((allowed)) || fail "$file includes <$header>, which is for $folders"
    done < <(cd "$source" && product_sources | xargs grep -lE "^ *# *include *<$header[>/]")
  done <<<"$adapters"
  ((count > 5)) || fail "only $count includes of foreign headers found: is this check looking in the right place?"
  # A header of another folder comes by the link graph, never by a path around it.
  file=$(cd "$source" && product_sources | xargs grep -nE '^ *# *include *"(\.\./|/|.*\.\./)')
  [[ -z $file ]] || fail "a path in an include: $file"
}

# Functions that cannot be used safely, or have a better one here: bounded copies, random_bytes(), mkstemp, posix_spawn.
banned='strcpy|strcat|strncat|sprintf|vsprintf|gets|strtok|system|popen|rand|srand|random|srandom|rand_r|drand48|mktemp|tmpnam|tempnam|alloca'
banned+='|gethostbyname|gethostbyaddr|inet_addr|inet_ntoa|asctime|ctime|gmtime|localtime|atoi|atol|atof|scanf|vfork|putenv'

check_banned() {
  local objects found file
  # The sources, without comments: also what a compiler optimises away or a macro hides.
  while IFS= read -r file; do
    found=$(gcc -fpreprocessed -dD -E -P "$source/$file" 2>/dev/null | grep -nEo "(^|[^A-Za-z0-9_>.])($banned)[ ]*\\(" | head -n 3)
    [[ -z $found ]] || fail "$file uses $(tr '\n' ' ' <<<"$found")"
  done < <(product_sources)
  # The objects: what is really called.
  mapfile -t objects < <(find "$build" -path "$build/tests" -prune -o -name '*.o' -print)
  ((${#objects[@]} > 20)) || fail "only ${#objects[@]} objects in $build"
  found=$(asked_for_by "${objects[@]}" | grep -E "^(__)?(isoc99_)?($banned)(_chk)?\$")
  [[ -z $found ]] || fail "objects call $(tr '\n' ' ' <<<"$found")"
}

case ${1-} in
  cloud | connector | backend | idp | kdc | headers | banned) "check_$1" ;;
  *) fail "no such check: ${1-}" ;;
esac
((failed)) || echo "passed"
exit "$failed"
