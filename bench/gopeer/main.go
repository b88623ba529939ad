// The workloads in Go. What each does is told in the Rust crate `workloads`, beside this directory.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

var workloads = map[string]func(){
	"spawn":       spawn,
	"spawn_waves": spawnWaves,
	"yield":       yields,
	"fanout":      fanout,
	"fanout_cpu":  fanout,
	"pingpong":    pingpong,
	"chan_buf":    chanBuf,
	"mpmc":        mpmc,
	"ring":        ring,
	"skynet":      skynet,
	"sieve":       sieve,
	"select":      selects,
	"select_buf":  selects,
	"mutex":       mutex,
	"mutex_alone": mutexAlone,
	"waitgroup":   waitGroup,
	"rwlock":      rwLock,
	"once":        once,
	"semaphore":   semaphore,
	"condvar":     condvar,
	"timer_func":  timerFunc,
	"timer_chan":  timerChan,
	"context":     contexts,
	"crowd":       crowd,
	"select_many": selectMany,
	"park":        park,
	"waiters":     waiters,
	"wake":        wake,
	"burst":       spread,
	"skew":        spread,
	"calm":        calm,
	"fib":         fib,
	"sleep":       sleep,
	"idle":        idle,
	"mem":         mem,
	"unstarted":   unstarted,
	"starve":      starve,
	"starve_chan": starveChan,
	"blocking":    blocking,
	"tcp":         tcpEcho,
	"tcp_idle":    tcpEcho,
}

var (
	workload string
	numbers  = map[string]uint64{}
)

// get returns the number given for key, or else the default.
func get(key string, otherwise uint64) uint64 {
	if n, given := numbers[key]; given {
		return n
	}
	return otherwise
}

func refuse(what string) {
	fmt.Fprintf(os.Stderr, "%s\nusage: WORKLOAD [w=WORKERS] [n=NUMBER] [key=number ..]\n", what)
	os.Exit(2)
}

func main() {
	if len(os.Args) < 2 {
		refuse("no workload given")
	}
	workload = os.Args[1]
	for _, word := range os.Args[2:] {
		key, value, _ := strings.Cut(word, "=")
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			refuse(word)
		}
		numbers[key] = n
	}
	run, known := workloads[workload]
	if !known {
		notApplicable("no such workload")
	}
	runtime.GOMAXPROCS(int(get("w", 2)))
	run()
}
