package main

import (
	"sync"
	"time"
)

func mutex() {
	each, tasks := get("n", 100000), get("tasks", 16)
	var lock sync.Mutex
	var value uint64
	var group sync.WaitGroup
	group.Add(int(tasks))
	start := time.Now()
	for range tasks {
		go func() {
			for range each {
				lock.Lock()
				value++
				lock.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
	seconds := time.Since(start).Seconds()
	check(value == each*tasks)
	emit(value, seconds)
}

func fib() {
	n, cut, rounds := get("n", 32), get("cut", 12), get("rounds", 10)
	start := time.Now()
	want := serialFib(n)
	serial := time.Since(start).Seconds()
	result := make(chan float64)
	go func() {
		check(parallelFib(n, cut) == want)
		start := time.Now()
		for range rounds {
			check(parallelFib(n, cut) == want)
		}
		result <- time.Since(start).Seconds() / float64(rounds)
	}()
	seconds := <-result
	emit(fibTasks(n, cut), seconds, extra{"serial_s", serial}, extra{"ms", seconds * 1e3})
}

func serialFib(n uint64) uint64 {
	if n < 2 {
		return n
	}
	return serialFib(n-1) + serialFib(n-2)
}

func parallelFib(n, cut uint64) uint64 {
	if n <= cut {
		return serialFib(n)
	}
	left := make(chan uint64, 1)
	go func() { left <- parallelFib(n-1, cut) }()
	right := parallelFib(n-2, cut)
	return <-left + right
}

func fibTasks(n, cut uint64) uint64 {
	if n <= cut {
		return 0
	}
	return 1 + fibTasks(n-1, cut) + fibTasks(n-2, cut)
}
