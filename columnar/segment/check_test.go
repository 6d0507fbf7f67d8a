package segment

import (
	"bytes"
	"errors"
	"hash/crc32"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
)

// check runs Check and returns the damage it finds.
func check(t *testing.T, src []byte) (Checked, []Damage) {
	t.Helper()
	var found []Damage
	got, err := Check(open(t, src), func(*Index, int, *columnar.Block) error { return nil }, func(d Damage) { found = append(found, d) })
	if err != nil {
		t.Fatal(err)
	}
	return got, found
}

func TestCheckReadsEveryByteOfASoundSegmentAndFindsNothing(t *testing.T) {
	for seed := range int64(6) {
		c := randomContent(rand.New(rand.NewSource(seed)), shape{gaps: 0.2}, 5, 300, 0.2)
		src, info := c.write(t)
		got, found := check(t, src)
		if len(found) > 0 || got != (Checked{info.Checksum, int64(info.Series), info.Blocks, info.Samples, info.From, info.To}) {
			t.Errorf("%+v, want %+v; damage %v", got, info, found)
		}
		if got.Checksum != crc32.Checksum(src, castagnoli) {
			t.Errorf("checksum %08x", got.Checksum)
		}
	}
}

func TestCheckGoesOnBehindDamageAndNamesEachBlock(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(18)), shape{}, 3, 100, 0)
	src, _ := c.write(t)
	sound := open(t, bytes.Clone(src))
	var want [][2]int64 // series, block
	for _, s := range sound.Series() {
		x := index(t, sound, s.ID)
		for _, i := range []int{1, x.Len() - 1} {
			src[x.offset(i)+5] ^= 1
			want = append(want, [2]int64{s.ID, x.Block(i)})
		}
	}
	var have [][2]int64
	got, found := check(t, src)
	for _, d := range found {
		if !d.InBlock || !errors.Is(d.Err, columnar.ErrCorrupt) {
			t.Errorf("%v", d)
		}
		have = append(have, [2]int64{d.Series, d.Block})
	}
	if !slices.Equal(have, want) || got.Samples == 0 {
		t.Errorf("found %v, want %v", have, want)
	}
}

func TestCheckFindsANodeThatIsNotWhatItsEntriesMergeTo(t *testing.T) {
	s := columnar.Series{ID: 7, Type: columnar.Double, Grid: columnar.Grid{Period: 1000, BlockLen: 4}}
	var out bytes.Buffer
	w := NewWriter(&out)
	for i := range 70 {
		b := columnar.Block{First: int64(i * 4), Len: 4, Kind: columnar.Floats, Floats: []float64{1, 2, 3, float64(i)}}
		if err := w.Add(s, &b, codec.Auto); err != nil {
			t.Fatal(err)
		}
	}
	w.builder.levels[0].pending.Good.Max = 1000 // of blocks 64 to 69
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	_, found := check(t, out.Bytes())
	if len(found) != 1 || found[0].Series != 7 || found[0].InBlock || !strings.Contains(found[0].Err.Error(), "blocks 64 to 69: node 1 of level 1 is not what") {
		t.Errorf("%v", found)
	}
}

func TestCheckEndsWithTheErrorOfItsCaller(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(3)), shape{}, 2, 10, 0)
	src, _ := c.write(t)
	enough := errors.New("enough")
	_, err := Check(open(t, src), func(*Index, int, *columnar.Block) error { return enough }, func(d Damage) { t.Error(d) })
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}
