package codec

import (
	"errors"
	"fmt"
)

// ErrCorrupt is wrapped by every error of a Decode function: the bytes are not
// what an Append function wrote for that many values.
var ErrCorrupt = errors.New("corrupt column")

// Codec names an encoding of a block column. The numbers are part of the file
// format and keep their meaning.
type Codec uint8

// The codecs. Which of them a family of values knows stands in the package
// comment; asking for another one gives Auto.
const (
	// Auto chooses by trial. It is never found in encoded bytes.
	Auto Codec = iota
	// Constant is one value for all.
	Constant
	// Raw is the values as they are.
	Raw
	// Dictionary is the distinct values and, for each value, which one it is.
	Dictionary
	// RunLength is a value and a length for each run of equal values.
	RunLength
	// Decimal is floats as scaled integers (ALP).
	Decimal
	// Real is the bits of floats as ordered integers.
	Real
	// Packed is integers predicted, then packed at one width with exceptions.
	Packed
	// Planes is integers predicted, then stored byte by byte, meant for zstd.
	Planes
	// Split is integers predicted, their low bits packed, the others apart.
	Split
	// Prefix is texts less what they share with the text before.
	Prefix
	// Sparse is the usual integer, the others, and where they are.
	Sparse
	// Digits is integers parted at a decimal digit into two columns.
	Digits
	// Short is one float for all, less its low bytes that are zero.
	Short
	// Near is floats as scaled integers, and how far each float is from that.
	Near

	numCodecs = iota
)

var codecNames = [numCodecs]string{
	Auto: "auto", Constant: "constant", Raw: "raw", Dictionary: "dictionary", RunLength: "runlength",
	Decimal: "decimal", Real: "real", Packed: "packed", Planes: "planes", Split: "split", Prefix: "prefix",
	Sparse: "sparse", Digits: "digits", Short: "short", Near: "near",
}

// String gives the name that Parse reads.
func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return fmt.Sprintf("codec(%d)", uint8(c))
}

// Parse reads the name of a codec, as String writes it.
func Parse(name string) (Codec, error) {
	for c, s := range codecNames {
		if s == name {
			return Codec(c), nil
		}
	}
	return Auto, fmt.Errorf("codec %q: unknown, use one of %q", name, codecNames)
}

// family tells apart kinds of values whose encodings share a codec's name.
type family uint8

const (
	integers family = iota
	floats
	bitmaps
	texts
)

func (f family) String() string { return [...]string{"integers", "floats", "bits", "text"}[f&3] }

const (
	zstdBit   = 0x80
	codecMask = 0x1f
)

// header is the first byte of a column.
func header(f family, c Codec, compressed bool) byte {
	h := byte(f)<<5 | byte(c)
	if compressed {
		h |= zstdBit
	}
	return h
}

// open reads a column's first byte and reports a column of another family.
func open(src []byte, want family) (c Codec, compressed bool, body *reader, err error) {
	if len(src) == 0 {
		return 0, false, nil, fmt.Errorf("%w: no bytes", ErrCorrupt)
	}
	h := src[0]
	if f := family(h >> 5 & 3); f != want {
		return 0, false, nil, fmt.Errorf("%w: %v where %v belong", ErrCorrupt, f, want)
	}
	return Codec(h & codecMask), h&zstdBit != 0, &reader{src: src[1:]}, nil
}
