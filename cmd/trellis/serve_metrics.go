package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/store"
)

// metricsServer serves /metrics and /healthz; nil serves nothing.
type metricsServer struct{ http *http.Server }

// serveMetrics begins to serve on the service's listener; without one it does not.
func serveMetrics(s *service) (*metricsServer, error) {
	if s.scrape == nil {
		return nil, nil
	}
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "trellis_build_info", Help: "The version; always 1.",
		ConstLabels: prometheus.Labels{"version": trellis.Version, "go": runtime.Version(), "tzdata": zone.Version},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{
		build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		storeCollector{s.db.Store},
		memoryCollector{s.db.Memory.Budget},
		storageCollector{s.db.Storage},
		counter("moved_samples_total", "Samples that did not stand where a slot begins and were moved there.", func() int64 { n, _ := s.db.Engine.OffGrid(); return n }),
		counter("collided_samples_total", "Samples of which a later one of the same batch took the slot.", func() int64 { _, n := s.db.Engine.OffGrid(); return n }),
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	m := &metricsServer{&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	go func() {
		if err := m.http.Serve(s.scrape); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("metrics are not served any more", "error", err)
		}
	}()
	s.logger.Info("metrics", "address", s.scrape.Addr().String())
	return m, nil
}

// close ends it, and the requests that are under way.
func (m *metricsServer) close() error {
	if m == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := m.http.Shutdown(ctx); err != nil {
		return m.http.Close()
	}
	return nil
}

// counter is a sum that is asked for when the metrics are.
func counter(name, help string, value func() int64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "trellis", Name: name, Help: help}, func() float64 { return float64(value()) })
}

// storeMetric is a number of the store's.
type storeMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(s *store.Stats) float64
}

func metric(name, help string, kind prometheus.ValueType, value func(s *store.Stats) float64) storeMetric {
	return storeMetric{prometheus.NewDesc("trellis_"+name, help, nil, nil), kind, value}
}

var storeMetrics = []storeMetric{
	metric("snapshot", "Number of the newest snapshot.", prometheus.GaugeValue, func(s *store.Stats) float64 { return float64(s.Snapshot) }),
	metric("segments", "Live segments.", prometheus.GaugeValue, func(s *store.Stats) float64 { return float64(s.Segments) }),
	metric("lease_epoch", "Number of this writer's lease.", prometheus.GaugeValue, func(s *store.Stats) float64 { return float64(s.Epoch) }),
	metric("flushed_bytes_total", "Bytes of segments that flushes have written.", prometheus.CounterValue, func(s *store.Stats) float64 { return float64(s.FlushedBytes) }),
	metric("compacted_bytes_total", "Bytes of segments that compaction has written.", prometheus.CounterValue, func(s *store.Stats) float64 { return float64(s.CompactedBytes) }),
	metric("written_bytes_total", "Bytes of all segments written to the bucket.", prometheus.CounterValue, func(s *store.Stats) float64 { return float64(s.WrittenBytes) }),
	metric("head_bytes", "Memory of the samples that are in no segment yet.", prometheus.GaugeValue, func(s *store.Stats) float64 { return float64(s.HeadBytes) }),
	metric("head_samples", "Samples that are in no segment yet.", prometheus.GaugeValue, func(s *store.Stats) float64 { return float64(s.HeadSamples) }),
	metric("head_series", "Series with samples that are in no segment yet.", prometheus.GaugeValue, func(s *store.Stats) float64 { return float64(s.HeadSeries) }),
	metric("index_cache_bytes", "Memory of the segments' indexes.", prometheus.GaugeValue, func(s *store.Stats) float64 { return float64(s.CacheBytes) }),
	metric("index_cache_hits_total", "Indexes found in memory.", prometheus.CounterValue, func(s *store.Stats) float64 { return float64(s.CacheHits) }),
	metric("index_cache_misses_total", "Indexes read from the bucket.", prometheus.CounterValue, func(s *store.Stats) float64 { return float64(s.CacheMisses) }),
	metric("wal_files", "Files of the write-ahead log.", prometheus.GaugeValue, func(s *store.Stats) float64 { return float64(s.Log.Files) }),
	metric("wal_bytes", "Bytes of the write-ahead log on disk.", prometheus.GaugeValue, func(s *store.Stats) float64 { return float64(s.Log.End - s.Log.Start) }),
	metric("wal_records_total", "Records appended to the write-ahead log.", prometheus.CounterValue, func(s *store.Stats) float64 { return float64(s.Log.Appends) }),
	metric("wal_syncs_total", "Groups of records that were forced to disk.", prometheus.CounterValue, func(s *store.Stats) float64 { return float64(s.Log.Syncs) }),
}

// storeCollector collects the numbers of a store when they are asked for.
type storeCollector struct{ store *store.Store }

// Describe sends what there is.
func (c storeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range storeMetrics {
		out <- m.desc
	}
}

// Collect sends the present numbers.
func (c storeCollector) Collect(out chan<- prometheus.Metric) {
	stats := c.store.Stats()
	for _, m := range storeMetrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&stats))
	}
}
