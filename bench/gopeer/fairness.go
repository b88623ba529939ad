package main

import (
	"sync/atomic"
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
	for range get("hogs", 4) {
		go func() {
			x := uint64(1)
			for !stop.Load() {
				x = x*6364136223846793005 + 1
			}
			sink.Store(x)
		}()
	}
	us := <-result
	seconds := time.Since(start).Seconds()
	ticked := uint64(len(us))
	emit(ticked, seconds, append(late(us), extra{"ticks", float64(ticked)})...)
}
