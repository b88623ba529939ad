package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const tick = 5 * time.Millisecond

var sink atomic.Uint64

func starve() {
	var stop atomic.Bool
	result := make(chan []float64)
	go func() {
		us := make([]float64, 0, 4096)
		for !stop.Load() {
			start := time.Now()
			time.Sleep(tick)
			us = append(us, (time.Since(start)-tick).Seconds()*1e6)
		}
		result <- us
	}()
	underHogs(&stop, result)
}

func starveChan() {
	var stop atomic.Bool
	result := make(chan []float64)
	ticks := make(chan time.Time)
	go func() {
		for !stop.Load() {
			due := time.Now().Add(tick)
			time.Sleep(tick)
			ticks <- due
		}
		close(ticks)
	}()
	go func() {
		us := make([]float64, 0, 4096)
		for due := range ticks {
			us = append(us, time.Since(due).Seconds()*1e6)
		}
		result <- us
	}()
	underHogs(&stop, result)
}

func underHogs(stop *atomic.Bool, result <-chan []float64) {
	// Let the ticks begin.
	time.Sleep(20 * time.Millisecond)
	end := time.Now().Add(time.Duration(get("ms", 3000)) * time.Millisecond)
	go func() {
		time.Sleep(time.Until(end))
		stop.Store(true)
	}()
	start := time.Now()
	var rounds atomic.Uint64
	var hogs sync.WaitGroup
	for range get("hogs", 4) {
		hogs.Add(1)
		go func() {
			rounds.Add(hog(stop))
			hogs.Done()
		}()
	}
	us := <-result
	seconds := time.Since(start).Seconds()
	hogs.Wait()
	ticked := uint64(len(us))
	done := float64(rounds.Load()) / seconds / 1e6
	emit(ticked, seconds, append(late(us), extra{"ticks", float64(ticked)}, extra{"hogs_rounds_per_us", done})...)
}

// hog computes until stop says so, and returns how often.
func hog(stop *atomic.Bool) uint64 {
	x, rounds := uint64(1), uint64(0)
	for !stop.Load() {
		x = x*6364136223846793005 + 1
		rounds++
	}
	sink.Store(x)
	return rounds
}

func crowd() {
	count := get("hogs", 1000)
	var stop atomic.Bool
	var hogs, newcomers sync.WaitGroup
	rounds := make([]uint64, count)
	end := time.Now().Add(time.Duration(get("ms", 10000)) * time.Millisecond)
	go func() {
		// No timer of the runtime's is relied on.
		runtime.LockOSThread()
		for left := time.Until(end); left > 0; left = time.Until(end) {
			wait := syscall.NsecToTimespec(left.Nanoseconds())
			syscall.Nanosleep(&wait, nil)
		}
		stop.Store(true)
	}()
	for number := range count {
		hogs.Add(1)
		go func() {
			rounds[number] = hog(&stop)
			hogs.Done()
		}()
	}
	us := make([]float64, 0, 4096)
	var lock sync.Mutex
	start := time.Now()
	var started uint64
	for !stop.Load() && started < 4096 {
		newcomers.Add(1)
		asked := time.Now()
		go func() {
			waited := time.Since(asked).Seconds() * 1e6
			lock.Lock()
			us = append(us, waited)
			lock.Unlock()
			newcomers.Done()
		}()
		started++
		time.Sleep(20 * time.Millisecond)
	}
	seconds := time.Since(start).Seconds()
	threads := float64(status("Threads:"))
	newcomers.Wait()
	hogs.Wait()
	var hadTurn float64
	for _, done := range rounds {
		if done > 0 {
			hadTurn++
		}
	}
	emit(started, seconds, append(late(us), extra{"threads", threads}, extra{"had_turn", hadTurn})...)
}
