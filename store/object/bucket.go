package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// What a caller can do about an error decides which of these it wraps.
var (
	// ErrNotFound says that there is no object of that key.
	ErrNotFound = errors.New("object not found")
	// ErrExists says that an object of that key is there already.
	ErrExists = errors.New("object already exists")
)

// Condition says when a Put may go ahead.
type Condition uint8

// The conditions of a Put.
const (
	IfAbsent Condition = iota // the key is free, else ErrExists
	Always                    // an object of that key is replaced
)

// Info describes an object.
type Info struct {
	Key  string
	Size int64 // bytes
}

// Bucket is a set of objects. All methods are safe for concurrent use and return
// soon after ctx is done. An error that wraps none of the sentinels above is
// trouble with the place itself and may pass.
type Bucket interface {
	// Put makes an object of what write writes, which is streamed and not held in
	// memory as a whole, and returns its size in bytes. Where write returns an
	// error, that error is returned and there is no object.
	Put(ctx context.Context, key string, cond Condition, write func(io.Writer) error) (int64, error)
	// Open returns the object for reading, or wraps ErrNotFound.
	Open(ctx context.Context, key string) (Object, error)
	// Stat returns what is known of an object without reading it, or wraps
	// ErrNotFound.
	Stat(ctx context.Context, key string) (Info, error)
	// List yields the objects whose key begins with prefix, in order of key. After
	// an error it yields nothing more.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Delete takes an object away; that there is none is no error.
	Delete(ctx context.Context, key string) error
}

// Object is an open object. ReadAt is one ranged read, with the meaning of
// io.ReaderAt; it is safe for concurrent use. Close ends the reads under way.
type Object interface {
	io.ReaderAt
	io.Closer
	// Size returns the object's size in bytes.
	Size() int64
}

// Versioned is an [Object] that can be told from another that is put under its key
// later.
type Versioned interface {
	Object
	// Version returns a name of the object's bytes: one that is put in its place has
	// another.
	Version() string
}

// Forgetful is a [Bucket] that keeps copies of what it has read.
type Forgetful interface {
	Bucket
	// Forget gives up the copies of an object: what is read next comes from where it is
	// kept. It is for who finds that the bytes are damaged, perhaps on their way.
	Forget(key string)
}

// Marked is a [Bucket] that can tell where it is kept.
type Marked interface {
	Bucket
	// Mark returns a name of that place, which a copy of the bucket does not have; empty:
	// it cannot be told. It is for comparing.
	Mark() string
}

// NotEnd returns an error that is all that err is, only not io.EOF: a connection that was
// lost must not look like the end of what was read.
func NotEnd(err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	return &notEnd{err}
}

type notEnd struct{ err error }

func (e *notEnd) Error() string        { return e.err.Error() }
func (e *notEnd) Is(target error) bool { return target != io.EOF && errors.Is(e.err, target) }
func (e *notEnd) As(target any) bool   { return errors.As(e.err, target) }

// KnownOpener is a [Bucket] that opens an object about which enough is known without
// asking for it.
type KnownOpener interface {
	Bucket
	// OpenKnown is Open of an object that was put once, has so many bytes, and whose
	// key is never given to another. That it is not there, or is another, may show at
	// the first read only.
	OpenKnown(ctx context.Context, key string, size int64) (Object, error)
}

// OpenKnown opens an object of a known size as a KnownOpener does, where the bucket is
// one.
func OpenKnown(ctx context.Context, b Bucket, key string, size int64) (Object, error) {
	if k, ok := b.(KnownOpener); ok {
		return k.OpenKnown(ctx, key, size)
	}
	return b.Open(ctx, key)
}

// CheckKey reports whether a key is one that every bucket takes: parts of ASCII
// letters, digits and -_=+.@ joined by '/', none of which begins with a dot, and
// at most 512 bytes in all.
func CheckKey(key string) error {
	if key == "" || len(key) > 512 {
		return fmt.Errorf("object key %.80q: must have 1 to 512 bytes, has %d", key, len(key))
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part[0] == '.' {
			return fmt.Errorf("object key %q: a part is empty or begins with a dot", key)
		}
		for _, c := range part {
			if !keyRune(c) {
				return fmt.Errorf("object key %q: %q is not allowed", key, c)
			}
		}
	}
	return nil
}

func keyRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_=+.@", c)
}

// counter counts the bytes that pass through it and stops when ctx is done.
type counter struct {
	ctx interface{ Err() error }
	w   io.Writer
	n   int64
}

func (c *counter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
