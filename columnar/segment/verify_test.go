package segment

import (
	"bytes"
	"errors"
	"math/rand"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
)

func TestVerifyFindsEveryDamagedByteOfALargeSegment(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(16)), shape{gaps: 0.1}, 5, 4000, 0.2)
	src, _ := c.write(t)
	if len(src) <= 2*tailLen {
		t.Fatalf("%d bytes are no large segment", len(src))
	}
	r := open(t, src)
	if err := Verify(r); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewSource(17))
	damaged := bytes.Clone(src)
	for i := range 300 {
		at := rng.Intn(len(src))
		if i < headerLen {
			at = i
		}
		damaged[at] ^= byte(1 + rng.Intn(255))
		r, err := Open(bytes.NewReader(damaged), int64(len(damaged)), Options{Name: "test"})
		if err == nil {
			err = Verify(r)
		}
		if !errors.Is(err, columnar.ErrCorrupt) || !strings.HasPrefix(err.Error(), "segment test: ") {
			t.Errorf("byte %d: error is %v", at, err)
		}
		damaged[at] = src[at]
	}
}

func TestDamageOfOneBlockLeavesTheOthersReadable(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(18)), shape{}, 3, 100, 0)
	src, _ := c.write(t)
	x := index(t, open(t, src), 10)
	src[x.offset(1)+5] ^= 1
	r := open(t, src)
	x = index(t, r, 10)
	for i, damaged := range []bool{false, true, false} {
		var b columnar.Block
		if err := r.ReadBlock(x, i, &b, columnar.AllParts); errors.Is(err, columnar.ErrCorrupt) != damaged {
			t.Errorf("block %d: error is %v", i, err)
		}
	}
}

func TestFooterLongerThanTheTailIsReadByASecondRead(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	rng := rand.New(rand.NewSource(19))
	id := int64(0)
	for range 12_000 {
		id += 1 + rng.Int63n(1<<30)
		s := columnar.Series{ID: id, Type: columnar.Integer, Grid: columnar.Grid{Period: 1 + rng.Int63n(1<<40), BlockLen: 1}}
		b := columnar.Block{First: rng.Int63n(1000), Len: 1, Kind: columnar.Ints, Ints: []int64{rng.Int63()}}
		if err := w.Add(s, &b, 0); err != nil {
			t.Fatal(err)
		}
	}
	info, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, out.Bytes())
	if len(r.Series()) != 12_000 || info.Series != 12_000 {
		t.Fatalf("%d series", len(r.Series()))
	}
	last := r.series[len(r.series)-1]
	if n := info.Size - last.indexOffset - last.indexLength; n <= tailLen {
		t.Fatalf("the footer has only %d bytes", n)
	}
	if err := Verify(r); err != nil {
		t.Fatal(err)
	}
}
