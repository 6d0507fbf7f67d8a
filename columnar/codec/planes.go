package codec

import (
	"encoding/binary"
	"math/bits"
)

// appendPlanes appends the level's codes byte by byte: all lowest bytes, then all
// second bytes, and so on.
func (e *Encoder) appendPlanes(dst []byte, f frame, lv *level, compressed bool) []byte {
	all := uint64(0)
	for _, c := range lv.codes {
		all |= c
	}
	planes := (bits.Len64(all) + 7) / 8
	lv.bytes = resize(lv.bytes, planes*len(lv.codes))
	for p := range planes {
		plane := lv.bytes[p*len(lv.codes):][:len(lv.codes)]
		for i, c := range lv.codes {
			plane[i] = byte(c >> (8 * p))
		}
	}
	dst = f.append(append(dst, header(integers, Planes, compressed)))
	dst = append(dst, byte(planes))
	return e.appendSection(dst, lv.bytes, compressed)
}

func (d *Decoder) planes(dst []int64, r *reader, compressed bool) (frame, error) {
	f := readFrame(r)
	planes := r.u8("planes", 8)
	section, err := d.section(r, planes*len(dst), compressed)
	if err != nil {
		return f, err
	}
	n := len(dst)
	if planes == 0 {
		clear(dst)
		return f, nil
	}
	unpack(asUint64s(dst), section[:n], 8)
	for p := 1; p < planes; p++ {
		for i, b := range section[p*n:][:n] {
			dst[i] |= int64(b) << (8 * p)
		}
	}
	return f, nil
}

// appendIntsRaw appends integers as words of the least width over the least one.
func (e *Encoder) appendIntsRaw(dst []byte, v []int64) []byte {
	s := survey{}
	if len(v) > 0 {
		s = surveyInts(v)
	}
	return e.appendWords(dst, v, s, &e.levels[0], false)
}

// appendWords appends integers as little-endian words, which under zstd keeps
// repeated values and patterns whole.
func (e *Encoder) appendWords(dst []byte, v []int64, s survey, lv *level, compressed bool) []byte {
	width := wordWidth(s)
	lv.bytes = appendWords(lv.bytes[:0], v, s.min, width)
	dst = append(dst, header(integers, Raw, compressed), byte(width))
	return e.appendSection(appendVarint(dst, s.min), lv.bytes, compressed)
}

// wordWidth is the number of bytes that hold every integer over the least one.
func wordWidth(s survey) int {
	switch n := bits.Len64(uint64(s.max - s.min)); {
	case n <= 8:
		return 1
	case n <= 16:
		return 2
	case n <= 32:
		return 4
	default:
		return 8
	}
}

func appendWords(dst []byte, v []int64, base int64, width int) []byte {
	for _, x := range v {
		switch u := uint64(x - base); width {
		case 1:
			dst = append(dst, byte(u))
		case 2:
			dst = binary.LittleEndian.AppendUint16(dst, uint16(u))
		case 4:
			dst = binary.LittleEndian.AppendUint32(dst, uint32(u))
		default:
			dst = binary.LittleEndian.AppendUint64(dst, u)
		}
	}
	return dst
}

func (d *Decoder) words(dst []int64, r *reader, compressed bool) (base int64, err error) {
	width := r.u8("word width", 8)
	if bits.OnesCount(uint(width)) != 1 {
		r.fail("word width %d", width)
	}
	base = r.varint("base")
	section, err := d.section(r, width*len(dst), compressed)
	if err == nil {
		unpack(asUint64s(dst), section, 8*width)
	}
	return base, err
}
