package object

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Memory is a bucket in memory, for tests and for databases that need not last.
// Its zero value is an empty bucket.
type Memory struct {
	mu struct {
		sync.RWMutex
		objects map[string][]byte // the bytes are never changed
	}
}

var _ Bucket = (*Memory)(nil)

// Put implements [Bucket].
func (m *Memory) Put(ctx context.Context, key string, cond Condition, write func(io.Writer) error) (int64, error) {
	if err := CheckKey(key); err != nil {
		return 0, err
	}
	var data bytes.Buffer
	if err := write(&counter{ctx: ctx, w: &data}); err != nil {
		return 0, fmt.Errorf("object %s: %w", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.mu.objects[key]; taken && cond == IfAbsent {
		return 0, fmt.Errorf("object %s: %w", key, ErrExists)
	}
	if m.mu.objects == nil {
		m.mu.objects = make(map[string][]byte)
	}
	m.mu.objects[key] = data.Bytes()
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
	data, ok := m.mu.objects[key]
	if !ok {
		return nil, fmt.Errorf("object %s: %w", key, ErrNotFound)
	}
	return memoryObject{bytes.NewReader(data)}, nil
}

// Stat implements [Bucket].
func (m *Memory) Stat(ctx context.Context, key string) (Info, error) {
	if err := ctx.Err(); err != nil {
		return Info{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	data, ok := m.mu.objects[key]
	if !ok {
		return Info{}, fmt.Errorf("object %s: %w", key, ErrNotFound)
	}
	return Info{Key: key, Size: int64(len(data))}, nil
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
			if strings.HasPrefix(key, prefix) && !yield(Info{Key: key, Size: int64(len(objects[key]))}, nil) {
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

type memoryObject struct{ *bytes.Reader }

// Close implements io.Closer.
func (memoryObject) Close() error { return nil }
