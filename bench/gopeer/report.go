package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
)

type extra struct {
	name  string
	value float64
}

// emit prints the result's one line and ends the process.
func emit(operations uint64, seconds float64, extras ...extra) {
	user, system := cpu()
	var line strings.Builder
	fmt.Fprintf(&line, `{"peer":"go","workload":"%s","workers":%d,"n":%d,"seconds":%.6f,"rate":%.1f,"ns_per_op":%.2f,`,
		workload, get("w", 2), operations, seconds, float64(operations)/seconds, seconds*1e9/float64(operations))
	fmt.Fprintf(&line, `"rss_kib":%d,"cpu_user":%.3f,"cpu_sys":%.3f`, status("VmHWM:"), user, system)
	for _, extra := range extras {
		fmt.Fprintf(&line, `,"%s":%.3f`, extra.name, extra.value)
	}
	line.WriteString("}\n")
	os.Stdout.WriteString(line.String())
	os.Exit(0)
}

func notApplicable(why string) {
	fmt.Printf(`{"peer":"go","workload":"%s","workers":%d,"status":"n/a","why":"%s"}`+"\n", workload, get("w", 2), why)
	os.Exit(0)
}

// percentile of sorted values.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return -1
	}
	return sorted[int(float64(len(sorted)-1)*p+0.5)]
}

// late sorts latenesses in microseconds and says how late things were.
func late(us []float64) []extra {
	sort.Float64s(us)
	return []extra{
		{"late_p50_us", percentile(us, .5)},
		{"late_p90_us", percentile(us, .9)},
		{"late_p99_us", percentile(us, .99)},
		{"late_p999_us", percentile(us, .999)},
		{"late_max_us", percentile(us, 1)},
	}
}

// check ends the process if a result is wrong.
func check(right bool) {
	if !right {
		panic("wrong result")
	}
}
