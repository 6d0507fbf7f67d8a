package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trellisdb/trellis/columnar/memory"
)

// memoryMetric is a number of a part of the memory.
type memoryMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(u memory.Use) int64
}

func ofPart(name, help string, kind prometheus.ValueType, value func(u memory.Use) int64) memoryMetric {
	return memoryMetric{prometheus.NewDesc("trellis_memory_"+name, help, []string{"part"}, nil), kind, value}
}

var memoryMetrics = []memoryMetric{
	ofPart("bytes", "Memory that a part holds.", prometheus.GaugeValue, func(u memory.Use) int64 { return u.Used }),
	ofPart("high_bytes", "The most memory that a part has held.", prometheus.GaugeValue, func(u memory.Use) int64 { return u.High }),
	ofPart("most_bytes", "Memory that a part may hold; 0: no limit.", prometheus.GaugeValue, func(u memory.Use) int64 { return u.Most }),
	ofPart("waiting", "Requests of a part that wait for memory now.", prometheus.GaugeValue, func(u memory.Use) int64 { return int64(u.Waiting) }),
	ofPart("waits_total", "Requests of a part that had to wait for memory.", prometheus.CounterValue, func(u memory.Use) int64 { return u.Waited }),
	ofPart("refusals_total", "Requests of a part for memory that were refused.", prometheus.CounterValue, func(u memory.Use) int64 { return u.Refused }),
}

// memoryLimit is the limit of all parts together.
var memoryLimit = prometheus.NewDesc("trellis_memory_limit_bytes", "Memory that all parts may hold together; 0: no limit.", nil, nil)

// memoryCollector collects the numbers of a budget when they are asked for.
type memoryCollector struct{ budget *memory.Budget }

// Describe sends what there is.
func (c memoryCollector) Describe(out chan<- *prometheus.Desc) {
	out <- memoryLimit
	for _, m := range memoryMetrics {
		out <- m.desc
	}
}

// Collect sends the present numbers.
func (c memoryCollector) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(memoryLimit, prometheus.GaugeValue, float64(c.budget.Limit()))
	for _, u := range c.budget.Uses() {
		for _, m := range memoryMetrics {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(m.value(u)), u.Part)
		}
	}
}
