// Package codec turns slices into bytes and back: the values, statuses, edit
// marks, bitmaps and texts of a block's columns.
//
// Every encoded column is one self-describing byte string; only the number of
// values is kept elsewhere (by the block). An encoding is chosen by trial:
// samples of the values narrow the field, the finalists are encoded in full, and
// the smallest wins. A finalist that needs zstd, or digits, must be smaller by a set
// share (see slowGain), because it decodes several times slower.
//
// # Invariants
//
//   - C1: decoding gives back the bits that were encoded, including -0, the
//     payloads of NaNs, denormals and infinities. Every Append function has
//     decoded and compared its result before it returns it.
//   - C2: arbitrary bytes never make a Decode function panic. They either
//     decode to something or give an error that wraps ErrCorrupt.
//   - C3: what a Decode function allocates is bounded by the number of values
//     that the caller asks for (for text also by the caller's limit), never by
//     a number found in the bytes.
//   - C4: a codec number, once released, keeps its meaning. testdata/golden
//     holds one column of every encoding.
//
// # Format
//
// The first byte of every column says what follows:
//
//	bit 7     the codec's section is compressed by zstd
//	bits 6-5  family: 0 integers, 1 floats, 2 bits, 3 text
//	bits 4-0  Codec
//
// Numbers are unsigned varints (u) or zigzag varints (z) as in protobuf, or fixed
// width and little-endian. A part is a column within a column: u length, then its
// bytes; the last part of a column has no length. A section is plain bytes, or
// with bit 7 set u decoded length and one zstd frame, and is always last.
//
// Integers (also statuses, enum ordinals and edit marks):
//
//	constant    z value
//	raw         u8 bytes per word (1, 2, 4, 8), z base, section: words over base
//	packed      frame, u8 width, u exceptions, codes packed at width,
//	            per exception: u gap, z bits above width
//	planes      frame, u8 planes, section: byte 0 of every code, byte 1, …
//	split       frame, u8 width, low bits of the codes packed at width,
//	            part: the bits above
//	dictionary  u entries, part: entries, part: index of every value
//	runlength   u runs, part: value of every run, part: length of every run less 1
//	sparse      z usual value, u others, part: usual values before each other
//	            one, part: the others
//	digits      u step, part: quotients, part: remainders
//	            value = step × quotient + remainder
//
// A frame says how codes become integers:
//
//	u8: bits 3-0 predictor, bit 4 codes are zigzag, bit 5 values have a step
//	step:      u step, z origin             value = origin + step × number
//	predictor: z start (line: and z slope)
//	z base                                  residual = base + code
//
// Sparse suits a value that occurs all over, such as nights without power or a
// number that stands for none (BtrBlocks, SIGMOD 2023, calls it frequency). Digits
// part decimals of different precision, 12.34 among numbers with nine decimals, and
// readings to which a constant or a rounding error was added.
//
// Predictors are none (number = residual), line (delta of delta) and smooth k, an
// exponentially smoothed mean: number = start + residual + sum>>k, then sum +=
// residual, with sum 0 at first. Smooth 0 is the delta to the previous number.
//
// Floats:
//
//	constant    8 bytes
//	short       the value's bytes from the highest on, less those at the end that
//	            are zero: none for 0
//	raw         section: 8 bytes per value
//	decimal     u8 mapping, u8 exponent, u8 factor, u exceptions,
//	            with exceptions: parts of their positions and of their values,
//	            part: integers
//	real        u8 mapping, part: integers
//	near        u8 exponent, part: steps, part: integers
//	            the bits of value = those of integer / 10^exponent + steps
//	dictionary  u entries, part: entries, part: index of every value
//	runlength   u runs, part: value of every run, part: length of every run less 1
//
// Decimal is ALP (Afroozeh, Kuffó, Boncz: ALP: Adaptive Lossless floating-Point
// Compression, SIGMOD 2024): value = integer × 10^factor × 10^-exponent where that
// is exact, or integer / 10^exponent, which is exact more often and slower. Real
// maps the bits of a float to an integer of the same order. Both mappings have a
// narrow form for floats that are exact in 32 bits. Real over split integers,
// whose upper bits go to a dictionary, is ALP's form for real doubles (ALP-RD);
// real over planes is the byte shuffle.
//
// Near is for decimals that went through arithmetic, 0.30000000000000004: steps are
// how many floats such a value is off.
//
// Bits:
//
//	constant    u8 bit
//	raw         section: 8 bits per byte, the first lowest
//	runlength   u8 first bit, u runs, part: length of every run less 1
//
// Text:
//
//	constant    u length, bytes
//	raw         u bytes, part: lengths, section: bytes
//	prefix      part: bytes shared with the text before, part: raw text of the rest
//	dictionary  u entries, part: entries, part: index of every value
package codec
