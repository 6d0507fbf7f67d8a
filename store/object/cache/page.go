package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The layout of a page's file; the package comment has it, too.
const (
	magic       = "TRELPAGE"
	headerBytes = 56
	crcOffset   = 52
	pageSuffix  = ".page"
	tempSuffix  = ".tmp"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func hashOf(parts ...string) hash {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d %s", len(p), p) // a hash takes everything
	}
	return hash(h.Sum(nil)[:len(hash{})])
}

// header returns a page's header.
func header(id pageID, page []byte) []byte {
	h := make([]byte, 0, headerBytes)
	h = append(h, magic...)
	h = append(h, id.object[:]...)
	h = append(h, id.version[:]...)
	h = binary.LittleEndian.AppendUint64(h, uint64(id.number))
	h = binary.LittleEndian.AppendUint32(h, uint32(len(page)))
	return binary.LittleEndian.AppendUint32(h, crc32.Update(crc32.Checksum(h, castagnoli), castagnoli, page))
}

// errDamaged says that a file is not the page that it should be.
var errDamaged = errors.New("damaged page")

// load reads a page of so many bytes into buffer, which has room for its file and one
// byte, and returns it (H1).
func (b *Bucket) load(id pageID, size int, buffer []byte) ([]byte, error) {
	n, err := b.fs.ReadFile(b.file(id), buffer[:headerBytes+size+1])
	if err != nil {
		return nil, err
	}
	if n != headerBytes+size {
		return nil, errDamaged
	}
	page := buffer[headerBytes:n]
	if !bytes.Equal(header(id, page), buffer[:headerBytes]) {
		return nil, errDamaged
	}
	return page, nil
}

// save writes a page and takes away what has to go for it.
func (b *Bucket) save(id pageID, page []byte) error {
	if err := b.fs.MkdirAll(b.dirOf(id.object)); err != nil {
		return err
	}
	temp := filepath.Join(b.dirOf(id.object), strconv.FormatInt(b.temps.Add(1), 10)+tempSuffix)
	err := b.fs.WriteFile(temp, header(id, page), page)
	if err == nil {
		err = b.fs.Rename(temp, b.file(id))
	}
	if err != nil {
		_ = b.fs.Remove(temp) // it may not be there
		return err
	}
	b.erase(b.index.add(id, headerBytes+int64(len(page)))...)
	return nil
}

// erase takes files away that the index has not got any more. One that cannot be
// removed is found when the cache is opened the next time.
func (b *Bucket) erase(ids ...pageID) {
	for _, id := range ids {
		if err := b.fs.Remove(b.file(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.counters.diskErrors.Add(1)
		}
	}
}

func (b *Bucket) dirOf(object hash) string {
	return filepath.Join(b.opts.Dir, hex.EncodeToString(object[:]))
}

// file returns the name of a page's file.
func (b *Bucket) file(id pageID) string {
	return filepath.Join(b.dirOf(id.object), hex.EncodeToString(id.version[:])+"-"+strconv.FormatInt(id.number, 10)+pageSuffix)
}

// parse returns the page whose file has a name.
func parse(dir, name string) (id pageID, ok bool) {
	name, isPage := strings.CutSuffix(name, pageSuffix)
	version, number, hasNumber := strings.Cut(name, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	if !isPage || !hasNumber || err != nil || n < 0 || strconv.FormatInt(n, 10) != number {
		return pageID{}, false
	}
	id.number = n
	return id, parseHash(&id.object, dir) && parseHash(&id.version, version)
}

func parseHash(h *hash, text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && copy(h[:], raw) == len(h) && len(raw) == len(h)
}

// found is a page's file that was there when the cache was opened.
type found struct {
	entry
	written time.Time
}

// adopt takes over the pages that are in the directory, and removes what else an earlier
// process has left there.
func (b *Bucket) adopt() error {
	dirs, err := b.fs.ReadDir(b.opts.Dir)
	if err != nil {
		return err
	}
	var pages []found
	for _, dir := range dirs {
		var object hash
		if !dir.IsDir() || !parseHash(&object, dir.Name()) {
			continue
		}
		pages = append(pages, b.list(dir.Name())...)
	}
	slices.SortFunc(pages, func(a, b found) int { return a.written.Compare(b.written) })
	for _, p := range pages {
		b.erase(b.index.add(p.id, p.bytes)...)
	}
	return nil
}

// list returns the pages in the directory of an object. A directory that cannot be read
// has none.
func (b *Bucket) list(dir string) (pages []found) {
	path := filepath.Join(b.opts.Dir, dir)
	files, err := b.fs.ReadDir(path)
	if err != nil {
		b.counters.diskErrors.Add(1)
		return nil
	}
	for _, f := range files {
		id, isPage := parse(dir, f.Name())
		info, err := f.Info()
		if err != nil {
			continue // it is gone
		}
		if size := info.Size(); !isPage || size <= headerBytes || size > headerBytes+int64(b.opts.PageSize) {
			if isPage || strings.HasSuffix(f.Name(), tempSuffix) {
				_ = b.fs.Remove(filepath.Join(path, f.Name())) // it is of no use, and does no harm
			}
			continue
		}
		pages = append(pages, found{entry{id, info.Size()}, info.ModTime()})
	}
	if len(files) == 0 {
		_ = b.fs.Remove(path) // it may be taken already
	}
	return pages
}
