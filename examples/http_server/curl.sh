#!/usr/bin/env bash
# curl at http_server, over HTTP and over TLS: bodies with a length, in chunks and asked for, parts and conditions, lines
# that come slowly, HTTP/1.0. Needs curl, or root to install it.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v curl >/dev/null || {
    echo 'installing curl'
    { apt-get update && apt-get install -y --no-install-recommends curl; } >/dev/null
}
cargo build --quiet --bin http_server
work=$(mktemp -d)
server=
trap 'kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
mkdir "$work/site"
echo 0123456789 >"$work/site/digits.txt"
# Larger than what is kept and than what comes back at once.
head -c 3000000 /dev/urandom >"$work/site/large"

# What curl prints and how it ends, given what is expected and then its arguments.
expect() {
    local wanted=$1 got status=0
    shift
    got=$(curl --silent --insecure --max-time 30 "$@") || status=$?
    if [[ $status != 0 || $got != "$wanted" ]]; then
        printf 'curl %s\nends with %s and says\n%s\ninstead of\n%s\n' "$*" "$status" "$got" "$wanted" >&2
        exit 1
    fi
}

same() { # As `large`, whose bytes bash cannot hold.
    curl --silent --insecure --max-time 30 "$@" | cmp - "$work/site/large"
}

ask() { # SCHEME OPTIONS-OF-SERVER..
    local scheme=$1 url etag date
    shift
    rm -f "$work/says"
    "${CARGO_TARGET_DIR:-target}/debug/http_server" --listen 127.0.0.1:0 "$@" "$work/site" >"$work/says" 2>&1 &
    server=$!
    for _ in $(seq 100); do grep -q serving "$work/says" && break || sleep 0.1; done
    url=$scheme://$(grep -oE '127\.0\.0\.1:[0-9]+' "$work/says" | head -1)
    local code=(--output /dev/null --write-out '%{http_code}')

    expect 0123456789 "$url/digits.txt"
    expect 404 "${code[@]}" "$url/nothing"
    # The second request on the connection of the first.
    expect 10 --output /dev/null --output /dev/null --write-out '%{num_connects}' "$url/digits.txt" "$url/digits.txt"
    expect '200 11' --head --output /dev/null --write-out '%{http_code} %header{content-length}' "$url/digits.txt"
    same "$url/large"

    expect 'a body' --data 'a body' "$url/echo"
    expect 'a body' --header 'Transfer-Encoding: chunked' --data 'a body' "$url/echo"
    same --data-binary "@$work/site/large" "$url/echo"
    same --header 'Transfer-Encoding: chunked' --upload-file "$work/site/large" "$url/echo"
    same --header 'Expect: 100-continue' --upload-file "$work/site/large" "$url/echo"
    same --http1.0 --data-binary "@$work/site/large" "$url/echo"
    expect 405 "${code[@]}" --data 'a body' "$url/digits.txt"

    expect 345 --range 3-5 "$url/digits.txt"
    expect 789 --range -4 "$url/digits.txt"
    expect 416 "${code[@]}" --range 20-30 "$url/digits.txt"
    etag=$(curl --silent --insecure --output /dev/null --write-out '%header{etag}' "$url/digits.txt")
    date=$(curl --silent --insecure --output /dev/null --write-out '%header{last-modified}' "$url/digits.txt")
    expect 304 "${code[@]}" --header "If-None-Match: $etag" "$url/digits.txt"
    expect 304 "${code[@]}" --header "If-Modified-Since: $date" "$url/digits.txt"
    expect 345 --range 3-5 --header "If-Range: $date" "$url/digits.txt"
    expect 0123456789 --range 3-5 --header 'If-Range: "another"' "$url/digits.txt"
    # The rest of what was broken off.
    head -c 1000000 "$work/site/large" >"$work/part"
    curl --silent --insecure --continue-at - --output "$work/part" "$url/large"
    cmp "$work/part" "$work/site/large"

    expect $'line 1 of 2\nline 2 of 2' --no-buffer "$url/slow?lines=2&ms=50"
    expect $'line 1 of 2\nline 2 of 2' --http1.0 "$url/slow?lines=2&ms=50"
    expect 204 "${code[@]}" --request OPTIONS "$url/digits.txt"

    kill "$server"
    wait "$server"
    echo "$scheme: curl gets what it should"
}

ask http
ask https --self-signed
