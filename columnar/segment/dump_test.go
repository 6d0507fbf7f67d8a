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
	"github.com/trellisdb/trellis/columnar/zone"
)

var update = flag.Bool("update", false, "write testdata/format anew")

// goldens are segments whose full dumps are in testdata/format.
var goldens = []struct {
	name    string
	content func() *content
}{
	{"one block of every type", func() *content {
		return randomContent(rand.New(rand.NewSource(6)), shape{}, 1, 16, 0)
	}},
	{"gaps qualities and edits", func() *content {
		c := randomContent(rand.New(rand.NewSource(7)), shape{gaps: 0.2, uncertain: 0.2, bad: 0.2, void: 0.5, marks: 0.2}, 2, 16, 0.5)
		return &content{series: []columnar.Series{c.series[0], c.series[5]}, blocks: [][]*columnar.Block{c.blocks[0], c.blocks[5]}}
	}},
	{"two levels", func() *content {
		c := randomContent(rand.New(rand.NewSource(8)), shape{gaps: 0.02, uncertain: 0.01}, 66, 8, 0.01)
		return &content{series: c.series[2:3], blocks: c.blocks[2:3]}
	}},
	{"sums of many terms", func() *content {
		c := randomContent(rand.New(rand.NewSource(9)), shape{wild: true}, 3, 16, 0)
		return &content{series: c.series[:1], blocks: c.blocks[:1]}
	}},
	{"phases and calendars", func() *content {
		c := randomContent(rand.New(rand.NewSource(12)), shape{}, 1, 8, 0)
		c = &content{series: c.series[:3], blocks: c.blocks[:3]}
		c.series[0].Grid.Phase = 900
		for i, name := range []string{"Europe/Berlin", "Pacific/Apia"} {
			z, err := zone.Load(name)
			if err != nil {
				panic(err)
			}
			if c.series[1+i].Grid, err = columnar.NewGrid([]zone.Width{{Days: 1}, {Months: 3}}[i], z, int64(i)*6*3600*1_000_000, 8); err != nil {
				panic(err)
			}
		}
		return c
	}},
	{"blocks with versions", func() *content {
		c := randomContent(rand.New(rand.NewSource(11)), shape{gaps: 0.1}, 3, 8, 0.5)
		return &content{series: c.series[1:3], blocks: c.blocks[1:3], versions: [][]int64{{7, 7, 0}, {0, 0, 0}}}
	}},
}

// TestGoldenSegmentsAreReadAndExplainedAsEver fails when the format changes. It
// takes segments out of the dumps, since how columns are best encoded may change:
// they must hold what they were written from, and be dumped as they were. Those of
// releases without checksums of blocks and indexes are not written anew.
func TestGoldenSegmentsAreReadAndExplainedAsEver(t *testing.T) {
	for _, golden := range goldens {
		for _, old := range []bool{true, false} {
			name := strings.ReplaceAll(golden.name, " ", "-") + ".txt"
			if !old {
				name = "checksums-" + name
			}
			t.Run(name, func(t *testing.T) { checkGolden(t, golden.content(), filepath.Join("testdata", "format", name), old) })
		}
	}
}

func checkGolden(t *testing.T, c *content, path string, old bool) {
	if *update && !old {
		src, _ := c.write(t)
		if err := os.WriteFile(path, []byte(fullDump(t, src)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	src := bytesOf(t, string(want))
	if diff := cmp.Diff(string(want), fullDump(t, src)); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
	r := open(t, src)
	for i, s := range c.series {
		x := index(t, r, s.ID)
		for j, b := range c.blocks[i] {
			checkEntry(t, r, x, j, b)
		}
	}
	if err := Verify(r); err != nil {
		t.Error(err)
	}
	if hasNone := r.Info().Digest == 0; hasNone != old {
		t.Errorf("version %d has digest %x", r.Version(), r.Info().Digest)
	}
}

// fullDump dumps every byte of a segment.
func fullDump(t *testing.T, src []byte) string {
	t.Helper()
	var dump strings.Builder
	if err := Dump(&dump, open(t, src), DumpOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	return dump.String()
}

// TestFullDumpShowsEveryByteOnce holds invariant S2: what the dump shows is
// either a checksum or covered by one, and nothing is left out.
func TestFullDumpShowsEveryByteOnce(t *testing.T) {
	src, _ := randomContent(rand.New(rand.NewSource(10)), shape{gaps: 0.1, uncertain: 0.1, bad: 0.1, marks: 0.1}, 5, 40, 0.2).write(t)
	dump := fullDump(t, src)
	if shown := bytesOf(t, dump); string(shown) != string(src) {
		t.Errorf("the dump shows %d bytes, the segment has %d: %s", len(shown), len(src), dump)
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

func TestShortDumpLeavesOutTheMiddleOfLongFields(t *testing.T) {
	src, _ := randomContent(rand.New(rand.NewSource(10)), shape{}, 1, 1000, 0).write(t)
	var dump strings.Builder
	if err := Dump(&dump, open(t, src), DumpOptions{}); err != nil {
		t.Fatal(err)
	}
	if full := fullDump(t, src); !strings.Contains(dump.String(), " bytes more\n") || 2*dump.Len() > len(full) {
		t.Errorf("the short dump has %d bytes, the full one %d", dump.Len(), len(full))
	}
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
