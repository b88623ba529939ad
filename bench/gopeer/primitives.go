package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// all runs tasks goroutines and returns how long it took.
func all(tasks uint64, task func(uint64)) float64 {
	var group sync.WaitGroup
	group.Add(int(tasks))
	start := time.Now()
	for number := range tasks {
		go func() {
			task(number)
			group.Done()
		}()
	}
	group.Wait()
	return time.Since(start).Seconds()
}

func mutexAlone() {
	n := get("n", 20000000)
	lock := new(sync.Mutex)
	var value uint64
	start := time.Now()
	for range n {
		lock.Lock()
		value++
		lock.Unlock()
	}
	seconds := time.Since(start).Seconds()
	check(value == n)
	emit(n, seconds)
}

func waitGroup() {
	n := get("n", 1000000)
	start := time.Now()
	for range n / 4 {
		var group sync.WaitGroup
		group.Add(4)
		for range 4 {
			go group.Done()
		}
		group.Wait()
	}
	emit(n/4*4, time.Since(start).Seconds())
}

func rwLock() {
	n, tasks := get("n", 500000), get("tasks", 8)
	var lock sync.RWMutex
	var value, writes uint64
	var read atomic.Uint64
	seconds := all(tasks, func(number uint64) {
		var last uint64
		for turn := range n {
			if (turn+number)%100 == 0 {
				lock.Lock()
				value++
				lock.Unlock()
			} else {
				lock.RLock()
				last = value
				lock.RUnlock()
			}
		}
		read.Store(last)
	})
	for number := range tasks {
		for turn := range n {
			if (turn+number)%100 == 0 {
				writes++
			}
		}
	}
	check(value == writes)
	emit(n*tasks, seconds)
}

func once() {
	n := get("n", 50000000)
	var first sync.Once
	var calls atomic.Uint64
	seconds := all(2, func(uint64) {
		for range n {
			first.Do(func() { calls.Add(1) })
		}
	})
	check(calls.Load() == 1)
	emit(2*n, seconds)
}

// A channel with a buffer is the semaphore of Go's own library.
func semaphore() {
	n, tasks := get("n", 50000), get("tasks", 16)
	permits := make(chan struct{}, 4)
	var inside atomic.Int64
	seconds := all(tasks, func(uint64) {
		for range n {
			permits <- struct{}{}
			check(inside.Add(1) <= 4)
			runtime.Gosched()
			inside.Add(-1)
			<-permits
		}
	})
	emit(n*tasks, seconds)
}

func condvar() {
	n := get("n", 500000) / 2
	var lock sync.Mutex
	changed := sync.NewCond(&lock)
	var turn uint64
	seconds := all(2, func(me uint64) {
		for range n {
			lock.Lock()
			for turn%2 != me {
				changed.Wait()
			}
			turn++
			changed.Signal()
			lock.Unlock()
		}
	})
	check(turn == 2*n)
	emit(2*n, seconds)
}

func timerFunc() {
	timers(func() *time.Timer { return time.AfterFunc(time.Hour, func() {}) })
}

func timerChan() {
	timers(func() *time.Timer { return time.NewTimer(time.Hour) })
}

func timers(make func() *time.Timer) {
	n, pending := get("n", 2000000), get("pending", 100000)
	var others []*time.Timer
	for range pending {
		others = append(others, make())
	}
	var stopped uint64
	start := time.Now()
	for range n {
		if make().Stop() {
			stopped++
		}
	}
	seconds := time.Since(start).Seconds()
	check(stopped == n)
	for _, other := range others {
		check(other.Stop())
	}
	emit(n, seconds)
}

func contexts() {
	n := get("n", 1000000)
	var cancelled uint64
	start := time.Now()
	for range n {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		cancel()
		if ctx.Err() == context.Canceled {
			cancelled++
		}
	}
	seconds := time.Since(start).Seconds()
	check(cancelled == n)
	emit(n, seconds)
}
