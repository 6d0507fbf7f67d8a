package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"

	"github.com/trellisdb/trellis/cmd/trellis/internal/demo"
)

func main() {
	y := flag.Float64("years", 0.1, "")
	p := flag.String("prof", "", "")
	data := flag.String("data", "", "")
	ans := flag.String("answers", "", "")
	flag.Parse()
	if *p != "" {
		f, _ := os.Create(*p)
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := demo.Run(ctx, demo.Options{Years: *y, Once: true, Out: os.Stdout, Clock: time.Now, Width: 150, Dir: *data, Answers: *ans}); err != nil {
		fmt.Println("ERR", err)
	}
}
