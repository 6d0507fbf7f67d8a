package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"google.golang.org/grpc"
)

// stockName is what this program is called with to be the yardstick.
const stockName = "stock-server"

// stock is a server of the library as it is, which throws away what it gets.
type stock struct{ flight.BaseFlightServer }

// DoPut reads the batches and answers each.
func (*stock) DoPut(stream flight.FlightService_DoPutServer) error {
	reader, err := flight.NewRecordReader(stream)
	if err != nil {
		return err
	}
	defer reader.Release()
	for rows := int64(0); reader.Next(); {
		rows += reader.RecordBatch().NumRows()
		if err := stream.Send(&flight.PutResult{AppMetadata: fmt.Appendf(nil, `{"rows":%d}`, rows)}); err != nil {
			return err
		}
	}
	if err := reader.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// maxMessage is the largest message that goes either way.
const maxMessage = 256 << 20

// serveStock is the yardstick, until SIGTERM.
func serveStock(ctx context.Context, out io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage))
	flight.RegisterFlightServiceServer(server, &stock{})
	go func() {
		<-ctx.Done()
		server.GracefulStop()
	}()
	if _, err := fmt.Fprintf(out, "listening on %s\n", lis.Addr()); err != nil {
		return err
	}
	return server.Serve(lis)
}

// startStock starts the yardstick.
func startStock(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(ctx, self, stockName)
}
