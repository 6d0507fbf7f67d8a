package segment

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
)

// DumpOptions say how much a dump shows.
type DumpOptions struct {
	Series int64 // only the blocks and the index of this series; 0: of all
	Full   bool  // every byte of long fields, not only their beginning
}

// Dump writes an annotated hex dump of a whole segment, front to back, and so
// verifies every byte of it. Instants are in UTC. At damage it stops with an error
// that wraps columnar.ErrCorrupt.
func Dump(w io.Writer, r *Reader, o DumpOptions) error {
	d := dumper{out: bufio.NewWriter(w), full: o.Full}
	return finish(d.out, r.wrap(d.segment(r, o.Series)))
}

// DumpBlock writes an annotated hex dump of the block of entry i of an index of
// the segment.
func DumpBlock(w io.Writer, r *Reader, x *Index, i int, o DumpOptions) error {
	d := dumper{out: bufio.NewWriter(w), full: o.Full}
	return finish(d.out, r.wrap(d.block(r, x, i)))
}

// finish flushes what was dumped, also before an error.
func finish(out *bufio.Writer, err error) error {
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	return err
}

// dumper writes dumps. Errors of writing stay with out until it is flushed.
type dumper struct {
	out  *bufio.Writer
	full bool
}

const (
	bytesPerLine = 16
	linesPerPart = 2 // of a long field, unless the dump is full
)

// printf writes text; errors come when it is flushed.
func (d *dumper) printf(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format, args...) }

// heading writes a line about what follows.
func (d *dumper) heading(format string, args ...any) { d.printf("# "+format+"\n", args...) }

// field writes the bytes of a field at an offset of the segment, with a note on
// its first line.
func (d *dumper) field(offset int64, src []byte, note string) {
	for line := 0; len(src) > 0 || line == 0; line++ {
		if line == linesPerPart && len(src) > bytesPerLine && !d.full {
			d.printf("%08x  … %d bytes more\n", offset, len(src))
			return
		}
		n := min(len(src), bytesPerLine)
		text := fmt.Sprintf("%08x  %-*s  %s", offset, 3*bytesPerLine-1, fmt.Sprintf("% x", src[:n]), note)
		d.printf("%s\n", strings.TrimRight(text, " "))
		offset, src, note = offset+int64(n), src[n:], ""
	}
}

// section returns a visitor that writes the fields of a section at an offset.
func (d *dumper) section(offset int64, src []byte) func(at, n int, what string, value any) {
	return func(at, n int, what string, value any) {
		switch v := value.(type) {
		case nil:
			d.heading("%s", what)
			return
		case string:
			what += ": " + v
		case []byte:
			what += ": " + codec.Inspect(v).String()
		case []uint32:
			what += fmt.Sprintf(": %d", len(v))
		case uint64:
			if strings.HasPrefix(what, "columns of ") {
				what += ": " + maskString(v)
				break
			}
			what += fmt.Sprintf(": %d", v)
		default:
			what += fmt.Sprintf(": %d", v)
		}
		d.field(offset+int64(at), src[at:at+n], what)
	}
}

// maskString names the columns of a class.
func maskString(mask uint64) string {
	if mask == 0 {
		return "none"
	}
	names := []string{"there", "nodes with samples", "samples lacking", "voids", "nodes with values"}
	names = append(append(append(names, sumNames[:]...), floatNames[:]...), intNames[:]...)
	var set []string
	for i, name := range names {
		if mask>>i&1 != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, ", ")
}

// checksum writes the checksum at the end of a section.
func (d *dumper) checksum(offset int64, src []byte) {
	at := len(src) - checksumLen
	d.field(offset+int64(at), src[at:], "CRC32C")
}

