package cache_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/cache"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

// BenchmarkHit reads ranges that are on the disk.
func BenchmarkHit(b *testing.B) {
	data := noise(64 << 20)
	memory := new(object.Memory)
	objecttest.Put(b, memory, "k", data)
	c, err := cache.New(memory, cache.Options{Dir: b.TempDir(), Size: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	o, err := c.Open(context.Background(), "k")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := o.ReadAt(make([]byte, len(data)), 0); err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			p := make([]byte, size)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				if _, err := o.ReadAt(p, int64(i*7919*size)%int64(len(data)-size)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}
