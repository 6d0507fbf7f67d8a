package codec

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"
)

// AppendStrings appends the column of texts to dst. With Auto, or a codec that text
// does not know, the encoding is chosen by trial. An error means a defect of this
// package.
func AppendStrings(dst []byte, values []string, c Codec) ([]byte, error) {
	return pooled(func(e *Encoder) ([]byte, error) { return e.AppendStrings(dst, values, c) })
}

// DecodeStrings fills dst, whose length is the number of texts in the column; the
// texts share memory that nothing else uses. Texts of more than limit bytes in
// all are an error, as is damage; it wraps ErrCorrupt and leaves dst undefined.
func DecodeStrings(dst []string, src []byte, limit int) error {
	return pooledDecoder(func(d *Decoder) error { return d.DecodeStrings(dst, src, limit) })
}

// AppendStrings is the function of the same name with this encoder's buffers.
func (e *Encoder) AppendStrings(dst []byte, values []string, c Codec) ([]byte, error) {
	start, total := len(dst), 0
	for _, s := range values {
		total += len(s)
	}
	dst = e.appendStrings(dst, values, c)
	if e.sameStrings(values, dst[start:], total) {
		return dst, nil
	}
	dst, _ = e.appendStringsRaw(dst[:start], values, false, 0)
	if e.sameStrings(values, dst[start:], total) {
		return dst, nil
	}
	return dst[:start], fmt.Errorf("codec: %d texts do not decode to themselves", len(values))
}

func (e *Encoder) sameStrings(values []string, column []byte, total int) bool {
	again := make([]string, len(values))
	return e.decoder.DecodeStrings(again, column, total) == nil && slices.Equal(again, values)
}

func (e *Encoder) appendStrings(dst []byte, values []string, c Codec) []byte {
	if len(values) == 0 {
		return append(dst, header(texts, Constant, false), 0)
	}
	if c != Raw && countRuns(values) == 1 {
		dst = append(dst, header(texts, Constant, false))
		dst = binary.AppendUvarint(dst, uint64(len(values[0])))
		return append(dst, values[0]...)
	}
	best := contest{dst: dst, start: len(dst)}
	switch c {
	case Raw:
		dst, _ = e.appendStringsRaw(dst, values, false, 0)
		return dst
	case Dictionary:
		dst, _ = e.appendStringDictionary(dst, values, distinct(values, len(values)))
		return dst
	case Prefix:
		e.offerPrefix(&best, values, 0)
		return best.dst
	}
	e.offerPlain(&best, values, 0)
	e.offerPrefix(&best, values, 0)
	if entries := distinct(values, 1+len(values)/2); entries != nil {
		best.offer(e.appendStringDictionary(nil, values, entries))
	}
	return best.dst
}

// offerPlain and offerPrefix enter texts into a contest, as they are and under
// zstd.
func (e *Encoder) offerPlain(c *contest, values []string, depth int) {
	for _, compressed := range [...]bool{false, true} {
		c.offer(e.appendStringsRaw(nil, values, compressed, depth))
	}
}

func (e *Encoder) offerPrefix(c *contest, values []string, depth int) {
	for _, compressed := range [...]bool{false, true} {
		c.offer(e.appendPrefix(nil, values, compressed, depth))
	}
}

// distinct gives the distinct texts in ascending order, or nil when they are more
// than limit.
func distinct(values []string, limit int) []string {
	seen := make(map[string]struct{}, 64)
	for _, s := range values {
		seen[s] = struct{}{}
		if len(seen) > limit {
			return nil
		}
	}
	entries := make([]string, 0, len(seen))
	for s := range seen {
		entries = append(entries, s)
	}
	slices.Sort(entries)
	return entries
}

// appendStringsRaw appends texts as their lengths and their bytes.
func (e *Encoder) appendStringsRaw(dst []byte, values []string, compressed bool, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	lv.numbers = resize(lv.numbers, len(values))
	lv.bytes = lv.bytes[:0]
	for i, s := range values {
		lv.numbers[i] = int64(len(s))
		lv.bytes = append(lv.bytes, s...)
	}
	dst = append(dst, header(texts, Raw, compressed))
	dst = binary.AppendUvarint(dst, uint64(len(lv.bytes)))
	var z bool
	dst = appendPart(dst, func(dst []byte) []byte {
		dst, z = e.appendIntsAs(dst, lv.numbers, Auto, depth+1)
		return dst
	})
	return e.appendSection(dst, lv.bytes, compressed), z || compressed
}

// appendPrefix appends texts less what each shares with the one before.
func (e *Encoder) appendPrefix(dst []byte, values []string, compressed bool, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	lv.indexes = resize(lv.indexes, len(values))
	rest := make([]string, len(values))
	before := ""
	for i, s := range values {
		n := 0
		for n < min(len(s), len(before)) && s[n] == before[n] {
			n++
		}
		lv.indexes[i], rest[i] = int64(n), s[n:]
		before = s
	}
	dst = append(dst, header(texts, Prefix, false))
	var z1, z2 bool
	dst = appendPart(dst, func(dst []byte) []byte {
		dst, z1 = e.appendIntsAs(dst, lv.indexes, Auto, depth+1)
		return dst
	})
	dst, z2 = e.appendStringsRaw(dst, rest, compressed, depth+1)
	return dst, z1 || z2
}

