package backup

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// format is the version of the manifest's form that this package writes. The first had
// no digests of segments.
const (
	format      = 2
	firstFormat = 1
)

// errFormat says that a manifest was written by another release.
var errFormat = errors.New("it is of format")

// manifestMost bounds the bytes of a manifest, as it lies in the bucket and as JSON.
const manifestMost = 1 << 30

// Manifest is one backup.
type Manifest struct {
	Format   int
	Taken    int64         // instant
	Snapshot meta.Snapshot // the newest that it has
	Content  meta.Content  // of the catalog, as of that snapshot; without logs
}

// Info is what the name of a manifest says of a backup.
type Info struct {
	Name     string // key of the manifest
	Database string // id
	Taken    int64  // instant
	Snapshot int64
	Bytes    int64 // of the manifest
	CRC      uint32
}

const (
	manifestDir    = "/manifests/"
	manifestSuffix = ".json.zst"
	stamp          = "20060102T150405.000000Z"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// manifestName returns the key of a manifest.
func manifestName(database string, taken, snapshot int64, crc uint32) string {
	at := time.UnixMicro(taken).UTC().Format(stamp)
	return fmt.Sprintf("%s%s%s-%012d-%08x%s", database, manifestDir, at, snapshot, crc, manifestSuffix)
}

// parseName reads the key of a manifest.
func parseName(key string) (Info, bool) {
	database, rest, ok := strings.Cut(key, manifestDir)
	rest, suffix := strings.CutSuffix(rest, manifestSuffix)
	parts := strings.Split(rest, "-")
	if !ok || !suffix || len(parts) != 3 || strings.Contains(database, "/") {
		return Info{}, false
	}
	info := Info{Name: key, Database: database}
	at, err := time.Parse(stamp, parts[0])
	if err != nil {
		return Info{}, false
	}
	info.Taken = at.UnixMicro()
	if n, err := fmt.Sscanf(parts[1]+" "+parts[2], "%d %x", &info.Snapshot, &info.CRC); err != nil || n != 2 {
		return Info{}, false
	}
	return info, info.Name == manifestName(info.Database, info.Taken, info.Snapshot, info.CRC)
}

// segmentKey returns where a segment is in a bucket of backups.
func segmentKey(database string, m *meta.Segment) string {
	key := fmt.Sprintf("%s/%s-%08x", database, m.Name, m.CRC)
	if m.Digest != 0 { // a database that was restored may use a name again, for a file of the same checksum
		key += fmt.Sprintf("-%016x", m.Digest)
	}
	return key
}

// List returns the backups in a bucket, oldest first.
func List(ctx context.Context, bucket object.Bucket) ([]Info, error) {
	var list []Info
	for info, err := range bucket.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		if found, ok := parseName(info.Key); ok {
			found.Bytes = info.Size
			list = append(list, found)
		}
	}
	slices.SortFunc(list, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.Taken, b.Taken), cmp.Compare(a.Snapshot, b.Snapshot), cmp.Compare(a.Name, b.Name))
	})
	return list, nil
}

// put writes the manifest and returns its key.
func (m *Manifest) put(ctx context.Context, bucket object.Bucket) (string, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return "", err
	}
	packed := encoder.EncodeAll(text, nil)
	if err := encoder.Close(); err != nil {
		return "", err
	}
	name := manifestName(m.Content.ID, m.Taken, m.Snapshot.ID, crc32.Checksum(packed, castagnoli))
	_, err = bucket.Put(ctx, name, object.IfAbsent, func(w io.Writer) error {
		_, err := w.Write(packed)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("manifest %s: %w", name, err)
	}
	return name, nil
}

// Load reads a manifest. Damage wraps columnar.ErrCorrupt.
func Load(ctx context.Context, bucket object.Bucket, name string) (*Manifest, error) {
	m, err := load(ctx, bucket, name)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", name, err)
	}
	return m, nil
}

func load(ctx context.Context, bucket object.Bucket, name string) (m *Manifest, err error) {
	info, ok := parseName(name)
	if !ok {
		return nil, errors.New("that is not the name of a manifest: trellis backup --list shows them")
	}
	o, err := bucket.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if o.Size() > manifestMost {
		return nil, fmt.Errorf("%w: %d bytes", columnar.ErrCorrupt, o.Size())
	}
	packed, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil {
		return nil, err
	}
	if got := crc32.Checksum(packed, castagnoli); got != info.CRC {
		return nil, fmt.Errorf("%w: checksum %08x, its name says %08x", columnar.ErrCorrupt, got, info.CRC)
	}
	decoder, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(manifestMost))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	m = new(Manifest)
	text := json.NewDecoder(decoder)
	text.DisallowUnknownFields()
	if err := text.Decode(m); err != nil {
		return nil, fmt.Errorf("%w: %w", columnar.ErrCorrupt, err)
	}
	switch {
	case m.Format < firstFormat || m.Format > format:
		return nil, fmt.Errorf("%w %d and this program reads formats up to %d: use the version of Trellis that wrote it, or a newer one", errFormat, m.Format, format)
	case m.Content.ID != info.Database || m.Snapshot.ID != info.Snapshot:
		return nil, fmt.Errorf("%w: it is of database %s, snapshot %d", columnar.ErrCorrupt, m.Content.ID, m.Snapshot.ID)
	}
	return m, nil
}
