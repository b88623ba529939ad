package main

import (
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

func spawn() {
	n := get("n", 1000000)
	var group sync.WaitGroup
	start := time.Now()
	for range n {
		group.Add(1)
		go func() { group.Done() }()
	}
	group.Wait()
	emit(n, time.Since(start).Seconds())
}

func spawnWaves() {
	n, wave := get("n", 1000000), get("wave", 1000)
	waves := n / wave
	start := time.Now()
	for range waves {
		var group sync.WaitGroup
		group.Add(int(wave))
		for range wave {
			go func() { group.Done() }()
		}
		group.Wait()
	}
	emit(waves*wave, time.Since(start).Seconds())
}

func yields() {
	n := get("n", 1000000)
	var group sync.WaitGroup
	var last, alternations atomic.Uint64
	last.Store(9)
	group.Add(2)
	start := time.Now()
	for me := range uint64(2) {
		go func() {
			mine := uint64(0)
			for range n {
				if last.Load() != me {
					last.Store(me)
					mine++
				}
				runtime.Gosched()
			}
			alternations.Add(mine)
			group.Done()
		}()
	}
	group.Wait()
	emit(2*n, time.Since(start).Seconds(), extra{"alternations", float64(alternations.Load())})
}

func fanout() {
	n := get("n", 200)
	const pause = 2 * time.Millisecond
	var us []float64
	seconds := 0.0
	for range n {
		if workload == "fanout_cpu" {
			spin(pause)
		} else {
			time.Sleep(pause)
		}
		var group sync.WaitGroup
		group.Add(2)
		start := time.Now()
		for range 2 {
			go func() {
				spin(time.Millisecond)
				group.Done()
			}()
		}
		group.Wait()
		took := time.Since(start).Seconds()
		seconds += took
		us = append(us, took*1e6)
	}
	sort.Float64s(us)
	emit(n, seconds, extra{"p50_us", percentile(us, .5)}, extra{"p99_us", percentile(us, .99)}, extra{"max_us", percentile(us, 1)})
}
