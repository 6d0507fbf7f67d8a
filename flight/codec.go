package flight

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// codec encodes answers. gRPC's own takes a megabyte for each message that has more than
// 32 KiB, and a client that does not read keeps one of them.
type codec struct{}

// buffers is the pool of answers, in which a message takes at most twice its size.
var buffers = newPool(10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)

// Name returns the name of what the codec encodes.
func (codec) Name() string { return "proto" }

// Marshal encodes an answer.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("a %T is no message", v)
	}
	size := proto.Size(message)
	options := proto.MarshalOptions{UseCachedSize: true}
	if mem.IsBelowBufferPoolingThreshold(size) {
		raw, err := options.Marshal(message)
		return mem.BufferSlice{mem.SliceBuffer(raw)}, err
	}
	buffer := buffers.Get(size)
	if _, err := options.MarshalAppend((*buffer)[:0], message); err != nil {
		buffers.Put(buffer)
		return nil, err
	}
	return mem.BufferSlice{mem.NewBuffer(buffer, buffers)}, nil
}

// Unmarshal decodes a message, which receive does by itself.
func (codec) Unmarshal(data mem.BufferSlice, into any) error {
	return encoding.GetCodecV2("proto").Unmarshal(data, into)
}

func newPool(exponents ...uint8) mem.BufferPool {
	pool, err := mem.NewBinaryTieredBufferPool(exponents...)
	if err != nil {
		panic(err)
	}
	return pool
}
