package codec

import "fmt"

// AppendUint32s appends the column of values, statuses or enum ordinals, to dst.
// With Auto, or a codec that integers do not know, the encoding is chosen by
// trial. An error means a defect of this package.
func AppendUint32s(dst []byte, values []uint32, c Codec) ([]byte, error) {
	return pooled(func(e *Encoder) ([]byte, error) { return e.AppendUint32s(dst, values, c) })
}

// DecodeUint32s fills dst, whose length is the number of values in the column. An
// error wraps ErrCorrupt and leaves dst undefined.
func DecodeUint32s(dst []uint32, src []byte) error {
	return pooledDecoder(func(d *Decoder) error { return d.DecodeUint32s(dst, src) })
}

// AppendUint8s appends the column of values, edit marks, to dst. With Auto, or a
// codec that integers do not know, the encoding is chosen by trial. An error means
// a defect of this package.
func AppendUint8s(dst []byte, values []uint8, c Codec) ([]byte, error) {
	return pooled(func(e *Encoder) ([]byte, error) { return e.AppendUint8s(dst, values, c) })
}

// DecodeUint8s fills dst, whose length is the number of values in the column. An
// error wraps ErrCorrupt and leaves dst undefined.
func DecodeUint8s(dst []uint8, src []byte) error {
	return pooledDecoder(func(d *Decoder) error { return d.DecodeUint8s(dst, src) })
}

// AppendUint32s is the function of the same name with this encoder's buffers.
func (e *Encoder) AppendUint32s(dst []byte, values []uint32, c Codec) ([]byte, error) {
	return e.AppendInt64s(dst, widenInts(e, values), c)
}

// AppendUint8s is the function of the same name with this encoder's buffers.
func (e *Encoder) AppendUint8s(dst []byte, values []uint8, c Codec) ([]byte, error) {
	return e.AppendInt64s(dst, widenInts(e, values), c)
}

// DecodeUint32s is the function of the same name with this decoder's buffers.
func (d *Decoder) DecodeUint32s(dst []uint32, src []byte) error { return narrowInts(d, dst, src) }

// DecodeUint8s is the function of the same name with this decoder's buffers.
func (d *Decoder) DecodeUint8s(dst []uint8, src []byte) error { return narrowInts(d, dst, src) }

func widenInts[T uint8 | uint32](e *Encoder, values []T) []int64 {
	e.wide = resize(e.wide, len(values))
	for i, v := range values {
		e.wide[i] = int64(v)
	}
	return e.wide
}

// narrowInts decodes integers and refuses those that T cannot hold. Columns of one
// value, by far the most, take a short way.
func narrowInts[T uint8 | uint32](d *Decoder, dst []T, src []byte) error {
	n := len(dst)
	constant := len(src) > 0 && src[0] == header(integers, Constant, false)
	if constant {
		n = min(n, 1)
	}
	d.wide = resize(d.wide, n)
	if err := d.DecodeInt64s(d.wide, src); err != nil {
		return err
	}
	for i, v := range d.wide {
		dst[i] = T(v)
		if int64(dst[i]) != v {
			return fmt.Errorf("%w: value %d does not fit %T", ErrCorrupt, v, dst[i])
		}
	}
	if constant && n > 0 {
		for i := range dst {
			dst[i] = dst[0]
		}
	}
	return nil
}
