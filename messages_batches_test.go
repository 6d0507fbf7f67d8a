package trellis_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowflight "github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/engine/plan"
)

// messages keeps what a writer sends.
type messages []*arrowflight.FlightData

func (m *messages) Send(data *arrowflight.FlightData) error {
	*m = append(*m, &arrowflight.FlightData{DataHeader: append([]byte(nil), data.GetDataHeader()...), DataBody: append([]byte(nil), data.GetDataBody()...)})
	return nil
}

// messagesOf returns the messages of a batch that goes to samples.
func messagesOf(batch arrow.RecordBatch, options ...ipc.Option) (messages, error) {
	var to messages
	w := arrowflight.NewRecordWriter(&to, append(options, ipc.WithSchema(batch.Schema()))...)
	err := errors.Join(w.Write(batch), w.Close())
	to[0].FlightDescriptor = &arrowflight.FlightDescriptor{Type: arrowflight.DescriptorPATH, Path: []string{"samples"}}
	return to, err
}

// send sends messages in a stream of each of n clients, which stay open for a moment.
// It returns an error that does not say what is wanted.
func (m *messagesTest) send(n int, to messages, want ...string) error {
	return m.each(n, func(_ int, client *flightsql.Client) error {
		ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
		defer cancel()
		stream, err := client.Client.DoPut(ctx)
		if err != nil {
			return err
		}
		for _, data := range to {
			if stream.Send(data) != nil {
				break
			}
		}
		late := time.AfterFunc(2*time.Second, func() { _ = stream.CloseSend() })
		defer late.Stop()
		for err == nil {
			_, err = stream.Recv()
		}
		for _, text := range want {
			if strings.Contains(err.Error(), text) {
				return nil
			}
		}
		return fmt.Errorf("a stream ended with %w", err)
	})
}

// wideSchemas have eighty thousand columns.
func (m *messagesTest) wideSchemas() error {
	fields := make([]arrow.Field, 80_000)
	for i := range fields {
		fields[i] = arrow.Field{Name: fmt.Sprintf("s%05d", i), Type: arrow.PrimitiveTypes.Float64}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	to, err := messagesOf(b.NewRecordBatch())
	return errors.Join(err, m.send(40, to, "streams needs", "more than the"))
}

// largeDictionaries are of 3 MB, in streams that do nothing else.
func (m *messagesTest) largeDictionaries() error {
	names := array.NewDictionaryBuilder(memory.DefaultAllocator, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String})
	defer names.Release()
	times := array.NewTimestampBuilder(memory.DefaultAllocator, plan.TimestamptzType)
	for i := range 3000 {
		if err := names.(*array.BinaryDictionaryBuilder).AppendString(fmt.Sprintf("%01000d", i)); err != nil {
			return err
		}
		times.Append(arrow.Timestamp(i))
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "series", Type: names.Type()}, {Name: "time", Type: plan.TimestamptzType}}, nil)
	to, err := messagesOf(array.NewRecordBatch(schema, []arrow.Array{names.NewArray(), times.NewArray()}, 3000))
	if err != nil {
		return err
	}
	return m.send(100, to[:2], "dictionaries", "EOF")
}

// foldedBatches are small and claim to be 4 GiB, or are 5 MB when unfolded.
func (m *messagesTest) foldedBatches() error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "time", Type: plan.TimestamptzType}, {Name: "a", Type: arrow.PrimitiveTypes.Float64}}, nil))
	defer b.Release()
	for i := range 300_000 {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(i%2) * 1_000_000)
		b.Field(1).(*array.Float64Builder).Append(1)
	}
	batch := b.NewRecordBatch()
	for _, option := range []ipc.Option{ipc.WithLZ4(), ipc.WithZstd()} {
		to, err := messagesOf(batch, option)
		if err != nil {
			return err
		}
		if err := m.send(50, to, "EOF"); err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(to[1].DataBody, 4<<30)
		if err := m.send(50, to, "claims more bytes"); err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(to[1].DataBody, 5<<20) // what it is not
		if err := m.send(50, to, "malformed"); err != nil {
			return err
		}
	}
	return nil
}

// manyParameters are half a million, in the handles of prepared statements.
func (m *messagesTest) manyParameters() error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "$1", Type: arrow.PrimitiveTypes.Int64}}, nil))
	defer b.Release()
	for i := range 500_000 {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
	}
	batch := b.NewRecordBatch()
	return m.each(30, func(_ int, client *flightsql.Client) error {
		st, err := client.Prepare(m.t.Context(), "SELECT $1::bigint")
		if err != nil {
			return err
		}
		batch.Retain()
		st.SetParameters(batch)
		_, err = st.Execute(m.t.Context())
		if status.Code(err) != codes.ResourceExhausted {
			return fmt.Errorf("half a million parameters: %w", err)
		}
		return nil
	})
}

// allAtOnce is two hundred readers who do not read, and a hundred streams of batches.
func (m *messagesTest) allAtOnce() error {
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	var readers, opened sync.WaitGroup
	opened.Add(200)
	for i := range 200 {
		readers.Go(func() {
			client := m.p.dial(m.t)
			defer func() { _ = client.Close() }()
			text := "SELECT * FROM samples"
			if i%4 == 0 {
				text = "SELECT * FROM samples ORDER BY value, time"
			}
			stream, err := client.Client.DoGet(ctx, &arrowflight.Ticket{Ticket: []byte(text)})
			if err == nil {
				_, _ = stream.Recv()
			}
			opened.Done()
			<-ctx.Done()
		})
	}
	opened.Wait()
	m.t.Logf("two hundred readers that do not read, %s", m.p.memory(m.t))
	err := m.firstBatches()
	m.t.Logf("and a hundred streams of batches, %s", m.p.memory(m.t))
	cancel()
	readers.Wait()
	return err
}
