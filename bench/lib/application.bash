# shellcheck shell=bash
# The applications behind the chains that are compared, the same ones for all: nginx with static answers, for GETs, and the
# lab's own application without a ticket, for what is sent (nginx answers before it has read a body).
#
#   application_start FOLDER PORT BODY-BYTES BULK-BYTES    /tiny and /bulk
#   application_stop FOLDER

nginx_bin() { command -v nginx || echo /usr/sbin/nginx; }

# nginx_common FOLDER NAME: what all configurations of nginx here share.
nginx_common() {
  cat <<CONF
pid $1/$2.pid;
daemon on;
worker_processes auto;
$([[ $EUID == 0 ]] && echo 'user root;')
error_log $1/$2.log warn;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path $1/tmp-$2;
  proxy_temp_path $1/tmp-$2;
  fastcgi_temp_path $1/tmp-$2;
  uwsgi_temp_path $1/tmp-$2;
  scgi_temp_path $1/tmp-$2;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 100000000;
CONF
}

# nginx_launch FOLDER NAME: with `daemon on` it returns when it listens.
nginx_launch() {
  "$(nginx_bin)" -p "$1" -e "$1/$2.log" -c "$1/$2.conf" || {
    cat "$1/$2.log" >&2
    return 1
  }
}

# stop_by_pid_file FILE...: and waits for the end.
stop_by_pid_file() {
  local file pid
  for file; do
    [[ -s $file ]] || continue
    pid=$(<"$file")
    kill -TERM "$pid" 2>/dev/null && tail --pid="$pid" -f /dev/null
  done
}

application_start() {
  local folder=$1 port=$2
  mkdir -p "$folder/site"
  head -c "$3" /dev/zero | tr '\0' x >"$folder/site/tiny"
  truncate -s "$4" "$folder/site/bulk"
  {
    nginx_common "$folder" application
    cat <<CONF
  sendfile on;
  etag off;
  server {
    listen 127.0.0.1:$port backlog=4096;
    root $folder/site;
    location = /tiny { default_type text/plain; return 200 "$(<"$folder/site/tiny")"; }
    location / { default_type application/octet-stream; }
  }
}
CONF
  } >"$folder/application.conf"
  nginx_launch "$folder" application
}

application_stop() {
  stop_by_pid_file "$1/application.pid"
}
