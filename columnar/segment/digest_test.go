package segment

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/trellisdb/trellis/columnar"
)

// alike returns segments that differ in nothing but the values of their samples.
func alike(t *testing.T, n int) (segments [][]byte, infos []Info) {
	t.Helper()
	for k := range n {
		c := &content{}
		for id := range int64(2) {
			s := secondly(16)
			s.ID = id + 1
			c.series = append(c.series, s)
			var blocks []*columnar.Block
			for number := range int64(70) {
				b := flat(s, number)
				for i := range b.Floats {
					b.Floats[i] = 0.5 + float64(k)/8
				}
				blocks = append(blocks, b)
			}
			c.blocks = append(c.blocks, blocks)
		}
		src, info := c.write(t)
		segments, infos = append(segments, src), append(infos, info)
	}
	return segments, infos
}

// TestOnlyTheDigestTellsSegmentsOfEqualShapeApart shows why a checksum of the file is
// not enough to know it by.
func TestOnlyTheDigestTellsSegmentsOfEqualShapeApart(t *testing.T) {
	segments, infos := alike(t, 3)
	for i, info := range infos {
		if got := open(t, segments[i]).Info(); got.Digest != info.Digest || got.Digest == 0 {
			t.Errorf("segment %d: its digest is %x, the writer says %x", i, got.Digest, info.Digest)
		}
		for j := range i {
			if bytes.Equal(segments[i], segments[j]) || crc32.Checksum(segments[i], castagnoli) != crc32.Checksum(segments[j], castagnoli) {
				t.Errorf("segments %d and %d are equal, or have different checksums", j, i)
			}
			if info.Digest == infos[j].Digest {
				t.Errorf("segments %d and %d have digest %x", j, i, info.Digest)
			}
			shape := infos[j]
			if shape.Digest = info.Digest; shape != info {
				t.Errorf("segments %d and %d have other shapes: %+v, %+v", j, i, shape, info)
			}
		}
	}
}

// TestAPieceOfAnotherSegmentOfEqualShapeIsFound puts blocks and indexes of one segment in
// the place of those of another one. Each is sound, and of the right series and number.
func TestAPieceOfAnotherSegmentOfEqualShapeIsFound(t *testing.T) {
	segments, _ := alike(t, 2)
	mine, other := segments[0], segments[1]
	r := open(t, mine)
	type piece struct {
		name     string
		from, to int64
	}
	var pieces []piece
	for i := range r.series {
		s := &r.series[i]
		x := index(t, r, s.ID)
		pieces = append(pieces, piece{fmt.Sprintf("the index of series %d", s.ID), s.indexOffset, s.indexOffset + s.indexLength})
		for k := range x.Len() {
			pieces = append(pieces, piece{fmt.Sprintf("block %d of series %d", x.Block(k), s.ID), x.offset(k), x.offset(k + 1)})
		}
	}
	for _, p := range pieces {
		src := bytes.Clone(mine)
		copy(src[p.from:p.to], other[p.from:p.to])
		if bytes.Equal(src, mine) {
			t.Fatalf("%s is the same in both", p.name)
		}
		_, err := readAll(src)
		if !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("%s: reading: %v", p.name, err)
		}
		if err := Verify(open(t, src)); !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("%s: Verify: %v", p.name, err)
		}
		if _, found := check(t, src); len(found) == 0 {
			t.Errorf("%s: Check finds nothing", p.name)
		}
		if open(t, src).Info().Digest != r.Info().Digest {
			t.Errorf("%s: the digest is not the footer's", p.name)
		}
	}
}

// TestTheFooterOfAnotherSegmentIsAnotherDigest holds that whoever compares the digest,
// and then reads all blocks, has read that content and no other.
func TestTheFooterOfAnotherSegmentIsAnotherDigest(t *testing.T) {
	segments, infos := alike(t, 2)
	r := open(t, segments[0])
	last := r.series[len(r.series)-1]
	end := last.indexOffset + last.indexLength
	mixed := append(bytes.Clone(segments[0][:end]), segments[1][end:]...)
	if got := open(t, mixed).Info().Digest; got != infos[1].Digest {
		t.Errorf("digest %x, want %x", got, infos[1].Digest)
	}
	if _, err := readAll(mixed); !errors.Is(err, columnar.ErrCorrupt) {
		t.Errorf("error is %v", err)
	}
}

func TestCopiedBlocksHaveTheChecksumsThatTheyHad(t *testing.T) {
	old := &content{series: []columnar.Series{secondly(16)}, blocks: [][]*columnar.Block{{flat(secondly(16), 3), flat(secondly(16), 5)}}, old: true}
	src, info := old.write(t)
	if info.Digest != 0 {
		t.Errorf("an old segment has digest %x", info.Digest)
	}
	from := open(t, src)
	x := index(t, from, 1)
	var out bytes.Buffer
	w := NewVersionWriter(&out)
	for i := range x.Len() {
		run, err := from.ReadRun(x, i, i+1, nil)
		if err != nil {
			t.Fatal(err)
		}
		sums := x.Summaries(i)
		if err := w.AddVersion(x.Series(), x.Block(i), 7, run.Block(i), &sums); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	again := open(t, out.Bytes())
	y := index(t, again, 1)
	for i := range y.Len() {
		if want := storedSum(src[x.offset(i):x.offset(i+1)]); y.sums[i] != want {
			t.Errorf("block %d has checksum %08x, want %08x", y.Block(i), y.sums[i], want)
		}
	}
	if err := Verify(again); err != nil {
		t.Error(err)
	}
}
