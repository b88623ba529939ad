#!/usr/bin/env bash
# A browser at http_server, over HTTP and over TLS: a page with a style, a script and a picture; the script sends a body to
# /echo, asks for a range of a file, and writes into the page what came of it. Needs root, or chromium there already.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v chromium >/dev/null || {
    echo 'installing chromium'
    { apt-get update && apt-get install -y --no-install-recommends chromium; } >/dev/null
}
cargo build --release --quiet --bin http_server
work=$(mktemp -d)
server=
trap 'kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

mkdir "$work/site"
cat >"$work/site/index.html" <<'HTML'
<!DOCTYPE html><title>a page</title><link rel="stylesheet" href="page.css"><p id="said"><img id="picture" src="dot.svg">
<script src="page.js"></script>
HTML
echo 'p { color: rgb(1, 2, 3) }' >"$work/site/page.css"
echo '<svg xmlns="http://www.w3.org/2000/svg" width="17" height="5"/>' >"$work/site/dot.svg"
echo 0123456789 >"$work/site/digits.txt"
cat >"$work/site/page.js" <<'JS'
onload = async () => {
    const echo = await (await fetch("/echo", { method: "POST", body: "a body" })).text();
    const range = await fetch("/digits.txt", { headers: { Range: "bytes=3-5" } });
    const missing = await fetch("/nothing");
    const color = getComputedStyle(document.getElementById("said")).color;
    const width = document.getElementById("picture").naturalWidth;
    document.getElementById("said").textContent =
        [color, width, echo, range.status, await range.text(), missing.status].join("|");
};
JS

look() { # SCHEME OPTIONS..
    local scheme=$1
    shift
    rm -f "$work/says"
    "${CARGO_TARGET_DIR:-target}/release/http_server" --listen 127.0.0.1:0 "$@" "$work/site" >"$work/says" 2>&1 &
    server=$!
    for _ in $(seq 100); do grep -q serving "$work/says" && break || sleep 0.1; done
    local address
    address=$(grep -oE '127\.0\.0\.1:[0-9]+' "$work/says" | head -1)
    chromium --headless --no-sandbox --disable-gpu --ignore-certificate-errors --user-data-dir="$work/profile" \
        --virtual-time-budget=10000 --dump-dom "$scheme://$address/" >"$work/page" 2>"$work/errors"
    if grep -qF 'rgb(1, 2, 3)|17|a body|206|345|404' "$work/page"; then
        echo "$scheme: the page is as it should be"
    else
        echo "$scheme: the page is not as it should be:" >&2
        cat "$work/page" >&2
        tail -5 "$work/errors" >&2
        exit 1
    fi
    kill "$server"
    wait "$server" || true
}

look http
look https --self-signed
