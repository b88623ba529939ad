#!/usr/bin/env bash
# http_server beside a server of hyper on tokio and one of Go's net/http, in turns: a file of 1 KiB to the
# 100 connections of one wrk. First each server on one CPU and wrk on the other, then both on all.
#
#   compare.sh [ROUNDS [SECONDS]]
#
# Needs root, or wrk and curl there already. Without a `go` on the PATH, Go is left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5} seconds=${2:-5}

need() {
    command -v "$1" >/dev/null && return
    echo "installing $1"
    { apt-get update && apt-get install -y --no-install-recommends "$1"; } >/dev/null
}
need wrk
need curl

work=$(mktemp -d)
server=
stop() {
    if [[ -n $server ]]; then
        kill "$server" && wait "$server" || true
        server=
    fi
}
trap 'stop 2>/dev/null; rm -rf "$work"' EXIT
head -c 1024 /dev/urandom >"$work/file"

cargo build --release --quiet --bin http_server
(cd bench && cargo build --release --quiet --package peer-http-hyper)
target=${CARGO_TARGET_DIR:-target}
hyper=${CARGO_TARGET_DIR:-bench/target}/release/peer-http-hyper

names=(gort hyper hyper-1)
declare -A command=(
    [gort]="$target/release/http_server --listen 127.0.0.1:0 $work"
    [hyper]="$hyper 127.0.0.1:0 $work/file"
    # tokio's runtime of one thread: only for the runs in which there is one CPU.
    [hyper-1]="$hyper 127.0.0.1:0 $work/file current_thread"
)
if command -v go >/dev/null; then
    (cd bench/gohttp && GOTOOLCHAIN=local CGO_ENABLED=0 go build -o "$work/gohttp" .)
    names+=(go)
    command[go]="$work/gohttp 127.0.0.1:0 $work/file"
else
    echo "Go is left out: there is no go on the PATH"
fi

# Starts a server and has wrk at it; prints requests a second, the latency of the 99th percentile, and
# microseconds of the server's CPU time for a request, which depends least on what else the machine does.
measure() { # NAME PREFIX-OF-SERVER -- WRK..
    local name=$1 prefix=()
    shift
    while [[ $1 != -- ]]; do prefix+=("$1"); shift; done
    shift
    rm -f "$work/says"
    # shellcheck disable=SC2086 # The words of a command.
    "${prefix[@]}" ${command[$name]} >"$work/says" 2>"$work/errors" &
    server=$!
    until grep -qs http "$work/says"; do
        kill -0 "$server" 2>/dev/null || { cat "$work/errors" >&2; exit 1; }
        sleep 0.05
    done
    local url
    url=$(sed 's/^serving //; q' "$work/says")file
    curl --fail --silent --show-error "$url" | cmp - "$work/file"
    "$@" --connections 100 --duration "${seconds}s" --latency "$url" >"$work/wrk"
    local ticks
    ticks=$(awk '{ print $14 + $15 }' "/proc/$server/stat")
    stop
    if grep -E 'Non-2xx' "$work/wrk" >&2; then exit 1; fi
    # What could not be done in time on a busy machine is told, and no reason to stop.
    grep -E 'Socket errors' "$work/wrk" >&2 || true
    awk -v ticks="$ticks" -v hertz="$(getconf CLK_TCK)" '
        / requests in / { cpu = ticks / hertz / $1 * 1e6 }
        /Requests\/sec/ { rate = $2 }
        $1 == "99%" { late = $2 }
        END { print rate, late, cpu }' "$work/wrk"
}

compare() { # TITLE NAMES -- PREFIX-OF-SERVER -- WRK..
    local title=$1 peers=()
    shift
    while [[ $1 != -- ]]; do peers+=("$1"); shift; done
    shift
    for name in "${peers[@]}"; do : >"$work/$name.rates"; done
    for ((round = 0; round < rounds; round++)); do
        for name in "${peers[@]}"; do measure "$name" "$@" >>"$work/$name.rates"; done
    done
    printf '\n%s: median of %d runs of %d s\n' "$title" "$rounds" "$seconds"
    local gort_rate gort_cpu
    gort_rate=$(median gort 1) gort_cpu=$(median gort 3)
    for name in "${peers[@]}"; do
        awk -v name="$name" -v late="$(cut -d ' ' -f 2 "$work/$name.rates" | tr '\n' ' ')" \
            -v rate="$(median "$name" 1)" -v cpu="$(median "$name" 3)" \
            -v gort_rate="$gort_rate" -v gort_cpu="$gort_cpu" 'BEGIN {
                printf "  %-8s %7.0f/s, gort %.2f of it; CPU %5.2f us a request, gort %.2f of it; p99 %s\n",
                    name, rate, gort_rate / rate, cpu, gort_cpu / cpu, late
            }'
    done
}

median() { # NAME COLUMN
    cut -d ' ' -f "$2" "$work/$1.rates" | sort -g | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'
}

compare 'server on CPU 0, wrk on CPU 1' "${names[@]}" -- \
    taskset -c 0 -- taskset -c 1 wrk --threads 1
everywhere=()
for name in "${names[@]}"; do [[ $name == hyper-1 ]] || everywhere+=("$name"); done
compare 'both on all CPUs' "${everywhere[@]}" -- env -- wrk --threads 2
