package flight

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/trellisdb/trellis/engine/plan"
)

// errPacked is the error of bytes that packer did not write.
var errPacked = errors.New("malformed message")

// packer appends the parts of a sealed message to one another: numbers as varints,
// texts behind their lengths, maps in order of their keys.
type packer struct{ b []byte }

func (p *packer) uint(x uint64) { p.b = binary.AppendUvarint(p.b, x) }
func (p *packer) int(x int64)   { p.b = binary.AppendVarint(p.b, x) }

func (p *packer) text(s string) {
	p.uint(uint64(len(s)))
	p.b = append(p.b, s...)
}

func (p *packer) texts(m map[string]string) {
	p.uint(uint64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		p.text(k)
		p.text(m[k])
	}
}

// The ways in which a literal's value is packed.
const (
	packedNull = iota
	packedFalse
	packedTrue
	packedInt
	packedFloat
	packedText
	packedSpan
)

// literal appends a value of a parameter with its type.
func (p *packer) literal(l plan.Literal) error {
	p.uint(uint64(l.T))
	switch v := l.Value.(type) {
	case nil:
		p.uint(packedNull)
	case bool:
		if v {
			p.uint(packedTrue)
		} else {
			p.uint(packedFalse)
		}
	case int64:
		p.uint(packedInt)
		p.int(v)
	case float64:
		p.uint(packedFloat)
		p.b = binary.LittleEndian.AppendUint64(p.b, math.Float64bits(v))
	case string:
		p.uint(packedText)
		p.text(v)
	case plan.Span:
		p.uint(packedSpan)
		p.int(int64(v.Months))
		p.int(int64(v.Days))
		p.int(v.Micros)
	default:
		return fmt.Errorf("a parameter of type %s holds a %T", l.T, v)
	}
	return nil
}

// rows appends the values of parameters, row by row; nil is another thing than none.
func (p *packer) rows(rows [][]plan.Literal) error {
	if rows == nil {
		p.uint(0)
		return nil
	}
	p.uint(uint64(len(rows)) + 1)
	for _, row := range rows {
		p.uint(uint64(len(row)))
		for _, l := range row {
			if err := p.literal(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpacker reads what packer wrote. Its first error stays, after which everything
// it reads is empty.
type unpacker struct {
	b   []byte
	err error
}

func (u *unpacker) fail() { u.b, u.err = nil, errPacked }

// take returns the next n bytes.
func (u *unpacker) take(n uint64) []byte {
	if n > uint64(len(u.b)) {
		u.fail()
		return nil
	}
	out := u.b[:n]
	u.b = u.b[n:]
	return out
}

func (u *unpacker) uint() uint64 {
	x, n := binary.Uvarint(u.b)
	if n <= 0 {
		u.fail()
		return 0
	}
	u.b = u.b[n:]
	return x
}

func (u *unpacker) int() int64 {
	x, n := binary.Varint(u.b)
	if n <= 0 {
		u.fail()
		return 0
	}
	u.b = u.b[n:]
	return x
}

func (u *unpacker) text() string { return string(u.take(u.uint())) }

// count returns a number of things that take a byte each at least.
func (u *unpacker) count() int {
	n := u.uint()
	if n > uint64(len(u.b)) {
		u.fail()
		return 0
	}
	return int(n)
}

func (u *unpacker) texts() map[string]string {
	n := u.count()
	m := make(map[string]string, n)
	for range n {
		k := u.text()
		m[k] = u.text()
	}
	return m
}

func (u *unpacker) literal() plan.Literal {
	l := plan.Literal{T: plan.Type(u.uint())}
	switch u.uint() {
	case packedNull:
	case packedFalse:
		l.Value = false
	case packedTrue:
		l.Value = true
	case packedInt:
		l.Value = u.int()
	case packedFloat:
		if b := u.take(8); u.err == nil {
			l.Value = math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
	case packedText:
		l.Value = u.text()
	case packedSpan:
		l.Value = plan.Span{Months: int32(u.int()), Days: int32(u.int()), Micros: u.int()}
	default:
		u.fail()
	}
	return l
}

func (u *unpacker) rows() [][]plan.Literal {
	n := u.uint()
	if n == 0 {
		return nil
	}
	if n--; n > uint64(len(u.b)) {
		u.fail()
		return nil
	}
	rows := make([][]plan.Literal, n)
	for i := range rows {
		rows[i] = make([]plan.Literal, u.count())
		for k := range rows[i] {
			rows[i][k] = u.literal()
		}
	}
	return rows
}

// end reports whether all was read, and nothing was missing.
func (u *unpacker) end() error {
	if u.err == nil && len(u.b) > 0 {
		u.fail()
	}
	return u.err
}
