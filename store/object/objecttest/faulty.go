package objecttest

import (
	"context"
	"io"
	"iter"

	"github.com/trellisdb/trellis/store/object"
)

// Op is a step of a bucket's work at which a [Faulty] bucket can fail.
type Op string

// The steps. Those that end in Done come after the work: where they fail, the
// caller is told so although the work was carried out.
const (
	OpPut        Op = "put"
	OpWrite      Op = "write" // every write of a put
	OpPutDone    Op = "put done"
	OpOpen       Op = "open"
	OpRead       Op = "read"
	OpStat       Op = "stat"
	OpList       Op = "list"
	OpListed     Op = "listed" // every object that a list has found
	OpDelete     Op = "delete"
	OpDeleteDone Op = "delete done"
)

// Faulty is a bucket that fails on demand.
type Faulty struct {
	object.Bucket
	// Fail is called before every step; what it returns is the step's error. It
	// must be safe for concurrent use.
	Fail func(op Op, key string) error
}

var _ object.Bucket = (*Faulty)(nil)

// Put implements [object.Bucket].
func (f *Faulty) Put(ctx context.Context, key string, cond object.Condition, write func(io.Writer) error) (int64, error) {
	if err := f.Fail(OpPut, key); err != nil {
		return 0, err
	}
	n, err := f.Bucket.Put(ctx, key, cond, func(w io.Writer) error {
		return write(&faultyWriter{w: w, fail: f.Fail, key: key})
	})
	if err != nil {
		return n, err
	}
	return n, f.Fail(OpPutDone, key)
}

// Open implements [object.Bucket].
func (f *Faulty) Open(ctx context.Context, key string) (object.Object, error) {
	if err := f.Fail(OpOpen, key); err != nil {
		return nil, err
	}
	o, err := f.Bucket.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	return &faultyObject{Object: o, fail: f.Fail, key: key}, nil
}

// Stat implements [object.Bucket].
func (f *Faulty) Stat(ctx context.Context, key string) (object.Info, error) {
	if err := f.Fail(OpStat, key); err != nil {
		return object.Info{}, err
	}
	return f.Bucket.Stat(ctx, key)
}

// List implements [object.Bucket].
func (f *Faulty) List(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	if err := f.Fail(OpList, prefix); err != nil {
		return func(yield func(object.Info, error) bool) { yield(object.Info{}, err) }
	}
	return func(yield func(object.Info, error) bool) {
		for info, err := range f.Bucket.List(ctx, prefix) {
			if err == nil {
				err = f.Fail(OpListed, info.Key)
			}
			if err != nil {
				yield(object.Info{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Delete implements [object.Bucket].
func (f *Faulty) Delete(ctx context.Context, key string) error {
	if err := f.Fail(OpDelete, key); err != nil {
		return err
	}
	if err := f.Bucket.Delete(ctx, key); err != nil {
		return err
	}
	return f.Fail(OpDeleteDone, key)
}

type faultyWriter struct {
	w    io.Writer
	fail func(Op, string) error
	key  string
}

func (w *faultyWriter) Write(p []byte) (int, error) {
	if err := w.fail(OpWrite, w.key); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

type faultyObject struct {
	object.Object
	fail func(Op, string) error
	key  string
}

var _ object.Versioned = (*faultyObject)(nil)

// Version implements [object.Versioned]; it is "" where the object has none.
func (o *faultyObject) Version() string {
	if v, ok := o.Object.(object.Versioned); ok {
		return v.Version()
	}
	return ""
}

// ReadAt implements io.ReaderAt.
func (o *faultyObject) ReadAt(p []byte, off int64) (int, error) {
	if err := o.fail(OpRead, o.key); err != nil {
		return 0, err
	}
	return o.Object.ReadAt(p, off)
}
