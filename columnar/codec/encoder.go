package codec

import (
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// slowGain is the share, one in so many bytes, by which a slow column, one under
// zstd or parted into digits, must be smaller than the best column that is not:
// such columns decode at a few hundred million values a second, bit packing at a
// billion and more.
const slowGain = 16

// maxDepth bounds how deep columns nest within a column.
const maxDepth = 4

// Encoder encodes columns and keeps its buffers between calls. It is not safe for
// concurrent use. The package-level functions keep some of them.
type Encoder struct {
	levels   [maxDepth + 1]level
	zstd     *zstd.Encoder
	better   *zstd.Encoder // of the better level, made when it is first used
	thorough bool          // use the better level now
	quick    bool          // use nothing slow now
	decoder  *Decoder
	floats   []float64 // decoded again, for comparison
	ints     []int64
	wide     []int64 // values of a narrower type
}

// level is the scratch space of one depth of nesting.
type level struct {
	numbers   []int64  // numbers under encoding, where they are not the values
	residuals []int64  // of a frame
	codes     []uint64 // of a frame
	bytes     []byte   // planes, words, text
	trial     []byte   // a finalist
	table     table
	floats    []float64
	indexes   []int64
	entries   int // bytes of the entries of a dictionary of floats
}

// NewEncoder gives an encoder.
func NewEncoder() *Encoder {
	return &Encoder{zstd: newZstdWriter(zstd.SpeedDefault), decoder: NewDecoder()}
}

// Decoder decodes columns and keeps its buffers between calls. It is not safe for
// concurrent use. The package-level functions use a pool of them.
type Decoder struct {
	zstd   *zstd.Decoder
	raw    []byte  // a decompressed section
	wide   []int64 // values of a narrower type
	levels [maxDepth + 1]decodeLevel
}

type decodeLevel struct {
	ints, indexes []int64
	floats        []float64
}

// NewDecoder gives a decoder.
func NewDecoder() *Decoder { return &Decoder{zstd: newZstdReader()} }

// maxKept is how many idle encoders are kept. One has tables of up to 7 MiB, which take
// longer to make than a block takes to encode; a sync.Pool would lose them to the garbage
// collector.
const maxKept = 8

var (
	encoders = make(chan *Encoder, min(maxKept, 2*runtime.GOMAXPROCS(0)))
	decoders = sync.Pool{New: func() any { return NewDecoder() }}
)

// pooled runs do with an encoder that is kept for it.
func pooled(do func(e *Encoder) ([]byte, error)) ([]byte, error) {
	var e *Encoder
	select {
	case e = <-encoders:
	default:
		e = NewEncoder()
	}
	defer func() {
		select {
		case encoders <- e:
		default:
		}
	}()
	return do(e)
}

// pooledDecoder runs do with a pooled decoder.
func pooledDecoder(do func(d *Decoder) error) error {
	d := decoders.Get().(*Decoder)
	defer decoders.Put(d)
	return do(d)
}

// contest keeps the smaller of the columns offered to it, at the end of dst.
type contest struct {
	dst   []byte
	start int
	won   bool
	slow  bool // the winner is slow
}

// size is the length of the best column, or a huge number.
func (c *contest) size() int {
	if !c.won {
		return 1 << 62
	}
	return len(c.dst) - c.start
}

// offer enters a column; it wins when it is smaller, by a margin where it is slow
// and the other is not.
func (c *contest) offer(column []byte, slow bool) {
	if c.won {
		theirs, ours := c.size(), len(column)
		switch {
		case slow && !c.slow:
			ours += ours / (slowGain - 1)
		case c.slow && !slow:
			theirs += theirs / (slowGain - 1)
		}
		if ours >= theirs {
			return
		}
	}
	c.dst = append(c.dst[:c.start], column...)
	c.won, c.slow = true, slow
}
