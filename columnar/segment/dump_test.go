package segment

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
)

var update = flag.Bool("update", false, "write testdata/format anew")

// TestBytesAreThoseOfTheGoldenDumps fails when the format changes: bytes of old
// segments are then no longer what they were.
func TestBytesAreThoseOfTheGoldenDumps(t *testing.T) {
	for _, test := range []struct {
		name    string
		content func() *content
	}{
		{"one block of every type", func() *content {
			return randomContent(rand.New(rand.NewSource(6)), shape{}, 1, 16, 0)
		}},
		{"gaps qualities and edits", func() *content {
			c := randomContent(rand.New(rand.NewSource(7)), shape{gaps: 0.2, uncertain: 0.2, bad: 0.2, void: 0.5, marks: 0.2}, 2, 32, 0.5)
			return &content{series: c.series[2:], blocks: c.blocks[2:]}
		}},
		{"two levels of an hour each", func() *content {
			s := secondly(3600)
			c := content{series: []columnar.Series{s}, blocks: make([][]*columnar.Block, 1)}
			rng := rand.New(rand.NewSource(8))
			for i := range 70 {
				b := columnar.Block{First: int64(i) * 3600, Len: 3600, Floats: make([]float64, 3600)}
				for j := range b.Floats {
					b.Floats[j] = float64(rng.Intn(10) / 9)
				}
				c.blocks[0] = append(c.blocks[0], &b)
			}
			return &c
		}},
		{"sums of many terms", func() *content {
			c := randomContent(rand.New(rand.NewSource(9)), shape{wild: true}, 3, 16, 0)
			return &content{series: c.series[:1], blocks: c.blocks[:1]}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			src, _ := test.content().write(t)
			var got strings.Builder
			if err := Dump(&got, open(t, src), DumpOptions{}); err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", "format", strings.ReplaceAll(test.name, " ", "-")+".txt"), got.String())
		})
	}
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}

// TestFullDumpShowsEveryByteOnce holds invariant S2: what the dump shows is
// either a checksum or covered by one, and nothing is left out.
func TestFullDumpShowsEveryByteOnce(t *testing.T) {
	src, _ := randomContent(rand.New(rand.NewSource(10)), shape{gaps: 0.1, uncertain: 0.1, bad: 0.1, marks: 0.1}, 5, 40, 0.2).write(t)
	var dump strings.Builder
	if err := Dump(&dump, open(t, src), DumpOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	if shown := bytesOf(t, dump.String()); string(shown) != string(src) {
		t.Errorf("the dump shows %d bytes, the segment has %d: %s", len(shown), len(src), dump.String())
	}
}

// bytesOf reads the bytes of a full dump, which must lie one behind the other.
func bytesOf(t *testing.T, dump string) (shown []byte) {
	t.Helper()
	const column = 10 // where the bytes begin in a line
	for line := range strings.Lines(dump) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var at int
		if _, err := fmt.Sscanf(line[:8], "%x", &at); err != nil || at != len(shown) {
			t.Fatalf("line %q is at %d, want %d: %v", line, at, len(shown), err)
		}
		for _, digits := range strings.Fields(line[column:min(len(line), column+3*bytesPerLine)]) {
			var b int
			if _, err := fmt.Sscanf(digits, "%x", &b); err != nil {
				t.Fatal(err)
			}
			shown = append(shown, byte(b))
		}
	}
	return shown
}

func TestDumpOfOneBlockShowsOnlyIt(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(11)), shape{gaps: 0.1}, 3, 40, 0)
	src, _ := c.write(t)
	r := open(t, src)
	x := index(t, r, c.series[1].ID)
	var dump strings.Builder
	if err := DumpBlock(&dump, r, x, 1, DumpOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(dump.String(), "# series 20 (float), block "); n != 1 {
		t.Errorf("%d blocks in %s", n, dump.String())
	}
}

func TestDumpOfAnUnknownSeriesIsAnError(t *testing.T) {
	src, _ := randomContent(rand.New(rand.NewSource(12)), shape{}, 1, 8, 0).write(t)
	err := Dump(&strings.Builder{}, open(t, src), DumpOptions{Series: 5})
	if err == nil || !strings.Contains(err.Error(), "segment test: no series 5") {
		t.Errorf("error is %v", err)
	}
}
