package codec

import (
	"fmt"
	"strings"
)

// Description says what a column is made of, as far as that can be told without
// the number of its values.
type Description struct {
	Family     string // integers, floats, bits, text
	Role       string // what it is to the column around it: entries, indexes, …
	Codec      Codec
	Zstd       bool   // its section is compressed by zstd
	Size       int    // bytes, header included
	Parameters string // of the encoding, for people
	Exceptions int    // values stored apart
	Parts      []Description
	Err        error // wraps ErrCorrupt where the bytes could not be told
}

// String gives the description on one line.
func (d Description) String() string {
	var b strings.Builder
	d.write(&b)
	return b.String()
}

func (d Description) write(b *strings.Builder) {
	if d.Role != "" {
		fmt.Fprintf(b, "%s: ", d.Role)
	}
	b.WriteString(d.Codec.String())
	if d.Zstd {
		b.WriteString("+zstd")
	}
	if d.Parameters != "" {
		fmt.Fprintf(b, " (%s)", d.Parameters)
	}
	if d.Exceptions > 0 {
		fmt.Fprintf(b, " %d exceptions", d.Exceptions)
	}
	fmt.Fprintf(b, " %d B", d.Size)
	if d.Err != nil {
		fmt.Fprintf(b, " %v", d.Err)
	}
	for i, p := range d.Parts {
		if i == 0 {
			b.WriteString(" {")
		} else {
			b.WriteString("; ")
		}
		p.write(b)
	}
	if len(d.Parts) > 0 {
		b.WriteString("}")
	}
}

// Inspect describes a column without decoding it. Damage is told in Err of the
// description, or of one of its parts.
func Inspect(src []byte) Description { return inspect(src, "", 0) }

func inspect(src []byte, role string, depth int) Description {
	d := Description{Role: role, Size: len(src)}
	if len(src) == 0 || depth > maxDepth+1 {
		d.Err = fmt.Errorf("%w: no bytes", ErrCorrupt)
		return d
	}
	f := family(src[0] >> 5 & 3)
	c, compressed, r, err := open(src, f)
	d.Family, d.Codec, d.Zstd, d.Err = f.String(), c, compressed, err
	part := func(role string) { d.Parts = append(d.Parts, inspect(r.part(role), role, depth+1)) }
	last := func(role string) { d.Parts = append(d.Parts, inspect(r.rest(), role, depth+1)) }
	switch c {
	case Dictionary, RunLength:
		what := map[Codec][3]string{Dictionary: {"entries", "entries", "indexes"}, RunLength: {"runs", "values", "lengths"}}[c]
		if f == bitmaps {
			d.Parameters = fmt.Sprintf("first %d, ", r.u8("first bit", 1))
		}
		d.Parameters += fmt.Sprintf("%d %s", r.uvarint(what[0]), what[0])
		if f != bitmaps {
			part(what[1])
		}
		last(what[2])
	case Decimal:
		m := mapping{kind: mappingKind(r.u8("mapping", int(decimalDivNarrow)))}
		m.exponent, m.factor = uint8(r.u8("exponent", maxExponent)), uint8(r.u8("factor", maxExponent))
		d.Parameters, d.Exceptions = m.String(), r.count("exceptions", maxSection)
		if d.Exceptions > 0 {
			part("places")
			part("exceptions")
		}
		last("integers")
	case Real:
		d.Parameters = mapping{kind: mappingKind(r.u8("mapping", int(orderedNarrow)))}.String()
		last("integers")
	case Sparse:
		d.Parameters = fmt.Sprintf("usual %d, %d others", r.varint("usual value"), r.uvarint("others"))
		part("gaps")
		last("others")
	case Digits:
		d.Parameters = fmt.Sprintf("step %d", r.uvarint("step"))
		part("quotients")
		last("remainders")
	case Near:
		d.Parameters = mapping{kind: decimalDiv, exponent: uint8(r.u8("exponent", maxExponent))}.String()
		part("steps")
		last("integers")
	case Prefix:
		part("shared lengths")
		last("rest")
	case Packed, Planes, Split:
		d.inspectFrame(c, r)
	case Raw:
		switch f {
		case integers:
			d.Parameters = fmt.Sprintf("%d-byte words", r.u8("word width", 8))
		case texts:
			d.Parameters = fmt.Sprintf("%d bytes", r.uvarint("bytes"))
			part("lengths")
		}
	case Constant, Short:
	default:
		r.fail("no codec %v", c)
	}
	if d.Err == nil {
		d.Err = r.err
	}
	return d
}

// inspectFrame describes an encoding that has a frame.
func (d *Description) inspectFrame(c Codec, r *reader) {
	f := readFrame(r)
	b := &strings.Builder{}
	fmt.Fprint(b, f.predictor)
	if f.step > 1 {
		fmt.Fprintf(b, ", step %d", f.step)
	}
	switch c {
	case Packed:
		fmt.Fprintf(b, ", %d bits", r.u8("width", 64))
		d.Exceptions = r.count("exceptions", maxSection)
	case Planes:
		fmt.Fprintf(b, ", %d planes", r.u8("planes", 8))
	default:
		fmt.Fprintf(b, ", %d bits and more", r.u8("width", 63))
	}
	d.Parameters = b.String()
}
