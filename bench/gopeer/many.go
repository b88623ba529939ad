package main

import (
	"math/bits"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

func park() {
	wave := get("wave", 1000)
	waves := max(get("n", 200000)/wave, 1)
	complete := make(chan struct{}, 1)
	start := time.Now()
	for range waves {
		closed := make(chan uint64)
		var started atomic.Uint64
		var group sync.WaitGroup
		group.Add(int(wave))
		for range wave {
			go func() {
				if started.Add(1) == wave {
					complete <- struct{}{}
				}
				_, open := <-closed
				check(!open)
				group.Done()
			}()
		}
		<-complete
		close(closed)
		group.Wait()
	}
	emit(waves*wave, time.Since(start).Seconds())
}

func waiters() {
	waiters := get("waiters", 1000)
	each := max(get("n", 200000)/waiters, 1)
	values := make(chan uint64)
	var started, total atomic.Uint64
	var group sync.WaitGroup
	group.Add(int(waiters))
	for range waiters {
		go func() {
			started.Add(1)
			var sum uint64
			for range each {
				sum += <-values
			}
			total.Add(sum)
			group.Done()
		}()
	}
	for started.Load() < waiters {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
	n := waiters * each
	start := time.Now()
	for value := range n {
		values <- value
	}
	group.Wait()
	seconds := time.Since(start).Seconds()
	check(total.Load() == sumBelow(n))
	emit(n, seconds)
}

func selectMany() {
	arms := uint64(1) << bits.Len64(get("arms", 16)-1)
	n := max(get("n", 200000)/arms, 1) * arms
	result, answers := make(chan uint64), make(chan struct{})
	channels := make([]chan uint64, arms)
	cases := make([]reflect.SelectCase, arms)
	for arm := range channels {
		channels[arm] = make(chan uint64)
		cases[arm] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(channels[arm])}
	}
	start := time.Now()
	go func() {
		for value := range n {
			channels[value*0x9E3779B97F4A7C15%arms] <- value
			<-answers
		}
	}()
	go func() {
		var sum uint64
		for range n {
			_, value, _ := reflect.Select(cases)
			sum += value.Uint()
			answers <- struct{}{}
		}
		result <- sum
	}()
	sum := <-result
	seconds := time.Since(start).Seconds()
	check(sum == sumBelow(n))
	emit(n, seconds)
}
