#!/usr/bin/env bash
# Runs this example beside Debian's redis-server: the same commands, whose answers have to be the same, and
# redis-benchmark against both in turns.
#
#   examples/redis_server/compare.sh [REQUESTS [ROUNDS]]
#
# Prints requests a second, the best of the rounds for each, and the ratio; and what a request costs each server in
# time of its processors, which says more when other programs run. Takes some minutes.
set -euo pipefail
cd "$(dirname "$0")"
requests=${1:-100000}
rounds=${2:-3}
port=${PORT:-17391}

if ! command -v redis-server redis-cli redis-benchmark >/dev/null; then
    echo 'installing redis-server and redis-tools'
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server redis-tools >/dev/null
fi
cargo build --release --example redis_server
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')

work=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
redis-server --port "$port" --save '' --appendonly no --dir "$work" >"$work/redis.log" &
servers+=($!)
"$target/release/examples/redis_server" --port $((port + 1)) >"$work/gort.log" &
servers+=($!)
for each in "$port" $((port + 1)); do
    for _ in $(seq 100); do
        redis-cli -p "$each" ping >/dev/null 2>&1 && break
        sleep 0.1
    done
    redis-cli -p "$each" ping >/dev/null
done

echo "== answers to the commands of smoke.redis"
for protocol in -2 -3; do
    redis-cli "$protocol" -p "$port" <smoke.redis >"$work/redis.out" 2>&1
    redis-cli "$protocol" -p $((port + 1)) <smoke.redis >"$work/gort.out" 2>&1
    diff "$work/redis.out" "$work/gort.out"
    echo "RESP${protocol#-}: $(wc -l <"$work/gort.out") lines, the same"
done

# One run: a line "TEST REQUESTS-A-SECOND" for each test.
run() {
    local at=$1
    shift
    redis-benchmark -p "$at" -n "$requests" --csv "$@" 2>/dev/null |
        awk -F'","' 'NR > 1 { gsub(/"/, "", $1); gsub(/ /, "_", $1); print $1, $2 }'
}

# Microseconds that a server has used its processors, in user code and in the kernel.
cpu() {
    awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) * 1000000 / hz }' "/proc/$1/stat"
}

compare() {
    echo "== redis-benchmark $*"
    rm -f "$work"/*.rps
    local redis gort before
    redis=0 gort=0
    for _ in $(seq "$rounds"); do
        before=$(cpu "${servers[0]}")
        run "$port" "$@" >>"$work/redis.rps"
        redis=$((redis + $(cpu "${servers[0]}") - before))
        before=$(cpu "${servers[1]}")
        run $((port + 1)) "$@" >>"$work/gort.rps"
        gort=$((gort + $(cpu "${servers[1]}") - before))
        redis-cli -p "$port" flushall >/dev/null
        redis-cli -p $((port + 1)) flushall >/dev/null
    done
    printf '%-42s %12s %12s %7s\n' test redis gort ratio
    awk '
        FNR == 1 { server++ }
        !($1 in best1) { order[++count] = $1; best1[$1] = 0; best2[$1] = 0 }
        server == 1 && $2 > best1[$1] { best1[$1] = $2 }
        server == 2 && $2 > best2[$1] { best2[$1] = $2 }
        END {
            for (i = 1; i <= count; i++) {
                test = order[i]
                printf "%-42s %12d %12d %7.2f\n", test, best1[test], best2[test], best2[test] / best1[test]
            }
        }' "$work/redis.rps" "$work/gort.rps"
    awk -v redis="$redis" -v gort="$gort" -v runs="$(wc -l <"$work/gort.rps")" -v requests="$requests" '
        BEGIN {
            total = runs * requests
            printf "%-42s %12.2f %12.2f %7.2f\n", "microseconds of processor, a request", redis / total, gort / total, gort / redis
        }'
}

for test in get set; do
    compare -c 50 -t "$test"
    compare -c 50 -t "$test" -P 16
done
compare -c 50
