package object

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Memory is a bucket in memory, for tests and for databases that need not last.
// Its zero value is an empty bucket.
type Memory struct {
	mu struct {
		sync.RWMutex
		objects map[string]memoryBytes
		puts    int64
	}
}

var (
	_ Bucket    = (*Memory)(nil)
	_ Versioned = memoryObject{}
)

// memoryBytes are an object's bytes, which are never changed.
type memoryBytes struct {
	data    []byte
	version int64
}

// Put implements [Bucket].
func (m *Memory) Put(ctx context.Context, key string, cond Condition, write func(io.Writer) error) (int64, error) {
	if err := CheckKey(key); err != nil {
		return 0, err
	}
	var data bytes.Buffer
	err := write(&counter{ctx: ctx, w: &data})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return 0, fmt.Errorf("object %s: %w", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.mu.objects[key]; taken && cond == IfAbsent {
		return 0, fmt.Errorf("object %s: %w", key, ErrExists)
	}
	if m.mu.objects == nil {
		m.mu.objects = make(map[string]memoryBytes)
	}
	m.mu.puts++
	m.mu.objects[key] = memoryBytes{data.Bytes(), m.mu.puts}
	return int64(data.Len()), nil
}

// Open implements [Bucket]. The object stays readable when it is deleted or
// replaced later.
func (m *Memory) Open(ctx context.Context, key string) (Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, ok := m.mu.objects[key]
	if !ok {
		return nil, fmt.Errorf("object %s: %w", key, ErrNotFound)
	}
	return memoryObject{bytes.NewReader(o.data), o.version}, nil
}

// Stat implements [Bucket].
func (m *Memory) Stat(ctx context.Context, key string) (Info, error) {
	if err := ctx.Err(); err != nil {
		return Info{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, ok := m.mu.objects[key]
	if !ok {
		return Info{}, fmt.Errorf("object %s: %w", key, ErrNotFound)
	}
	return Info{Key: key, Size: int64(len(o.data))}, nil
}

// List implements [Bucket]. It yields the objects that were there when it began.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		m.mu.RLock()
		objects := maps.Clone(m.mu.objects)
		m.mu.RUnlock()
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if err := ctx.Err(); err != nil {
				yield(Info{}, err)
				return
			}
			if strings.HasPrefix(key, prefix) && !yield(Info{Key: key, Size: int64(len(objects[key].data))}, nil) {
				return
			}
		}
	}
}

// Delete implements [Bucket].
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.mu.objects, key)
	return nil
}

type memoryObject struct {
	*bytes.Reader
	version int64
}

// Version implements [Versioned].
func (o memoryObject) Version() string { return strconv.FormatInt(o.version, 10) }

// Close implements io.Closer.
func (memoryObject) Close() error { return nil }
