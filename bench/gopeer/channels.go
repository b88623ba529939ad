package main

import (
	"sync"
	"time"
)

func pingpong() {
	n := get("n", 500000)
	ping, pong, result := make(chan uint64), make(chan uint64), make(chan uint64)
	start := time.Now()
	go func() {
		for range n {
			value := <-ping
			pong <- value + 1
		}
	}()
	go func() {
		value := uint64(0)
		for range n {
			ping <- value
			value = <-pong
		}
		result <- value
	}()
	value := <-result
	seconds := time.Since(start).Seconds()
	check(value == n)
	emit(n, seconds)
}

func chanBuf() {
	n := get("n", 5000000)
	values, result := make(chan uint64, get("cap", 128)), make(chan uint64)
	start := time.Now()
	go func() {
		for value := range n {
			values <- value
		}
	}()
	go func() {
		sum := uint64(0)
		for range n {
			sum += <-values
		}
		result <- sum
	}()
	sum := <-result
	seconds := time.Since(start).Seconds()
	check(sum == sumBelow(n))
	emit(n, seconds)
}

func mpmc() {
	type total struct{ sum, count uint64 }
	n, producers, consumers := get("n", 2000000), get("p", 8), get("c", 8)
	values, result := make(chan uint64, get("cap", 128)), make(chan total)
	each := n / producers
	var group sync.WaitGroup
	start := time.Now()
	for range consumers {
		go func() {
			var mine total
			for value := range values {
				mine.sum += value
				mine.count++
			}
			result <- mine
		}()
	}
	group.Add(int(producers))
	for range producers {
		go func() {
			for value := range each {
				values <- value
			}
			group.Done()
		}()
	}
	go func() {
		group.Wait()
		close(values)
	}()
	var all total
	for range consumers {
		its := <-result
		all.sum += its.sum
		all.count += its.count
	}
	seconds := time.Since(start).Seconds()
	check(all.count == each*producers && all.sum == sumBelow(each)*producers)
	emit(all.count, seconds)
}

func selects() {
	each := get("n", 1000000) / 4
	n := each * 4
	capacity := 0
	if workload == "select_buf" {
		capacity = 128
	}
	var channels [4]chan uint64
	result := make(chan uint64)
	start := time.Now()
	for i := range channels {
		values := make(chan uint64, capacity)
		channels[i] = values
		go func() {
			for value := range each {
				values <- value
			}
		}()
	}
	go func() {
		sum := uint64(0)
		a, b, c, d := channels[0], channels[1], channels[2], channels[3]
		for range n {
			select {
			case value := <-a:
				sum += value
			case value := <-b:
				sum += value
			case value := <-c:
				sum += value
			case value := <-d:
				sum += value
			}
		}
		result <- sum
	}()
	sum := <-result
	seconds := time.Since(start).Seconds()
	check(sum == sumBelow(each)*4)
	emit(n, seconds)
}