// appendStringDictionary appends texts as places among the entries.
func (e *Encoder) appendStringDictionary(dst []byte, values, entries []string) ([]byte, bool) {
	place := make(map[string]int64, len(entries))
	for i, s := range entries {
		place[s] = int64(i)
	}
	indexes := make([]int64, len(values))
	for i, s := range values {
		indexes[i] = place[s]
	}
	best := contest{}
	e.offerPlain(&best, entries, 1)
	e.offerPrefix(&best, entries, 1)
	dst = append(dst, header(texts, Dictionary, false))
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	dst = appendPart(dst, func(dst []byte) []byte { return append(dst, best.dst...) })
	dst, z := e.appendIntsAs(dst, indexes, Auto, 1)
	return dst, z || best.slow
}

// DecodeStrings is the function of the same name with this decoder's buffers.
func (d *Decoder) DecodeStrings(dst []string, src []byte, limit int) error {
	return d.strings(dst, src, min(max(limit, 0), maxSection), 0)
}

func (d *Decoder) strings(dst []string, src []byte, limit, depth int) error {
	c, compressed, r, err := open(src, texts)
	if err != nil {
		return err
	}
	switch c {
	case Constant:
		n := r.count("bytes", limit/max(1, len(dst)))
		b := r.take("text", n)
		if err = r.end(); err == nil {
			s := string(b)
			for i := range dst {
				dst[i] = s
			}
		}
	case Raw:
		err = d.rawStrings(dst, r, compressed, limit, depth)
	case Prefix:
		err = d.prefix(dst, r, limit, depth)
	case Dictionary:
		err = d.stringDictionary(dst, r, limit, depth)
	default:
		err = fmt.Errorf("%w: text knows no codec %v", ErrCorrupt, c)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", c, err)
	}
	return nil
}

func (d *Decoder) rawStrings(dst []string, r *reader, compressed bool, limit, depth int) error {
	total := r.count("bytes", limit)
	list := r.part("lengths")
	if r.err != nil {
		return r.err
	}
	lengths, err := d.indexes(list, len(dst), total+1, depth)
	if err != nil {
		return err
	}
	section, err := d.section(r, total, compressed)
	if err != nil {
		return err
	}
	all := string(section)
	for i, n := range lengths {
		if n > int64(len(all)) {
			return fmt.Errorf("%w: text %d has %d bytes of %d", ErrCorrupt, i, len(all), n)
		}
		dst[i], all = all[:n], all[n:]
	}
	if all != "" {
		return fmt.Errorf("%w: %d bytes in no text", ErrCorrupt, len(all))
	}
	return nil
}

func (d *Decoder) prefix(dst []string, r *reader, limit, depth int) error {
	list := r.part("shared lengths")
	if r.err != nil {
		return r.err
	}
	rest := r.rest()
	if len(rest) == 0 || rest[0]&codecMask != byte(Raw) {
		return fmt.Errorf("%w: no raw text within", ErrCorrupt)
	}
	if err := d.strings(dst, rest, limit, depth+1); err != nil {
		return err
	}
	shared, err := d.indexes(list, len(dst), limit+1, depth)
	if err != nil {
		return err
	}
	total, before := 0, 0
	for i, s := range dst {
		if shared[i] > int64(before) {
			return fmt.Errorf("%w: text %d shares %d bytes of %d", ErrCorrupt, i, shared[i], before)
		}
		before = int(shared[i]) + len(s)
		if total += before; total > limit {
			return fmt.Errorf("%w: texts of over %d bytes", ErrCorrupt, limit)
		}
	}
	all, last := make([]byte, 0, total), 0
	for i, s := range dst {
		from := len(all)
		all = append(all, all[last:last+int(shared[i])]...)
		all = append(all, s...)
		dst[i], last = unsafe.String(unsafe.SliceData(all[from:]), len(all)-from), from
	}
	return nil
}

func (d *Decoder) stringDictionary(dst []string, r *reader, limit, depth int) error {
	size := r.count("entries", len(dst))
	list := r.part("entries")
	if r.err != nil {
		return r.err
	}
	if depth > 0 {
		return fmt.Errorf("%w: nested too deep", ErrCorrupt)
	}
	entries := make([]string, size)
	if err := d.strings(entries, list, limit, depth+1); err != nil {
		return err
	}
	indexes, err := d.indexes(r.rest(), len(dst), size, depth)
	if err != nil {
		return err
	}
	total := 0
	for i, at := range indexes {
		dst[i] = entries[at]
		if total += len(dst[i]); total > limit {
			return fmt.Errorf("%w: texts of over %d bytes", ErrCorrupt, limit)
		}
	}
	return nil
}
