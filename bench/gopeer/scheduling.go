package main

import (
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// What is nearest to a plain thread in Go is a goroutine that has a thread for itself.
func wake() {
	n := get("n", 500)
	sent := make(chan time.Time, n)
	go func() {
		runtime.LockOSThread()
		for range n {
			pause := syscall.Timespec{Nsec: 2000000}
			syscall.Nanosleep(&pause, nil)
			sent <- time.Now()
		}
	}()
	start := time.Now()
	us := make([]float64, 0, n)
	for range n {
		us = append(us, time.Since(<-sent).Seconds()*1e6)
	}
	emit(n, time.Since(start).Seconds(), late(us)...)
}

type piece struct {
	thread  int
	beganNs int64
}

func spread() {
	n, tasks, pieces := get("n", 20), get("tasks", 1000), get("pieces", 1)
	each := time.Duration(get("us", 100)) * time.Microsecond
	var tookMs, secondUs, busiest []float64
	var seconds float64
	for range n {
		time.Sleep(10 * time.Millisecond)
		done := make([]piece, tasks*pieces)
		var group sync.WaitGroup
		group.Add(int(tasks))
		start := time.Now()
		for task := range tasks {
			go func() {
				for number := range pieces {
					done[task*pieces+number] = piece{syscall.Gettid(), time.Since(start).Nanoseconds()}
					spin(each)
					if number+1 < pieces {
						runtime.Gosched()
					}
				}
				group.Done()
			}()
		}
		group.Wait()
		took := time.Since(start).Seconds()
		seconds += took
		tookMs = append(tookMs, took*1e3)
		second, part := byThread(done)
		secondUs = append(secondUs, second)
		busiest = append(busiest, part*100)
	}
	for _, values := range [][]float64{tookMs, secondUs, busiest} {
		slices.Sort(values)
	}
	emit(n*tasks*pieces, seconds, extra{"ms", percentile(tookMs, .5)}, extra{"max_ms", percentile(tookMs, 1)},
		extra{"second_us", percentile(secondUs, .5)}, extra{"busiest_percent", percentile(busiest, .5)})
}

// byThread says when the second thread began, and which part of the work the busiest one did.
func byThread(done []piece) (float64, float64) {
	first, pieces := map[int]int64{}, map[int]int{}
	var last int64
	for _, piece := range done {
		began, known := first[piece.thread]
		if !known || piece.beganNs < began {
			first[piece.thread] = piece.beganNs
		}
		pieces[piece.thread]++
		last = max(last, piece.beganNs)
	}
	var firsts []int64
	most := 0
	for thread, began := range first {
		firsts = append(firsts, began)
		most = max(most, pieces[thread])
	}
	slices.Sort(firsts)
	second := last
	if len(firsts) > 1 {
		second = firsts[1]
	}
	return float64(second) / 1e3, float64(most) / float64(len(done))
}

func calm() {
	n := get("n", 50)
	const tasks, each = 100, 10 * time.Microsecond
	work := tasks * each.Seconds()
	var us []float64
	time.Sleep(20 * time.Millisecond)
	before := cpuTotal()
	start := time.Now()
	for range n {
		var group sync.WaitGroup
		group.Add(tasks)
		for range tasks {
			go func() {
				spin(each)
				group.Done()
			}()
		}
		group.Wait()
		time.Sleep(20 * time.Millisecond)
		now := cpuTotal()
		us = append(us, (now-before-work)*1e6)
		before = now
	}
	seconds := time.Since(start).Seconds()
	slices.Sort(us)
	emit(n, seconds, extra{"cpu_us", percentile(us, .5)})
}
