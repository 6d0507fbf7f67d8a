package segment

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"testing"

	"github.com/trellisdb/trellis/columnar"
)

func TestBlocksKeepTheirVersions(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(1)), shape{gaps: 0.1}, 200, 10, 0.2)
	rng := rand.New(rand.NewSource(2))
	for range c.series {
		versions := make([]int64, 200)
		for i := range versions {
			if versions[i] = rng.Int63n(3) * 1000; i > 0 && rng.Intn(4) > 0 {
				versions[i] = versions[i-1]
			}
		}
		c.versions = append(c.versions, versions)
	}
	src, _ := c.write(t)
	r := open(t, src)
	for i, s := range c.series {
		x := index(t, r, s.ID)
		for j, want := range c.versions[i] {
			if got := x.Version(j); got != want {
				t.Fatalf("series %d: block %d has version %d, want %d", s.ID, x.Block(j), got, want)
			}
			checkEntry(t, r, x, j, c.blocks[i][j])
		}
	}
	if err := Verify(r); err != nil {
		t.Error(err)
	}
}

func TestPlainSegmentsHaveTheVersionOfTheSegment(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(1)), shape{}, 3, 10, 0)
	src, _ := c.write(t)
	for _, s := range c.series {
		x := index(t, open(t, src), s.ID)
		for i := range x.Len() {
			if v := x.Version(i); v != 0 {
				t.Errorf("series %d: block %d has version %d", s.ID, x.Block(i), v)
			}
		}
	}
}

func TestVersionsThatCannotBe(t *testing.T) {
	s := columnar.Series{ID: 1, Type: columnar.Double, Grid: columnar.Grid{Period: 1, BlockLen: 8}}
	b := randomBlock(rand.New(rand.NewSource(1)), s, 0, shape{})
	src, err := columnar.AppendBlock(nil, b, 0, s)
	if err != nil {
		t.Fatal(err)
	}
	sums := columnar.SummarizeAll(b)
	if err := NewWriter(io.Discard).AddVersion(s, 0, 5, src, &sums); err == nil {
		t.Error("a plain segment takes a version")
	}
	if err := NewVersionWriter(io.Discard).AddVersion(s, 0, -1, src, &sums); err == nil {
		t.Error("a version below zero is taken")
	}
	var out bytes.Buffer
	w := NewVersionWriter(&out)
	if err := w.AddVersion(s, 0, 5, src, &sums); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	r := open(t, out.Bytes())
	info := r.Series()[0]
	body := bytes.Clone(out.Bytes()[info.indexOffset : info.indexOffset+info.indexLength-checksumLen])
	short := seal(body[:len(body)-1:len(body)-1], 0)
	info.indexSum = storedSum(short)
	if _, err := decodeIndex(short, &info, nil); !errors.Is(err, columnar.ErrCorrupt) {
		t.Errorf("versions that are cut short: %v", err)
	}
}