// segment writes all of a segment.
func (d *dumper) segment(r *Reader, series int64) error {
	if _, ok := r.Find(series); series != 0 && !ok {
		return fmt.Errorf("no series %d", series)
	}
	head, err := r.read(0, headerLen, nil)
	if err != nil {
		return err
	}
	if err := checkHeader(head, r.format); err != nil {
		return err
	}
	if r.info.Digest == 0 {
		d.heading("segment of %d bytes with %d series", r.size, len(r.series))
	} else {
		d.heading("segment of %d bytes with %d series, digest %016x", r.size, len(r.series), r.info.Digest)
	}
	d.heading("header")
	d.field(0, head[:8], "magic")
	d.field(8, head[8:12], fmt.Sprintf("version: %d", binary.LittleEndian.Uint32(head[8:12])))
	d.checksum(0, head)
	indexes := make([]*Index, len(r.series))
	for i := range r.series {
		s := &r.series[i]
		if series != 0 && s.ID != series {
			continue
		}
		x, err := r.index(s)
		if err != nil {
			return err
		}
		indexes[i] = x
		for entry := range x.Len() {
			if err := d.block(r, x, entry); err != nil {
				return err
			}
		}
	}
	for i, x := range indexes {
		if x != nil {
			if err := d.index(r, &r.series[i]); err != nil {
				return err
			}
		}
	}
	return d.tail(r)
}

// index writes the index of a series.
func (d *dumper) index(r *Reader, s *SeriesInfo) error {
	src, err := r.read(s.indexOffset, s.indexLength, nil)
	if err != nil {
		return err
	}
	d.heading("index of series %d", s.ID)
	if _, err := decodeIndex(src, s, d.section(s.indexOffset, src)); err != nil {
		return err
	}
	d.checksum(s.indexOffset, src)
	return nil
}

// tail writes the footer and the trailer.
func (d *dumper) tail(r *Reader) error {
	start := int64(headerLen)
	if n := len(r.series); n > 0 {
		start = r.series[n-1].indexOffset + r.series[n-1].indexLength
	}
	src, err := r.read(start, r.size-start, nil)
	if err != nil {
		return err
	}
	footer, trailer := src[:len(src)-trailerLen], src[len(src)-trailerLen:]
	d.heading("footer")
	if _, err := decodeFooter(footer, start, r.format, d.section(start, footer)); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	d.checksum(start, footer)
	if _, _, err := decodeTrailer(trailer); err != nil {
		return err
	}
	at := r.size - trailerLen
	d.heading("trailer")
	d.field(at, trailer[:8], fmt.Sprintf("bytes of footer: %d", len(footer)))
	d.field(at+8, trailer[8:12], fmt.Sprintf("version: %d", binary.LittleEndian.Uint32(trailer[8:12])))
	d.field(at+12, trailer[12:20], "magic")
	d.checksum(at, trailer)
	return nil
}

// block writes the block of an entry.
func (d *dumper) block(r *Reader, x *Index, i int) error {
	run, err := r.ReadRun(x, i, i+1, nil)
	if err != nil {
		return err
	}
	src, number, s := run.Block(i), x.Block(i), x.series
	e, err := x.scan(i, src)
	if err != nil {
		return err
	}
	var b columnar.Block
	if err := columnar.DecodeBlock(&b, src, s, number, columnar.AllParts); err != nil {
		return err
	}
	counts := columnar.CountQualities(&b, 0, b.Len)
	d.heading("series %d (%v), block %d: %s to %s, %d slots, %d good, %d uncertain, %d bad", s.ID, s.Type, number,
		instant(s.Grid.BlockTime(number)), instant(s.Grid.BlockTime(number+1)), b.Len,
		counts[columnar.Good], counts[columnar.Uncertain], counts[columnar.Bad])

	offset := x.offset(i)
	d.field(offset, src[:1], fmt.Sprintf("format: %d, kind: %d", src[0]>>4, e.Kind))
	var names []string
	size := 0
	e.Columns(func(name string, column []byte) {
		names = append(names, name)
		size += len(column)
	})
	d.field(offset+1, src[1:2], "columns: "+strings.Join(names, ", "))
	at := 2
	for k := 0; k+1 < len(names); k++ {
		length, n := binary.Uvarint(src[at:])
		d.field(offset+int64(at), src[at:at+n], fmt.Sprintf("bytes of %s: %d", names[k], length))
		at += n
	}
	e.Columns(func(name string, column []byte) {
		d.field(offset+int64(at), column, name+": "+codec.Inspect(column).String())
		at += len(column)
	})
	d.checksum(offset, src)
	return nil
}

// instant writes an instant for people.
func instant(t int64) string {
	return time.UnixMicro(t).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}
