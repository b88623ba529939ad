package main

import "time"

func ring() {
	hops, tasks := get("n", 1000000), int(get("tasks", 1000))
	channels := make([]chan uint64, tasks)
	for i := range channels {
		channels[i] = make(chan uint64)
	}
	last := make(chan uint64)
	start := time.Now()
	for me := range tasks {
		in, out := channels[me], channels[(me+1)%tasks]
		go func() {
			for left := range in {
				if left == 0 {
					last <- uint64(me)
					return
				}
				out <- left - 1
			}
		}()
	}
	channels[0] <- hops
	stoppedAt := <-last
	seconds := time.Since(start).Seconds()
	check(stoppedAt == hops%uint64(tasks))
	emit(hops, seconds)
}

func skynet() {
	n := get("n", 1000000)
	result := make(chan uint64)
	start := time.Now()
	go subtree(result, 0, n)
	sum := <-result
	seconds := time.Since(start).Seconds()
	check(sum == sumBelow(n))
	emit(n, seconds)
}

func subtree(parent chan<- uint64, first, leaves uint64) {
	if leaves == 1 {
		parent <- first
		return
	}
	sums := make(chan uint64)
	for child := range uint64(10) {
		go subtree(sums, first+child*(leaves/10), leaves/10)
	}
	sum := uint64(0)
	for range 10 {
		sum += <-sums
	}
	parent <- sum
}

func sieve() {
	n := get("n", 2000)
	all := make(chan uint64)
	start := time.Now()
	go func() {
		for candidate := uint64(2); ; candidate++ {
			all <- candidate
		}
	}()
	prime := uint64(0)
	candidates := all
	for range n {
		prime = <-candidates
		filtered := make(chan uint64)
		go filter(candidates, filtered, prime)
		candidates = filtered
	}
	seconds := time.Since(start).Seconds()
	check(prime == nthPrime(n))
	emit(n, seconds, extra{"last", float64(prime)})
}

func filter(in <-chan uint64, out chan<- uint64, prime uint64) {
	for {
		candidate := <-in
		if candidate%prime != 0 {
			out <- candidate
		}
	}
}
