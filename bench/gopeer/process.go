package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// status is a number from /proc/self/status.
func status(key string) uint64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if value, found := strings.CutPrefix(line, key); found {
			n, _ := strconv.ParseUint(strings.Fields(value)[0], 10, 64)
			return n
		}
	}
	return 0
}

// mappings that the process has.
func mappings() float64 {
	text, _ := os.ReadFile("/proc/self/maps")
	return float64(strings.Count(string(text), "\n"))
}

// cpu time of the process in seconds: in user mode, in the kernel.
func cpu() (user, system float64) {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	seconds := func(time syscall.Timeval) float64 { return float64(time.Sec) + float64(time.Usec)*1e-6 }
	return seconds(usage.Utime), seconds(usage.Stime)
}

func cpuTotal() float64 {
	user, system := cpu()
	return user + system
}
