package wal_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellisdb/trellis/store/wal"
)

// unmarkedFS is the machine's file system, on which marks are forgotten: what they cost
// is the difference.
type unmarkedFS struct{ wal.OS }

// Open implements wal.FS.
func (fs unmarkedFS) Open(path string) (wal.File, error) {
	f, err := fs.OS.Open(path)
	if filepath.Base(path) == "MARK" {
		f = forgetful{f}
	}
	return f, err
}

type forgetful struct{ wal.File }

// WriteAt implements io.WriterAt.
func (forgetful) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// Sync implements wal.File.
func (forgetful) Sync() error { return nil }

// BenchmarkAppend appends records to a log without marks, to one whose marks are synced
// later, and to one whose marks are synced first, in turn. It reports the medians, in
// microseconds, and their ratios to the first.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{200, 64 << 10, 1 << 20} {
		for _, writers := range []int{1, 16} {
			b.Run(fmt.Sprintf("size=%d/writers=%d", size, writers), func(b *testing.B) {
				record := []byte(strings.Repeat("x", size))
				var took [3][]time.Duration
				var logs [3]*wal.Log
				for k, o := range []wal.Options{{FS: unmarkedFS{}}, {}, {MarkDelay: -1}} {
					o.Dir = b.TempDir()
					logs[k] = open(b, o)
					defer closeLog(b, logs[k])
				}
				b.SetBytes(int64(len(logs) * size * writers))
				b.ResetTimer()
				for range b.N {
					for k, l := range logs {
						start := time.Now()
						var wg sync.WaitGroup
						for range writers {
							wg.Go(func() {
								if err := l.Append(record, nil); err != nil {
									b.Error(err)
								}
							})
						}
						wg.Wait()
						took[k] = append(took[k], time.Since(start))
					}
				}
				b.StopTimer()
				var median [3]float64
				for k, t := range took {
					slices.Sort(t)
					median[k] = float64(t[len(t)/2].Nanoseconds()) / 1e3
				}
				b.ReportMetric(median[0], "unmarked-µs")
				b.ReportMetric(median[1]/median[0], "marked-ratio")
				b.ReportMetric(median[2]/median[0], "synced-ratio")
			})
		}
	}
}
