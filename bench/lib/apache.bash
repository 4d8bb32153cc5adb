# shellcheck shell=bash
# A yardstick for the application: Apache httpd with mod_auth_gssapi, which verifies every request's ticket by GSSAPI. Event MPM, as many
# processes as there are cores, kept connections, no logs, a static answer; no sessions, so that every request is verified, as ours
# does; the replay cache on (libkrb5's, in a file of the folder).
#
#   apache_start FOLDER PORT KEYTAB BODY-BYTES     /tiny
#   apache_stop FOLDER
#   apache_pids FOLDER

apache_bin() { command -v apache2 || echo /usr/sbin/apache2; }
apache_modules=/usr/lib/apache2/modules

# Its keytab and krb5.conf are copies, for it does not serve as root.
apache_start() {
  local folder=$1 port=$2 keytab=$3 as_user='' module
  mkdir -p "$folder/site" "$folder/run"
  head -c "$4" /dev/zero | tr '\0' x >"$folder/site/tiny"
  install -m 600 "$keytab" "$folder/keytab"
  install -m 644 "$KRB5_CONFIG" "$folder/krb5.conf"
  if ((EUID == 0)); then
    as_user=$'User www-data\nGroup www-data'
    chmod 711 "${folder%/*}"
    chown -R www-data:www-data "$folder"
  fi
  {
    for module in mpm_event authn_core authz_core authz_user auth_gssapi; do
      echo "LoadModule ${module}_module $apache_modules/mod_$module.so"
    done
    cat <<CONF
ServerName localhost
ServerRoot $folder
DefaultRuntimeDir $folder/run
PidFile $folder/apache.pid
ErrorLog $folder/error.log
LogLevel error
Mutex file:$folder/run default
Listen 127.0.0.1:$port
$as_user
StartServers $(nproc)
ServerLimit $(nproc)
ThreadsPerChild 64
MaxRequestWorkers $((64 * $(nproc)))
MaxConnectionsPerChild 0
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 600
LimitRequestFieldSize 65536
DocumentRoot $folder/site
<Location />
  AuthType GSSAPI
  AuthName bench
  GssapiCredStore keytab:$folder/keytab
  GssapiCredStore rcache:file2:$folder/run/replay
  Require valid-user
</Location>
CONF
  } >"$folder/apache.conf"
  # It returns when it listens.
  KRB5_CONFIG=$folder/krb5.conf "$(apache_bin)" -f "$folder/apache.conf" -k start >"$folder/start.log" 2>&1 || {
    cat "$folder/start.log" "$folder/error.log" >&2
    return 1
  }
}

apache_stop() { stop_by_pid_file "$1/apache.pid"; }
apache_pids() { master_and_workers "$1/apache.pid"; }
