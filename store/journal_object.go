package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// The journal of the catalog lies in the bucket as two kinds of objects: runs of changes,
// named by the number of their last one, and checkpoints, the whole content after a
// change, named by its number. Each is a header and lines of JSON, compressed:
//
//	offset  bytes  content
//	0       8      "TRELCAT1"
//	8       4      CRC32C of the bytes that follow
//	12      …      zstd: a line that says what it is, then a line for each change, or
//	               one line of content
const (
	journalPrefix    = "catalog/"
	runPrefix        = journalPrefix + "changes-"
	checkpointPrefix = journalPrefix + "checkpoint-"
	journalMagic     = "TRELCAT1"
	journalHead      = len(journalMagic) + 4
	journalFormat    = 1
	journalMost      = 4 << 30 // bytes of an object, as it lies there and without compression
	changesBytes     = 32 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journalLine is the first line of an object.
type journalLine struct {
	Format   int    `json:"format"`
	Kind     string `json:"kind"` // changes or checkpoint
	Database string `json:"database"`
	Number   int64  `json:"number"` // of the last change
	Head     string `json:"head"`   // its digest
}

const (
	kindChanges    = "changes"
	kindCheckpoint = "checkpoint"
)

func runKey(number int64) string        { return fmt.Sprintf("%s%016x", runPrefix, number) }
func checkpointKey(number int64) string { return fmt.Sprintf("%s%016x", checkpointPrefix, number) }

// packJournal returns the bytes of an object.
func packJournal(what journalLine, lines []string) ([]byte, error) {
	first, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	text.Write(append(first, '\n'))
	for _, line := range lines {
		text.WriteString(line)
		text.WriteByte('\n')
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	packed := encoder.EncodeAll(text.Bytes(), append([]byte(journalMagic), 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(packed[journalHead-4:], crc32.Checksum(packed[journalHead:], castagnoli))
	return packed, encoder.Close()
}

// unpackJournal returns the lines of an object. Damage wraps columnar.ErrCorrupt.
func unpackJournal(packed []byte) (what journalLine, lines []string, err error) {
	switch {
	case len(packed) < journalHead || string(packed[:len(journalMagic)]) != journalMagic:
		return what, nil, fmt.Errorf("%w: it does not begin with %s", columnar.ErrCorrupt, journalMagic)
	case crc32.Checksum(packed[journalHead:], castagnoli) != binary.LittleEndian.Uint32(packed[journalHead-4:]):
		return what, nil, fmt.Errorf("%w: a wrong checksum", columnar.ErrCorrupt)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(journalMost))
	if err != nil {
		return what, nil, err
	}
	defer decoder.Close()
	text, err := decoder.DecodeAll(packed[journalHead:], nil)
	if err != nil {
		return what, nil, fmt.Errorf("%w: %w", columnar.ErrCorrupt, err)
	}
	whole, ended := strings.CutSuffix(string(text), "\n")
	if !ended {
		return what, nil, fmt.Errorf("%w: the last line is cut off", columnar.ErrCorrupt)
	}
	lines = strings.Split(whole, "\n")
	if err := json.Unmarshal([]byte(lines[0]), &what); err != nil {
		return what, nil, fmt.Errorf("%w: %w", columnar.ErrCorrupt, err)
	}
	if what.Format != journalFormat {
		return what, nil, fmt.Errorf("%w: it is of format %d, and this release knows format %d", columnar.ErrCorrupt, what.Format, journalFormat)
	}
	return what, lines[1:], nil
}

// putJournal puts an object.
func putJournal(ctx context.Context, bucket object.Bucket, key string, cond object.Condition, what journalLine, lines []string) (int64, error) {
	packed, err := packJournal(what, lines)
	if err != nil {
		return 0, fmt.Errorf("object %s: %w", key, err)
	}
	n, err := bucket.Put(ctx, key, cond, func(w io.Writer) error {
		_, err := w.Write(packed)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("object %s: %w", key, err)
	}
	return n, nil
}

// readJournal reads an object of a kind and a number.
func readJournal(ctx context.Context, bucket object.Bucket, key, kind string, number int64) (what journalLine, lines []string, err error) {
	o, err := bucket.Open(ctx, key)
	if err != nil {
		return what, nil, fmt.Errorf("object %s: %w", key, err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if o.Size() > journalMost {
		return what, nil, fmt.Errorf("object %s: %d bytes are too many: %w", key, o.Size(), columnar.ErrCorrupt)
	}
	packed := make([]byte, o.Size())
	if n, err := o.ReadAt(packed, 0); n < len(packed) {
		return what, nil, fmt.Errorf("object %s: %w", key, object.NotEnd(err))
	}
	what, lines, err = unpackJournal(packed)
	if err == nil && (what.Kind != kind || what.Number != number) {
		err = fmt.Errorf("%w: it is %s of number %d", columnar.ErrCorrupt, what.Kind, what.Number)
	}
	if err != nil {
		return what, nil, fmt.Errorf("object %s: %w", key, err)
	}
	return what, lines, nil
}

// readRun reads a run of changes.
func readRun(ctx context.Context, bucket object.Bucket, number int64) (what journalLine, entries []meta.Entry, err error) {
	what, lines, err := readJournal(ctx, bucket, runKey(number), kindChanges, number)
	for i, line := range lines {
		entries = append(entries, meta.Entry{Number: number - int64(len(lines)-1-i), Text: line})
	}
	if err == nil && (len(entries) == 0 || entries[len(entries)-1].Digest() != what.Head) {
		err = fmt.Errorf("object %s: its last change is not what it says: %w", runKey(number), columnar.ErrCorrupt)
	}
	return what, entries, err
}

// readCheckpoint reads a content.
func readCheckpoint(ctx context.Context, bucket object.Bucket, number int64) (content meta.Content, err error) {
	key := checkpointKey(number)
	what, lines, err := readJournal(ctx, bucket, key, kindCheckpoint, number)
	if err != nil {
		return content, err
	}
	if len(lines) != 1 {
		return content, fmt.Errorf("object %s: %d lines of content: %w", key, len(lines), columnar.ErrCorrupt)
	}
	if err := json.Unmarshal([]byte(lines[0]), &content); err != nil {
		return content, fmt.Errorf("object %s: %w: %w", key, err, columnar.ErrCorrupt)
	}
	if content.Changes != number || content.Head != what.Head || content.ID != what.Database {
		return content, fmt.Errorf("object %s: its content is not what it says: %w", key, columnar.ErrCorrupt)
	}
	if content.Settings == nil {
		content.Settings = map[string]string{}
	}
	return content, nil
}

// journalObjects are the objects that a bucket has of a journal, by number.
type journalObjects struct{ runs, checkpoints []int64 }

// listJournal lists them. Objects of other names are left alone.
func listJournal(ctx context.Context, bucket object.Bucket) (o journalObjects, err error) {
	keys, err := listKeys(ctx, bucket, journalPrefix)
	for _, key := range keys {
		var number int64
		if n, _ := fmt.Sscanf(key, runPrefix+"%016x", &number); n == 1 && key == runKey(number) {
			o.runs = append(o.runs, number)
		} else if n, _ := fmt.Sscanf(key, checkpointPrefix+"%016x", &number); n == 1 && key == checkpointKey(number) {
			o.checkpoints = append(o.checkpoints, number)
		}
	}
	slices.Sort(o.runs)
	slices.Sort(o.checkpoints)
	return o, err
}

// newest returns the number of the newest change that the bucket has seen, and whether
// it has seen any or has a checkpoint.
func (o *journalObjects) newest() (number int64, any bool) {
	if n := len(o.runs); n > 0 {
		number = o.runs[n-1]
	}
	if n := len(o.checkpoints); n > 0 {
		number = max(number, o.checkpoints[n-1])
	}
	return number, len(o.runs)+len(o.checkpoints) > 0
}

// head returns the digest of the newest change and the database that it is of.
func (o *journalObjects) head(ctx context.Context, bucket object.Bucket) (what journalLine, err error) {
	number, _ := o.newest()
	if n := len(o.runs); n > 0 && o.runs[n-1] == number {
		what, _, err = readRun(ctx, bucket, number)
		return what, err
	}
	what, _, err = readJournal(ctx, bucket, checkpointKey(number), kindCheckpoint, number)
	return what, err
}
