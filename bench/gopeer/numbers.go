package main

import "time"

// mix spreads numbers over the whole of 64 bits (splitmix64).
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9
	x = (x ^ (x >> 27)) * 0x94D049BB133111EB
	return x ^ (x >> 31)
}

// sumBelow n of all numbers.
func sumBelow(n uint64) uint64 {
	return n * (n - 1) / 2
}

// nthPrime is 2 for the first.
func nthPrime(n uint64) uint64 {
	var primes []uint64
	candidate := uint64(1)
	for uint64(len(primes)) < n {
		candidate++
		prime := true
		for _, p := range primes {
			if p*p > candidate {
				break
			}
			if candidate%p == 0 {
				prime = false
				break
			}
		}
		if prime {
			primes = append(primes, candidate)
		}
	}
	return candidate
}

// spin uses CPU without a call into the runtime.
func spin(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}
