package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/store/object/cache"
	"github.com/trellisdb/trellis/store/object/s3"
)

// of returns a metric of numbers of type S.
func of[S any](name, help string, kind prometheus.ValueType, value func(s *S) int64) numberOf[S] {
	return numberOf[S]{prometheus.NewDesc("trellis_"+name, help, nil, nil), kind, value}
}

// numberOf is a metric of numbers of type S.
type numberOf[S any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(s *S) int64
}

var s3Metrics = []numberOf[s3.Stats]{
	of("s3_retries_total", "Requests that repeat one that failed.", prometheus.CounterValue, func(s *s3.Stats) int64 { return s.Retries }),
	of("s3_hedges_total", "Requests that double a late one.", prometheus.CounterValue, func(s *s3.Stats) int64 { return s.Hedges }),
	of("s3_hedges_won_total", "Hedges whose answer came first.", prometheus.CounterValue, func(s *s3.Stats) int64 { return s.Won }),
	of("s3_failures_total", "Requests that were given up.", prometheus.CounterValue, func(s *s3.Stats) int64 { return s.Failures }),
	of("s3_read_bytes_total", "Bytes of objects that came in.", prometheus.CounterValue, func(s *s3.Stats) int64 { return s.Read }),
	of("s3_written_bytes_total", "Bytes of objects that went out.", prometheus.CounterValue, func(s *s3.Stats) int64 { return s.Written }),
}

var cacheMetrics = []numberOf[cache.Stats]{
	of("disk_cache_hits_total", "Pages that came from the cache on disk.", prometheus.CounterValue, func(s *cache.Stats) int64 { return s.Hits }),
	of("disk_cache_misses_total", "Pages that were fetched from the bucket.", prometheus.CounterValue, func(s *cache.Stats) int64 { return s.Misses }),
	of("disk_cache_hit_bytes_total", "Bytes handed out from the cache on disk.", prometheus.CounterValue, func(s *cache.Stats) int64 { return s.HitBytes }),
	of("disk_cache_fetched_bytes_total", "Bytes fetched from the bucket for the cache.", prometheus.CounterValue, func(s *cache.Stats) int64 { return s.Fetched }),
	of("disk_cache_evictions_total", "Pages that went for others.", prometheus.CounterValue, func(s *cache.Stats) int64 { return s.Evictions }),
	of("disk_cache_damaged_total", "Pages whose checksum was wrong; they were fetched again.", prometheus.CounterValue, func(s *cache.Stats) int64 { return s.Damaged }),
	of("disk_cache_errors_total", "Reads and writes of the cache that failed.", prometheus.CounterValue, func(s *cache.Stats) int64 { return s.DiskErrors }),
	of("disk_cache_bytes", "Disk that the cache takes.", prometheus.GaugeValue, func(s *cache.Stats) int64 { return s.Bytes }),
	of("disk_cache_pages", "Pages in the cache on disk.", prometheus.GaugeValue, func(s *cache.Stats) int64 { return s.Pages }),
}

// catalogStats are numbers that the catalog is asked for.
type catalogStats struct{ kept, pins, garbage int64 }

var catalogMetrics = []numberOf[catalogStats]{
	of("snapshots_kept", "Snapshots that can be read.", prometheus.GaugeValue, func(s *catalogStats) int64 { return s.kept }),
	of("snapshot_pins", "Names that keep a snapshot.", prometheus.GaugeValue, func(s *catalogStats) int64 { return s.pins }),
	of("garbage_objects", "Objects that nothing refers to and that wait for the time of grace.", prometheus.GaugeValue, func(s *catalogStats) int64 { return s.garbage }),
}

var s3Requests = prometheus.NewDesc("trellis_s3_requests_total", "Requests to the S3 endpoint, by kind.", []string{"kind"}, nil)

// catalogPatience is how long a scrape waits for the catalog.
const catalogPatience = 2 * time.Second

// storageCollector collects the numbers of a place when they are asked for.
type storageCollector struct{ storage *trellis.Storage }

// Describe sends what there may be.
func (c storageCollector) Describe(out chan<- *prometheus.Desc) {
	out <- s3Requests
	describe(out, s3Metrics)
	describe(out, cacheMetrics)
	describe(out, catalogMetrics)
}

func describe[S any](out chan<- *prometheus.Desc, metrics []numberOf[S]) {
	for _, m := range metrics {
		out <- m.desc
	}
}

// Collect sends the present numbers of what there is. Where the catalog does not
// answer in time, its numbers are left out.
func (c storageCollector) Collect(out chan<- prometheus.Metric) {
	if c.storage.S3 != nil {
		stats := c.storage.S3.Stats()
		for kind, n := range stats.Requests {
			out <- prometheus.MustNewConstMetric(s3Requests, prometheus.CounterValue, float64(n), s3.Kind(kind).String())
		}
		collect(out, s3Metrics, &stats)
	}
	if c.storage.Cache != nil {
		stats := c.storage.Cache.Stats()
		collect(out, cacheMetrics, &stats)
	}
	ctx, cancel := context.WithTimeout(context.Background(), catalogPatience)
	defer cancel()
	if stats, err := c.catalog(ctx); err == nil {
		collect(out, catalogMetrics, &stats)
	}
}

func collect[S any](out chan<- prometheus.Metric, metrics []numberOf[S], stats *S) {
	for _, m := range metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(m.value(stats)))
	}
}

// catalog asks the catalog.
func (c storageCollector) catalog(ctx context.Context) (s catalogStats, err error) {
	snapshots, err := c.storage.Catalog.Snapshots(ctx)
	if err != nil {
		return s, err
	}
	for i := range snapshots {
		if snapshots[i].Kept {
			s.kept++
		}
	}
	pins, err := c.storage.Catalog.Pins(ctx)
	if err != nil {
		return s, err
	}
	garbage, err := c.storage.Catalog.Garbage(ctx)
	s.pins, s.garbage = int64(len(pins)), int64(len(garbage))
	return s, err
}
