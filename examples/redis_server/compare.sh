#!/usr/bin/env bash
# Runs this example beside Debian's redis-server: the same commands, whose answers have to be the same, and
# redis-benchmark against both in turns. The example runs twice: with its default of one processor, as Redis runs commands
# on one thread; and on all.
#
#   examples/redis_server/compare.sh [REQUESTS [ROUNDS]]
#
# Prints requests a second, the median of the rounds for each, and the ratio to Redis; and what a request costs each server
# in time of its processors, which says more when other programs run. Takes some minutes.
set -euo pipefail
cd "$(dirname "$0")"
requests=${1:-100000}
rounds=${2:-3}
first_port=${PORT:-17391}
names=(redis gort gort-on-all)

if ! { command -v redis-server && command -v redis-cli && command -v redis-benchmark; } >/dev/null; then
    echo 'installing redis-server and redis-tools'
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server redis-tools >/dev/null
fi
cargo build --release --example redis_server
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
example=$target/release/examples/redis_server

work=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT

start() {
    local port=$((first_port + ${#servers[@]}))
    "$@" --port "$port" >"$work/$port.log" 2>&1 &
    servers+=($!)
    for _ in $(seq 100); do
        redis-cli -p "$port" ping >/dev/null 2>&1 && return
        sleep 0.1
    done
    cat "$work/$port.log" >&2
    return 1
}

start redis-server --save '' --appendonly no --dir "$work"
start "$example"
start "$example" --io-threads "$(nproc)"

echo '== answers to the commands of smoke.redis'
for protocol in -2 -3; do
    for server in 0 1; do
        redis-cli "$protocol" -p $((first_port + server)) <smoke.redis >"$work/$server.out" 2>&1
    done
    diff "$work/0.out" "$work/1.out"
    echo "RESP${protocol#-}: $(wc -l <"$work/1.out") lines, the same"
done

# Microseconds that a server has used its processors, in user code and in the kernel.
cpu() {
    awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) * 1000000 / hz }' "/proc/$1/stat"
}

# One run: a line "SERVER TEST REQUESTS-A-SECOND" for each test, and one for the time that it took of processors.
run() {
    local server=$1 port=$((first_port + $1)) before
    shift
    before=$(cpu "${servers[server]}")
    redis-benchmark -p "$port" -n "$requests" --csv "$@" 2>/dev/null |
        awk -F'","' -v server="$server" 'NR > 1 { gsub(/"/, "", $1); gsub(/ /, "_", $1); print server, $1, $2 }'
    echo "$server cpu $(($(cpu "${servers[server]}") - before))"
    redis-cli -p "$port" flushall >/dev/null
}

compare() {
    printf '== redis-benchmark %s\n%-34s' "$*" ''
    printf '%12s' "${names[@]}"
    printf '%8s' "${names[@]:1}" | sed 's/gort-on-all/    all/'
    echo
    for _ in $(seq "$rounds"); do
        for server in "${!names[@]}"; do
            run "$server" "$@"
        done
    done | awk -v requests="$requests" '
        function median(server, test,    list, count, i, j, value) {
            count = split(figures[server, test], list, " ")
            for (i = 2; i <= count; i++) {
                value = list[i] + 0
                for (j = i - 1; j > 0 && list[j] + 0 > value; j--) list[j + 1] = list[j]
                list[j + 1] = value
            }
            return (list[int((count + 1) / 2)] + list[int(count / 2) + 1]) / 2
        }
        $2 == "cpu" { cpu[$1] += $3; next }
        !($2 in seen) { order[++count] = $2; seen[$2] }
        { runs[$1]++; figures[$1, $2] = figures[$1, $2] " " $3 }
        END {
            for (i = 1; i <= count; i++) {
                for (server = 0; server < 3; server++) figure[server] = median(server, order[i])
                printf "%-34s%12d%12d%12d%8.2f%8.2f\n", order[i], figure[0], figure[1], figure[2],
                    figure[1] / figure[0], figure[2] / figure[0]
            }
            for (server = 0; server < 3; server++) cost[server] = cpu[server] / runs[server] / requests
            printf "%-34s%12.2f%12.2f%12.2f%8.2f%8.2f\n", "microseconds of processor each",
                cost[0], cost[1], cost[2], cost[1] / cost[0], cost[2] / cost[0]
        }'
}

for test in get set; do
    compare -c 50 -t "$test"
    compare -c 50 -t "$test" -P 16
done
compare -c 50
