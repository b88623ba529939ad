package main

import (
	"sync"
	"syscall"
	"time"
)

func sleep() {
	n := get("n", 100000)
	us := make([]float64, n)
	var group sync.WaitGroup
	before := cpuTotal()
	start := time.Now()
	for task := range n {
		group.Add(1)
		go func() {
			due := time.Duration(10000000 + mix(task)%90000000)
			start := time.Now()
			time.Sleep(due)
			late := time.Since(start) - due
			check(late > -time.Millisecond)
			us[task] = float64(late.Nanoseconds()) / 1e3
			group.Done()
		}()
	}
	spawned := time.Since(start).Seconds()
	group.Wait()
	seconds := time.Since(start).Seconds()
	used := cpuTotal() - before
	emit(n, seconds, append(late(us), extra{"cpu_s", used}, extra{"cpu_ns_per_task", used * 1e9 / float64(n)},
		extra{"spawn_s", spawned})...)
}

func idle() {
	never := make(chan uint64)
	for range 1000 {
		go func() { <-never }()
	}
	time.Sleep(200 * time.Millisecond)
	before := cpuTotal()
	start := time.Now()
	time.Sleep(time.Duration(get("ms", 2000)) * time.Millisecond)
	seconds := time.Since(start).Seconds()
	emit(1, seconds, extra{"cpu_ms", (cpuTotal() - before) * 1e3})
}

func blocking() {
	n := get("n", 64)
	var group sync.WaitGroup
	group.Add(int(n))
	start := time.Now()
	for range n {
		go func() {
			fiftyMs := syscall.Timespec{Nsec: 50000000}
			syscall.Nanosleep(&fiftyMs, nil)
			group.Done()
		}()
	}
	group.Wait()
	seconds := time.Since(start).Seconds()
	emit(n, seconds, extra{"ms", seconds * 1e3}, extra{"threads", float64(status("Threads:"))})
}
