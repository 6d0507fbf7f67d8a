package metatest

import (
	"fmt"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// The size of the catalog that is measured: a plant after some years.
const (
	benchSeries    = 100_000
	benchSegments  = 100_000
	benchSnapshots = 50_000
	benchEdits     = 10_000
)

// Bench measures an empty catalog, which it fills.
func Bench(b *testing.B, c meta.Catalog) {
	ctx := b.Context()
	content := large()
	if err := c.Import(ctx, content); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(b.Elapsed().Seconds(), "s/import")
	epoch, err := c.Acquire(ctx, meta.Claim{Holder: "benchmark"})
	if err != nil {
		b.Fatal(err)
	}
	last := content.Snapshots[benchSnapshots-1]
	name := content.Segments[benchSegments-1].Name
	calls := []struct {
		name string
		call func(i int) error
	}{
		{"Commit", func(i int) error {
			next := fmt.Sprint("new ", i)
			_, err := c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments(next), Retire: []string{name}})
			name = next
			return err
		}},
		{"Latest", func(int) error { _, err := c.Latest(ctx); return err }},
		{"At", func(int) error { _, err := c.At(ctx, last.Time/2); return err }},
		{"Segments", func(int) error { _, err := c.Segments(ctx, last.ID); return err }},
		{"SegmentsOfThePast", func(int) error { _, err := c.Segments(ctx, last.ID/2); return err }},
		{"EditsOfASeries", func(int) error { _, err := c.Edits(ctx, meta.EditFilter{Series: []int64{77}}); return err }},
		{"EditsOfATime", func(int) error { _, err := c.Edits(ctx, meta.EditFilter{From: 1000, To: 1010}); return err }},
		{"AllEdits", func(int) error { _, err := c.Edits(ctx, meta.EditFilter{}); return err }},
		{"Condemn", func(int) error { _, err := c.Condemn(ctx, epoch, []string{"segment 5", "segment 6"}, 0); return err }},
		{"ExpireHalf", func(int) error {
			_, err := c.Expire(ctx, meta.Expiry{Epoch: epoch, KeepFrom: last.Time / 2, DryRun: true})
			return err
		}},
		{"Renew", func(int) error { return c.Renew(ctx, epoch, long) }},
		{"UpdateOneSeries", func(int) error { return c.UpdateSeries(ctx, content.Series[:1]) }},
		{"Integrity", func(int) error {
			_, err := c.Integrity(ctx, func(err error) { b.Error(err) })
			return err
		}},
		{"Export", func(int) error { _, err := c.Export(ctx); return err }},
	}
	for _, call := range calls {
		b.Run(call.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := call.call(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// large returns what a large catalog holds: each snapshot adds two segments, and
// retires those of the hundredth before it.
func large() meta.Content {
	var content meta.Content
	for i := range int64(benchSeries) {
		s := double(fmt.Sprintf("plant/area%03d/sensor%06d", i%300, i))
		s.ID = i + 1
		content.Series = append(content.Series, s)
	}
	for i := range int64(benchSnapshots) {
		content.Snapshots = append(content.Snapshots, meta.Snapshot{ID: i + 1, Time: 10 * i, Kept: true})
	}
	for i := range int64(benchSegments) {
		s := segment(fmt.Sprint("segment ", i))
		s.Created = 1 + i*benchSnapshots/benchSegments
		s.Version = s.Created
		if s.Created+100 <= benchSnapshots {
			s.Retired = s.Created + 100
		}
		content.Segments = append(content.Segments, s)
	}
	for i := range int64(benchEdits) {
		content.Edits = append(content.Edits, meta.Edit{
			ID: i + 1, Snapshot: i + 1, Time: 10 * i, Kind: columnar.Overwrite, Who: "Ada", Reason: "a reason",
			Ranges: []meta.EditRange{editRange(i%1000, i, i+10), editRange(i%1000+1, i, i+10), editRange(i%1000+2, i, i+10)},
		})
	}
	return content
}
