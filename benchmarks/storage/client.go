package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// template is what the series that do not exist are made of.
const template = `{"template": {"type": "double", "sample_t": "1 s"}}`

// inFlight is how many batches of a stream wait for their answer.
const inFlight = 4

func connect(address string) (*flightsql.Client, error) {
	return flightsql.NewClient(address, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
}

// stream is one stream of batches to the path samples.
type stream struct {
	call    flight.FlightService_DoPutClient
	writer  *flight.Writer
	answers chan error // of each batch
	waiting int        // batches without an answer
	begun   bool
}

// newStream opens a stream.
func newStream(ctx context.Context, c *flightsql.Client, schema *arrow.Schema) (*stream, error) {
	call, err := c.Client.DoPut(ctx)
	if err != nil {
		return nil, err
	}
	s := &stream{call: call, writer: flight.NewRecordWriter(call, ipc.WithSchema(schema)), answers: make(chan error, inFlight+1)}
	s.writer.SetFlightDescriptor(&flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{"samples"}})
	go func() {
		defer close(s.answers)
		for {
			if _, err := call.Recv(); err != nil {
				if !errors.Is(err, io.EOF) {
					s.answers <- err
				}
				return
			}
			s.answers <- nil
		}
	}()
	return s, nil
}

// write sends a batch. It waits while too many have no answer.
func (s *stream) write(b arrow.RecordBatch) error {
	for s.waiting >= inFlight {
		if err := s.answer(); err != nil {
			return err
		}
	}
	var err error
	if s.begun {
		err = s.writer.Write(b)
	} else {
		err = s.writer.WriteWithAppMetadata(b, []byte(template))
	}
	s.begun = true
	s.waiting++
	if errors.Is(err, io.EOF) { // the server has ended the call: the answer says why
		return s.drain()
	}
	return err
}

// answer waits for the answer to a batch.
func (s *stream) answer() error {
	err, open := <-s.answers
	if !open {
		return fmt.Errorf("the stream ended, and %d batches have no answer", s.waiting)
	}
	s.waiting--
	return err
}

// drain waits for the answers to all batches.
func (s *stream) drain() error {
	for s.waiting > 0 {
		if err := s.answer(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the stream when everything is answered.
func (s *stream) close() error {
	err := s.drain()
	err = errors.Join(err, s.writer.Close(), s.call.CloseSend())
	for more := range s.answers {
		err = errors.Join(err, more)
	}
	return err
}

// ask runs a query and returns the number of its rows.
func ask(ctx context.Context, c *flightsql.Client, query string) (rows int64, err error) {
	info, err := c.Execute(ctx, query)
	if err != nil {
		return 0, err
	}
	for _, e := range info.GetEndpoint() {
		reader, err := c.DoGet(ctx, e.GetTicket())
		if err != nil {
			return 0, err
		}
		for reader.Next() {
			rows += reader.RecordBatch().NumRows()
		}
		err = reader.Err()
		reader.Release()
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
	}
	return rows, nil
}

// ownCPU returns the CPU time that this process has taken.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
