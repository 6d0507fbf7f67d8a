package flight

import (
	"errors"
	"io"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// source reads a message from the transport, piece by piece.
type source struct {
	from  transport
	rest  int // bytes that were not asked for yet
	piece int // bytes that are asked for at once
	came  *mem.Reader
	err   error // of the transport
}

// fill gets the next piece, where there is nothing of the one before.
func (s *source) fill() error {
	if s.came != nil && s.came.Remaining() > 0 {
		return nil
	}
	if s.err != nil || s.rest == 0 {
		return errors.Join(s.err, io.ErrUnexpectedEOF)
	}
	n := min(s.rest, s.piece)
	data, err := s.from.Read(n)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		s.err = err
		return err
	}
	s.rest -= n
	s.close()
	s.came = data.Reader()
	data.Free() // the reader has its own references, and frees what has been read
	return nil
}

func (s *source) close() {
	if s.came != nil {
		_ = s.came.Close()
	}
}

// full fills b.
func (s *source) full(b []byte) error {
	for len(b) > 0 {
		if err := s.fill(); err != nil {
			return err
		}
		n, err := s.came.Read(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// decoder reads the fields of a message; large ones are copied once.
type decoder struct {
	source
	left int // bytes of the message
}

var errMessage = status.Error(codes.InvalidArgument, "the message is no Protocol Buffers message, or not the one that belongs to this call")

// decode reads a message.
func (d *decoder) decode(m protoreflect.Message) error {
	fields := m.Descriptor().Fields()
	for d.left > 0 {
		tag, ok := d.varint()
		number, kind := protowire.DecodeTag(tag)
		if !ok || number <= 0 {
			return errMessage
		}
		if err := d.field(m, fields.ByNumber(number), kind); err != nil {
			return err
		}
	}
	return nil
}

// field reads one field, and leaves out what the message does not have.
func (d *decoder) field(m protoreflect.Message, f protoreflect.FieldDescriptor, kind protowire.Type) error {
	switch kind {
	case protowire.VarintType:
		v, ok := d.varint()
		if !ok {
			return errMessage
		}
		if f != nil {
			setNumber(m, f, v)
		}
		return nil
	case protowire.Fixed32Type:
		return d.skip(4)
	case protowire.Fixed64Type:
		return d.skip(8)
	case protowire.BytesType:
		n, ok := d.varint()
		if !ok || n > uint64(d.left) {
			return errMessage
		}
		if f == nil {
			return d.skip(int(n))
		}
		return d.bytes(m, f, int(n))
	}
	return errMessage
}

// setNumber sets a field to a number; one of another kind stays what it is.
func setNumber(m protoreflect.Message, f protoreflect.FieldDescriptor, v uint64) {
	switch f.Kind() {
	case protoreflect.EnumKind:
		m.Set(f, protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(v))))
	case protoreflect.Uint64Kind:
		m.Set(f, protoreflect.ValueOfUint64(v))
	}
}

// bytes reads a field of n bytes.
func (d *decoder) bytes(m protoreflect.Message, f protoreflect.FieldDescriptor, n int) error {
	if f.Kind() != protoreflect.BytesKind && f.Kind() != protoreflect.StringKind && f.Kind() != protoreflect.MessageKind {
		return d.skip(n)
	}
	raw := make([]byte, n)
	if err := d.full(raw); err != nil {
		return errMessage
	}
	d.left -= n
	switch f.Kind() {
	case protoreflect.BytesKind:
		m.Set(f, protoreflect.ValueOfBytes(raw))
	case protoreflect.StringKind:
		if !utf8.Valid(raw) {
			return errMessage
		}
		text := protoreflect.ValueOfString(string(raw))
		if !f.IsList() {
			m.Set(f, text)
			return nil
		}
		list := m.Mutable(f).List()
		if list.Len() >= maxParts {
			return tooManyParts()
		}
		list.Append(text)
	case protoreflect.MessageKind:
		if err := countParts(raw, f.Message()); err != nil {
			return err
		}
		if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(raw, m.Mutable(f).Message().Interface()); err != nil {
			return errMessage
		}
	}
	return nil
}

func (d *decoder) skip(n int) error {
	if n > d.left {
		return errMessage
	}
	d.left -= n
	for n > 0 {
		if err := d.fill(); err != nil {
			return err
		}
		skipped, err := d.came.Discard(min(n, d.came.Remaining()))
		if err != nil {
			return err
		}
		n -= skipped
	}
	return nil
}

// varint reads a number.
func (d *decoder) varint() (v uint64, ok bool) {
	for shift := 0; shift < 70 && d.left > 0; shift += 7 {
		if d.fill() != nil {
			return 0, false
		}
		b, err := d.came.ReadByte()
		if err != nil {
			return 0, false
		}
		d.left--
		if shift == 63 && b > 1 {
			return 0, false
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, true
		}
	}
	return 0, false
}
