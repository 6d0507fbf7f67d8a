package store_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// oldSegments are segments of a release whose files had no digest, which are kept as
// full dumps.
var oldSegments = []string{"one-block-of-every-type", "gaps-qualities-and-edits"}

// undump returns the bytes of a full dump.
func undump(t *testing.T, name string) (src []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "columnar", "segment", "testdata", "format", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	const column, width = 10, 48 // of the bytes in a line
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimRight(line, "\n")
		bytes, err := hex.DecodeString(strings.ReplaceAll(line[column:min(len(line), column+width)], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		src = append(src, bytes...)
	}
	return src
}

// TestSegmentsOfReleasesWithoutADigestAreReadAndMerged makes a catalog as such a release
// would have, and lets this one go on with it.
func TestSegmentsOfReleasesWithoutADigestAreReadAndMerged(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.CompactRate, d.options.Keep = -1, -1
	content := meta.Content{NextEdit: 2000, Epoch: 1}
	series := map[int64]bool{}
	samples := int64(0)
	for i, name := range oldSegments {
		src := undump(t, name)
		r, err := segment.Open(strings.NewReader(string(src)), int64(len(src)), segment.Options{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		checked, err := segment.Check(r, func(*segment.Index, int, *columnar.Block) error { return nil }, func(d segment.Damage) { t.Error(d) })
		if err != nil {
			t.Fatal(err)
		}
		info, number := r.Info(), int64(i+1)
		m := meta.Segment{
			Name: fmt.Sprintf("segments/0000000000000001-%08x.seg", number), Version: number, Size: info.Size, Series: int64(info.Series),
			Blocks: info.Blocks, Samples: info.Samples, From: info.From, To: info.To, CRC: checked.Checksum, Created: number,
		}
		if _, err := d.bucket.Put(t.Context(), m.Name, object.IfAbsent, func(w io.Writer) error {
			_, err := w.Write(src)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		content.Segments = append(content.Segments, m)
		content.Snapshots = append(content.Snapshots, meta.Snapshot{ID: number, Time: number, Note: "flush", Kept: true})
		for _, s := range r.Series() {
			if series[s.ID] {
				continue
			}
			series[s.ID] = true
			content.Series = append(content.Series, meta.Series{Series: s.Series, Name: fmt.Sprint(s.ID), Zone: "UTC", Codec: "auto", Labels: "{}"})
		}
		samples += info.Samples
	}
	if err := d.catalog.Import(t.Context(), content); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	read := func() (rows []sample) {
		all, err := d.catalog.Series(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			rows = append(rows, readSamples(t, d.Store, columnar.Selection{
				Series: []columnar.Series{all[i].Series}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality,
			})...)
		}
		return rows
	}
	before := read()
	if len(before) == 0 || int64(len(before)) > samples {
		t.Errorf("%d samples of %d", len(before), samples)
	}
	for _, m := range d.Segments() {
		if m.Digest != 0 {
			t.Errorf("%+v has a digest", m)
		}
	}
	if err := d.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, m := range d.Segments() {
		if m.Digest == 0 {
			t.Errorf("compaction made %+v", m)
		}
	}
	if after := read(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("there are other samples after the compaction")
	}
	_, findings := verifyAll(t, d.bucket, d.catalog)
	for _, f := range findings {
		if !f.Note && !strings.Contains(f.Err.Error(), "not on the trail") {
			t.Error(f)
		}
	}
}
