package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

func bytesPerTask(before, rss, n uint64) extra {
	return extra{"bytes_per_task", (float64(rss) - float64(before)) * 1024 / float64(n)}
}

func mem() {
	n := get("n", 100000)
	closed := make(chan uint64)
	var started atomic.Uint64
	var group sync.WaitGroup
	group.Add(int(n))
	before := status("VmRSS:")
	start := time.Now()
	for range n {
		go func() {
			started.Add(1)
			_, open := <-closed
			check(!open)
			group.Done()
		}()
	}
	for started.Load() < n {
		time.Sleep(time.Millisecond)
	}
	seconds := time.Since(start).Seconds()
	time.Sleep(100 * time.Millisecond)
	rss, maps := status("VmRSS:"), mappings()
	start = time.Now()
	close(closed)
	group.Wait()
	release := time.Since(start).Seconds()
	emit(n, seconds, bytesPerTask(before, rss, n), extra{"release_s", release},
		extra{"release_ns_per_task", release * 1e9 / float64(n)}, extra{"maps", maps},
		extra{"rss_after_kib", float64(status("VmRSS:"))})
}

func unstarted() {
	n := get("n", 1000000)
	var started atomic.Uint64
	var group sync.WaitGroup
	group.Add(int(n))
	before := status("VmRSS:")
	start := time.Now()
	for range n {
		go func() {
			started.Add(1)
			group.Done()
		}()
	}
	seconds := time.Since(start).Seconds()
	early := started.Load()
	rss := status("VmRSS:")
	group.Wait()
	check(started.Load() == n)
	if early > n/100 {
		notApplicable(fmt.Sprintf("%d of %d tasks ran before all were started", early, n))
	}
	emit(n, seconds, bytesPerTask(before, rss, n), extra{"started_early", float64(early)})
}
